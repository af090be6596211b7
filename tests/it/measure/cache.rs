//! Cached evaluation against full forward passes and against its own rules.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use steerscope::engine::{Cancel, Model};
use steerscope::measure::{CacheOptions, PreparedSet, PromptCache, Site, naive_propensity};
use steerscope::stats::steerability;
use steerscope::units::{BlockIndex, DEFAULT_MULTIPLIERS, Mask};

use super::support::{direction, prepared, synthetic, tiny};

fn cache(model: &Arc<Model>, set: &Arc<PreparedSet>) -> PromptCache {
    PromptCache::new(Arc::clone(model), Arc::clone(set), CacheOptions::default())
}

fn evaluate(cache: &mut PromptCache, site: &Site<'_>, multipliers: &[f32]) -> Vec<Vec<f32>> {
    let n = cache.len();
    cache
        .evaluate(site, multipliers, 0..n, &Cancel::never())
        .expect("propensities")
}

/// Prompts of one to forty tokens; answers that begin with the letter, after one token, after four.
const SHAPES: [(usize, usize); 7] = [(1, 1), (2, 2), (9, 8), (33, 33), (34, 30), (40, 39), (5, 1)];

#[test]
fn cached_evaluation_equals_full_forward_passes_under_every_mask_and_block() {
    let model = tiny();
    let v = direction(model.hidden_size());
    let multipliers = [-2.0, 0.0, 0.7];
    let mut worst: f32 = 0.0;
    for set in [prepared(&model), synthetic(&model, &SHAPES)] {
        let mut cache = cache(&model, &set);
        for mask in Mask::ALL {
            for block in (0..model.n_blocks()).map(BlockIndex) {
                let site = Site {
                    edit: steerscope::units::Edit::ADD,
                    direction: &v,
                    block,
                    mask,
                };
                let rows = evaluate(&mut cache, &site, &multipliers);
                for (input, row) in set.inputs.iter().zip(&rows) {
                    let naive =
                        naive_propensity(&model, input, &site, &multipliers, &Cancel::never())
                            .unwrap();
                    for (got, want) in row.iter().zip(&naive) {
                        worst = worst.max((got - want).abs());
                        assert!(
                            (got - want).abs() < 1e-5,
                            "{mask} block {block} row {}: {got} {want}",
                            input.row
                        );
                    }
                }
            }
        }
    }
    println!("largest difference between cached and full passes: {worst:e}");
}

#[test]
fn an_intervention_changes_what_it_can_reach() {
    let model = tiny();
    let set = synthetic(&model, &SHAPES);
    let v = direction(model.hidden_size());
    let mut cache = cache(&model, &set);
    for mask in Mask::ALL {
        let site = Site {
            edit: steerscope::units::Edit::ADD,
            direction: &v,
            block: BlockIndex(1),
            mask,
        };
        for (input, row) in set
            .inputs
            .iter()
            .zip(evaluate(&mut cache, &site, &[0.0, 2.0]))
        {
            let reachable = mask.first_position(input.prompt_len) < input.prefix.len();
            assert_eq!(row[0] != row[1], reachable, "{mask} row {}", input.row);
        }
    }
}

#[test]
fn multiplier_zero_is_the_unsteered_figure_bit_for_bit() {
    let model = tiny();
    let set = prepared(&model);
    let v = direction(model.hidden_size());
    let mut cache = cache(&model, &set);
    for mask in Mask::ALL {
        let site = Site {
            edit: steerscope::units::Edit::ADD,
            direction: &v,
            block: BlockIndex(2),
            mask,
        };
        for (i, row) in evaluate(&mut cache, &site, &[-1.0, 0.0, -0.0, 3.0])
            .iter()
            .enumerate()
        {
            let unsteered = cache.baseline(i).unwrap();
            assert_eq!(row[1].to_bits(), unsteered.to_bits());
            assert_eq!(row[2].to_bits(), unsteered.to_bits());
            let naive =
                naive_propensity(&model, &set.inputs[i], &site, &[0.0], &Cancel::never()).unwrap();
            assert!((naive[0] - unsteered).abs() < 1e-5);
        }
    }
}

#[test]
fn the_effect_is_exactly_zero_where_no_masked_position_is_read() {
    let model = tiny();
    let set = synthetic(&model, &[(12, 12), (12, 11)]);
    assert_eq!(set.void_under_from_answer(), 1);
    let v = direction(model.hidden_size());
    let site = Site {
        edit: steerscope::units::Edit::ADD,
        direction: &v,
        block: BlockIndex(0),
        mask: Mask::FromAnswer,
    };
    let mut cache = cache(&model, &set);
    let rows = evaluate(&mut cache, &site, &DEFAULT_MULTIPLIERS);
    assert!(rows[0].iter().all(|m| m.to_bits() == rows[0][3].to_bits()));
    assert_eq!(steerability(&DEFAULT_MULTIPLIERS, &rows[0]), Some(0.0));
    assert!(rows[1][0] != rows[1][6]);
}

