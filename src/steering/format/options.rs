//! What an import may be told: the answers to what a file does not say.

pub use crate::units::{Location, RowsAre};

use crate::units::{FileFact, HookPoint};

/// Largest tensor that is read unless asked for, in bytes.
pub const MAX_TENSOR_BYTES: u64 = 1 << 30;

/// Sizes of the model that the vector is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelShape {
    /// Decoder blocks n.
    pub n_blocks: usize,
    /// Residual width d.
    pub hidden_size: usize,
}

/// What an import is told beside the file. The default asks about everything that is not certain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImportOptions {
    /// Layer of a file that carries none, as a block index: the output of this block.
    pub layer: Option<usize>,
    /// What the rows of a matrix are.
    pub rows: Option<RowsAre>,
    /// Which row, feature or list item to take.
    pub row: Option<usize>,
    /// Which end of the block.
    pub location: Option<Location>,
    /// The point of the block, where it is not the file's.
    pub site: Option<HookPoint>,
    /// Place directions where they were measured, not where their own tool applies them.
    pub as_measured: bool,
    /// Token position of a `[positions, layers, d]` array, negative from the prompt's end.
    pub position: Option<i64>,
    /// Two directions per layer are a plane of rotation.
    pub angular: bool,
    /// Blocks to add to every layer.
    pub shift: i64,
    /// Most bytes of one tensor.
    pub max_tensor_bytes: u64,
    /// The model, where it is known: settles shapes and checks layers.
    pub model: Option<ModelShape>,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            layer: None,
            rows: None,
            row: None,
            location: None,
            site: None,
            as_measured: false,
            position: None,
            angular: false,
            shift: 0,
            max_tensor_bytes: MAX_TENSOR_BYTES,
            model: None,
        }
    }
}

impl ImportOptions {
    /// The same with one more fact about the file.
    #[must_use]
    pub fn told(mut self, fact: FileFact) -> Self {
        match fact {
            FileFact::Layer(layer) => self.layer = Some(layer),
            FileFact::Rows(rows) => self.rows = Some(rows),
            FileFact::Row(row) => self.row = Some(row),
            FileFact::Position(position) => self.position = Some(position),
            FileFact::Location(location) => self.location = Some(location),
            FileFact::Plane => self.angular = true,
            FileFact::AsMeasured(on) => self.as_measured = on,
        }
        self
    }
}
