//! The token strip and the logit lens against two plain passes, and against themselves.

use std::sync::Arc;

use steerscope::engine::{
    Cancel, EngineError, Hook, Keep, KvCache, Model, NoHook, Part, Place, Rows,
};
use steerscope::measure::tokens::{
    Passage, SteeredRun, StripOptions, TokenStrip, TokensError, UnsteeredRun, kl_divergence,
};
use steerscope::measure::{MeasureError, Site};
use steerscope::steering::{AddHook, LaneSteering};
use steerscope::units::{BlockIndex, DeviceChoice, Mask};

use super::support::{direction, tiny};
use crate::engine::family_directories;

const WHOLE: StripOptions = StripOptions {
    top: 5,
    whole: true,
};

fn passage(model: &Model, prompt: usize, text: usize) -> Passage {
    let vocab = model.config().vocab_size.min(97);
    let ids: Vec<u32> = (0..prompt + text)
        .map(|i| ((i * i * 31 + i * 7 + 5) % vocab) as u32)
        .collect();
    Passage::new(model, &ids[..prompt], &ids[prompt..]).expect("a passage")
}

fn runs(
    model: &Arc<Model>,
    passage: &Passage,
    site: &Site<'_>,
    c: f32,
    frozen: bool,
) -> (UnsteeredRun, SteeredRun) {
    let (model, never) = (Arc::clone(model), Cancel::never());
    let unsteered = UnsteeredRun::new(model, passage.clone(), site.block, &never).expect("a run");
    let steered = unsteered.steer(site, c, frozen, &never).expect("a run");
    (unsteered, steered)
}

fn strip(model: &Arc<Model>, passage: &Passage, site: &Site<'_>, c: f32) -> TokenStrip {
    let (unsteered, steered) = runs(model, passage, site, c, false);
    unsteered
        .strip(&steered, WHOLE, &Cancel::never())
        .expect("a strip")
}

/// Keeps the rows after every block behind another hook.
struct Seen<H> {
    inner: H,
    blocks: Vec<Vec<f32>>,
}

impl<H: Hook> Hook for Seen<H> {
    fn wants(&self, _: BlockIndex) -> bool {
        true
    }

    fn visit(&mut self, block: BlockIndex, places: &[Place], rows: &mut [f32], width: usize) {
        if self.inner.wants(block) {
            self.inner.visit(block, places, rows, width);
        }
        self.blocks.push(rows.to_vec());
    }
}

/// One plain pass: rows after every block, and all logits.
fn plain(model: &Model, ids: &[u32], hook: impl Hook) -> (Vec<Vec<f32>>, Vec<f32>) {
    let mut seen = Seen {
        inner: hook,
        blocks: Vec::new(),
    };
    let part = [Part { sequence: 0, ids }];
    let mut cache = KvCache::new(model, 1);
    let rows = model
        .extend(&mut cache, &part, Keep::All, &mut seen, &Cancel::never())
        .expect("a pass");
    (seen.blocks, model.logits(&rows).expect("logits"))
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::MIN, f32::max);
    let e: Vec<f64> = logits
        .iter()
        .map(|x| (f64::from(*x) - f64::from(largest)).exp())
        .collect();
    let sum: f64 = e.iter().sum();
    e.iter().map(|e| e / sum).collect()
}

fn kl(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| p * (p.ln() - q.ln())).sum()
}

fn close(got: f64, want: f64, what: &str) {
    assert!(
        (got - want).abs() <= 1e-5 * (1.0 + want.abs()),
        "{what}: {got} instead of {want}"
    );
}

