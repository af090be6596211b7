//! What the families of methods have in common: they read some texts at a time, and say at any time
//! what the texts read so far give.

use std::collections::BTreeMap;

use super::component::{Degenerate, Direction};
use super::error::ExtractError;
use super::mean::PairActivations;
use super::method::Method;
use crate::engine::{Cancel, Model};
use crate::units::BlockIndex;

/// A source under way.
pub(super) trait Family: Send {
    /// Units (pairs, documents, prompts) to be read in all, every pass over them counted.
    fn total(&self) -> usize;

    /// Reads some more and returns the units done; [`total`](Self::total) when nothing is left. On
    /// an error, cancellation included, what was read before is kept.
    fn step(&mut self, model: &Model, cancel: &Cancel) -> Result<usize, ExtractError>;

    /// What was read so far gives this.
    fn outcome(&self) -> Result<Outcome, ExtractError>;

    /// How often the texts are read; more than once where what is kept would not fit into memory.
    fn passes(&self) -> usize {
        1
    }

    /// Activations at the watched block, for predictors.
    fn watched(&self) -> Option<&PairActivations> {
        None
    }
}

/// Directions and their circumstances.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) blocks: BTreeMap<usize, BlockOutcome>,
    /// Positive and negative texts read.
    pub(super) counts: [usize; 2],
    /// Position read, as it is named in files.
    pub(super) read: String,
    /// Identity of the data.
    pub(super) dataset_id: String,
    /// Block to steer at, where the method finds one.
    pub(super) recommended: Option<usize>,
    /// Further metadata.
    pub(super) facts: BTreeMap<String, String>,
    /// Generated texts, trait and anti-trait.
    pub(super) responses: Vec<[String; 2]>,
}

/// One block.
#[derive(Clone)]
pub(super) struct BlockOutcome {
    pub(super) direction: Direction,
    /// Mean difference of the same rows, raw.
    pub(super) mean: Vec<f64>,
    /// Pairs, or texts of the smaller side, that it is made of.
    pub(super) n: usize,
}

impl BlockOutcome {
    /// The mean itself, of its own length or of length 1.
    pub(super) fn of_mean(
        method: Method,
        block: usize,
        mean: Vec<f64>,
        n: usize,
    ) -> Result<Self, ExtractError> {
        let length = super::linear::norm(&mean);
        if length <= 0.0 {
            return Err(degenerate(Degenerate::NoDifference, method, block, n));
        }
        let by = if method.is_unit() { length } else { 1.0 };
        Ok(Self {
            direction: Direction {
                values: mean.iter().map(|x| (x / by) as f32).collect(),
                explained_share: None,
                sign_defined: true,
            },
            mean,
            n,
        })
    }
}

pub(super) fn degenerate(why: Degenerate, method: Method, block: usize, n: usize) -> ExtractError {
    let block = BlockIndex(block);
    match why {
        Degenerate::NoPairs => ExtractError::NothingRead,
        Degenerate::NoDifference => ExtractError::NoDifference { method, block, n },
        Degenerate::NoSpread => ExtractError::NoSpread { method, block, n },
    }
}
