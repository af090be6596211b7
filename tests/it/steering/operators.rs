//! Every operator: golden values (science.md 14.2), invariants, and the same effect however the text
//! is computed.

use std::sync::Arc;

use proptest::prelude::*;
use steerscope::engine::{Cancel, Keep, KvCache, Model, Part};
use steerscope::measure::{
    CacheOptions, PreparedSet, PromptCache, Site, SweepCell, naive_propensity,
};
use steerscope::steering::{LaneSteering, SteerHook, apply, is_orthonormal};
use steerscope::units::{BlockIndex, Edit, HookPoint, Mask, Operator};

use crate::measure::support::{direction, prepared, synthetic, tiny};

const V: [f32; 4] = [0.3516, 0.8725, -0.508_575, 0.111_587_5];
const H: [f32; 4] = [0.4, -1.2, 0.7, 2.0];

fn applied(operator: Operator, h: &[f32], basis: &[f32], c: f32) -> Vec<f32> {
    let mut row = h.to_vec();
    apply(operator, &mut row, basis, c);
    row
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum()
}

fn norm(a: &[f32]) -> f64 {
    dot(a, a).sqrt()
}

/// Two orthonormal directions of which the first is along `v`; `(2, d)`.
fn plane(v: &[f32], other: &[f32]) -> Vec<f32> {
    let first: Vec<f64> = v.iter().map(|x| f64::from(*x) / norm(v)).collect();
    let along: f64 = first
        .iter()
        .zip(other)
        .map(|(a, b)| a * f64::from(*b))
        .sum();
    let rest: Vec<f64> = (first.iter().zip(other))
        .map(|(a, b)| f64::from(*b) - along * a)
        .collect();
    let length = rest.iter().map(|x| x * x).sum::<f64>().sqrt();
    let rest = rest.iter().map(|x| x / length);
    first
        .iter()
        .copied()
        .chain(rest)
        .map(|x| x as f32)
        .collect()
}

/// The directions an operator takes, from arbitrary fixed values.
fn basis(operator: Operator, width: usize) -> Vec<f32> {
    let v = direction(width);
    match operator {
        Operator::Angular => plane(&v, &v.iter().map(|x| x * x).collect::<Vec<f32>>()),
        _ => v,
    }
}

/// A coefficient with a clear effect that is not the operator's special case.
fn usual(operator: Operator) -> f32 {
    match operator {
        Operator::Angular => 75.0,
        Operator::Spherical => -0.4,
        _ => 0.8,
    }
}

fn close(got: &[f32], want: &[f64]) {
    for (got, want) in got.iter().zip(want) {
        assert!((f64::from(*got) - want).abs() < 2e-6, "{got} is not {want}");
    }
}

#[test]
fn golden_values() {
    let table: [(Operator, f32, [f64; 4]); 7] = [
        (
            Operator::Add,
            -1.5,
            [-0.1274, -2.508_75, 1.462_862_5, 1.832_618_75],
        ),
        (
            Operator::Project,
            1.0,
            [
                0.716_076_927,
                -0.415_650_970_4,
                0.242_807_670_2,
                2.100_313_521_3,
            ],
        ),
        (
            Operator::AblateThenAdd,
            -1.5,
            [
                0.188_676_927,
                -1.724_400_970_4,
                1.005_670_170_2,
                1.932_932_271_3,
            ],
        ),
        (
            // a = 2 is c·‖v‖.
            Operator::Clamp,
            (2.0 / 1.075_164_690_1) as f32,
            [
                1.370_116_263,
                1.207_356_198_7,
                -0.703_233_442_7,
                2.307_886_372_3,
            ],
        ),
        (
            Operator::NormPreservingAdd,
            -1.5,
            [
                -0.091_491_431_4,
                -1.801_641_511_5,
                1.050_544_616_1,
                1.316_082_517_1,
            ],
        ),
        (
            Operator::Spherical,
            0.25,
            [
                0.848_275_034_9,
                -0.268_144_802_5,
                0.156_870_625_3,
                2.296_501_564_8,
            ],
        ),
        (
            Operator::Spherical,
            -0.25,
            [
                0.081_467_281,
                -1.628_819_443_4,
                0.949_869_319_4,
                1.589_986_974_4,
            ],
        ),
    ];
    for (operator, c, want) in table {
        close(&applied(operator, &H, &V, c), &want);
    }
    let plane = plane(&V, &[0.0, 0.0, 1.0, 0.0]);
    assert!(is_orthonormal(&plane, 4, 1e-6));
    close(
        &applied(Operator::Angular, &H, &plane, 60.0),
        &[
            0.984_846_903_5,
            0.251_305_242_7,
            0.529_166_474_4,
            2.185_613_207_8,
        ],
    );
    // The component along v is negative, so the piecewise form pushes against v.
    close(
        &applied(Operator::Piecewise, &H, &V, 1.5),
        &[-0.1274, -2.508_75, 1.462_862_5, 1.832_618_75],
    );
}

