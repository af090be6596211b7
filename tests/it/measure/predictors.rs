//! Geometry of activations: golden numbers, identities, undefined cases.

use steerscope::engine::{Cancel, Model};
use steerscope::measure::{Cloud, Predictors};
use steerscope::stats::{DPrime, MersenneTwister, auc, d_prime, overlap};
use steerscope::steering::dataset::{Dataset, Part};
use steerscope::steering::{PairSet, extract_mean, pair_activations};
use steerscope::units::BlockIndex;

use super::support::{dataset, tiny};

const POSITIVE: [[f64; 4]; 8] = [
    [-0.395, 0.3687, -0.7475, -0.6394],
    [0.6734, 0.3102, 0.247, 0.4255],
    [0.9229, 1.3199, -0.3991, 0.0109],
    [1.5421, 0.5564, -0.4461, -0.753],
    [0.7254, 0.6321, -0.6058, -0.3255],
    [0.9045, 0.8245, 0.1288, 0.0132],
    [0.6077, 0.4222, 0.4704, 0.6961],
    [0.2446, 1.4084, 0.8075, 0.2688],
];
const NEGATIVE: [[f64; 4]; 8] = [
    [0.1587, -0.1884, 0.9748, 0.9762],
    [1.081, 0.7891, 0.3144, -0.925],
    [-0.0027, 0.3939, -0.673, 0.0371],
    [0.2579, 0.4176, -0.6105, -0.597],
    [-0.2619, -0.7019, 1.1436, -0.4975],
    [0.1974, -0.1551, 1.0501, 0.5922],
    [0.38, -1.3221, 0.1312, 0.2102],
    [0.6024, -0.3707, 1.1932, -0.9923],
];

fn cloud(positive: &[[f64; 4]], negative: &[[f64; 4]]) -> Cloud {
    let rows = |rows: &[[f64; 4]]| rows.iter().map(|r| r.to_vec()).collect();
    Cloud {
        positive: rows(positive),
        negative: rows(negative),
    }
}

fn golden() -> Cloud {
    cloud(&POSITIVE, &NEGATIVE)
}

fn of(train: &Cloud) -> Predictors {
    Predictors::of_clouds(train, &Cloud::default(), 0)
}

fn close(got: Option<f64>, want: f64) {
    let got = got.expect("defined");
    assert!(
        (got - want).abs() < 2e-10 * want.abs().max(1.0),
        "{got} is not {want}"
    );
}

#[test]
fn golden_geometry() {
    let got = of(&golden());
    close(Some(got.norm), 1.075_164_690_1);
    let agreement = &got.agreement;
    close(agreement.directional, 0.553_193_067_0);
    close(agreement.pairwise, 0.313_681_284_2);
    close(agreement.pairwise_off_diagonal, 0.215_635_753_3);
    close(agreement.euclidean, -0.811_578_161_9);
    close(agreement.norm_variance, -0.125_007_744_9);
    close(got.in_sample.d_prime, 1.804_844_562_1);
    close(got.in_sample.auc, 0.859_375);
    close(got.in_sample.overlap, 0.0);
    assert_eq!((agreement.n, agreement.dropped), (8, 0));
    assert!(got.held_out.is_none() && got.stability.is_none());
}

#[test]
fn golden_projections() {
    // kproj of the golden pairs; mean ±1 by construction.
    let up = [
        0.298_197_774_0,
        0.190_340_948_3,
        2.354_763_416_4,
        1.472_772_225_5,
        1.313_287_706_4,
        1.131_685_897_7,
        0.175_115_418_0,
        1.063_836_613_6,
    ];
    let down = [
        -1.409_491_886_3,
        0.841_175_436_1,
        0.639_933_683_3,
        0.656_822_636_8,
        -2.873_541_990_4,
        -1.476_074_624_9,
        -2.391_838_919_5,
        -1.986_984_335_1,
    ];
    let got = of(&golden()).in_sample;
    close(got.kproj_positive, 1.0);
    close(got.kproj_negative, -1.0);
    close(
        d_prime(&up, &down).and_then(DPrime::finite),
        got.d_prime.unwrap(),
    );
    close(auc(&up, &down), got.auc.unwrap());
    close(overlap(&up, &down, 5), 0.375);
    close(overlap(&up, &down, 49), 0.0);
    // One golden pair at a time as the held-out set gives its own projections.
    for i in 0..8 {
        let one = cloud(&POSITIVE[i..=i], &NEGATIVE[i..=i]);
        let held = Predictors::of_clouds(&golden(), &one, 0).held_out.unwrap();
        close(held.kproj_positive, up[i]);
        close(held.kproj_negative, down[i]);
    }
}

#[test]
fn golden_cosines_pair_by_pair() {
    let want = [
        0.368_882_891_7,
        -0.234_617_430_2,
        0.689_047_739_4,
        0.334_479_534_4,
        0.931_030_656_7,
        0.862_206_799_1,
        0.743_415_552_0,
        0.731_098_793_3,
    ];
    for i in 0..8 {
        let one = cloud(&POSITIVE[i..=i], &NEGATIVE[i..=i]);
        let held = Predictors::of_clouds(&golden(), &one, 0).held_out.unwrap();
        close(held.directional, want[i]);
    }
}

#[test]
fn leave_one_out_compares_each_difference_with_the_sum_of_the_others() {
    let got = of(&golden()).agreement.leave_one_out.unwrap();
    let d: Vec<Vec<f64>> = (POSITIVE.iter().zip(&NEGATIVE))
        .map(|(p, n)| p.iter().zip(n).map(|(p, n)| p - n).collect())
        .collect();
    let mut sum = 0.0;
    for i in 0..8 {
        let rest: Vec<f64> = (0..4)
            .map(|c| (0..8).filter(|j| *j != i).map(|j| d[j][c]).sum())
            .collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        sum += dot(&d[i], &rest) / (dot(&d[i], &d[i]) * dot(&rest, &rest)).sqrt();
    }
    close(Some(got), sum / 8.0);
    assert!(got < of(&golden()).agreement.directional.unwrap());
}

