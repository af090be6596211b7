//! The engine against itself: caching, batching, masks and edits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use steerscope::engine::{
    Cancel, EngineError, Hook, Keep, KvCache, Model, NoHook, Part, Place, Rows,
};
use steerscope::units::{BlockIndex, Mask};

use super::support::{Edit, Record, assert_close, forward};
use super::tiny::{Tiny, direction, prompt};
use crate::measure::support::tiny_of;

const LEN: usize = 75;
const PROMPT: usize = 40;

pub(super) fn edit(block: usize, coefficient: f32, from: usize) -> Edit {
    Edit {
        block,
        vector: direction(1),
        coefficients: vec![coefficient],
        from: vec![from],
    }
}

pub(super) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

pub(super) fn feed(
    model: &Model,
    cache: &mut KvCache,
    sequence: usize,
    ids: &[u32],
    hook: &mut dyn Hook,
) -> Rows {
    model
        .extend(
            cache,
            &[Part { sequence, ids }],
            Keep::All,
            hook,
            &Cancel::never(),
        )
        .expect("a pass")
}

#[test]
fn cached_pass_equals_uncached_under_every_mask_block_and_split() {
    let model = Tiny::default().model();
    let ids = prompt(LEN, 0);
    for mask in Mask::ALL {
        for block in [0, 2, 3] {
            let mut hook = edit(block, 0.8, mask.first_position(PROMPT));
            let whole = forward(&model, &ids, &mut hook);
            for cuts in [
                vec![1],
                vec![31, 32, 33],
                vec![PROMPT - 1, PROMPT],
                vec![PROMPT],
                vec![70],
                (1..LEN).collect(),
            ] {
                let mut cache = KvCache::new(&model, 1);
                let mut got = Vec::new();
                let mut from = 0;
                for cut in cuts.iter().copied().chain([LEN]) {
                    got.extend_from_slice(
                        feed(&model, &mut cache, 0, &ids[from..cut], &mut hook).as_slice(),
                    );
                    from = cut;
                }
                assert_close(
                    &got,
                    whole.as_slice(),
                    1e-4,
                    &format!("{mask} block {block} cuts {cuts:?}"),
                );
            }
        }
    }
}

#[test]
fn row_of_a_batch_equals_the_single_run_bit_for_bit_whatever_the_lengths() {
    let model = Tiny::default().model();
    let texts: Vec<Vec<u32>> = [5, 61, 1, 33, 20]
        .iter()
        .enumerate()
        .map(|(i, n)| prompt(*n, i))
        .collect();
    let parts: Vec<Part<'_>> = texts
        .iter()
        .enumerate()
        .map(|(sequence, ids)| Part { sequence, ids })
        .collect();
    let mut cache = KvCache::new(&model, texts.len());
    let all = model
        .extend(&mut cache, &parts, Keep::All, &mut NoHook, &Cancel::never())
        .expect("a pass");
    let mut trimmed = KvCache::new(&model, texts.len());
    let last = model
        .extend(
            &mut trimmed,
            &parts,
            Keep::Last,
            &mut NoHook,
            &Cancel::never(),
        )
        .expect("a pass");
    let mut tails = KvCache::new(&model, texts.len());
    let keep = Keep::From(3);
    let tails = model.extend(&mut tails, &parts, keep, &mut NoHook, &Cancel::never());
    let (tails, mut tail) = (tails.expect("a pass"), 0);
    let mut from = 0;
    for (i, ids) in texts.iter().enumerate() {
        for row in 3..ids.len() {
            let d = model.hidden_size();
            let whole = &all.as_slice()[from + row * d..][..d];
            let kept = tails.row(tail).expect("a row");
            assert_eq!(bits(kept), bits(whole), "row {row} of text {i}");
            tail += 1;
        }
        let alone = forward(&model, ids, &mut NoHook);
        let to = from + alone.as_slice().len();
        assert_eq!(
            bits(&all.as_slice()[from..to]),
            bits(alone.as_slice()),
            "text {i}"
        );
        assert_eq!(
            bits(last.row(i).expect("a row")),
            bits(alone.row(ids.len() - 1).expect("a row")),
            "last of text {i}"
        );
        from = to;
    }
    assert_eq!(tail, tails.n());
    // And so does the token after, on top of these caches.
    let next: Vec<Part<'_>> = (0..texts.len())
        .map(|sequence| Part {
            sequence,
            ids: &[7],
        })
        .collect();
    let together = model
        .extend(&mut cache, &next, Keep::Last, &mut NoHook, &Cancel::never())
        .expect("a pass");
    for (i, mut ids) in texts.into_iter().enumerate() {
        ids.push(7);
        let alone = forward(&model, &ids, &mut NoHook);
        assert_eq!(
            bits(together.row(i).expect("a row")),
            bits(alone.row(ids.len() - 1).expect("a row")),
            "text {i}"
        );
    }
}

