//! Why a comparison on a given text was refused or failed.

use crate::engine::EngineError;
use crate::measure::MeasureError;

/// Refusal or failure of a comparison on one text.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// No prompt.
    #[error("the prompt has no tokens; give a prompt of at least one word")]
    NoPrompt,
    /// Nothing to compare on.
    #[error("the text after the prompt has no tokens; give a continuation to compare on")]
    NoText,
    /// The text does not fit.
    #[error(
        "prompt and text have {tokens} tokens but the model reads at most {max}; shorten the text by {}",
        tokens - max
    )]
    TooLong {
        /// Tokens of both.
        tokens: usize,
        /// Context of the model.
        max: usize,
    },
    /// A direction without length.
    #[error("the direction is zero; there is nothing to project on, use another layer or vector")]
    ZeroDirection,
    /// The site is not the one that the text was read for.
    #[error("the text was read for block {read}, not for block {asked}; read it again")]
    OtherBlock {
        /// Block of the run.
        read: usize,
        /// Block asked for.
        asked: usize,
    },
    /// A run of another text or site.
    #[error("the steered run belongs to another text or another site; steer again")]
    OtherRun,
    /// A position outside the text.
    #[error("there is no position {position}; the text has positions 0 to {last}")]
    Position {
        /// Position asked for.
        position: usize,
        /// Last position.
        last: usize,
    },
    /// Residual stream or logits beyond what f32 holds.
    #[error(
        "the numbers at position {position} are not finite at coefficient {coefficient}; use a smaller one"
    )]
    NotFinite {
        /// Absolute position.
        position: usize,
        /// c of the steered run.
        coefficient: f32,
    },
    /// Block or direction do not fit the model.
    #[error(transparent)]
    Measure(#[from] MeasureError),
    /// The engine failed or was cancelled.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl TokensError {
    /// Stable kebab-case id.
    pub fn id(&self) -> &'static str {
        match self {
            Self::NoPrompt => "prompt-empty",
            Self::NoText => "text-empty",
            Self::TooLong { .. } => "text-too-long",
            Self::ZeroDirection => "direction-zero",
            Self::OtherBlock { .. } | Self::OtherRun => "other-run",
            Self::Position { .. } => "position-range",
            Self::NotFinite { .. } => "not-finite",
            Self::Measure(error) => error.id(),
            Self::Engine(error) => error.id(),
        }
    }

    /// Stopped by a newer request rather than failed.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Measure(error) => error.is_cancelled(),
            Self::Engine(error) => error.is_cancelled(),
            _ => false,
        }
    }
}
