//! The live histogram: zero is an edge, nothing is lost, edges are stable.

use proptest::collection::vec;
use proptest::prelude::*;
use steerscope::stats::{Histogram, anti_steerable_count};

fn any_slopes() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        8 => -5.0..5.0_f64,
        1 => Just(0.0),
        1 => Just(-0.0),
        1 => -1e-300..1e-300_f64,
        1 => -1e9..1e9_f64,
    ];
    vec(value, 1..200)
}

fn check(histogram: &Histogram, values: &[f64]) -> Result<(), TestCaseError> {
    let bars: Vec<_> = histogram.bars().collect();
    prop_assert_eq!(bars.iter().map(|b| b.count).sum::<usize>(), values.len());
    prop_assert_eq!(histogram.anti_steerable(), anti_steerable_count(values));
    prop_assert!(bars.len() <= 66, "{} bars", bars.len());
    for bar in &bars {
        prop_assert!(bar.low < bar.high);
        prop_assert!(bar.high <= 0.0 || bar.low >= 0.0, "zero is inside a bar");
        prop_assert_eq!(bar.anti_steerable, bar.high <= 0.0);
    }
    prop_assert!(bars[0].count > 0 && bars[bars.len() - 1].count > 0);
    for value in values {
        let bar = bars[histogram.bin_of(*value).expect("inside")];
        let slack = 1e-9 * value.abs().max(histogram.width());
        prop_assert!(bar.low - slack <= *value && *value <= bar.high + slack);
        prop_assert_eq!(*value <= 0.0, bar.anti_steerable);
    }
    Ok(())
}

proptest! {
    #[test]
    fn bars_left_of_zero_are_the_anti_steerable_inputs(values in any_slopes()) {
        check(&Histogram::from_values(&values), &values)?;
    }

    #[test]
    fn a_stream_keeps_every_value(values in any_slopes()) {
        let mut histogram = Histogram::new();
        for (i, value) in values.iter().enumerate() {
            histogram.push(*value);
            check(&histogram, &values[..=i])?;
        }
    }

    #[test]
    fn edges_move_only_when_they_must(values in vec(-3.0..3.0_f64, 2..150)) {
        let mut histogram = Histogram::new();
        let mut binned_at = 0;
        for (i, value) in values.iter().enumerate() {
            let inside = histogram.bin_of(*value).is_some();
            let edges = (histogram.width(), histogram.bars().next().map(|b| b.low));
            let moved = histogram.push(*value);
            prop_assert_eq!(moved, !inside || i + 1 >= 2 * binned_at);
            if moved {
                binned_at = i + 1;
            } else {
                prop_assert_eq!(edges, (histogram.width(), histogram.bars().next().map(|b| b.low)));
            }
        }
    }
}

#[test]
fn width_follows_freedman_and_diaconis_within_its_limits() {
    // 0, 1, …, 99: IQR 49.5, n 100, width 2 · 49.5 / 100^(1/3) = 21.3, limited to 99 / 8.
    let values: Vec<f64> = (0..100).map(f64::from).collect();
    assert!((Histogram::from_values(&values).width() - 99.0 / 8.0).abs() < 1e-9);
    // A narrow bulk with far outliers is limited below by range / 64.
    let mut spread: Vec<f64> = (0..98).map(|i| f64::from(i) * 1e-3).collect();
    spread.extend([-32.0, 32.0]);
    assert!((Histogram::from_values(&spread).width() - 1.0).abs() < 1e-9);
    // In between: eight times each of 0..=24 and one value far out.
    let mut middle: Vec<f64> = (0..200).map(|i| f64::from(i / 8)).collect();
    middle.push(60.0);
    let (n, iqr) = (201.0_f64, 18.0 - 6.0);
    assert!((Histogram::from_values(&middle).width() - 2.0 * iqr / n.cbrt()).abs() < 1e-9);
}

#[test]
fn no_spread_in_the_middle_half_gives_a_sixteenth_of_the_range() {
    let values = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 9.0];
    assert!((Histogram::from_values(&values).width() - 0.5).abs() < 1e-12);
}

#[test]
fn equal_values_are_one_bar() {
    for (value, anti) in [(3.0, 0), (-3.0, 5), (0.0, 5), (1e-310, 0), (-1e300, 5)] {
        let histogram = Histogram::from_values(&[value; 5]);
        assert_eq!(histogram.bars().len(), 1, "{value}");
        assert_eq!(histogram.anti_steerable(), anti, "{value}");
    }
}

#[test]
fn values_that_are_not_finite_draw_no_bar() {
    let mut histogram = Histogram::from_values(&[1.0, f64::NAN, 2.0]);
    assert!(!histogram.push(f64::INFINITY));
    assert_eq!((histogram.len(), histogram.rejected()), (2, 2));
    assert_eq!(histogram.bars().map(|b| b.count).sum::<usize>(), 2);
    assert!(Histogram::from_values(&[f64::NAN]).is_empty());
    assert_eq!(Histogram::new().bars().len(), 0);
}

#[test]
fn a_value_far_beyond_the_first_width_is_taken_in() {
    let mut histogram = Histogram::new();
    histogram.extend([6.8e-302, -0.88, 1e300]);
    assert_eq!(
        (
            histogram.bars().map(|b| b.count).sum::<usize>(),
            histogram.anti_steerable()
        ),
        (3, 1)
    );
}

#[test]
fn the_largest_numbers_do_no_harm() {
    let values = [f64::MAX, -f64::MAX, 1.0, 1e16, 1e16 + 2.0];
    let histogram = Histogram::from_values(&values);
    assert_eq!(histogram.bars().map(|b| b.count).sum::<usize>(), 5);
    assert_eq!(histogram.anti_steerable(), 1);
}