#[test]
fn switched_off_nothing_changes_bit_for_bit_and_clamp_at_zero_ablates() {
    for operator in Operator::ALL {
        let basis = basis(operator, 4);
        if operator.is_off(0.0) {
            let h = [-0.0, f32::MIN_POSITIVE, 3.0, f32::MAX];
            let got = applied(operator, &h, &basis, 0.0);
            assert_eq!(
                got.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
                h.map(f32::to_bits)
            );
        }
    }
    assert!(!Operator::Clamp.is_off(0.0) && !Operator::Angular.is_off(0.0));
    assert_eq!(
        applied(Operator::Clamp, &H, &V, 0.0),
        applied(Operator::Project, &H, &V, 1.0)
    );
    assert_eq!(
        applied(Operator::Clamp, &H, &V, 0.7),
        applied(Operator::AblateThenAdd, &H, &V, 0.7)
    );
    // Nothing to turn towards, nothing to turn.
    assert_eq!(applied(Operator::Spherical, &[0.0; 4], &V, 0.5), [0.0; 4]);
    assert_eq!(applied(Operator::Spherical, &V, &V, 0.5), V);
    let opposite = V.map(|x| -x);
    assert_eq!(applied(Operator::Spherical, &opposite, &V, 0.5), opposite);
    assert_eq!(applied(Operator::NormPreservingAdd, &V, &V, -1.0), V);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn invariants_of_each_row(
        h in proptest::collection::vec(-9.0_f32..9.0, 12),
        v in proptest::collection::vec(-3.0_f32..3.0, 12),
        w in proptest::collection::vec(-3.0_f32..3.0, 12),
        c in -4.0_f32..4.0,
        degrees in 0.0_f32..360.0,
    ) {
        prop_assume!(norm(&v) > 0.5 && norm(&h) > 0.5);
        let size = norm(&h) + norm(&v) * 4.0;
        let same = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| f64::from(a - b).abs() < 1e-5 * size);

        let once = applied(Operator::Project, &h, &v, 1.0);
        prop_assert!(dot(&once, &v).abs() / norm(&v) < 1e-5 * size);
        prop_assert!(norm(&once) <= norm(&h) * (1.0 + 1e-6));
        prop_assert!(same(&applied(Operator::Project, &once, &v, 1.0), &once));
        // Neither length nor sign of v counts.
        let longer: Vec<f32> = v.iter().map(|x| -3.0 * x).collect();
        prop_assert!(same(&applied(Operator::Project, &h, &longer, 0.6), &applied(Operator::Project, &h, &v, 0.6)));

        let held = applied(Operator::AblateThenAdd, &h, &v, c);
        if c != 0.0 {
            prop_assert!((dot(&held, &v) / norm(&v) - f64::from(c) * norm(&v)).abs() < 1e-4 * size);
        }
        let two = applied(Operator::Add, &applied(Operator::Add, &h, &v, c), &v, 1.25);
        prop_assert!(same(&two, &applied(Operator::Add, &h, &v, c + 1.25)));

        for (operator, c) in [(Operator::NormPreservingAdd, c), (Operator::Spherical, c / 4.0)] {
            let got = applied(operator, &h, &v, c);
            prop_assert!((norm(&got) / norm(&h) - 1.0).abs() < 1e-5, "{operator}");
        }
        let there = applied(Operator::Spherical, &h, &v, 1.0);
        let want: Vec<f32> = v.iter().map(|x| (f64::from(*x) * norm(&h) / norm(&v)) as f32).collect();
        prop_assert!(same(&there, &want));

        let plane = plane(&v, &w);
        prop_assume!(is_orthonormal(&plane, 12, 1e-4));
        let turned = applied(Operator::Angular, &h, &plane, degrees);
        prop_assert!((norm(&turned) / norm(&h) - 1.0).abs() < 1e-4);
        prop_assert!(same(&applied(Operator::Angular, &h, &plane, degrees + 360.0), &turned));
        prop_assert!(same(&applied(Operator::Project, &turned, &plane, 1.0), &applied(Operator::Project, &h, &plane, 1.0)));
        let (p1, p2) = (dot(&h, &plane[..12]), dot(&h, &plane[12..]));
        let current = p2.atan2(p1).to_degrees() as f32;
        prop_assert!(same(&applied(Operator::Angular, &h, &plane, current), &h));
    }
}

