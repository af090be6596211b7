//! The logit lens.

use std::sync::Arc;

use steerscope::engine::{Cancel, Model, NoHook, Rows};
use steerscope::measure::Site;
use steerscope::measure::tokens::kl_divergence;
use steerscope::steering::{LaneSteering, SteerHook};
use steerscope::units::{BlockIndex, Mask};

use super::{TOP, close, passage, plain, runs, softmax};
use crate::engine::family_directories;
use crate::measure::support::direction;

#[test]
fn the_lens_reads_every_block_and_ends_in_the_models_own_words() {
    for dir in family_directories() {
        let model = Arc::new(Model::from_dir(dir.path()).expect("loads"));
        let (d, v) = (model.hidden_size(), direction(model.hidden_size()));
        let passage = passage(&model, 13, 27);
        for block in (0..model.n_blocks()).map(BlockIndex) {
            let site = Site {
                edit: steerscope::units::Edit::ADD,
                direction: &v,
                block,
                mask: Mask::FromLastPrompt,
            };
            let lane = LaneSteering::new(site.mask, passage.prompt_len(), 0.9);
            let hook = SteerHook::new(block, steerscope::units::Edit::ADD, v.clone(), vec![lane]);
            let blocks = [
                plain(&model, passage.ids(), NoHook).0,
                plain(&model, passage.ids(), hook).0,
            ];
            for frozen in [false, true] {
                let (unsteered, steered) = runs(&model, &passage, &site, 0.9, frozen);
                let strip = unsteered
                    .strip(&steered, TOP, &Cancel::never())
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
