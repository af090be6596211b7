//! Refusals of vector files.

use super::format::FormatError;
use crate::units::{BlockIndex, HookPoint, OpenQuestion, Operator};

/// Why a steering vector was refused. Every message says what is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VectorError {
    /// No such file.
    #[error("there is no vector file '{file}'; check the path")]
    Missing {
        /// File.
        file: String,
    },
    /// Cannot be read or written.
    #[error("'{file}' cannot be used ({reason}); check that it is a file and its permissions")]
    Unreadable {
        /// File.
        file: String,
        /// The system's words.
        reason: String,
    },
    /// Beyond the size limit.
    #[error(
        "'{file}' has {bytes} bytes, more than any vector file needs (limit {limit}); check that it is a vector"
    )]
    TooLarge {
        /// File.
        file: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// No known vector format.
    #[error(
        "no known vector format in '{file}' ({found}); see the README for the formats that are read, and \
         'steerscope extract' to make a vector"
    )]
    FormatUnknown {
        /// File.
        file: String,
        /// What was found instead.
        found: String,
    },
    /// Data shorter than declared.
    #[error("'{file}' ends after {got} of {expected} bytes; download or copy it again")]
    Truncated {
        /// File.
        file: String,
        /// Bytes declared.
        expected: u64,
        /// Bytes present.
        got: u64,
    },
    /// A header that contradicts itself.
    #[error("'{file}' is not a valid safetensors file ({reason}); export it again")]
    Damaged {
        /// File.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A site that cannot be steered at.
    #[error(
        "'{file}' holds '{key}', which is at no site that can be steered; supported are the residual stream (hook_resid_post, hook_resid_mid) and what attention and the MLP add to it (hook_attn_out, hook_mlp_out)"
    )]
    SiteUnsupported {
        /// File.
        file: String,
        /// Tensor name.
        key: String,
    },
    /// Several sites in one file.
    #[error(
        "'{file}' holds directions at {a} and at {b}; one vector has one site, save them as two files"
    )]
    MixedSites {
        /// File.
        file: String,
        /// One site.
        a: HookPoint,
        /// Another.
        b: HookPoint,
    },
    /// A direction of a basis is missing.
    #[error(
        "'{file}' lacks '{key}'; every block of a basis has the same number of directions, counted from 0"
    )]
    BasisGap {
        /// File.
        file: String,
        /// Tensor name.
        key: String,
    },
    /// An operator that is not known.
    #[error(
        "'{file}' is made for the operator '{operator}', which cannot be applied faithfully; refused rather than approximated"
    )]
    OperatorUnsupported {
        /// File.
        file: String,
        /// Operator.
        operator: String,
    },
    /// A row for each position where one direction is needed.
    #[error(
        "'{file}' holds a row for each position (operator 'add_per_position'), which is no direction; 'steerscope generate' and 'steerscope measure' apply it, and 'extract' makes a direction by any other method"
    )]
    PositionRows {
        /// File.
        file: String,
    },
    /// Not one row of numbers.
    #[error(
        "tensor '{key}' of '{file}' has shape {shape:?}; a direction is one row of hidden-size values, save it as [d]"
    )]
    Shape {
        /// File.
        file: String,
        /// Tensor name.
        key: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// Not a floating-point tensor.
    #[error("tensor '{key}' of '{file}' has number type {dtype}; save it as F32")]
    DType {
        /// File.
        file: String,
        /// Tensor name.
        key: String,
        /// Type name.
        dtype: String,
    },
    /// Directions of different width in one file.
    #[error(
        "'{file}' mixes directions of {a} and {b} values; all blocks of one model have the same width"
    )]
    MixedWidths {
        /// File.
        file: String,
        /// One width.
        a: usize,
        /// Another.
        b: usize,
    },
    /// NaN or infinity.
    #[error(
        "block {block} of '{file}' holds {count} values that are not finite; extract the vector again"
    )]
    NonFinite {
        /// File.
        file: String,
        /// Block.
        block: BlockIndex,
        /// How many.
        count: usize,
    },
    /// All zeros.
    #[error(
        "block {block} of '{file}' is all zero and cannot steer; extract the vector again or drop the block"
    )]
    ZeroVector {
        /// File.
        file: String,
        /// Block.
        block: BlockIndex,
    },
    /// The declared hash is not that of the data.
    #[error(
        "'{key}' does not match the data of '{file}'; the file was changed or damaged, get it again"
    )]
    HashMismatch {
        /// File.
        file: String,
        /// Metadata key.
        key: String,
    },
    /// Another width than the model's.
    #[error(
        "vector '{name}' has {got} values, '{model}' has {expected}; it was made for another model"
    )]
    HiddenSize {
        /// Vector.
        name: String,
        /// Its width.
        got: usize,
        /// Model.
        model: String,
        /// Its width.
        expected: usize,
    },
    /// Blocks the model does not have.
    #[error(
        "vector '{name}' holds block {block}; '{model}' has blocks 0 to {last}; it was made for another model"
    )]
    LayerRange {
        /// Vector.
        name: String,
        /// Block.
        block: BlockIndex,
        /// Model.
        model: String,
        /// Last block.
        last: usize,
    },
    /// No direction at the asked block.
    #[error("vector '{name}' has no direction at block {block}; it has {available}")]
    LayerMissing {
        /// Vector.
        name: String,
        /// Block.
        block: BlockIndex,
        /// Blocks it has.
        available: String,
    },
    /// As many directions as the operator cannot use.
    #[error(
        "'{file}' holds {rank} directions per block for the operator '{operator}'; 'angular' takes two, 'project' any number, the others one"
    )]
    Rank {
        /// File.
        file: String,
        /// Operator.
        operator: Operator,
        /// Directions per block.
        rank: usize,
    },
    /// Several directions that are not orthonormal.
    #[error(
        "the directions at block {block} of '{file}' are not orthonormal, so that removing or turning them one by one would count parts twice; orthonormalise them before saving"
    )]
    Basis {
        /// File.
        file: String,
        /// Block.
        block: BlockIndex,
    },
    /// A shift that leaves no direction.
    #[error(
        "shifting '{name}' by {by:+} blocks leaves no direction within the model; shift it the other way"
    )]
    ShiftedAway {
        /// Vector.
        name: String,
        /// Blocks.
        by: i64,
    },
    /// A card that is not valid TOML.
    #[error("card '{file}' line {line} is not valid: {reason}; correct that line")]
    Card {
        /// File.
        file: String,
        /// Line, 1-based.
        line: usize,
        /// The parser's words.
        reason: String,
    },
    /// Refused by the reader or writer of a foreign format.
    #[error(transparent)]
    Format(#[from] FormatError),
}

