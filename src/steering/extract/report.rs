//! What is to be known about each block of a new vector.

use serde::Serialize;

use super::super::change::cosine;
use super::family::BlockOutcome;
use super::linear::norm;
use crate::units::BlockIndex;

/// Share of energy in two coordinates above which a vector says little but that they are large.
pub const TOP_TWO_WARNING: f64 = 0.5;

/// One block of a new vector.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlockReport {
    /// Block.
    pub block: BlockIndex,
    /// Pairs it is made of, or texts of the smaller side.
    pub n: usize,
    /// Norm of the direction as stored; 1 for unit methods.
    pub norm: f64,
    /// Norm of the mean difference of the same rows.
    pub mean_norm: f64,
    /// σ₁²/Σσ² for components.
    pub explained_share: Option<f64>,
    /// Whether the data say which way the direction points.
    pub sign_defined: bool,
    /// Cosine to the mean difference of the same rows; a centred component may have none of it.
    pub cosine_to_mean: Option<f64>,
    /// Share of ‖v‖² in the two largest coordinates; a few coordinates of huge values can be all there
    /// is to a vector.
    pub top_two_share: f64,
    /// Cosine to the mean difference without the two largest coordinates of either.
    pub cosine_without_top_two: Option<f64>,
}

impl BlockReport {
    pub(super) fn new(block: usize, outcome: &BlockOutcome) -> Self {
        let v = &outcome.direction.values;
        let mean: Vec<f32> = outcome.mean.iter().map(|x| *x as f32).collect();
        let mut squares: Vec<f64> = v.iter().map(|x| f64::from(*x).powi(2)).collect();
        let energy: f64 = squares.iter().sum();
        squares.sort_by(|a, b| b.total_cmp(a));
        let top: f64 = squares.iter().take(2).sum();
        Self {
            block: BlockIndex(block),
            n: outcome.n,
            norm: energy.sqrt(),
            mean_norm: norm(&outcome.mean),
            explained_share: outcome.direction.explained_share,
            sign_defined: outcome.direction.sign_defined,
            cosine_to_mean: cosine(v, &mean, false).map(f64::from),
            top_two_share: if energy > 0.0 { top / energy } else { 0.0 },
            cosine_without_top_two: cosine(v, &mean, true).map(f64::from),
        }
    }
}