/// Final logits of a text run in pieces under an edit.
fn logits(model: &Model, pieces: &[usize], edit: Edit, mask: Mask) -> Vec<f32> {
    let v = basis(edit.operator, model.hidden_size());
    let lane = LaneSteering::new(mask, 12, usual(edit.operator));
    let mut hook = SteerHook::new(BlockIndex(1), edit, v, vec![lane]);
    let all: Vec<u32> = (0..20).map(|i| i * 37 % 1999 + 3).collect();
    let mut cache = KvCache::new(model, 1);
    let (mut done, mut last) = (0, Vec::new());
    for n in pieces {
        let part = [Part {
            sequence: 0,
            ids: &all[done..done + n],
        }];
        let rows = model.extend(&mut cache, &part, Keep::Last, &mut hook, &Cancel::never());
        last = model.logits(&rows.unwrap()).unwrap();
        done += n;
    }
    last
}

#[test]
fn cached_passes_equal_one_full_pass_under_every_operator_site_and_mask() {
    let model = tiny();
    let masks = Mask::ALL
        .into_iter()
        .chain([Mask::PromptRange { lo: 3, hi: 9 }]);
    for mask in masks {
        for operator in Operator::ALL {
            for point in HookPoint::ALL {
                let edit = Edit { operator, point };
                let whole = logits(&model, &[20], edit, mask);
                for pieces in [vec![1; 20], vec![12, 8], vec![11, 1, 1, 7], vec![5, 9, 6]] {
                    let got = logits(&model, &pieces, edit, mask);
                    assert!(
                        whole.iter().zip(&got).all(|(a, b)| (a - b).abs() < 1e-4),
                        "{edit}, {mask}, {pieces:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn measurement_from_checkpoints_equals_full_passes_under_every_operator_and_site() {
    let model = tiny();
    let shapes = [(1, 1), (9, 8), (33, 33), (34, 30), (5, 1)];
    let sets: [Arc<PreparedSet>; 2] = [prepared(&model), synthetic(&model, &shapes)];
    let masks = Mask::ALL
        .into_iter()
        .chain([Mask::PromptRange { lo: 2, hi: 8 }]);
    for mask in masks {
        for operator in Operator::ALL {
            for (block, point) in [
                (0, HookPoint::ResidPost),
                (2, HookPoint::ResidPost),
                (3, HookPoint::ResidPost),
                (0, HookPoint::ResidPre),
                (1, HookPoint::ResidMid),
                (2, HookPoint::AttnOut),
                (3, HookPoint::MlpOut),
            ] {
                let v = basis(operator, model.hidden_size());
                let site = Site {
                    edit: Edit { operator, point },
                    direction: &v,
                    block: BlockIndex(block),
                    mask,
                };
                let multipliers = [0.0, usual(operator)];
                for set in &sets {
                    let n = set.inputs.len();
                    let (options, never) = (CacheOptions::default(), Cancel::never());
                    let mut cache = PromptCache::new(Arc::clone(&model), Arc::clone(set), options);
                    let rows = cache.evaluate(&site, &multipliers, 0..n, &never).unwrap();
                    let cell = SweepCell {
                        site,
                        multipliers: &multipliers,
                    };
                    let swept = cache.sweep(&[cell, cell], 0..n, &never).unwrap();
                    assert_eq!(swept[0], swept[1]);
                    for ((input, row), swept) in set.inputs.iter().zip(&rows).zip(&swept[0]) {
                        let naive =
                            naive_propensity(&model, input, &site, &multipliers, &never).unwrap();
                        for ((got, swept), want) in row.iter().zip(swept).zip(&naive) {
                            assert!(
                                (got - want).abs() < 2e-5 && (swept - want).abs() < 2e-5,
                                "{} {mask} block {block} row {}: {got} {swept} {want}",
                                site.edit,
                                input.row
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn an_operator_without_its_directions_is_refused() {
    let model = tiny();
    let set = prepared(&model);
    let v = direction(model.hidden_size());
    let mut cache = PromptCache::new(Arc::clone(&model), set, CacheOptions::default());
    let site = Site {
        edit: Edit {
            operator: Operator::Angular,
            point: HookPoint::ResidPost,
        },
        direction: &v,
        block: BlockIndex(1),
        mask: Mask::All,
    };
    let error = cache
        .evaluate(&site, &[0.0, 1.0], 0..1, &Cancel::never())
        .unwrap_err();
    assert_eq!(error.id(), "hidden-size");
}
