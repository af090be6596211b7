//! The propensity curve: mean and quartiles over the inputs at each multiplier.

use crate::protocol::InputResult;
use crate::stats::{mean, quartiles};

/// One multiplier's figures over the inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Multiplier.
    pub multiplier: f32,
    /// Mean propensity.
    pub mean: f32,
    /// First quartile.
    pub lower: f32,
    /// Third quartile.
    pub upper: f32,
}

/// Points in rising order of the multiplier.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curve {
    /// Empty before the first result.
    pub points: Vec<CurvePoint>,
    /// Smallest and largest multiplier of the grid.
    pub range: (f32, f32),
}

impl Curve {
    /// No results yet.
    pub fn empty(multipliers: &[f32]) -> Self {
        let low = multipliers.iter().copied().fold(f32::INFINITY, f32::min);
        let high = multipliers
            .iter()
            .copied()
            .fold(f32::NEG_INFINITY, f32::max);
        let range = if low < high { (low, high) } else { (-1.0, 1.0) };
        Self {
            points: Vec::new(),
            range,
        }
    }

    /// Figures over these results; propensities that are not finite are left out.
    pub fn over(multipliers: &[f32], results: &[&InputResult]) -> Self {
        let mut curve = Self::empty(multipliers);
        for (i, &multiplier) in multipliers.iter().enumerate() {
            let column: Vec<f64> = results
                .iter()
                .filter_map(|r| r.propensity.get(i).filter(|p| p.is_finite()))
                .map(|p| f64::from(*p))
                .collect();
            if let (Some(m), Some(q)) = (mean(&column), quartiles(&column)) {
                curve.points.push(CurvePoint {
                    multiplier,
                    mean: m as f32,
                    lower: q.lower as f32,
                    upper: q.upper as f32,
                });
            }
        }
        curve
            .points
            .sort_by(|a, b| a.multiplier.total_cmp(&b.multiplier));
        curve
    }

    /// Mean at a coefficient and whether it is interpolated; `None` outside the grid.
    pub fn mean_at(&self, coefficient: f32) -> Option<(f32, bool)> {
        let xs: Vec<f32> = self.points.iter().map(|p| p.multiplier).collect();
        let ys: Vec<f32> = self.points.iter().map(|p| p.mean).collect();
        interpolate(&xs, &ys, coefficient)
    }
}

/// Piecewise linear value at `x` and whether it lies between the given points; `None` outside
/// them or where a neighbour is not finite. The points may come in any order.
pub fn interpolate(xs: &[f32], ys: &[f32], x: f32) -> Option<(f32, bool)> {
    let points = || xs.iter().copied().zip(ys.iter().copied());
    if let Some((_, y)) = points().find(|(px, _)| (px - x).abs() < 1e-6) {
        return y.is_finite().then_some((y, false));
    }
    let below = points()
        .filter(|p| p.0 < x)
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    let above = points()
        .filter(|p| p.0 > x)
        .min_by(|a, b| a.0.total_cmp(&b.0))?;
    let share = (x - below.0) / (above.0 - below.0);
    let y = below.1 + share * (above.1 - below.1);
    y.is_finite().then_some((y, true))
}
