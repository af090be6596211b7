//! Ordinary least squares of one variable: the slope is the steerability of one input.

use super::moments::mean;

/// Least-squares line through points (x, y).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Change of y per unit of x. With x the multiplier and y the propensity this is the
    /// per-example steerability of Tan et al. (2407.12404).
    pub slope: f64,
    /// Value at x = 0.
    pub intercept: f64,
    /// Sum of squared residuals, not divided by anything.
    pub sse: f64,
    /// 1 − SSE / total sum of squares; `None` when y is constant.
    pub r2: Option<f64>,
}

/// Fits a line; `None` when the slices differ in length or x has fewer than two distinct values.
pub fn fit_line(x: &[f64], y: &[f64]) -> Option<Line> {
    if x.len() != y.len() {
        return None;
    }
    let (mean_x, mean_y) = (mean(x)?, mean(y)?);
    let sxx: f64 = x.iter().map(|x| (x - mean_x).powi(2)).sum();
    if sxx <= 0.0 || sxx.is_nan() {
        return None;
    }
    let sxy: f64 = x
        .iter()
        .zip(y)
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum();
    let slope = sxy / sxx;
    let intercept = mean_y - slope * mean_x;
    let sse = x
        .iter()
        .zip(y)
        .map(|(x, y)| (y - intercept - slope * x).powi(2))
        .sum();
    let total: f64 = y.iter().map(|y| (y - mean_y).powi(2)).sum();
    // Summing rounds: a constant y may leave a trace of variation.
    let largest = y.iter().fold(0.0_f64, |m, y| m.max(y.abs()));
    let r2 = (total > (1e-14 * largest).powi(2) * y.len() as f64).then(|| 1.0 - sse / total);
    Some(Line {
        slope,
        intercept,
        sse,
        r2,
    })
}
