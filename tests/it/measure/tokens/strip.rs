//! Every figure of the strip.

use std::sync::Arc;

use steerscope::engine::{Cancel, Model, NoHook};
use steerscope::measure::Site;
use steerscope::measure::tokens::Passage;
use steerscope::steering::{LaneSteering, SteerHook};
use steerscope::units::{BlockIndex, DeviceChoice, Edit, HookPoint, Mask};

use super::{TOP, close, kl, passage, plain, runs, softmax, strip};
use crate::engine::family_directories;
use crate::measure::support::{direction, tiny, tiny_of};

/// Every figure of a strip from two plain passes.
fn check(model: &Arc<Model>, site: &Site<'_>, c: f32, name: &str) {
    let passage = passage(model, 13, 27);
    let (ids, d) = (passage.ids(), model.hidden_size());
    let vocab = model.config().vocab_size;
    let lane = LaneSteering::new(site.mask, passage.prompt_len(), c);
    let hook = SteerHook::new(site.block, site.edit, site.direction, vec![lane]);
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
    // Of the prompt's positions before the last nothing is computed that is not shown.
    let shown = Passage::new(model, &ids[..13], &ids[13..]).expect("a passage");
    for (shown, row) in super::strip(model, &shown, site, c)
        .rows
        .iter()
        .zip(&strip.rows[12..])
    {
        let what = format!(
            "{name} {} block {} position {}",
            site.mask, site.block, row.position
        );
        assert_eq!(shown.position, row.position, "{what}");
        close(shown.kl, row.kl, &what);
        for (shown, row) in [
            (&shown.unsteered, &row.unsteered),
            (&shown.steered, &row.steered),
        ] {
            close(shown.projection, row.projection, &what);
            close(shown.top[0].probability, row.top[0].probability, &what);
        }
    }
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
                    edit: steerscope::units::Edit::ADD,
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
fn every_point_inside_a_block_is_that_of_two_plain_passes() {
    let mut dirs = family_directories();
    dirs.truncate(4);
    for dir in dirs {
        let model = Arc::new(Model::from_dir(dir.path()).expect("loads"));
        let v = direction(model.hidden_size());
        for point in HookPoint::ALL {
            for block in [0, model.n_blocks() - 1].map(BlockIndex) {
                let site = Site {
                    edit: Edit { point, ..Edit::ADD },
                    direction: &v,
                    block,
                    mask: Mask::All,
                };
                let name = format!("{} {}", model.config().architecture, point.name());
                check(&model, &site, 0.9, &name);
            }
        }
    }
}

#[test]
fn a_vocabulary_that_is_looked_at_in_parts_gives_the_same_figures() {
    let model = tiny_of(20_011);
    assert!(model.vocabulary_part(80) < 20_011, "parts");
    let v = direction(model.hidden_size());
    for mask in [Mask::All, Mask::FromAnswer] {
        let site = Site {
            edit: Edit::ADD,
            direction: &v,
            block: BlockIndex(2),
            mask,
        };
        check(&model, &site, 1.1, "parts");
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
                edit: steerscope::units::Edit::ADD,
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
                edit: steerscope::units::Edit::ADD,
                direction: &v,
                block: BlockIndex(1),
                mask,
            };
            let (unsteered, steered) = runs(&model, &passage(&model, 9, 20), &site, 0.0, frozen);
            let strip = unsteered
                .strip(&steered, TOP, &Cancel::never())
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
        edit: steerscope::units::Edit::ADD,
        direction: &v,
        block: BlockIndex(1),
        mask: Mask::All,
    };
    for frozen in [false, true] {
        let (unsteered, steered) = runs(&model, &passage(&model, 9, 40), &site, 1e-30, frozen);
        assert_eq!(steered.first_edited(), 0);
        let strip = unsteered
            .strip(&steered, TOP, &Cancel::never())
            .expect("a strip");
        assert!(strip.rows.iter().all(|row| row.kl.to_bits() == 0));
        // Where the last block is computed for the shown positions alone.
        let ids = unsteered.passage().ids();
        let shown = Passage::new(&model, &ids[..9], &ids[9..]).expect("a passage");
        let (unsteered, steered) = runs(&model, &shown, &site, 1e-30, frozen);
        let shown = unsteered.strip(&steered, TOP, &Cancel::never());
        assert_eq!(shown.expect("a strip").rows, strip.rows[8..]);
    }
}

#[test]
fn divergence_grows_with_the_square_of_a_small_coefficient() {
    let model = tiny();
    let v = direction(model.hidden_size());
    let site = Site {
        edit: steerscope::units::Edit::ADD,
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
fn a_position_does_not_depend_on_how_much_of_the_text_is_shown() {
    let model = tiny();
    let v = direction(model.hidden_size());
    let site = Site {
        edit: steerscope::units::Edit::ADD,
        direction: &v,
        block: BlockIndex(0),
        mask: Mask::FromLastPrompt,
    };
    let long = passage(&model, 20, 180);
    let whole = strip(&model, &long, &site, 1.3);
    let cut = |end: usize| {
        let ids = &long.ids()[..end];
        Passage::new(&model, &ids[..20], &ids[20..]).expect("a passage")
    };
    for block in (0..model.n_blocks()).map(BlockIndex) {
        let site = Site { block, ..site };
        let whole = strip(&model, &long, &site, 1.3);
        let shown = strip(&model, &cut(200), &site, 1.3);
        assert_eq!((whole.rows.len(), shown.rows.len()), (200, 181));
        assert_eq!(shown.rows, whole.rows[19..], "block {block}");
    }
    let begun = strip(&model, &cut(71).whole(), &site, 1.3);
    assert_eq!(begun.rows[..70], whole.rows[..70]);
    assert_eq!(begun.rows[70].kl.to_bits(), whole.rows[70].kl.to_bits());
    let (unsteered, _) = runs(&model, &long, &site, 1.3, false);
    assert!(unsteered.memory_bytes() > 3 * 200 * 48 * 4);
    // The last token is predicted all the same, and everything before it stays what it is.
    let unread = long.without_what_follows();
    let (unsteered, steered) = runs(&model, &unread, &site, 1.3, false);
    let strip = unsteered.strip(&steered, TOP, &Cancel::never());
    let strip = strip.expect("a strip");
    assert_eq!((strip.rows.len(), strip.tokens.len()), (199, 200));
    assert_eq!(strip.rows, whole.rows[..199]);
    assert_eq!(strip.kl, whole.kl);
    let beyond = unsteered.lens(&steered, 199, 5, &Cancel::never());
    assert_eq!(beyond.expect_err("not read").id(), "position-range");
}

#[test]
fn frozen_attention_changes_nothing_above_the_last_block_and_something_below() {
    let model = tiny();
    let v = direction(model.hidden_size());
    let passage = passage(&model, 9, 30);
    for block in (0..4).map(BlockIndex) {
        let site = Site {
            edit: steerscope::units::Edit::ADD,
            direction: &v,
            block,
            mask: Mask::FromLastPrompt,
        };
        let strips = [false, true].map(|frozen| {
            let (unsteered, steered) = runs(&model, &passage, &site, 1.5, frozen);
            assert_eq!(steered.is_frozen(), frozen);
            unsteered
                .strip(&steered, TOP, &Cancel::never())
                .expect("a strip")
        });
        let [own, frozen] = strips;
        assert_eq!(own.rows[..8], frozen.rows[..8]);
        assert_eq!(own.rows == frozen.rows, block.0 == 3, "block {block}");
        assert!(frozen.rows[20].kl > 0.0);
    }
}
