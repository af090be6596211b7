//! Why a measurement was refused or failed.

use crate::engine::EngineError;
use crate::steering::{ExtractError, VectorError};
use crate::units::BlockIndex;

/// Refusal or failure of a measurement.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// No row has a prompt with two answers that the tokenizer tells apart.
    #[error("no input of '{dataset}' can be measured with this model: {why}")]
    NoInputs {
        /// Data set.
        dataset: String,
        /// Counted reasons.
        why: String,
    },
    /// Too few multipliers for a slope that says anything.
    #[error(
        "the multiplier grid has {distinct} distinct values; give at least three, such as -1,0,1"
    )]
    Grid {
        /// Distinct values.
        distinct: usize,
    },
    /// NaN or infinity.
    #[error("'{value}' is no multiplier; give finite numbers")]
    Multiplier {
        /// The value.
        value: f32,
    },
    /// A block the model does not have.
    #[error("there is no block {block}; the model has blocks 0 to {last}")]
    Block {
        /// Block asked for.
        block: BlockIndex,
        /// Last block.
        last: usize,
    },
    /// A direction of another width than the model's.
    #[error("the direction has {got} values, the model {expected}; it was made for another model")]
    Width {
        /// Values of the direction.
        got: usize,
        /// Residual width.
        expected: usize,
    },
    /// Nothing to continue.
    #[error("no prompt to continue; give at least one that is not empty")]
    NoPrompts,
    /// A text in which nothing is predicted.
    #[error("the text has {tokens} tokens for this model; give one of at least two")]
    ShortText {
        /// Its tokens.
        tokens: usize,
    },
    /// No yardstick for a relative coefficient.
    #[error(
        "the {what} at block {block} has length {length}, which a coefficient cannot be read against; choose another block"
    )]
    NoLength {
        /// Direction or residual stream.
        what: &'static str,
        /// Block.
        block: BlockIndex,
        /// Its length.
        length: f64,
    },
    /// A target that no statistic meets.
    #[error("'{target}' is no target; give a number of nats above 0")]
    Target {
        /// The value.
        target: f64,
    },
    /// A part that the published split does not have.
    #[error(
        "the published split has no part '{part}'; take its test or train part, or leave paper parity"
    )]
    PublishedPart {
        /// The part.
        part: &'static str,
    },
    /// Too few rows for the published split.
    #[error(
        "the published split tests rows from number 50 on; '{dataset}' has {rows} rows, so paper parity cannot measure it"
    )]
    PublishedRows {
        /// Data set.
        dataset: String,
        /// Its rows.
        rows: usize,
    },
    /// A condition on prompts without the figure of those that are not steered.
    #[error(
        "a condition needs the unsteered figure: put 0 into the multipliers, and use an operator that is off there"
    )]
    NoUnsteered,
    /// Pairs without a prompt to put into a template.
    #[error("'{dataset}' holds whole texts without prompts; leave the chat template out")]
    WholeTexts {
        /// Data set.
        dataset: String,
    },
    /// Inputs outside the prepared set.
    #[error(
        "inputs {start} to {end} were asked of a set of {n}; this is a defect in steerscope, please report it"
    )]
    Range {
        /// First input.
        start: usize,
        /// End, exclusive.
        end: usize,
        /// Inputs in all.
        n: usize,
    },
    /// The vector does not serve.
    #[error(transparent)]
    Vector(#[from] VectorError),
    /// Activations of pairs could not be read.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// The engine failed or was cancelled.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl MeasureError {
    /// Stable kebab-case id.
    pub fn id(&self) -> &'static str {
        match self {
            Self::NoInputs { .. } => "no-inputs",
            Self::Grid { .. } => "multiplier-grid",
            Self::Multiplier { .. } => "multiplier-value",
            Self::Block { .. } => "layer-range",
            Self::Width { .. } => "hidden-size",
            Self::NoPrompts => "no-prompts",
            Self::ShortText { .. } => "text-too-short",
            Self::NoLength { .. } => "no-length",
            Self::Target { .. } => "calibration-target",
            Self::PublishedPart { .. } => "published-part",
            Self::PublishedRows { .. } => "published-rows",
            Self::NoUnsteered => "condition-grid",
            Self::WholeTexts { .. } => "whole-texts",
            Self::Range { .. } => "input-range",
            Self::Vector(error) => error.id(),
            Self::Extract(error) => error.id(),
            Self::Engine(error) => error.id(),
        }
    }

    /// Stopped by a newer request rather than failed.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Engine(error) => error.is_cancelled(),
            Self::Extract(error) => error.is_cancelled(),
            _ => false,
        }
    }
}
