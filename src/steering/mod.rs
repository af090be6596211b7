//! Steering: data sets, contrastive pairs, vectors and their files, the operator that applies them.

mod apply;
mod card;
mod change;
pub mod dataset;
mod error;
mod extract;
mod fan;
mod fit;
pub mod format;
mod gate;
mod hook;
mod locate;
mod norms;
mod pair;
mod vector;
mod wording;

pub use apply::{add_scaled, apply, fits, is_orthonormal};
pub use card::Card;
pub use change::cosine;
pub use error::VectorError;
pub use extract::{
    BlockReport, Degenerate, Direction, ExtractError, Extracted, Extraction, Extractor, Layout,
    MeanDifference, Method, PER_POSITION, PairActivations, Persona, Phase, PositionHook,
    PositionRead, PositionRows, Positions, Responding, Source, TOP_TWO_WARNING, Texts, extract,
    extract_mean, extract_positions, pair_activations, pair_direction, rendered,
};
pub use fan::{Fan, FanLane, FanPiece, FanPlan, FanText};
pub use fit::FitWarning;
pub use gate::Gate;
pub use hook::{LaneSteering, SteerHook};
pub use locate::{Located, Rejection, Rejections, locate};
pub use norms::{NORM_PROMPTS, residual_norms, wording_norms};
pub use pair::{ContrastivePair, PairRows, PairSet, ReadText};
pub use vector::{SteeringVector, meta};
pub(crate) use wording::LocatedTexts;
pub use wording::Wording;

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
