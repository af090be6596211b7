//! One given text, token by token: what the vector changes in what the model expects next, without generating twice.
//!
//! Teacher-forced: unsteered and steered model read the same tokens. [`UnsteeredRun`] is one pass over the text; a
//! steered one ([`UnsteeredRun::steer`]) is the blocks above the site for the positions from the first edited one on, because an
//! edit at the output of a block leaves everything below and before it as it is. [`UnsteeredRun::strip`] compares
//! the two position by position, [`UnsteeredRun::lens`] at one position block by block.

mod distribution;
mod error;
mod lens;
mod passage;
mod run;
mod side_by_side;
mod strip;

pub(in crate::measure) use distribution::Figures;
pub use distribution::{kl_divergence, log_normaliser};
pub use error::TokensError;
pub use lens::{LensReading, LensRow, LogitLens};
pub use passage::{Candidate, Passage, TextToken};
pub use run::{SteeredRun, UnsteeredRun};
pub(in crate::measure) use side_by_side::{rows_at_once, side_by_side};
pub use strip::{KlSummary, Reading, StripOptions, TokenRow, TokenStrip};
