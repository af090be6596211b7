//! Rank correlation.

use std::cmp::Ordering;

use super::line::fit_line;

/// Ranks 1..=n, ties sharing the average of their ranks.
pub fn average_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        let tied =
            |&i: &usize| values[i].partial_cmp(&values[order[start]]) == Some(Ordering::Equal);
        while order.get(end).is_some_and(tied) {
            end += 1;
        }
        // Ranks start+1 ..= end; their mean.
        let shared = (start + 1 + end) as f64 / 2.0;
        for &i in &order[start..end] {
            ranks[i] = shared;
        }
        start = end;
    }
    ranks
}

/// Spearman's rank correlation: Pearson's correlation of average ranks.
///
/// `None` when the slices differ in length, hold fewer than two values, or one is constant.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    if x.len() != y.len() || x.len() < 2 {
        return None;
    }
    let (x, y) = (average_ranks(x), average_ranks(y));
    // Pearson's r is the geometric mean of the two regression slopes, with their common sign.
    let (forward, backward) = (fit_line(&x, &y)?.slope, fit_line(&y, &x)?.slope);
    Some(
        (forward * backward)
            .max(0.0)
            .sqrt()
            .min(1.0)
            .copysign(forward),
    )
}
