//! d′, AUC and overlap of two samples.

use proptest::prelude::*;
use steerscope::stats::{DPrime, auc, d_prime, overlap};

#[test]
fn samples_worked_out_by_hand() {
    let (up, down) = ([1.0, 3.0], [0.0, 2.0]);
    assert_eq!(d_prime(&up, &down), Some(DPrime::Finite(1.0)));
    assert_eq!(auc(&up, &down), Some(0.75));
    assert_eq!(auc(&[1.0, 1.0], &[1.0]), Some(0.5));
    assert_eq!(overlap(&up, &down, 3), Some(0.5));
}

#[test]
fn undefined_cases() {
    assert_eq!(d_prime(&[1.0, 1.0], &[0.0, 0.0]), Some(DPrime::Separated));
    assert_eq!(d_prime(&[1.0], &[1.0]), None);
    assert_eq!(d_prime(&[], &[1.0]), None);
    assert_eq!(d_prime(&[f64::NAN], &[1.0]), None);
    assert_eq!(auc(&[], &[1.0]), None);
    assert_eq!(overlap(&[1.0], &[], 50), None);
    assert_eq!(overlap(&[1.0], &[2.0], 0), None);
}

proptest! {
    #[test]
    fn a_sample_overlaps_itself_wholly_and_a_distant_one_not_at_all(
        x in prop::collection::vec(-3.0..3.0_f64, 1..50),
        scale in 0.1..10.0_f64,
    ) {
        prop_assert!((overlap(&x, &x, 50).unwrap() - 1.0).abs() < 1e-9);
        prop_assert_eq!(auc(&x, &x), Some(0.5));
        let far: Vec<f64> = x.iter().map(|x| x + 1000.0).collect();
        prop_assert_eq!(overlap(&x, &far, 50), Some(0.0));
        prop_assert_eq!(auc(&far, &x), Some(1.0));
        // Powers of two scale without rounding.
        let factor = 2.0_f64.powi(scale.log2().round() as i32);
        let near: Vec<f64> = x.iter().map(|x| 0.5 * x + 1.0).collect();
        let scaled = |v: &[f64]| v.iter().map(|x| x * factor).collect::<Vec<f64>>();
        prop_assert_eq!(auc(&scaled(&near), &scaled(&x)), auc(&near, &x));
        prop_assert_eq!(overlap(&scaled(&near), &scaled(&x), 50), overlap(&near, &x, 50));
        let d = |a: &[f64], b: &[f64]| d_prime(a, b).and_then(DPrime::finite);
        if let (Some(a), Some(b)) = (d(&near, &x), d(&scaled(&near), &scaled(&x))) {
            prop_assert!((a - b).abs() < 1e-9 * a.abs().max(1.0));
        }
    }
}