/// Every figure of a strip from two plain passes.
fn check(model: &Arc<Model>, site: &Site<'_>, c: f32, name: &str) {
    let passage = passage(model, 13, 27);
    let (ids, d) = (passage.ids(), model.hidden_size());
    let vocab = model.config().vocab_size;
    let lane = LaneSteering::new(site.mask, passage.prompt_len(), c);
    let hook = AddHook::new(site.block, site.direction, vec![lane]);
    let (ours, our_logits) = plain(model, ids, NoHook);
    let (theirs, their_logits) = plain(model, ids, hook);
    let norm = site
        .direction
        .iter()
        .map(|v| f64::from(*v).powi(2))
        .sum::<f64>()
        .sqrt();
    let strip = strip(model, &passage, site, c);
    assert_eq!(strip.rows.len(), ids.len());
    let mut first = None;
    for row in &strip.rows {
        let p = row.position;
        let what = format!("{name} {} block {} position {p}", site.mask, site.block);
        let mut chances = Vec::new();
        for (blocks, logits, reading) in [
            (&ours, &our_logits, &row.unsteered),
            (&theirs, &their_logits, &row.steered),
        ] {
            let h = &blocks[site.block.0][p * d..][..d];
            let products = h.iter().zip(site.direction);
            let dot: f64 = products.map(|(h, v)| f64::from(*h) * f64::from(*v)).sum();
            close(reading.projection, dot / norm, &what);
            let all = softmax(&logits[p * vocab..][..vocab]);
            let next = ids.get(p + 1).map(|id| all[*id as usize]);
            assert_eq!(reading.log_probability.is_some(), next.is_some());
            if let (Some(got), Some(want)) = (reading.log_probability, next) {
                close(got, want.ln(), &what);
                let id = ids[p + 1] as usize;
                let before = |(i, p): (usize, &f64)| *p > want || (*p == want && i < id);
                let above = all.iter().enumerate().filter(|p| before(*p)).count();
                assert_eq!(reading.rank, Some(above + 1), "{what}");
            }
            let mut best: Vec<usize> = (0..vocab).collect();
            best.sort_by(|a, b| all[*b].total_cmp(&all[*a]));
            assert_eq!(reading.top.len(), 5);
            for (candidate, want) in reading.top.iter().zip(best) {
                close(candidate.probability, all[want], &what);
            }
            chances.push(all);
        }
        close(row.kl, kl(&chances[1], &chances[0]), &what);
        assert!(row.kl >= 0.0);
        let best = |p: &[f64]| (0..p.len()).max_by(|a, b| p[*a].total_cmp(&p[*b]));
        if first.is_none() && best(&chances[0]) != best(&chances[1]) {
            first = Some(p);
        }
    }
    assert_eq!(strip.first_difference, first, "{name} {}", site.mask);
    let figures: Vec<f64> = strip.rows[..ids.len() - 1].iter().map(|r| r.kl).collect();
    let summary = strip.kl.expect("a summary");
    assert_eq!(summary.n, ids.len() - 1);
    close(summary.sum, figures.iter().sum(), "sum");
    close(
        summary.mean,
        figures.iter().sum::<f64>() / figures.len() as f64,
        "mean",
    );
}

#[test]
fn every_figure_is_that_of_two_plain_passes_for_every_mask_block_and_family() {
    for dir in family_directories() {
        let model = Arc::new(Model::from_dir(dir.path()).expect("loads"));
        let v = direction(model.hidden_size());
        for mask in Mask::ALL {
            for block in (0..model.n_blocks()).map(BlockIndex) {
                let direction = &v;
                let site = Site {
                    direction,
                    block,
                    mask,
                };
                check(&model, &site, 0.9, &model.config().architecture);
            }
        }
    }
}

#[test]
fn on_tensors_every_figure_is_that_of_two_plain_passes() {
    for dir in family_directories() {
        let model = Model::open_on(dir.path(), DeviceChoice::TensorCpu).expect("loads");
        let (model, mask) = (Arc::new(model), Mask::FromLastPrompt);
        let (v, block) = (direction(model.hidden_size()), BlockIndex(0));
        let direction = &v;
        check(
            &model,
            &Site {
                direction,
                block,
                mask,
            },
            -0.7,
            "tensors",
        );
    }
}

#[test]
fn at_coefficient_zero_both_sides_are_the_same_bits() {
    let model = tiny();
    let v = direction(model.hidden_size());
    for mask in Mask::ALL {
        for frozen in [false, true] {
            let site = Site {
                direction: &v,
                block: BlockIndex(1),
                mask,
            };
            let (unsteered, steered) = runs(&model, &passage(&model, 9, 20), &site, 0.0, frozen);
            let strip = unsteered
                .strip(&steered, WHOLE, &Cancel::never())
                .expect("a strip");
            for row in &strip.rows {
                assert_eq!(row.kl.to_bits(), 0, "position {}", row.position);
                assert_eq!(row.unsteered, row.steered);
            }
            assert_eq!((strip.first_difference, strip.first_edited), (None, 29));
            assert_eq!(
                strip.kl.map(|kl| (kl.n, kl.sum, kl.max)),
                Some((28, 0.0, 0.0))
            );
            let lens = unsteered
                .lens(&steered, 14, 3, &Cancel::never())
                .expect("a lens");
            assert!(
                lens.rows
                    .iter()
                    .all(|r| r.kl == 0.0 && r.unsteered == r.steered)
            );
        }
    }
}

#[test]
fn an_edit_of_zero_length_in_two_lanes_is_exact_too() {
    // The steered side is computed here, by an edit too small to change any number.
    let model = tiny();
    let v = direction(model.hidden_size());
    let site = Site {
        direction: &v,
        block: BlockIndex(1),
        mask: Mask::All,
    };
    for frozen in [false, true] {
        let (unsteered, steered) = runs(&model, &passage(&model, 9, 40), &site, 1e-30, frozen);
        assert_eq!(steered.first_edited(), 0);
        let strip = unsteered
            .strip(&steered, WHOLE, &Cancel::never())
            .expect("a strip");
        assert!(strip.rows.iter().all(|row| row.kl.to_bits() == 0));
    }
}

