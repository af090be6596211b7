//! Why prompt shifts were refused or failed.

use crate::engine::EngineError;
use crate::measure::MeasureError;
use crate::steering::ExtractError;

/// Refusal or failure of a measurement over prompt settings.
#[derive(Debug, thiserror::Error)]
pub enum ShiftError {
    /// The pair file cannot be read.
    #[error("the sentence file '{file}' cannot be used ({reason}); check path and permissions")]
    Unreadable {
        /// File.
        file: String,
        /// The system's words.
        reason: String,
    },
    /// Not a table of sentence pairs.
    #[error(
        "line {line} of '{file}' is no sentence pair: {reason}; write a table per data set, as in \
         [kindness] positive = \"You are kind.\" negative = \"You are mean.\""
    )]
    Sentences {
        /// File.
        file: String,
        /// Line, 1-based.
        line: usize,
        /// The parser's words.
        reason: String,
    },
    /// A sentence without text.
    #[error("'{file}' has an empty sentence for '{dataset}'; give both, or leave the table out")]
    EmptySentence {
        /// File.
        file: String,
        /// Data set.
        dataset: String,
    },
    /// Too few rows that can be measured in every setting.
    #[error(
        "only {n} test rows of '{dataset}' can be measured in all five settings; at least {needed} are needed"
    )]
    TooFew {
        /// Data set.
        dataset: String,
        /// Common rows.
        n: usize,
        /// Least number.
        needed: usize,
    },
    /// No vector in one of the settings.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// No propensities.
    #[error(transparent)]
    Measure(#[from] MeasureError),
    /// The chat template or the engine failed, or was cancelled.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl ShiftError {
    /// Stable kebab-case id.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "sentences-unreadable",
            Self::Sentences { .. } => "sentences-invalid",
            Self::EmptySentence { .. } => "sentence-empty",
            Self::TooFew { .. } => "too-few-common-rows",
            Self::Extract(error) => error.id(),
            Self::Measure(error) => error.id(),
            Self::Engine(error) => error.id(),
        }
    }

    /// Stopped by a newer request rather than failed.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Extract(error) => error.is_cancelled(),
            Self::Measure(error) => error.is_cancelled(),
            Self::Engine(error) => error.is_cancelled(),
            _ => false,
        }
    }
}
