//! Quantiles by linear interpolation between order statistics (type 7, the default of numpy and R).

use serde::{Deserialize, Serialize};

/// Lower quartile, median, upper quartile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quartiles {
    /// 25 % quantile.
    pub lower: f64,
    /// 50 % quantile.
    pub median: f64,
    /// 75 % quantile.
    pub upper: f64,
}

/// Quantile `q` in 0..=1 of unsorted values; `None` for an empty slice.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_sorted(&sorted, q)
}

/// Quantile `q` in 0..=1 of ascending values; `None` for an empty slice.
pub fn quantile_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = q.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    let (low, high) = (*sorted.get(below)?, *sorted.get(above)?);
    let share = place - below as f64;
    // Written so that equal neighbours give exactly their value.
    Some(if share == 0.0 {
        low
    } else {
        low + (high - low) * share
    })
}

/// Median; `None` for an empty slice.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The three quartiles with a single sort; `None` for an empty slice.
pub fn quartiles(values: &[f64]) -> Option<Quartiles> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(Quartiles {
        lower: quantile_sorted(&sorted, 0.25)?,
        median: quantile_sorted(&sorted, 0.5)?,
        upper: quantile_sorted(&sorted, 0.75)?,
    })
}