#[test]
fn divergence_grows_with_the_square_of_a_small_coefficient() {
    let model = tiny();
    let v = direction(model.hidden_size());
    let site = Site {
        direction: &v,
        block: BlockIndex(1),
        mask: Mask::FromLastPrompt,
    };
    let passage = passage(&model, 9, 40);
    let sum = |c: f32| strip(&model, &passage, &site, c).kl.expect("a summary").sum;
    // The residual stream of these weights is short: v is many times as long.
    let (low, high) = (0.0005, 0.002);
    let slope = (sum(high) / sum(low)).ln() / f64::from(high / low).ln();
    assert!((slope - 2.0).abs() < 0.05, "{slope}");
    assert!(sum(low) > 0.0);
}

#[test]
fn the_lens_reads_every_block_and_ends_in_the_models_own_words() {
    for dir in family_directories() {
        let model = Arc::new(Model::from_dir(dir.path()).expect("loads"));
        let (d, v) = (model.hidden_size(), direction(model.hidden_size()));
        let passage = passage(&model, 13, 27);
        for block in (0..model.n_blocks()).map(BlockIndex) {
            let site = Site {
                direction: &v,
                block,
                mask: Mask::FromLastPrompt,
            };
            let lane = LaneSteering::new(site.mask, passage.prompt_len(), 0.9);
            let hook = AddHook::new(block, v.clone(), vec![lane]);
            let blocks = [
                plain(&model, passage.ids(), NoHook).0,
                plain(&model, passage.ids(), hook).0,
            ];
            for frozen in [false, true] {
                let (unsteered, steered) = runs(&model, &passage, &site, 0.9, frozen);
                let strip = unsteered
                    .strip(&steered, WHOLE, &Cancel::never())
                    .expect("a strip");
                for position in [0, 5, 12, 13, 30, 39] {
                    let lens = unsteered
                        .lens(&steered, position, 5, &Cancel::never())
                        .expect("a lens");
                    assert_eq!(lens.rows.len(), model.n_blocks());
                    let (last, row) = (&lens.rows[model.n_blocks() - 1], &strip.rows[position]);
                    assert_eq!(last.kl.to_bits(), row.kl.to_bits());
                    for (lens, strip) in [
                        (&last.unsteered, &row.unsteered),
                        (&last.steered, &row.steered),
                    ] {
                        assert_eq!(lens.top, strip.top);
                        assert_eq!(lens.log_probability, strip.log_probability);
                    }
                    if frozen {
                        continue;
                    }
                    for row in &lens.rows {
                        let side = |i: usize| {
                            let h = blocks[i][row.block.0][position * d..][..d].to_vec();
                            model
                                .logits(&Rows::from_vec(h, d).expect("a row"))
                                .expect("logits")
                        };
                        let (ours, theirs) = (side(0), side(1));
                        assert_eq!(row.kl.to_bits(), kl_divergence(&theirs, &ours).to_bits());
                        let next = passage.next(position);
                        for (logits, reading) in [(ours, &row.unsteered), (theirs, &row.steered)] {
                            let all = softmax(&logits);
                            for candidate in &reading.top {
                                close(candidate.probability, all[candidate.id as usize], "lens");
                            }
                            let want = next.map(|id| all[id as usize].ln());
                            assert_eq!(reading.log_probability.is_some(), want.is_some());
                            if let (Some(got), Some(want)) = (reading.log_probability, want) {
                                close(got, want, "lens");
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_position_does_not_depend_on_how_much_of_the_text_is_shown() {
    let model = tiny();
    let v = direction(model.hidden_size());
    let site = Site {
        direction: &v,
        block: BlockIndex(0),
        mask: Mask::FromLastPrompt,
    };
    let long = passage(&model, 20, 180);
    let (unsteered, steered) = runs(&model, &long, &site, 1.3, false);
    let whole = unsteered
        .strip(&steered, WHOLE, &Cancel::never())
        .expect("a strip");
    let shown = unsteered.strip(&steered, StripOptions::default(), &Cancel::never());
    let shown = shown.expect("a strip");
    assert_eq!((whole.rows.len(), shown.rows.len()), (200, 181));
    assert_eq!(shown.rows, whole.rows[19..]);
    let begun = Passage::new(&model, &long.ids()[..20], &long.ids()[20..71]).expect("a passage");
    let begun = strip(&model, &begun, &site, 1.3);
    assert_eq!(begun.rows[..70], whole.rows[..70]);
    assert_eq!(begun.rows[70].kl.to_bits(), whole.rows[70].kl.to_bits());
    assert!(unsteered.memory_bytes() > 3 * 200 * 48 * 4);
}

#[test]
fn frozen_attention_changes_nothing_above_the_last_block_and_something_below() {
    let model = tiny();
    let v = direction(model.hidden_size());
    let passage = passage(&model, 9, 30);
    for block in (0..4).map(BlockIndex) {
        let site = Site {
            direction: &v,
            block,
            mask: Mask::FromLastPrompt,
        };
        let strips = [false, true].map(|frozen| {
            let (unsteered, steered) = runs(&model, &passage, &site, 1.5, frozen);
            assert_eq!(steered.is_frozen(), frozen);
            unsteered
                .strip(&steered, WHOLE, &Cancel::never())
                .expect("a strip")
        });
        let [own, frozen] = strips;
        assert_eq!(own.rows[..8], frozen.rows[..8]);
        assert_eq!(own.rows == frozen.rows, block.0 == 3, "block {block}");
        assert!(frozen.rows[20].kl > 0.0);
    }
}

#[test]
fn what_cannot_be_compared_is_refused_with_a_remedy() {
    let model = tiny();
    let (v, never) = (direction(48), Cancel::never());
    let error = |done: Result<Passage, TokensError>| {
        let error = done.expect_err("refused");
        (error.id(), error.to_string())
    };
    assert_eq!(error(Passage::new(&model, &[], &[1])).0, "prompt-empty");
    assert_eq!(error(Passage::new(&model, &[1], &[])).0, "text-empty");
    let (id, said) = error(Passage::new(&model, &[1; 200], &[1; 60]));
    assert_eq!(id, "text-too-long");
    assert!(
        said.contains("260") && said.contains("256") && said.contains("by 4"),
        "{said}"
    );
    assert_eq!(
        error(Passage::from_texts(&model, "Tom", "")).0,
        "text-empty"
    );

    let passage = passage(&model, 9, 30);
    let read = |block| {
        UnsteeredRun::new(
            Arc::clone(&model),
            passage.clone(),
            BlockIndex(block),
            &never,
        )
    };
    assert!(matches!(
        read(4).expect_err("refused"),
        TokensError::Measure(MeasureError::Block { last: 3, .. })
    ));
    let run = read(1).expect("a run");
    let steer = |direction: &[f32], block, c| {
        let site = Site {
            direction,
            block: BlockIndex(block),
            mask: Mask::All,
        };
        run.steer(&site, c, false, &never)
    };
    let id = |done: Result<SteeredRun, TokensError>| done.expect_err("refused").id();
    assert_eq!(id(steer(&v, 2, 1.0)), "other-run");
    assert_eq!(id(steer(&v[1..], 1, 1.0)), "hidden-size");
    assert_eq!(id(steer(&[0.0; 48], 1, 1.0)), "direction-zero");
    let steered = steer(&v, 1, 1.0).expect("a run");
    let outside = run.lens(&steered, 39, 5, &never).expect_err("refused");
    assert!(outside.to_string().contains("0 to 38"), "{outside}");
    for c in [f32::MAX, f32::NAN] {
        let wild = steer(&v, 1, c).expect_err("refused");
        assert_eq!(wild.id(), "not-finite", "{wild}");
    }
    let other = read(2).expect("a run");
    let other = other.strip(&steered, WHOLE, &never).expect_err("refused");
    assert_eq!(other.id(), "other-run");
    let unknown = Passage::new(&model, &[1], &[90_000]).expect("a passage");
    let unknown = UnsteeredRun::new(Arc::clone(&model), unknown, BlockIndex(0), &never);
    assert!(matches!(
        unknown.expect_err("refused"),
        TokensError::Engine(EngineError::TokenId { .. })
    ));
}

#[test]
fn texts_become_tokens_and_tokens_their_texts() {
    let model = tiny();
    let passage = Passage::from_texts(&model, "Once upon a time", " there was a dog.");
    let passage = passage.expect("a passage");
    let prompt = model
        .tokenizer()
        .encode("Once upon a time")
        .expect("tokens");
    assert_eq!(&passage.ids()[..passage.prompt_len()], prompt);
    let v = direction(48);
    let site = Site {
        direction: &v,
        block: BlockIndex(0),
        mask: Mask::All,
    };
    let strip = strip(&model, &passage, &site, 1.0);
    let texts: Vec<&str> = strip.tokens.iter().map(|t| t.text.as_str()).collect();
    let text = texts.concat();
    assert!(
        text.ends_with("Once upon a time there was a dog."),
        "{text}"
    );
    let next: Vec<_> = strip.rows.iter().filter_map(|r| r.next.clone()).collect();
    assert_eq!(next, strip.tokens[1..]);
    // A border inside a word leaves the prompt's tokens as they are.
    let inside = Passage::from_texts(&model, "Once upon a ti", "me there").expect("a passage");
    let prompt = model.tokenizer().encode("Once upon a ti").expect("tokens");
    assert_eq!(&inside.ids()[..inside.prompt_len()], prompt);
}
