//! Bootstrap and Wilson intervals.

use proptest::collection::vec;
use proptest::prelude::*;
use steerscope::stats::{Bootstrap, Interval, MIN_EXAMPLES, wilson};

const FEW: Bootstrap = Bootstrap {
    seed: 3,
    replicates: 200,
};

proptest! {
    #[test]
    fn the_same_seed_gives_the_same_interval(values in vec(-3.0..3.0_f64, 8..40), seed: u64) {
        let bootstrap = Bootstrap { seed, replicates: 100 };
        prop_assert_eq!(bootstrap.mean(&values), bootstrap.mean(&values));
    }

    #[test]
    fn the_interval_lies_within_the_data(values in vec(-3.0..3.0_f64, 8..40)) {
        let interval = FEW.mean(&values).unwrap();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        prop_assert!(low - 1e-12 <= interval.low && interval.low <= interval.high && interval.high <= high + 1e-12);
    }

    #[test]
    fn constant_data_have_an_interval_of_zero_width(value in -1e6..1e6_f64, n in 8_usize..40) {
        prop_assert_eq!(FEW.mean(&vec![value; n]), Some(Interval { low: value, high: value }));
    }

    #[test]
    fn wilson_holds_the_share_and_mirrors(n in 1_usize..500, share in 0.0..=1.0_f64) {
        let k = ((n as f64) * share) as usize;
        let (i, mirrored) = (wilson(k, n).unwrap(), wilson(n - k, n).unwrap());
        let p = k as f64 / n as f64;
        prop_assert!(0.0 <= i.low && i.low <= p + 1e-12 && p <= i.high + 1e-12 && i.high <= 1.0);
        prop_assert!((i.low - (1.0 - mirrored.high)).abs() < 1e-12);
    }
}

#[test]
fn fewer_than_eight_examples_have_no_interval() {
    assert_eq!(FEW.mean(&[1.0; MIN_EXAMPLES - 1]), None);
    assert!(FEW.mean(&[1.0; MIN_EXAMPLES]).is_some());
}

#[test]
fn statistics_of_one_replicate_are_paired() {
    let values: Vec<f64> = (0..20).map(f64::from).collect();
    let mean = |indices: &[usize]| indices.iter().map(|&i| values[i]).sum::<f64>() / 20.0;
    // The difference of a statistic and itself shifted is constant when indices are shared.
    let intervals = FEW
        .intervals(20, |i| {
            vec![mean(i), mean(i) + 5.0, (mean(i) + 5.0) - mean(i)]
        })
        .unwrap();
    let difference = intervals[2].unwrap();
    assert!((difference.low - 5.0).abs() < 1e-9 && (difference.high - 5.0).abs() < 1e-9);
    assert!(intervals[0].unwrap().high > intervals[0].unwrap().low);
}

#[test]
fn a_statistic_that_is_not_finite_has_no_interval() {
    let intervals = FEW
        .intervals(10, |i| vec![if i[0] == 0 { f64::NAN } else { 1.0 }, 2.0])
        .unwrap();
    assert_eq!(
        intervals,
        [
            None,
            Some(Interval {
                low: 2.0,
                high: 2.0
            })
        ]
    );
}
