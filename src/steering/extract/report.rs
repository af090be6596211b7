//! What is to be known about each block of a new vector.

use serde::Serialize;

use super::component::cosine;
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
    /// Cosine to the mean difference without these two coordinates.
    pub cosine_without_top_two: Option<f64>,
}

impl BlockReport {
    pub(super) fn new(block: usize, outcome: &BlockOutcome) -> Self {
        let v: Vec<f64> = outcome
            .direction
            .values
            .iter()
            .map(|x| f64::from(*x))
            .collect();
        let length = norm(&v);
        let top = top_two(&v);
        let without = |a: &[f64]| {
            let mut a = a.to_vec();
            for i in top.iter().flatten() {
                a[*i] = 0.0;
            }
            a
        };
        let energy: f64 = top.iter().flatten().map(|i| v[*i] * v[*i]).sum();
        Self {
            block: BlockIndex(block),
            n: outcome.n,
            norm: length,
            mean_norm: norm(&outcome.mean),
            explained_share: outcome.direction.explained_share,
            sign_defined: outcome.direction.sign_defined,
            cosine_to_mean: cosine(&v, &outcome.mean),
            top_two_share: if length > 0.0 {
                energy / (length * length)
            } else {
                0.0
            },
            cosine_without_top_two: cosine(&without(&v), &without(&outcome.mean)),
        }
    }
}

/// The two coordinates of largest magnitude.
fn top_two(v: &[f64]) -> [Option<usize>; 2] {
    let mut top: [Option<usize>; 2] = [None, None];
    let larger = |i: usize, than: Option<usize>| than.is_none_or(|j| v[i].abs() > v[j].abs());
    for i in 0..v.len() {
        if larger(i, top[0]) {
            top = [Some(i), top[0]];
        } else if larger(i, top[1]) {
            top[1] = Some(i);
        }
    }
    top
}
