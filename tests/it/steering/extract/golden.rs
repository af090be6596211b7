//! Golden values on eight pairs in four dimensions, made with numpy and scikit-learn.

use steerscope::steering::{Degenerate, Direction, Method, pair_direction};

use super::{cosine, norm};
use crate::measure::support::{json, numbers};

const POSITIVE: [[f32; 4]; 8] = [
    [-0.395, 0.3687, -0.7475, -0.6394],
    [0.6734, 0.3102, 0.247, 0.4255],
    [0.9229, 1.3199, -0.3991, 0.0109],
    [1.5421, 0.5564, -0.4461, -0.753],
    [0.7254, 0.6321, -0.6058, -0.3255],
    [0.9045, 0.8245, 0.1288, 0.0132],
    [0.6077, 0.4222, 0.4704, 0.6961],
    [0.2446, 1.4084, 0.8075, 0.2688],
];
const NEGATIVE: [[f32; 4]; 8] = [
    [0.1587, -0.1884, 0.9748, 0.9762],
    [1.081, 0.7891, 0.3144, -0.925],
    [-0.0027, 0.3939, -0.673, 0.0371],
    [0.2579, 0.4176, -0.6105, -0.597],
    [-0.2619, -0.7019, 1.1436, -0.4975],
    [0.1974, -0.1551, 1.0501, 0.5922],
    [0.38, -1.3221, 0.1312, 0.2102],
    [0.6024, -0.3707, 1.1932, -0.9923],
];

pub(super) fn differences() -> Vec<Vec<f32>> {
    let minus = |(p, n): (&[f32; 4], &[f32; 4])| p.iter().zip(n).map(|(p, n)| p - n).collect();
    POSITIVE.iter().zip(&NEGATIVE).map(minus).collect()
}

fn direction(method: Method) -> Direction {
    pair_direction(method, &differences(), 0).expect("a direction")
}

/// Zeros beside the coordinates change no inner product, and take the other way through the algebra:
/// fewer rows than columns.
fn wide() -> Vec<Vec<f32>> {
    let mut rows = differences();
    for row in &mut rows {
        row.resize(20, 0.0);
    }
    rows
}

fn close(got: &[f32], want: &[f64], tolerance: f64) {
    for (got, want) in got.iter().zip(want) {
        assert!(
            (f64::from(*got) - want).abs() < tolerance,
            "{got} is not {want}"
        );
    }
}

#[test]
fn uncentred_component() {
    let want = [
        0.276_533_356_1,
        0.792_765_819_2,
        -0.537_079_190_8,
        -0.081_225_622_0,
    ];
    let got = direction(Method::Pca);
    close(&got.values, &want, 2e-7);
    assert!(got.sign_defined);
    let mean = direction(Method::Mean);
    assert!((cosine(&got.values, &mean.values) - 0.979_383_5).abs() < 1e-6);
    let wide = pair_direction(Method::Pca, &wide(), 0).unwrap();
    close(&wide.values[..4], &want, 2e-7);
    assert!(wide.values[4..].iter().all(|x| x.abs() < 1e-12));
    let shares = (got.explained_share.unwrap(), wide.explained_share.unwrap());
    assert!((shares.0 - shares.1).abs() < 1e-12 && (0.25..1.0).contains(&shares.0));
}

#[test]
fn centred_component_loses_the_mean_difference() {
    let mean = direction(Method::Mean);
    let got = direction(Method::RepengDiff);
    assert!((cosine(&got.values, &mean.values).abs() - 0.217_235_1).abs() < 1e-6);
    let wide = pair_direction(Method::RepengDiff, &wide(), 0).unwrap();
    assert!(cosine(&wide.values[..4], &got.values) > 1.0 - 1e-9);
}

#[test]
fn component_around_the_middle_is_the_uncentred_one() {
    let (center, pca) = (direction(Method::RepengCenter), direction(Method::Pca));
    assert!(cosine(&center.values, &pca.values).abs() > 1.0 - 1e-9);
}

#[test]
fn converged_logistic_regression() {
    let want = [0.363_239_51, 0.767_402_03, -0.490_139_13, 0.197_268_37];
    let got = direction(Method::Logistic);
    close(&got.values, &want, 1e-7);
    let wide = pair_direction(Method::Logistic, &wide(), 0).unwrap();
    close(&wide.values[..4], &want, 1e-7);
    // The reference implementation stops early.
    close(
        &got.values,
        &[0.363_170, 0.767_452, -0.490_156, 0.197_162],
        1e-3,
    );
}

#[test]
fn other_libraries_agree() {
    let Some(golden) = json("oracle/golden_statistics.json") else {
        return;
    };
    let golden = &golden["aggregators_on_braun_geometry_pos_neg"];
    for (key, method) in [
        ("pca", Method::Pca),
        (
            "logistic_sklearn_default_C1_lbfgs_no_intercept",
            Method::Logistic,
        ),
        ("mean", Method::Mean),
    ] {
        let want: Vec<f32> = numbers(&golden[key])
            .into_iter()
            .map(|x| x as f32)
            .collect();
        assert!(
            cosine(&direction(method).values, &want).abs() > 0.999_99,
            "{key}"
        );
    }
}

#[test]
fn unit_methods_have_norm_one() {
    for method in super::OF_PAIRS {
        let got = direction(method);
        let is_one = (norm(&got.values) - 1.0).abs() < 1e-6;
        assert_eq!(is_one, method.is_unit(), "{method}");
    }
}

#[test]
fn what_gives_no_direction_is_refused() {
    let equal = vec![vec![1.0_f32, 2.0, 3.0]; 4];
    let zero = vec![vec![0.0_f32; 3]; 4];
    for method in super::OF_PAIRS {
        let got = pair_direction(method, &[], 0);
        assert_eq!(got, Err(Degenerate::NoPairs), "{method}");
        let got = pair_direction(method, &zero, 0);
        assert_eq!(got, Err(Degenerate::NoDifference), "{method}");
    }
    for one in [&equal[..], &equal[..1]] {
        let got = pair_direction(Method::RepengDiff, one, 0);
        assert_eq!(got, Err(Degenerate::NoSpread));
        for method in [Method::Pca, Method::Logistic, Method::RepengCenter] {
            let got = pair_direction(method, one, 0).unwrap();
            assert!(cosine(&got.values, &equal[0]) > 1.0 - 1e-9, "{method}");
        }
    }
    assert_eq!(
        pair_direction(Method::Lat, &equal[..1], 0),
        Err(Degenerate::NoSpread)
    );
}

#[test]
fn an_undefined_sign_is_flagged() {
    let opposite = vec![vec![1.0_f32, 2.0], vec![-1.0, -2.0]];
    for method in [Method::Pca, Method::RepengDiff, Method::RepengCenter] {
        let got = pair_direction(method, &opposite, 0).unwrap();
        assert!(!got.sign_defined, "{method}");
        assert!((norm(&got.values) - 1.0).abs() < 1e-6);
        assert!((got.explained_share.unwrap() - 1.0).abs() < 1e-12);
    }
}
