//! Making vectors: texts are read at every block in one pass, methods turn what was read into one
//! direction per block.

mod component;
mod corpora;
mod describe;
mod error;
mod extractor;
mod family;
mod given;
mod linear;
mod logistic;
mod mean;
mod method;
mod pairs;
mod persona;
mod position;
mod read;
mod refusal;
mod report;
mod respond;
mod rows_per_position;

pub use component::{Degenerate, Direction, pair_direction};
pub use corpora::Texts;
pub use error::ExtractError;
pub use extractor::{Extracted, Extraction, Extractor, Source, extract};
pub use given::rendered;
pub use mean::{MeanDifference, PairActivations, extract_mean, pair_activations};
pub use method::Method;
pub use persona::Persona;
pub use position::{Layout, Phase, PositionRead, Positions};
pub use report::{BlockReport, TOP_TWO_WARNING};
pub use respond::Responding;
pub use rows_per_position::{PER_POSITION, PositionHook, PositionRows, extract_positions};