#[test]
fn duplicating_every_pair_or_scaling_everything_changes_no_agreement() {
    let twice = cloud(
        &[POSITIVE, POSITIVE].concat(),
        &[NEGATIVE, NEGATIVE].concat(),
    );
    let mut larger = golden();
    for row in larger.positive.iter_mut().chain(&mut larger.negative) {
        for x in row {
            *x *= 4.0;
        }
    }
    let want = of(&golden());
    for got in [of(&twice), of(&larger)] {
        close(
            got.agreement.directional,
            want.agreement.directional.unwrap(),
        );
        close(got.agreement.pairwise, want.agreement.pairwise.unwrap());
        close(got.in_sample.d_prime, want.in_sample.d_prime.unwrap());
        close(got.in_sample.auc, want.in_sample.auc.unwrap());
        close(got.in_sample.overlap, want.in_sample.overlap.unwrap());
    }
}

#[test]
fn undefined_cases_are_counted_or_left_open() {
    // A pair without a difference is dropped and counted.
    let mut with_zero = golden();
    with_zero.positive.push(vec![1.0; 4]);
    with_zero.negative.push(vec![1.0; 4]);
    let got = of(&with_zero).agreement;
    assert_eq!((got.n, got.dropped), (8, 1));
    close(got.directional, 0.553_193_067_0);
    // No direction at all.
    let none = of(&cloud(&POSITIVE, &POSITIVE));
    assert_eq!(none.norm, 0.0);
    assert_eq!(none.agreement.directional, None);
    assert_eq!((none.in_sample.d_prime, none.in_sample.auc), (None, None));
    assert!(!none.in_sample.separated);
    // The two sides do not vary along v.
    let one = of(&cloud(&[[1.0, 0.0, 0.0, 0.0]; 3], &[[0.0; 4]; 3]));
    assert!(one.in_sample.separated && one.in_sample.d_prime.is_none());
    close(one.agreement.pairwise, 1.0);
    let empty = of(&Cloud::default());
    assert_eq!(empty.agreement.n, 0);
    assert_eq!(empty.agreement.norm_variance, None);
}

#[test]
fn unrelated_differences_agree_by_one_over_root_n_and_not_left_out() {
    let mut random = MersenneTwister::new(3);
    let mut row = || {
        (0..400)
            .map(|_| f64::from(random.next_u32()) / 4e9 - 0.53)
            .collect()
    };
    let n = 64;
    let noise = Cloud {
        positive: (0..n).map(|_| row()).collect(),
        negative: (0..n).map(|_| row()).collect(),
    };
    let got = of(&noise);
    assert!((got.agreement.directional.unwrap() - 1.0 / 8.0).abs() < 0.03);
    assert!(got.agreement.leave_one_out.unwrap().abs() < 0.03);
    // In-sample separation of noise is inflated to about √(2d/n); on other noise it is gone.
    let expected = (2.0 * 400.0 / 64.0_f64).sqrt();
    assert!((got.in_sample.d_prime.unwrap() / expected - 1.0).abs() < 0.2);
    let other = Cloud {
        positive: (0..n).map(|_| row()).collect(),
        negative: (0..n).map(|_| row()).collect(),
    };
    let held = Predictors::of_clouds(&noise, &other, 0).held_out.unwrap();
    assert!(held.d_prime.unwrap().abs() < 0.6 && (held.auc.unwrap() - 0.5).abs() < 0.15);
    let stability = got.stability.unwrap();
    assert_eq!((stability.pairs, stability.repetitions), (25, 100));
    // A random quarter-sum of unrelated vectors: cosine √(25/64) with the whole.
    assert!((stability.mean - (25.0 / 64.0_f64).sqrt()).abs() < 0.05);
}

#[test]
fn activations_are_those_that_extraction_averages() {
    let model = tiny();
    let set = PairSet::build(&dataset(), model.tokenizer(), 256).unwrap();
    let cancel = Cancel::never();
    let vector = extract_mean(&model, "v", "tiny", &set, &mut |_, _| {}, &cancel).unwrap();
    for block in [0, 2, 3].map(BlockIndex) {
        let got = pair_activations(&model, &set, block, &mut |_, _| {}, &cancel).unwrap();
        assert_eq!(got.positive.len(), 5 * model.hidden_size());
        assert_eq!(got.mean_difference(), vector.direction(block).unwrap());
    }
}

#[test]
fn a_trained_trait_separates_held_out_pairs() {
    let model = Model::bundled().unwrap();
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/assets/data/kindness_texts.jsonl"
    );
    let data = Dataset::load(file.as_ref()).unwrap();
    let read = |part| {
        let rows = data.part(part, 0);
        let set = PairSet::of_rows(&data, &rows, model.tokenizer(), 256).unwrap();
        let cancel = Cancel::never();
        let got = pair_activations(&model, &set, BlockIndex(2), &mut |_, _| {}, &cancel);
        Cloud::from(&got.unwrap())
    };
    let got = Predictors::of_clouds(&read(Part::Train), &read(Part::Validation), 0);
    let held = got.held_out.unwrap();
    assert!(held.auc.unwrap() > 0.9, "{held:?}");
    assert!(
        held.d_prime.unwrap() > 2.0 && held.overlap.unwrap() < 0.3,
        "{held:?}"
    );
    assert!(
        got.agreement.leave_one_out.unwrap() > 0.4,
        "{:?}",
        got.agreement
    );
}
