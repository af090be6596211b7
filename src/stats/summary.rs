//! What is said about a set of slopes, and the mean curve with its quartile band.

use serde::{Deserialize, Serialize};

use super::anti_steerable_count;
use super::bootstrap::Bootstrap;
use super::interval::{Interval, wilson};
use super::moments::{excess_kurtosis, mean, sd};
use super::quantile::{Quartiles, quantile_sorted, quartiles};

/// Inputs that move against the intended direction or not at all: slope ≤ 0 (Tan et al. 2407.12404).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AntiSteerable {
    /// Inputs.
    pub count: usize,
    /// Share of all inputs, 0..=1; `None` without inputs.
    pub fraction: Option<f64>,
    /// 95 % Wilson interval of the share.
    pub ci95: Option<Interval>,
}

/// Distribution of per-input steerability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Inputs with a finite slope.
    pub n: usize,
    /// Inputs whose propensity was not finite at some multiplier; they enter nothing else here.
    pub non_finite: usize,
    /// Mean slope, the dataset steerability; equal to the slope of the mean curve.
    pub mean: Option<f64>,
    /// Median slope.
    pub median: Option<f64>,
    /// Sample standard deviation (n − 1).
    pub sd: Option<f64>,
    /// Quartiles, linear interpolation.
    pub quartiles: Option<Quartiles>,
    /// Excess kurtosis G2.
    pub kurtosis: Option<f64>,
    /// Inputs that respond the wrong way.
    pub anti_steerable: AntiSteerable,
    /// 95 % percentile-bootstrap interval of the mean; `None` below eight inputs.
    pub ci95: Option<Interval>,
}

impl Summary {
    /// Summary of slopes; those that are not finite are counted apart.
    pub fn of_slopes(slopes: &[f64]) -> Self {
        let finite: Vec<f64> = slopes.iter().copied().filter(|s| s.is_finite()).collect();
        let n = finite.len();
        let count = anti_steerable_count(&finite);
        let quartiles = quartiles(&finite);
        Self {
            n,
            non_finite: slopes.len() - n,
            mean: mean(&finite),
            median: quartiles.map(|q| q.median),
            sd: sd(&finite),
            quartiles,
            kurtosis: excess_kurtosis(&finite),
            anti_steerable: AntiSteerable {
                count,
                fraction: (n > 0).then(|| count as f64 / n as f64),
                ci95: wilson(count, n),
            },
            ci95: Bootstrap::default().mean(&finite),
        }
    }
}

/// One point of the propensity curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Multiplier λ.
    pub multiplier: f32,
    /// Mean propensity in logits.
    pub mean: f64,
    /// Lower quartile over inputs.
    pub lower: f64,
    /// Median over inputs.
    pub median: f64,
    /// Upper quartile over inputs.
    pub upper: f64,
}

/// Propensity curve over the grid; `rows` holds one propensity per multiplier for each input.
///
/// Inputs with a value that is not finite, or with another number of values, are left out.
pub fn curve<'a>(
    multipliers: &[f32],
    rows: impl IntoIterator<Item = &'a [f32]>,
) -> Vec<CurvePoint> {
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); multipliers.len()];
    for row in rows {
        if row.len() == multipliers.len() && row.iter().all(|m| m.is_finite()) {
            for (column, m) in columns.iter_mut().zip(row) {
                column.push(f64::from(*m));
            }
        }
    }
    let point = |(multiplier, mut column): (&f32, Vec<f64>)| {
        let mean = mean(&column)?;
        column.sort_by(f64::total_cmp);
        let at = |q| quantile_sorted(&column, q);
        Some(CurvePoint {
            multiplier: *multiplier,
            mean,
            lower: at(0.25)?,
            median: at(0.5)?,
            upper: at(0.75)?,
        })
    };
    multipliers.iter().zip(columns).filter_map(point).collect()
}

/// Per-input steerability: the least-squares slope of propensity against multiplier.
///
/// `None` when a propensity is not finite or the grid has fewer than two distinct multipliers.
pub fn steerability(multipliers: &[f32], propensities: &[f32]) -> Option<f64> {
    if propensities.iter().any(|m| !m.is_finite()) {
        return None;
    }
    let widen = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
    super::fit_line(&widen(multipliers), &widen(propensities)).map(|line| line.slope)
}
