//! Refusals that belong to one foreign format, and the questions an import may ask.

use crate::units::OpenQuestion;

/// Why a foreign file was refused, or what it does not say. Messages name the flag that answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The file carries no layer.
    #[error("'{file}' does not say which layer it belongs to{hint}; give --layer-in-file")]
    LayerUnknown {
        /// File.
        file: String,
        /// What its name suggests, or nothing.
        hint: String,
    },
    /// Rows that can be several things.
    #[error("{rows} {what} of '{file}' can be {choices}")]
    RowsAmbiguous {
        /// File.
        file: String,
        /// How many.
        rows: usize,
        /// What they are called.
        what: &'static str,
        /// Readings and the flags that choose.
        choices: String,
        /// What is to be answered.
        asks: OpenQuestion,
    },
    /// Input or output of the block.
    #[error(
        "'{file}' does not say whether it was fitted at the input or the output of the block; give --location input or --location output"
    )]
    LocationUnknown {
        /// File.
        file: String,
    },
    /// Two directions that may be a plane.
    #[error(
        "'{file}' holds two directions per layer, which can span a plane of rotation; give --angular if they do"
    )]
    PlaneUnknown {
        /// File.
        file: String,
    },
    /// A row that does not exist.
    #[error("'{file}' has no row {row}; its rows are 0 to {last}")]
    RowRange {
        /// File.
        file: String,
        /// Asked for.
        row: usize,
        /// Last one.
        last: usize,
    },
    /// A layer the model does not have, in the file's own words.
    #[error(
        "layer {layer} of '{file}' ({convention}) is block {block}; the model has blocks 0 to {last}; it was made for another model, or --layer-in-file is wrong"
    )]
    LayerRange {
        /// File.
        file: String,
        /// As the file says.
        layer: String,
        /// Whose counting.
        convention: String,
        /// Canonical block.
        block: i64,
        /// Last block of the model.
        last: i64,
    },
    /// One tensor beyond the limit.
    #[error(
        "'{file}' declares {bytes} bytes for one tensor, limit {limit}; pass --max-tensor-bytes if intended"
    )]
    TensorTooLarge {
        /// File.
        file: String,
        /// Declared.
        bytes: u64,
        /// Limit.
        limit: u64,
    },
    /// A site that the program does not steer at.
    #[error("'{file}' holds a {site} vector; supported are residual, attention and MLP outputs")]
    Site {
        /// File.
        file: String,
        /// Which.
        site: String,
    },
    /// A tensor that is no direction.
    #[error(
        "tensor '{name}' of '{file}' is not a direction; a control vector holds tensors named direction.1, direction.2, … and nothing else"
    )]
    GgufForeign {
        /// File.
        file: String,
        /// Tensor.
        name: String,
    },
    /// A name that stands there twice.
    #[error("'{name}' appears twice in '{file}'; export it again")]
    GgufDuplicate {
        /// File.
        file: String,
        /// Tensor or metadata key.
        name: String,
    },
    /// Not F32.
    #[error("tensor '{name}' of '{file}' is {dtype}; control vectors are F32, export it again")]
    GgufDtype {
        /// File.
        file: String,
        /// Tensor.
        name: String,
        /// Its type.
        dtype: String,
    },
    /// A version that is not read.
    #[error("'{file}' is GGUF version {version}; versions 2 and 3 are read, export it again")]
    GgufVersion {
        /// File.
        file: String,
        /// Its version.
        version: u32,
    },
    /// Bytes in the other order.
    #[error("'{file}' is a big-endian GGUF file; export it again on a little-endian machine")]
    GgufBigEndian {
        /// File.
        file: String,
    },
    /// A header that contradicts itself.
    #[error("'{file}' is not a valid GGUF file ({reason}); export it again")]
    GgufInvalid {
        /// File.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// An unknown way of applying.
    #[error(
        "glp.mode '{value}' of '{file}' is not implemented; applying it as 'add' would steer the wrong way"
    )]
    GlpMode {
        /// File.
        file: String,
        /// Its value.
        value: String,
    },
    /// An unknown place.
    #[error(
        "glp.hook_point '{value}' of '{file}' is not implemented; another place would be another edit"
    )]
    GlpHook {
        /// File.
        file: String,
        /// Its value.
        value: String,
    },
    /// An unknown version.
    #[error(
        "glp.spec_version {value} of '{file}' is not implemented; versions 1 and 2 are, export it for one of them"
    )]
    GlpVersion {
        /// File.
        file: String,
        /// Its value.
        value: String,
    },
    /// Keys from before the specification.
    #[error(
        "'{file}' is a pre-release file (dspark.* keys); export it again with a current producer"
    )]
    GlpLegacy {
        /// File.
        file: String,
    },
    /// Not plain data.
    #[error(
        "'{file}' names '{global}', which is not plain data and is never run; save tensors only"
    )]
    PickleGlobal {
        /// File.
        file: String,
        /// Module and name.
        global: String,
    },
    /// An opcode that plain data do not need.
    #[error(
        "'{file}' uses pickle opcode {opcode} at byte {at}, which plain data do not need; save tensors with torch.save"
    )]
    PickleOpcode {
        /// File.
        file: String,
        /// Opcode, hexadecimal.
        opcode: String,
        /// Where.
        at: usize,
    },
    /// Beyond a limit of the reader.
    #[error("the pickle of '{file}' goes beyond a limit ({what}); save the tensors alone")]
    PickleLimit {
        /// File.
        file: String,
        /// Which.
        what: String,
    },
    /// A stream that contradicts itself.
    #[error("the pickle of '{file}' is damaged ({reason}); save it again")]
    PickleInvalid {
        /// File.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// From before the zip container.
    #[error(
        "'{file}' is a PyTorch file from before version 1.6; load it in Python and save the tensors with torch.save (dict of layer → tensor)"
    )]
    TorchLegacy {
        /// File.
        file: String,
    },
    /// A plain pickle around tensors.
    #[error(
        "'{file}' is a plain pickle with PyTorch tensors inside; load it in Python and save the tensors with torch.save (dict of layer → tensor)"
    )]
    TorchNested {
        /// File.
        file: String,
    },
    /// A container that contradicts itself.
    #[error("'{file}' is not a valid PyTorch file ({reason}); save it again")]
    TorchInvalid {
        /// File.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// An archive that cannot be read.
    #[error("'{file}' is not a valid zip archive ({reason}); download or save it again")]
    ZipInvalid {
        /// File.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// Array of Python objects.
    #[error("'{file}' is an array of Python objects, which are never read; save it as float32")]
    NpyObject {
        /// File.
        file: String,
    },
    /// A number type that is not read.
    #[error("the array in '{file}' has dtype '{dtype}'; save it as float32")]
    NpyDtype {
        /// File.
        file: String,
        /// Its type.
        dtype: String,
    },
    /// A shape that the file cannot hold.
    #[error("the array in '{file}' has shape {shape}, more than the file holds; save it again")]
    NpyShape {
        /// File.
        file: String,
        /// Its shape.
        shape: String,
    },
    /// A header that cannot be read.
    #[error("'{file}' is not a valid npy array ({reason}); save it again with numpy.save")]
    NpyInvalid {
        /// File.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// JSON that is not what it seems to be.
    #[error("'{file}' is not a valid {kind} ({reason}); export it again")]
    JsonInvalid {
        /// File.
        file: String,
        /// Which format.
        kind: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Block 0 in a control vector for llama.cpp.
    #[error(
        "llama.cpp rejects a whole file with direction.0, so block 0 of '{name}' cannot be written; drop it with --skip-layer 0"
    )]
    WriteLayerZero {
        /// Vector.
        name: String,
    },
    /// Something the target has no way to say.
    #[error("{target} cannot hold '{name}' ({what}); {advice}")]
    WriteUnsupported {
        /// Format.
        target: &'static str,
        /// Vector.
        name: String,
        /// What does not fit.
        what: String,
        /// What to do.
        advice: String,
    },
}

impl FormatError {
    /// Stable kebab-case id.
    pub fn id(&self) -> &'static str {
        match self {
            Self::LayerUnknown { .. } => "layer-unknown",
            Self::RowsAmbiguous { .. } => "rows-ambiguous",
            Self::LocationUnknown { .. } => "location-unknown",
            Self::PlaneUnknown { .. } => "plane-unknown",
            Self::RowRange { .. } => "row-range",
            Self::LayerRange { .. } => "layer-range",
            Self::TensorTooLarge { .. } => "too-large",
            Self::Site { .. } => "site-unsupported",
            Self::GgufForeign { .. } => "gguf-foreign-tensor",
            Self::GgufDuplicate { .. } => "gguf-duplicate",
            Self::GgufDtype { .. } => "gguf-dtype",
            Self::GgufVersion { .. } => "gguf-version",
            Self::GgufBigEndian { .. } => "gguf-big-endian",
            Self::GgufInvalid { .. } => "gguf-invalid",
            Self::GlpMode { .. } => "glp-mode",
            Self::GlpHook { .. } => "glp-hook",
            Self::GlpVersion { .. } => "glp-version",
            Self::GlpLegacy { .. } => "glp-legacy",
            Self::PickleGlobal { .. } => "pickle-global",
            Self::PickleOpcode { .. } => "pickle-opcode",
            Self::PickleLimit { .. } => "pickle-limit",
            Self::PickleInvalid { .. } => "pickle-invalid",
            Self::TorchLegacy { .. } => "torch-legacy",
            Self::TorchNested { .. } => "torch-nested",
            Self::TorchInvalid { .. } => "torch-invalid",
            Self::ZipInvalid { .. } => "zip-invalid",
            Self::NpyObject { .. } => "npy-object",
            Self::NpyDtype { .. } => "npy-dtype",
            Self::NpyShape { .. } => "npy-shape",
            Self::NpyInvalid { .. } => "npy-invalid",
            Self::JsonInvalid { .. } => "json-invalid",
            Self::WriteLayerZero { .. } => "write-layer-zero",
            Self::WriteUnsupported { .. } => "write-unsupported",
        }
    }

    /// What it leaves open, where the file is sound but does not say enough; a flag answers it.
    pub fn question(&self) -> Option<OpenQuestion> {
        match self {
            Self::LayerUnknown { hint, .. } => {
                let digits: String = hint.chars().filter(char::is_ascii_digit).collect();
                Some(OpenQuestion::Layer(digits.parse().ok()))
            }
            Self::RowsAmbiguous { asks, .. } => Some(*asks),
            Self::LocationUnknown { .. } => Some(OpenQuestion::Location),
            Self::PlaneUnknown { .. } => Some(OpenQuestion::Plane),
            _ => None,
        }
    }

    /// Whether a flag answers it.
    pub fn asks(&self) -> bool {
        self.question().is_some()
    }
}
