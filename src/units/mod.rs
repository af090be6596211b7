//! Newtypes shared by every layer of the program: block index, lane, run id, mask, edit.
//!
//! A leaf module: it imports nothing of ours and no library but serde.

mod coefficient;
mod device;
mod edit;
mod import;
mod mask;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use coefficient::{CoefficientUnit, UnitScale, turned};
pub use device::DeviceChoice;
pub use edit::{Edit, HookPoint, Operator};
pub use import::{FileFact, Location, OpenQuestion, RowsAre};
pub use mask::Mask;

/// Index `b` of a decoder block, 0-based. The canonical site is the residual stream at the block's
/// *output*, after both residual additions and before the next block or the final norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlockIndex(pub usize);

impl BlockIndex {
    /// Where to begin in a model of so many blocks when a vector recommends nothing: 0.42 of the depth
    /// (Tan et al. steer Llama-2's block 13 of 32).
    pub fn start_of(n_blocks: usize) -> Self {
        Self(((n_blocks as f64 * 0.42).round() as usize).min(n_blocks.saturating_sub(1)))
    }
}

impl fmt::Display for BlockIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Rising number of a requested state; events of an older run are dropped by the receiver.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RunId(pub u64);

/// The two streams of one comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// The model as it is, no vector.
    Baseline,
    /// The same prompt and random numbers with the vector applied.
    Steered,
}

/// The default multiplier grid of Tan et al.: sum 0, sum of squares 7.
pub const DEFAULT_MULTIPLIERS: [f32; 7] = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5];