#[test]
fn coefficient_zero_is_bit_identical_to_unsteered_beside_a_steered_lane() {
    let model = Tiny::default().model();
    let ids = prompt(50, 3);
    let plain = forward(&model, &ids, &mut NoHook);
    let mut hook = Edit {
        block: 1,
        vector: direction(1),
        coefficients: vec![0.0, 2.5],
        from: vec![0, 10],
    };
    let mut cache = KvCache::new(&model, 2);
    let parts = [
        Part {
            sequence: 0,
            ids: &ids,
        },
        Part {
            sequence: 1,
            ids: &ids,
        },
    ];
    let both = model
        .extend(&mut cache, &parts, Keep::All, &mut hook, &Cancel::never())
        .expect("a pass");
    let (zero, steered) = both.as_slice().split_at(plain.as_slice().len());
    assert_eq!(bits(zero), bits(plain.as_slice()));
    assert_ne!(bits(steered), bits(plain.as_slice()));
}

#[test]
fn capture_at_a_block_sees_every_place_and_changes_nothing() {
    let model = Tiny::default().model();
    let d = model.hidden_size();
    let ids = prompt(40, 1);
    let mut record = Record::new(NoHook);
    let rows = forward(&model, &ids, &mut record);
    assert_eq!(
        bits(rows.as_slice()),
        bits(forward(&model, &ids, &mut NoHook).as_slice())
    );
    assert_eq!(record.seen.len(), model.n_blocks());
    for (b, (block, places, seen)) in record.seen.iter().enumerate() {
        assert_eq!((*block, places.len(), seen.len()), (b, 40, 40 * d));
        assert!(places.iter().enumerate().all(|(i, p)| *p
            == Place {
                sequence: 0,
                position: i
            }));
    }
    assert_eq!(
        bits(&record.seen[3].2),
        bits(rows.as_slice()),
        "the last block's output is what is returned"
    );
    // Absolute positions hold under the cache.
    let mut cache = KvCache::new(&model, 1);
    feed(&model, &mut cache, 0, &ids[..25], &mut NoHook);
    let mut later = Record::new(NoHook);
    feed(&model, &mut cache, 0, &ids[25..], &mut later);
    assert_eq!(later.row(2, 0, 30, d), record.row(2, 0, 30, d));
}

#[test]
fn hook_that_wants_nothing_is_never_visited() {
    struct Refuses;
    impl Hook for Refuses {
        fn wants(&self, _: BlockIndex) -> bool {
            false
        }
        fn visit(&mut self, _: BlockIndex, _: &[Place], _: &mut [f32], _: usize) {
            panic!("visited");
        }
    }
    let model = Tiny::default().model();
    forward(&model, &prompt(9, 0), &mut Refuses);
}

#[test]
fn cancelled_pass_stops_within_a_block_and_leaves_the_cache_usable() {
    struct Stops(Arc<AtomicU64>, Vec<usize>);
    impl Hook for Stops {
        fn wants(&self, _: BlockIndex) -> bool {
            true
        }
        fn visit(&mut self, block: BlockIndex, _: &[Place], _: &mut [f32], _: usize) {
            self.1.push(block.0);
            if block.0 == 1 {
                self.0.store(8, Ordering::Release);
            }
        }
    }
    let model = Tiny::default().model();
    let ids = prompt(60, 6);
    let mut cache = KvCache::new(&model, 1);
    feed(&model, &mut cache, 0, &ids[..20], &mut NoHook);
    let current = Arc::new(AtomicU64::new(7));
    let mut hook = Stops(current.clone(), Vec::new());
    let part = [Part {
        sequence: 0,
        ids: &ids[20..],
    }];
    let stopped = model.extend(
        &mut cache,
        &part,
        Keep::All,
        &mut hook,
        &Cancel::new(current, 7),
    );
    assert!(
        matches!(&stopped, Err(e @ EngineError::Cancelled) if e.is_cancelled() && e.id() == "cancelled")
    );
    assert_eq!(
        hook.1,
        [0, 1],
        "no block after the one during which it was cancelled"
    );
    assert_eq!(cache.len(0), 20);
    let rows = feed(&model, &mut cache, 0, &ids[20..], &mut NoHook);
    let whole = forward(&model, &ids, &mut NoHook);
    assert_eq!(
        bits(rows.as_slice()),
        bits(&whole.as_slice()[20 * whole.width()..])
    );
}

