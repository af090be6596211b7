//! The library of vectors: changes of a vector, and what is known of many at once.

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::Asset;
use crate::units::{Edit, FileFact, OpenQuestion};

/// A finite factor that can be compared and hashed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Factor(pub f32);

impl PartialEq for Factor {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Factor {}

impl Hash for Factor {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// A visible change of a vector. None of them touches its file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VectorChange {
    /// The vector −v.
    Flip,
    /// All values times a factor.
    Scale(Factor),
    /// Every direction this many blocks later.
    Shift(i64),
    /// Another name.
    Rename(String),
    /// What its file does not say, or where it is placed.
    Told(FileFact),
}

impl VectorChange {
    /// A short mark behind the name.
    pub fn mark(&self) -> String {
        match self {
            Self::Flip => "−".to_owned(),
            Self::Scale(Factor(f)) => format!("×{f}"),
            Self::Shift(by) => format!("{by:+} block{}", if by.abs() == 1 { "" } else { "s" }),
            Self::Told(FileFact::Row(row)) => format!("row {row}"),
            Self::Told(FileFact::AsMeasured(true)) => "as measured".to_owned(),
            Self::Told(_) | Self::Rename(_) => String::new(),
        }
    }
}

/// A file that is sound but does not say enough to be placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportQuestion {
    /// What was to be loaded.
    pub asset: Asset,
    /// What it leaves open.
    pub open: OpenQuestion,
    /// The same in words.
    pub words: String,
}

/// What is known of a vector without making it the loaded one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VectorFacts {
    /// Identity of its directions.
    pub id: String,
    /// Display name.
    pub name: String,
    /// How the file was read, one sentence; empty for the native format.
    pub sentence: String,
    /// Extraction method, if the file says.
    pub method: Option<String>,
    /// Unit of its numbers, if the file says.
    pub unit: Option<String>,
    /// How its file means it to be applied.
    pub edit: Edit,
    /// Directions per block.
    pub rank: usize,
    /// ‖v‖ per block of the model; `None` where it has no direction.
    pub norms: Vec<Option<f32>>,
    /// Share of ‖v‖² in the two largest coordinates, per block.
    pub top_two: Vec<Option<f32>>,
    /// Cosines between its directions, block by block, `(blocks, blocks)` row-major.
    pub across: Vec<Option<f32>>,
    /// Block that the file or its card recommends.
    pub recommended: Option<usize>,
    /// Facts of its file and card, name and value.
    pub card: Vec<(String, String)>,
    /// Why it cannot be applied to the running model, if so.
    pub misfit: Option<String>,
    /// What to know about it.
    pub warnings: Vec<String>,
}

/// Many vectors side by side.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// In the order asked for: what is known, or why the file is refused.
    pub entries: Vec<(Asset, Result<VectorFacts, String>)>,
    /// Cosines between them per block, `(blocks, entries, entries)`.
    pub cosines: Vec<Vec<Option<f32>>>,
    /// The same without the two largest coordinates of either.
    pub cosines_without_top: Vec<Vec<Option<f32>>>,
}

impl Survey {
    /// Cosine of two entries at a block.
    pub fn cosine(&self, block: usize, a: usize, b: usize, without_top: bool) -> Option<f32> {
        let all = if without_top {
            &self.cosines_without_top
        } else {
            &self.cosines
        };
        *all.get(block)?.get(a * self.entries.len() + b)?
    }
}
