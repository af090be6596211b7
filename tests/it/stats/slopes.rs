//! Slopes, ranks and summaries as properties.

use proptest::collection::vec;
use proptest::prelude::*;
use steerscope::stats::{
    Summary, anti_steerable_count, average_ranks, curve, fit_line, spearman, steerability,
};
use steerscope::units::DEFAULT_MULTIPLIERS;

const GRID: [f64; 7] = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5];

fn near(a: f64, b: f64, scale: f64) -> bool {
    (a - b).abs() <= 1e-9 * scale.abs().max(1.0)
}

proptest! {
    #[test]
    fn closed_form_of_the_default_grid_is_least_squares(m in vec(-50.0..50.0_f64, 7)) {
        let line = fit_line(&GRID, &m).unwrap();
        let closed = GRID.iter().zip(&m).map(|(l, m)| l * m).sum::<f64>() / 7.0;
        let mean = m.iter().sum::<f64>() / 7.0;
        let squares: f64 = m.iter().map(|m| m * m).sum();
        prop_assert!(near(line.slope, closed, 50.0));
        prop_assert!(near(line.intercept, mean, 50.0));
        prop_assert!(near(line.sse, squares - 7.0 * mean * mean - 7.0 * closed * closed, squares));
    }

    #[test]
    fn a_straight_line_leaves_no_residual(a in -5.0..5.0_f64, b in -5.0..5.0_f64) {
        let m: Vec<f64> = GRID.iter().map(|l| a * l + b).collect();
        let line = fit_line(&GRID, &m).unwrap();
        prop_assert!(line.sse < 1e-20 && near(line.slope, a, 1.0) && near(line.intercept, b, 1.0));
    }

    #[test]
    fn mean_of_slopes_is_slope_of_means(rows in vec(vec(-9.0..9.0_f64, 7), 1..20)) {
        let slopes: f64 = rows.iter().map(|r| fit_line(&GRID, r).unwrap().slope).sum();
        let n = rows.len() as f64;
        let means: Vec<f64> = (0..7).map(|j| rows.iter().map(|r| r[j]).sum::<f64>() / n).collect();
        prop_assert!(near(slopes / n, fit_line(&GRID, &means).unwrap().slope, 9.0));
    }

    #[test]
    fn conventions_differ_on_zeros_only(slopes in vec(prop_oneof![Just(0.0), -2.0..2.0_f64], 0..60)) {
        let braun = slopes.iter().filter(|s| **s < 0.0).count();
        let zeros = slopes.iter().filter(|s| **s == 0.0).count();
        prop_assert_eq!(anti_steerable_count(&slopes), braun + zeros);
    }

    #[test]
    fn ranks_are_invariant_under_monotone_maps(x in vec(-4.0..4.0_f64, 2..30)) {
        let stretched: Vec<f64> = x.iter().map(|x| x.exp()).collect();
        prop_assert_eq!(average_ranks(&x), average_ranks(&stretched));
        if let Some(rho) = spearman(&x, &stretched) {
            prop_assert!(near(rho, 1.0, 1.0));
        }
    }
}

#[test]
fn too_little_data_has_no_slope() {
    assert!(fit_line(&[], &[]).is_none());
    assert!(fit_line(&[1.0], &[2.0]).is_none());
    assert!(fit_line(&[1.0, 1.0], &[2.0, 3.0]).is_none());
    assert!(fit_line(&[1.0, 2.0], &[2.0]).is_none());
}

#[test]
fn a_summary_counts_what_is_not_finite_apart() {
    let slopes = [1.0, f64::NAN, -1.0, 0.0, 2.0];
    let summary = Summary::of_slopes(&slopes);
    assert_eq!((summary.n, summary.non_finite), (4, 1));
    assert_eq!(summary.mean, Some(0.5));
    assert_eq!(
        (
            summary.anti_steerable.count,
            summary.anti_steerable.fraction
        ),
        (2, Some(0.5))
    );
    assert_eq!(
        summary.ci95, None,
        "four inputs are too few for an interval"
    );
    let empty = Summary::of_slopes(&[]);
    assert_eq!(
        (empty.n, empty.mean, empty.anti_steerable.fraction),
        (0, None, None)
    );
}

#[test]
fn a_curve_leaves_out_broken_rows() {
    let rows: [&[f32]; 4] = [&[0.0, 2.0], &[1.0, 4.0], &[f32::NAN, 1.0], &[1.0]];
    let points = curve(&[0.0, 1.0], rows);
    assert_eq!((points[0].mean, points[1].mean), (0.5, 3.0));
    assert_eq!(
        (points[1].lower, points[1].median, points[1].upper),
        (2.5, 3.0, 3.5)
    );
    assert!(curve(&[0.0, 1.0], [] as [&[f32]; 0]).is_empty());
}

#[test]
fn a_propensity_that_is_not_finite_has_no_steerability() {
    let mut row = [0.0_f32, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    assert_eq!(steerability(&DEFAULT_MULTIPLIERS, &row), Some(2.0));
    row[3] = f32::INFINITY;
    assert_eq!(steerability(&DEFAULT_MULTIPLIERS, &row), None);
}