#[test]
fn copied_and_truncated_sequences_continue_as_their_own() {
    let model = Tiny::default().model();
    let ids = prompt(60, 7);
    let mut cache = KvCache::new(&model, 3);
    feed(&model, &mut cache, 0, &ids[..40], &mut NoHook);
    cache.clone_sequence(0, 2).expect("a copy");
    feed(&model, &mut cache, 0, &prompt(9, 9), &mut NoHook);
    let width = model.hidden_size();
    let whole = forward(&model, &ids, &mut NoHook);
    let copy = feed(&model, &mut cache, 2, &ids[40..], &mut NoHook);
    assert_eq!(bits(copy.as_slice()), bits(&whole.as_slice()[40 * width..]));
    cache.truncate(0, 33);
    assert_eq!(cache.len(0), 33);
    let again = feed(&model, &mut cache, 0, &ids[33..], &mut NoHook);
    assert_eq!(
        bits(again.as_slice()),
        bits(&whole.as_slice()[33 * width..])
    );
    assert!(cache.memory_bytes() > 0 && cache.len(1) == 0);
}

#[test]
fn answer_logits_are_the_same_numbers_as_the_whole_row() {
    let model = Tiny::default().model();
    let rows = forward(&model, &prompt(30, 8), &mut NoHook);
    let all = model.logits(&rows).expect("logits");
    let ids: Vec<[u32; 2]> = (0..30)
        .map(|i| [(i * 5 % 97) as u32, (i * 11 + 3) as u32 % 97])
        .collect();
    let pairs = model.answer_logits(&rows, &ids).expect("logits");
    for (i, (pair, ids)) in pairs.iter().zip(&ids).enumerate() {
        let want = ids.map(|id| all[i * 97 + id as usize]);
        assert_eq!(bits(pair), bits(&want), "row {i}");
    }
}

#[test]
fn logits_in_parts_are_the_same_numbers_as_whole_rows() {
    let (model, d) = (tiny_of(9001), 48);
    let values = (0..300 * d).map(|i| ((i * 7919 + 13) % 101) as f32 / 50.0 - 1.0);
    let rows = Rows::from_vec(values.collect(), d).expect("rows");
    let vocab = model.config().vocab_size;
    let all = model.logits(&rows).expect("logits");
    let mut seen = Vec::new();
    let done = model.logits_in_parts(&rows, &Cancel::never(), |ids, logits| {
        for (row, part) in logits.chunks_exact(ids.len()).enumerate() {
            let whole = &all[row * vocab..][ids.clone()];
            assert_eq!(bits(part), bits(whole), "row {row}, tokens {ids:?}");
        }
        seen.push(ids);
    });
    done.expect("logits");
    assert!(seen.len() > 1, "{seen:?}");
    assert_eq!((seen[0].start, seen[seen.len() - 1].end), (0, vocab));
    assert!(seen.windows(2).all(|pair| pair[0].end == pair[1].start));
    // Between two parts a cancelled job ends.
    let current = Arc::new(AtomicU64::new(1));
    let cancel = Cancel::new(Arc::clone(&current), 1);
    let mut parts = 0;
    let stopped = model.logits_in_parts(&rows, &cancel, |_, _| {
        parts += 1;
        current.store(2, Ordering::Relaxed);
    });
    assert!(
        matches!(stopped, Err(EngineError::Cancelled)),
        "{stopped:?}"
    );
    assert_eq!(parts, 1);
}

#[test]
fn requests_that_do_not_fit_are_refused() {
    let model = Tiny::default().model();
    let extend = |parts: &[Part<'_>]| {
        let mut cache = KvCache::new(&model, 2);
        model
            .extend(&mut cache, parts, Keep::Last, &mut NoHook, &Cancel::never())
            .map(|r| r.n())
            .map_err(|e| e.id())
    };
    assert_eq!(extend(&[]), Ok(0));
    assert_eq!(
        extend(&[Part {
            sequence: 0,
            ids: &[]
        }]),
        Err("engine-request")
    );
    assert_eq!(
        extend(&[Part {
            sequence: 2,
            ids: &[1]
        }]),
        Err("engine-request")
    );
    assert_eq!(
        extend(&[
            Part {
                sequence: 0,
                ids: &[1]
            },
            Part {
                sequence: 0,
                ids: &[2]
            }
        ]),
        Err("engine-request")
    );
    assert_eq!(
        extend(&[Part {
            sequence: 0,
            ids: &[97]
        }]),
        Err("token-id")
    );
    assert_eq!(
        extend(&[Part {
            sequence: 0,
            ids: &[1; 161]
        }]),
        Err("context-length")
    );
    assert_eq!(
        extend(&[Part {
            sequence: 0,
            ids: &[1; 160]
        }]),
        Ok(1)
    );
    let narrow = Rows::from_vec(vec![0.0; 8], 4).expect("rows");
    assert_eq!(
        model.logits(&narrow).map_err(|e| e.id()),
        Err("engine-request")
    );
    let other = Tiny::default().with("num_hidden_layers", 2.into()).model();
    let mut foreign = KvCache::new(&other, 1);
    let part = [Part {
        sequence: 0,
        ids: &[1],
    }];
    let refused = model.extend(
        &mut foreign,
        &part,
        Keep::Last,
        &mut NoHook,
        &Cancel::never(),
    );
    assert_eq!(refused.map_err(|e| e.id()), Err("engine-request"));
}
