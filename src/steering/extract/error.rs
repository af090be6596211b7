//! Refusals of extraction.

use super::super::dataset::DatasetError;
use super::super::error::VectorError;
use super::method::Method;
use crate::engine::EngineError;
use crate::units::BlockIndex;

/// Why no vector could be extracted. Every message says what is wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// Every row was left out.
    #[error("no row of '{dataset}' gives a contrastive pair for this model: {why}")]
    NoPairs {
        /// Data set.
        dataset: String,
        /// Counted reasons.
        why: String,
    },
    /// Prompt rows and text rows in one set.
    #[error(
        "'{dataset}' mixes rows with a prompt ({answers}) and rows of whole texts ({texts}), which are read at \
         different positions; put them into two files"
    )]
    MixedPositions {
        /// Data set.
        dataset: String,
        /// Rows with a prompt.
        answers: usize,
        /// Rows without.
        texts: usize,
    },
    /// The mean difference cannot be a direction.
    #[error(
        "the mean difference is no direction ({0}); use pairs whose texts differ at the position read"
    )]
    NoDirection(VectorError),
    /// Every difference of a block is zero.
    #[error(
        "the positive and negative texts do not differ at block {block} ({n} of them, method {method}); use texts that \
         differ at or before the position read"
    )]
    NoDifference {
        /// Method.
        method: Method,
        /// Block.
        block: BlockIndex,
        /// Pairs or texts read.
        n: usize,
    },
    /// A centred method has nothing left.
    #[error(
        "{method} subtracts the mean difference, and at block {block} nothing is left of {n}: give it at least two pairs \
         with different differences, or use the method mean"
    )]
    NoSpread {
        /// Method.
        method: Method,
        /// Block.
        block: BlockIndex,
        /// Pairs read.
        n: usize,
    },
    /// Nothing read so far.
    #[error("no text was read before extraction was stopped; let it read at least one pair")]
    NothingRead,
    /// A method was given something else than it reads.
    #[error("{method} cannot be made from {given}; {needed}")]
    WrongSource {
        /// Method.
        method: Method,
        /// What was given.
        given: &'static str,
        /// What it is made from.
        needed: &'static str,
    },
    /// Every text of one side was left out.
    #[error("no {what} of '{file}' can be read: {why}; give at least {needed}")]
    NoTexts {
        /// Documents, prompts, responses.
        what: &'static str,
        /// File.
        file: String,
        /// Reason.
        why: String,
        /// How many are needed.
        needed: usize,
    },
    /// Texts of two files that cannot be paired line by line.
    #[error(
        "{method} pairs texts line by line, and '{}' has {} of them, '{}' {}; give as many, or the method corpus_mean",
        names[0], counts[0], names[1], counts[1]
    )]
    UnequalSides {
        /// Method.
        method: Method,
        /// Positive and negative.
        names: [String; 2],
        /// Their texts.
        counts: [usize; 2],
    },
    /// A file of texts or pairs was refused.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The shorter prompt of a pair cannot be filled up.
    #[error(
        "the model's tokenizer has no token for a space, which the shorter prompt would be filled up with; give two          prompts of as many tokens"
    )]
    NoSpaceToken,
    /// The engine failed or was cancelled.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl ExtractError {
    /// Stable kebab-case id.
    pub fn id(&self) -> &'static str {
        match self {
            Self::NoPairs { .. } => "no-pairs",
            Self::MixedPositions { .. } => "mixed-positions",
            Self::NoDirection(error) => error.id(),
            Self::NoDifference { .. } => "no-difference",
            Self::NoSpread { .. } => "no-spread",
            Self::NothingRead => "nothing-read",
            Self::WrongSource { .. } => "method-source",
            Self::NoTexts { .. } => "no-texts",
            Self::UnequalSides { .. } => "unequal-sides",
            Self::Dataset(error) => error.id(),
            Self::NoSpaceToken => "no-space-token",
            Self::Engine(error) => error.id(),
        }
    }

    /// Stopped by a newer request rather than failed.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Engine(error) if error.is_cancelled())
    }
}
