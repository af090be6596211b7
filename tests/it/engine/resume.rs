//! Branches from residual checkpoints against full passes with the same edit.

use steerscope::engine::{Branch, Cancel, EngineError, KvCache, Model, NoHook, Rows};
use steerscope::units::BlockIndex;

use super::support::{Edit, Prefilled, Record, assert_close, embedded, forward, prefilled, tail};
use super::tiny::{Tiny, direction_of, prompt, prompt_below};

const COEFFICIENTS: [f32; 7] = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5];

fn set(model: &Model, lengths: &[usize]) -> Prefilled {
    let vocab = model.config().vocab_size.min(97);
    let texts = lengths.iter().enumerate();
    prefilled(
        model,
        texts.map(|(i, n)| prompt_below(vocab, *n, i)).collect(),
    )
}

/// For every text and coefficient: the text's rows from `starts` on, edited at `block`.
fn branches(model: &Model, set: &Prefilled, block: usize, starts: &[usize]) -> (Vec<Branch>, Rows) {
    let d = model.hidden_size();
    let v = direction_of(d, 1);
    let (mut list, mut rows) = (Vec::new(), Vec::new());
    for (sequence, text) in set.texts.iter().enumerate() {
        for c in COEFFICIENTS {
            list.push(tail(&set.texts, sequence, starts[sequence]));
            for p in starts[sequence]..text.len() {
                let row = set.record.row(block, sequence, p, d);
                rows.extend(
                    row.iter()
                        .zip(&v)
                        .map(|(h, v)| if c == 0.0 { *h } else { h + c * v }),
                );
            }
        }
    }
    (list, Rows::from_vec(rows, d).expect("rows"))
}

pub(super) fn check(model: &Model, lengths: &[usize], starts: &[usize]) {
    let set = set(model, lengths);
    for block in 0..model.n_blocks() {
        let (list, rows) = branches(model, &set, block, starts);
        let got = model
            .resume(
                &set.cache,
                Some(BlockIndex(block)),
                &list,
                rows,
                &mut NoHook,
                &Cancel::never(),
            )
            .expect("a pass");
        assert_eq!(got.n(), list.len());
        let mut i = 0;
        for (s, text) in set.texts.iter().enumerate() {
            for c in COEFFICIENTS {
                let mut hook = Edit {
                    block,
                    vector: direction_of(model.hidden_size(), 1),
                    coefficients: vec![c],
                    from: vec![starts[s]],
                };
                let want = forward(model, text, &mut hook);
                let want = want.row(text.len() - 1).expect("a row");
                let got = got.row(i).expect("a row");
                assert_close(
                    got,
                    want,
                    1e-4,
                    &format!("block {block} text {s} coefficient {c}"),
                );
                // Sums run in one order whatever the path: not close but equal.
                assert!(
                    got.iter()
                        .zip(want)
                        .all(|(a, b)| a.to_bits() == b.to_bits()),
                    "block {block} text {s} c {c}"
                );
                i += 1;
            }
        }
    }
}

#[test]
fn resumed_single_rows_equal_full_passes_with_the_same_edit() {
    let model = Tiny::default().model();
    check(&model, &[40, 33, 65, 32], &[39, 32, 64, 31]);
}

#[test]
fn resumed_longer_branches_equal_full_passes_with_the_same_edit() {
    let model = Tiny::default().model();
    check(&model, &[40, 36, 65, 9], &[36, 31, 60, 1]);
}

#[test]
fn resumed_whole_texts_equal_full_passes_with_the_same_edit() {
    let model = Tiny::default().model();
    check(&model, &[40, 70, 3, 1], &[0, 0, 0, 0]);
}

#[test]
fn resuming_from_the_embeddings_equals_extending() {
    let tiny = Tiny::default().with("tie_word_embeddings", false.into());
    let model = tiny.model();
    let d = model.hidden_size();
    let ids = prompt(50, 0);
    let cache = KvCache::new(&model, 1);
    let branch = [tail(std::slice::from_ref(&ids), 0, 0)];
    let rows = Rows::from_vec(embedded(&tiny, &ids, d), d).expect("rows");
    let got = model
        .resume(&cache, None, &branch, rows, &mut NoHook, &Cancel::never())
        .expect("a pass");
    let want = forward(&model, &ids, &mut NoHook);
    assert_eq!(got.as_slice(), want.row(49).expect("a row"));
}

#[test]
fn hook_of_a_resumed_pass_sees_branches_at_absolute_positions() {
    let model = Tiny::default().model();
    let set = set(&model, &[12]);
    let (list, rows) = branches(&model, &set, 1, &[10]);
    let mut record = Record::new(NoHook);
    model
        .resume(
            &set.cache,
            Some(BlockIndex(1)),
            &list,
            rows,
            &mut record,
            &Cancel::never(),
        )
        .expect("a pass");
    assert_eq!(record.seen.iter().map(|s| s.0).collect::<Vec<_>>(), [2, 3]);
    let d = model.hidden_size();
    // Coefficient 0 is branch 3: the unsteered rows again.
    for p in [10, 11] {
        assert_eq!(record.row(2, 3, p, d), set.record.row(2, 0, p, d));
        assert_ne!(record.row(2, 4, p, d), set.record.row(2, 0, p, d));
    }
}

#[test]
fn resume_is_cancelled_and_refuses_what_does_not_fit() {
    let model = Tiny::default().model();
    let set = set(&model, &[12]);
    let run = |branch: Branch, n: usize, after: usize, cancel: &Cancel| {
        let rows =
            Rows::from_vec(vec![0.1; n * model.hidden_size()], model.hidden_size()).expect("rows");
        model
            .resume(
                &set.cache,
                Some(BlockIndex(after)),
                &[branch],
                rows,
                &mut NoHook,
                cancel,
            )
            .map(|r| r.n())
    };
    let never = Cancel::never();
    let good = Branch {
        sequence: 0,
        start: 12,
        len: 2,
    };
    assert_eq!(run(good, 2, 0, &never).expect("a pass"), 1);
    let refused = |r: Result<usize, EngineError>| r.expect_err("a refusal").id();
    assert_eq!(refused(run(good, 3, 0, &never)), "engine-request");
    assert_eq!(refused(run(good, 2, 4, &never)), "engine-request");
    assert_eq!(
        refused(run(Branch { start: 13, ..good }, 2, 0, &never)),
        "engine-request"
    );
    assert_eq!(
        refused(run(Branch { len: 0, ..good }, 0, 0, &never)),
        "engine-request"
    );
    assert_eq!(
        refused(run(Branch { len: 149, ..good }, 149, 0, &never)),
        "context-length"
    );
    let stop = Cancel::new(std::sync::Arc::new(2.into()), 1);
    assert_eq!(refused(run(good, 2, 0, &stop)), "cancelled");
}
