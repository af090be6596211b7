//! The variance decomposition: golden numbers, closed form, identities, guards.

use proptest::prelude::*;
use steerscope::stats::{FiveNumbers, decompose, variance};

const S: [f64; 12] = [
    1.4629, 1.3339, 2.6202, 2.3525, 1.1322, 0.9808, 0.5520, 1.2735, -0.4519, -0.7327, 0.4884,
    0.8207,
];
const A: [f64; 12] = [1., 1., 1., 1., 1., 0., 0., 0., 0., 0., 0., 0.];
const YES: [f64; 12] = [1., 1., 0., 0., 1., 0., 1., 0., 1., 1., 0., 0.];

fn close(got: f64, want: f64) {
    assert!((got - want).abs() < 1e-9, "{got} is not {want}");
}

#[test]
fn golden_decomposition() {
    let got = decompose(&S, &A, &YES).unwrap();
    close(got.total, 0.952_293_597_2);
    close(got.first, 0.491_618_059_0);
    close(got.second_marginal, 0.339_845_308_4);
    close(got.unexplained, 0.120_830_229_8);
    let shares = got.shares();
    close(shares.iter().sum::<f64>(), 1.0);
    // The other order: what Yes/No explains alone.
    close(decompose(&S, &YES, &A).unwrap().first, 0.207_988_303_7);
}

#[test]
fn one_binary_factor_has_a_closed_form() {
    let split = |wanted: f64| -> Vec<f64> {
        let pairs = S.iter().zip(&A).filter(|(_, a)| **a == wanted);
        pairs.map(|(s, _)| *s).collect()
    };
    let (ones, zeros) = (split(1.0), split(0.0));
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (n1, n0, n) = (ones.len() as f64, zeros.len() as f64, 12.0);
    let want = n1 * n0 / (n * (n - 1.0)) * (mean(&ones) - mean(&zeros)).powi(2);
    close(decompose(&S, &A, &[0.0; 12]).unwrap().first, want);
}

#[test]
fn collinear_and_constant_factors_add_nothing() {
    let complement = A.map(|a| 1.0 - a);
    for second in [A, complement, [0.0; 12], [1.0; 12]] {
        let got = decompose(&S, &A, &second).unwrap();
        assert_eq!(got.second_marginal, 0.0);
        close(got.first, 0.491_618_059_0);
    }
    let got = decompose(&S, &[1.0; 12], &YES).unwrap();
    assert_eq!(got.first, 0.0);
    close(got.second_marginal, 0.207_988_303_7);
}

#[test]
fn what_cannot_be_decomposed_is_undefined() {
    assert_eq!(decompose(&S[..3], &A[..3], &YES[..3]), None);
    assert_eq!(decompose(&[0.1; 12], &A, &YES), None);
    assert_eq!(decompose(&S, &A[..11], &YES), None);
    assert_eq!(
        decompose(&[1.0, f64::NAN, 2.0, 3.0], &A[..4], &YES[..4]),
        None
    );
    assert_eq!(FiveNumbers::of(&[]), None);
}

#[test]
fn five_numbers_of_a_box() {
    let got = FiveNumbers::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
    let want = [1.0, 1.75, 2.5, 3.25, 4.0];
    assert_eq!([got.min, got.lower, got.median, got.upper, got.max], want);
}

proptest! {
    #[test]
    fn parts_sum_to_the_variance_whatever_is_added_or_relabelled(
        rows in prop::collection::vec((-5.0..5.0_f64, any::<bool>(), any::<bool>()), 4..60),
        offset in -50.0..50.0_f64,
    ) {
        let s: Vec<f64> = rows.iter().map(|r| r.0).collect();
        let column = |pick: fn(&(f64, bool, bool)) -> bool| -> Vec<f64> {
            rows.iter().map(|r| f64::from(u8::from(pick(r)))).collect()
        };
        let (a, y) = (column(|r| r.1), column(|r| r.2));
        let got = decompose(&s, &a, &y).unwrap();
        prop_assert!((got.total - variance(&s).unwrap()).abs() < 1e-9);
        prop_assert!((got.first + got.second_marginal + got.unexplained - got.total).abs() < 1e-9);
        prop_assert!(got.shares().iter().all(|x| (-1e-9..=1.0 + 1e-9).contains(x)));
        let moved: Vec<f64> = s.iter().map(|x| x + offset).collect();
        let flipped: Vec<f64> = a.iter().map(|x| 1.0 - x).collect();
        for other in [decompose(&moved, &a, &y), decompose(&s, &flipped, &y)] {
            for (x, y) in got.shares().into_iter().zip(other.unwrap().shares()) {
                prop_assert!((x - y).abs() < 1e-7);
            }
        }
    }
}