#[test]
fn results_do_not_depend_on_how_inputs_are_grouped() {
    let model = tiny();
    let set = synthetic(&model, &SHAPES);
    let v = direction(model.hidden_size());
    let small = CacheOptions {
        tokens_per_pass: 10,
        rows_per_pass: 3,
        kv_bytes: 1,
        checkpoint_bytes: 1,
    };
    for mask in Mask::ALL {
        let site = Site {
            edit: steerscope::units::Edit::ADD,
            direction: &v,
            block: BlockIndex(1),
            mask,
        };
        let whole = evaluate(&mut cache(&model, &set), &site, &DEFAULT_MULTIPLIERS);
        let mut pieces = PromptCache::new(Arc::clone(&model), Arc::clone(&set), small);
        let mut rows = Vec::new();
        for part in [0..1, 1..4, 4..4, 4..7] {
            rows.extend(
                pieces
                    .evaluate(&site, &DEFAULT_MULTIPLIERS, part, &Cancel::never())
                    .unwrap(),
            );
        }
        assert_eq!(rows, whole, "{mask}");
    }
}

#[test]
fn what_prompts_begin_with_is_computed_once_and_changes_nothing() {
    let model = tiny();
    let shapes = [
        (40, 39),
        (33, 33),
        (40, 30),
        (12, 11),
        (36, 36),
        (9, 8),
        (34, 31),
        (2, 2),
    ];
    let mut set = (*synthetic(&model, &shapes)).clone();
    // Two templates of 20 and 7 tokens, the second beginning like the first; two loners.
    for (row, shared) in [(0, 20), (1, 20), (2, 7), (3, 7), (4, 20), (6, 7)] {
        for i in 0..shared {
            set.inputs[row].prefix[i] = i as u32 * 53 + 9;
        }
    }
    let set = Arc::new(set);
    let v = direction(model.hidden_size());
    let never = Cancel::never();
    for mask in Mask::ALL {
        let site = Site {
            edit: steerscope::units::Edit::ADD,
            direction: &v,
            block: BlockIndex(1),
            mask,
        };
        let together = evaluate(&mut cache(&model, &set), &site, &DEFAULT_MULTIPLIERS);
        let tight = CacheOptions {
            kv_bytes: 1,
            tokens_per_pass: 100,
            ..CacheOptions::default()
        };
        let mut forgetful = PromptCache::new(Arc::clone(&model), Arc::clone(&set), tight);
        for _ in 0..2 {
            assert_eq!(
                evaluate(&mut forgetful, &site, &DEFAULT_MULTIPLIERS),
                together
            );
        }
        let mut pieces = cache(&model, &set);
        for (i, row) in together.iter().enumerate() {
            let alone = cache(&model, &set).evaluate(&site, &DEFAULT_MULTIPLIERS, i..i + 1, &never);
            assert_eq!(&alone.unwrap()[0], row, "{mask} row {i}");
            let one = pieces
                .evaluate(&site, &DEFAULT_MULTIPLIERS, i..i + 1, &never)
                .unwrap();
            assert_eq!(&one[0], row, "{mask} row {i}, one after the other");
        }
    }
}

#[test]
fn a_cancelled_prefill_never_leaves_half_a_prompt() {
    let model = tiny();
    let set = synthetic(&model, &[(40, 40); 3]);
    let mut same = (*set).clone();
    for input in &mut same.inputs {
        input.prefix = (0..40).collect();
    }
    let options = CacheOptions {
        kv_bytes: 1,
        ..CacheOptions::default()
    };
    let mut cache = PromptCache::new(Arc::clone(&model), Arc::new(same), options);
    cache.prefill(0..1, &Cancel::never()).unwrap();
    cache.prefill(1..3, &Cancel::never()).unwrap();
    assert_eq!(
        (cache.ready(), cache.baseline(2).is_some()),
        (1, true),
        "figures outlive the memory"
    );
    assert!(
        cache
            .prefill(1..3, &Cancel::new(Arc::new(AtomicU64::new(2)), 1))
            .is_err()
    );
    assert_eq!(cache.ready(), 1);
}

#[test]
fn memory_stays_within_its_budget() {
    let model = tiny();
    let set = synthetic(&model, &[(40, 40); 12]);
    let v = direction(model.hidden_size());
    let site = Site {
        edit: steerscope::units::Edit::ADD,
        direction: &v,
        block: BlockIndex(1),
        mask: Mask::FromLastPrompt,
    };
    let mut unlimited = cache(&model, &set);
    let want = evaluate(&mut unlimited, &site, &DEFAULT_MULTIPLIERS);
    assert_eq!(unlimited.ready(), 12);
    let full = unlimited.memory_bytes();
    let options = CacheOptions {
        tokens_per_pass: 40,
        kv_bytes: full / 3,
        ..CacheOptions::default()
    };
    let mut limited = PromptCache::new(Arc::clone(&model), Arc::clone(&set), options);
    for (i, want) in want.iter().enumerate() {
        let row = limited
            .evaluate(&site, &DEFAULT_MULTIPLIERS, i..i + 1, &Cancel::never())
            .unwrap();
        assert_eq!(&row[0], want);
    }
    assert!(
        limited.memory_bytes() < full / 2,
        "{} of {full} bytes",
        limited.memory_bytes()
    );
    assert!(
        (2..6).contains(&limited.ready()),
        "{} prompts are kept",
        limited.ready()
    );
    assert_eq!(evaluate(&mut limited, &site, &DEFAULT_MULTIPLIERS), want);
}

