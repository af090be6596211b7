//! Intervals.

use serde::{Deserialize, Serialize};

/// Closed interval; 95 % unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// 0.975 quantile of the standard normal distribution.
const Z: f64 = 1.959_964;

/// Wilson's 95 % score interval of a fraction (Wilson 1927); `None` when `n` is zero.
///
/// Unlike the textbook p ± 1.96·√(p(1−p)/n) it is sensible for 0 of n and for small n.
pub fn wilson(successes: usize, n: usize) -> Option<Interval> {
    if n == 0 || successes > n {
        return None;
    }
    let (count, p) = (n as f64, successes as f64 / n as f64);
    let z2 = Z * Z;
    let scale = 1.0 + z2 / count;
    let centre = (p + z2 / (2.0 * count)) / scale;
    let half = Z / scale * (p * (1.0 - p) / count + z2 / (4.0 * count * count)).sqrt();
    // At 0 and n the exact ends are 0 and 1; rounding must not move them past.
    let low = if successes == 0 {
        0.0
    } else {
        (centre - half).max(0.0)
    };
    let high = if successes == n {
        1.0
    } else {
        (centre + half).min(1.0)
    };
    Some(Interval { low, high })
}
