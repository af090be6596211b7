//! What can go wrong in the engine: each message says what, in which file, and what to do.

use std::path::PathBuf;

use crate::chat::ChatError;

/// Failure of loading or running a model.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A file of the model directory is not there.
    #[error("{}: no such file; give a Hugging Face model directory with config.json, tokenizer.json and model.safetensors, or a .gguf file", path.display())]
    MissingFile {
        /// The file looked for.
        path: PathBuf,
    },
    /// A file exists but cannot be read.
    #[error("{}: cannot be read ({reason}); check the file and its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// `config.json` or `generation_config.json` is malformed or contradicts itself.
    #[error("{file}: {reason}; fetch the file again or correct it")]
    Config {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A model of another family.
    #[error(
        "{file}: {what} is not supported; models of these types are: {}",
        super::family::supported()
    )]
    Architecture {
        /// The configuration file.
        file: String,
        /// The unsupported property and its value.
        what: String,
    },
    /// A GGUF file of another family.
    #[error("{file}: {what} is not supported; GGUF files are read of these: {known}")]
    Gguf {
        /// The file.
        file: String,
        /// The unsupported property and its value.
        what: String,
        /// What is supported.
        known: String,
    },
    /// `tokenizer.json` or the tokenizer in a GGUF file cannot be used.
    #[error(
        "{file}: not a usable tokenizer ({reason}); fetch the file again, or put the model's tokenizer.json beside a GGUF file"
    )]
    Tokenizer {
        /// The file.
        file: String,
        /// The library's words.
        reason: String,
    },
    /// The tokenizer belongs to another model.
    #[error(
        "{file}: the tokenizer has ids up to {highest} but the model's vocabulary is {vocab}; use the tokenizer.json that came with this model"
    )]
    TokenizerMismatch {
        /// The tokenizer file.
        file: String,
        /// Highest token id.
        highest: u32,
        /// Vocabulary size of the configuration.
        vocab: usize,
    },
    /// The header of a weight file is not valid.
    #[error("{file}: not a valid weight file ({reason}); fetch the file again")]
    WeightsHeader {
        /// The weight file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A part of a split model does not go with the others, or they are not there.
    #[error(
        "{file}: {reason}; put all parts of the model into one folder under the names they were published with"
    )]
    Split {
        /// The part.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// The file ends before its tensors do.
    #[error("{file}: truncated, {got} bytes instead of {expected}; fetch the file again")]
    WeightsTruncated {
        /// The weight file.
        file: String,
        /// Bytes that the header promises.
        expected: u64,
        /// Bytes there are.
        got: u64,
    },
    /// A tensor that the configuration calls for is not in the file.
    #[error("{file}: tensor {tensor} is missing; the weights do not belong to this configuration")]
    TensorMissing {
        /// The weight file or index.
        file: String,
        /// Its name.
        tensor: String,
    },
    /// A tensor has other dimensions than the configuration says.
    #[error(
        "{file}: tensor {tensor} has shape {got:?}, the configuration calls for {expected:?}; the weights do not belong to it"
    )]
    TensorShape {
        /// The weight file.
        file: String,
        /// Its name.
        tensor: String,
        /// Shape by the configuration.
        expected: Vec<usize>,
        /// Shape in the file.
        got: Vec<usize>,
    },
    /// A tensor has a number type that is not read.
    #[error(
        "{file}: tensor {tensor} has number type {dtype}; use weights in F32, F16 or BF16, or in Q4, Q5, Q6 or Q8 of a GGUF file"
    )]
    TensorType {
        /// The weight file.
        file: String,
        /// Its name.
        tensor: String,
        /// The type's name in the file.
        dtype: String,
    },
    /// A weight is NaN or infinite.
    #[error(
        "{file}: tensor {tensor} holds NaN or infinite values; the weights are damaged, fetch the file again"
    )]
    WeightsNotFinite {
        /// The weight file.
        file: String,
        /// Its name.
        tensor: String,
    },
    /// The model does not fit into memory.
    #[error(
        "{file}: needs about {} of memory and {} are free; close other programs, or take a smaller model",
        gib(*needed), gib(*available)
    )]
    Memory {
        /// The weight files.
        file: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes that are free.
        available: u64,
    },
    /// The system refused memory for weights.
    #[error(
        "the system has no {} of memory in one piece for weights; close other programs, or take a smaller model",
        gib(*bytes as u64)
    )]
    Allocation {
        /// Bytes asked for.
        bytes: usize,
    },
    /// `STEERSCOPE_ISA` names no instruction set of this machine.
    #[error("STEERSCOPE_ISA is '{name}'; this machine has {known}: name one of them, or unset it")]
    Isa {
        /// What was asked for.
        name: String,
        /// Those of this machine.
        known: String,
    },
    /// A device whose support was left out when the program was built.
    #[error(
        "{device}: this build of steerscope cannot use {feature} devices; build it with `cargo build --release --features {feature}` (README, GPU), or use --device cpu"
    )]
    DeviceNotBuilt {
        /// As in `--device`.
        device: String,
        /// Cargo's feature.
        feature: &'static str,
    },
    /// A device that is not there or cannot be used.
    #[error(
        "{device}: the device cannot be used ({reason}); check its number and its driver, or use --device cpu"
    )]
    DeviceUnavailable {
        /// As in `--device`.
        device: String,
        /// The driver's words.
        reason: String,
    },
    /// Too little memory on a device.
    #[error(
        "{device}: out of memory, {what}; end other programs that use it, take a smaller model, or use --device cpu"
    )]
    DeviceMemory {
        /// As in `--device`.
        device: String,
        /// What did not fit.
        what: String,
    },
    /// More tokens than the model has positions for.
    #[error(
        "the text needs {needed} positions but the model was made for {max}; shorten the prompt or the answer"
    )]
    Context {
        /// Positions needed.
        needed: usize,
        /// `max_position_embeddings`.
        max: usize,
    },
    /// A token id outside the vocabulary.
    #[error(
        "token id {id} is outside the model's vocabulary of {vocab}; tokenize with the model's own tokenizer"
    )]
    TokenId {
        /// The id.
        id: u32,
        /// Vocabulary size.
        vocab: usize,
    },
    /// Arguments that do not fit together.
    #[error("the engine was called with {0}; this is a defect in steerscope, please report it")]
    Request(String),
    /// The text could not be tokenized or the tokens could not be decoded.
    #[error("the tokenizer failed ({0}); check tokenizer.json")]
    Text(String),
    /// The chat template cannot be rendered.
    #[error(transparent)]
    Chat(#[from] ChatError),
    /// A conversation for a model without a chat template.
    #[error("the model has no chat template; give it plain text")]
    NoChat,
    /// A newer request took over.
    #[error("cancelled")]
    Cancelled,
    /// candle failed.
    #[error("tensor computation failed: {0}; this is a defect in steerscope, please report it")]
    Candle(#[from] candle_core::Error),
}

impl EngineError {
    /// Stable kebab-case name for scripts and tests.
    pub fn id(&self) -> &'static str {
        match self {
            Self::MissingFile { .. } => "model-file-missing",
            Self::Unreadable { .. } => "model-file-unreadable",
            Self::Config { .. } => "config-invalid",
            Self::Architecture { .. } => "architecture-unsupported",
            Self::Gguf { .. } => "gguf-unsupported",
            Self::Tokenizer { .. } => "tokenizer-invalid",
            Self::TokenizerMismatch { .. } => "tokenizer-mismatch",
            Self::WeightsHeader { .. } => "weights-invalid",
            Self::Split { .. } => "gguf-split",
            Self::WeightsTruncated { .. } => "weights-truncated",
            Self::TensorMissing { .. } => "tensor-missing",
            Self::TensorShape { .. } => "tensor-shape",
            Self::TensorType { .. } => "tensor-type",
            Self::WeightsNotFinite { .. } => "weights-not-finite",
            Self::Memory { .. } | Self::Allocation { .. } => "memory",
            Self::Isa { .. } => "isa-unknown",
            Self::DeviceNotBuilt { .. } => "device-not-built",
            Self::DeviceUnavailable { .. } => "device-unavailable",
            Self::DeviceMemory { .. } => "device-memory",
            Self::Context { .. } => "context-length",
            Self::TokenId { .. } => "token-id",
            Self::Request(_) => "engine-request",
            Self::Text(_) => "tokenizer-failed",
            Self::Chat(error) => error.id(),
            Self::NoChat => "chat-template-missing",
            Self::Cancelled => "cancelled",
            Self::Candle(_) => "tensor-failed",
        }
    }

    /// Whether the work was stopped by a newer request rather than failing.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }
}

pub(super) fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}