#[test]
fn reversing_the_vector_mirrors_the_curve_and_swapping_labels_keeps_the_slope() {
    let model = tiny();
    let set = prepared(&model);
    let v = direction(model.hidden_size());
    let reversed: Vec<f32> = v.iter().map(|x| -x).collect();
    let doubled: Vec<f32> = v.iter().map(|x| 2.0 * x).collect();
    let mut swapped = (*set).clone();
    for input in &mut swapped.inputs {
        input.answers.swap(0, 1);
    }
    let mut plain = cache(&model, &set);
    let mut other = cache(&model, &Arc::new(swapped));
    for mask in Mask::ALL {
        let at = |direction| Site {
            edit: steerscope::units::Edit::ADD,
            direction,
            block: BlockIndex(2),
            mask,
        };
        let rows = evaluate(&mut plain, &at(&v), &DEFAULT_MULTIPLIERS);
        let mirrored = evaluate(&mut plain, &at(&reversed), &DEFAULT_MULTIPLIERS);
        let exchanged = evaluate(&mut other, &at(&reversed), &DEFAULT_MULTIPLIERS);
        let halved: Vec<f32> = DEFAULT_MULTIPLIERS.iter().map(|m| m / 2.0).collect();
        let scaled = evaluate(&mut plain, &at(&doubled), &halved);
        for i in 0..rows.len() {
            for j in 0..7 {
                assert_eq!(mirrored[i][j], rows[i][6 - j], "−v: m(λ) → m(−λ)");
                assert_eq!(
                    exchanged[i][j],
                    -rows[i][6 - j],
                    "swapped labels: m(λ) → −m(−λ)"
                );
                assert!(
                    (scaled[i][j] - rows[i][j]).abs() < 1e-5,
                    "a·v at λ/a is v at λ"
                );
            }
            let slope = |rows: &[Vec<f32>], grid: &[f32]| steerability(grid, &rows[i]).unwrap();
            let s = slope(&rows, &DEFAULT_MULTIPLIERS);
            assert!((slope(&mirrored, &DEFAULT_MULTIPLIERS) + s).abs() < 1e-6);
            assert!((slope(&exchanged, &DEFAULT_MULTIPLIERS) - s).abs() < 1e-6);
            assert!((slope(&scaled, &halved) - 2.0 * s).abs() < 1e-4);
        }
    }
}

#[test]
fn a_cancelled_call_leaves_what_was_kept() {
    let model = tiny();
    let set = prepared(&model);
    let v = direction(model.hidden_size());
    let site = Site {
        edit: steerscope::units::Edit::ADD,
        direction: &v,
        block: BlockIndex(0),
        mask: Mask::FromLastPrompt,
    };
    let current = Arc::new(AtomicU64::new(1));
    let cancel = Cancel::new(Arc::clone(&current), 1);
    let mut cache = cache(&model, &set);
    let first = cache
        .evaluate(&site, &DEFAULT_MULTIPLIERS, 0..2, &cancel)
        .unwrap();
    current.store(2, Ordering::SeqCst);
    let error = cache
        .evaluate(&site, &DEFAULT_MULTIPLIERS, 0..5, &cancel)
        .unwrap_err();
    assert!(error.is_cancelled() && error.id() == "cancelled");
    assert_eq!(cache.ready(), 2);
    assert_eq!(
        evaluate(&mut cache, &site, &DEFAULT_MULTIPLIERS)[..2],
        first[..]
    );
}

#[test]
fn what_does_not_fit_the_model_is_refused() {
    let model = tiny();
    let set = prepared(&model);
    let v = direction(model.hidden_size());
    let mut cache = cache(&model, &set);
    let mut refused = |site: Site<'_>, multipliers: &[f32], end| {
        cache
            .evaluate(&site, multipliers, 0..end, &Cancel::never())
            .unwrap_err()
            .id()
    };
    let site = Site {
        edit: steerscope::units::Edit::ADD,
        direction: &v,
        block: BlockIndex(0),
        mask: Mask::All,
    };
    assert_eq!(
        refused(
            Site {
                edit: steerscope::units::Edit::ADD,
                block: BlockIndex(4),
                ..site
            },
            &[1.0],
            1
        ),
        "layer-range"
    );
    assert_eq!(
        refused(
            Site {
                edit: steerscope::units::Edit::ADD,
                direction: &v[1..],
                ..site
            },
            &[1.0],
            1
        ),
        "hidden-size"
    );
    assert_eq!(refused(site, &[f32::NAN], 1), "multiplier-value");
    assert_eq!(refused(site, &[1.0], 6), "input-range");
}