impl VectorError {
    /// What a sound file leaves open, if it is that.
    pub fn question(&self) -> Option<OpenQuestion> {
        match self {
            Self::Format(error) => error.question(),
            _ => None,
        }
    }

    /// Whether a flag answers it: the file is sound but does not say enough.
    pub fn asks(&self) -> bool {
        matches!(self, Self::Format(error) if error.asks())
    }

    /// Stable kebab-case id.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "vector-missing",
            Self::Unreadable { .. } => "vector-unreadable",
            Self::TooLarge { .. } => "too-large",
            Self::FormatUnknown { .. } => "format-unknown",
            Self::Truncated { .. } => "truncated",
            Self::Damaged { .. } => "safetensors-invalid",
            Self::SiteUnsupported { .. } => "site-unsupported",
            Self::MixedSites { .. } => "sites-mixed",
            Self::BasisGap { .. } => "basis-gap",
            Self::OperatorUnsupported { .. } | Self::PositionRows { .. } => "operator-unsupported",
            Self::Shape { .. } => "vector-shape",
            Self::DType { .. } => "vector-dtype",
            Self::MixedWidths { .. } => "vector-widths",
            Self::NonFinite { .. } => "non-finite",
            Self::ZeroVector { .. } => "zero-vector",
            Self::HashMismatch { .. } => "hash-mismatch",
            Self::HiddenSize { .. } => "hidden-size",
            Self::LayerRange { .. } | Self::ShiftedAway { .. } => "layer-range",
            Self::LayerMissing { .. } => "layer-missing",
            Self::Rank { .. } => "vector-rank",
            Self::Basis { .. } => "glp-basis",
            Self::Card { .. } => "card-invalid",
            Self::Format(error) => error.id(),
        }
    }
}
