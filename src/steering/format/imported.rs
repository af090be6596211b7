//! What an import found: the vector, where its file says it belongs and where it was placed.

use std::fmt;

use super::super::vector::SteeringVector;

/// A vector file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VectorFormat {
    /// Our safetensors.
    Native,
    /// GGUF control vector.
    Gguf,
    /// GGUF layer projection.
    Glp,
    /// Safetensors with one tensor per layer of other tools.
    Safetensors,
    /// `PyTorch` zip.
    Torch,
    /// Plain pickle.
    Pickle,
    /// numpy array.
    Npy,
    /// numpy archive.
    Npz,
    /// IBM / `AISteer360` JSON.
    Svec,
    /// Directory of johny-b.
    JohnyB,
    /// Directory of `refusal_direction`.
    RefusalDirection,
    /// Sparse autoencoder, `SAELens` directory or Gemma Scope archive.
    Sae,
    /// `SteeringLLM` card and tensor.
    SteeringLlm,
    /// `EasyEdit2` directory.
    EasyEdit,
    /// vLLM-Hook configuration.
    VllmHook,
    /// Neuronpedia JSON.
    Neuronpedia,
    /// `EasySteer` specification.
    EasySteer,
    /// lm-evaluation-harness.
    LmEval,
    /// pyreft directory.
    Pyreft,
    /// Bare floats.
    RawF32,
}

impl VectorFormat {
    /// The stable name used in files, flags and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Gguf => "gguf",
            Self::Glp => "glp",
            Self::Safetensors => "safetensors",
            Self::Torch => "torch",
            Self::Pickle => "pickle",
            Self::Npy => "npy",
            Self::Npz => "npz",
            Self::Svec => "svec",
            Self::JohnyB => "johny-b",
            Self::RefusalDirection => "refusal-direction",
            Self::Sae => "sae",
            Self::SteeringLlm => "steering-llm",
            Self::EasyEdit => "easyedit",
            Self::VllmHook => "vllm-hook",
            Self::Neuronpedia => "neuronpedia",
            Self::EasySteer => "easysteer",
            Self::LmEval => "lm-eval",
            Self::Pyreft => "pyreft",
            Self::RawF32 => "raw-f32",
        }
    }
}

impl fmt::Display for VectorFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One layer of a file and where it landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerRead {
    /// As the file says.
    pub in_file: String,
    /// Block whose output it was measured at; −1 is the embedding output, `None` is not known.
    pub measured: Option<i64>,
    /// Block whose output the format's own tool applies it at.
    pub applied: i64,
    /// Block it was placed at; `None` where it was dropped.
    pub placed: Option<usize>,
    /// Measured after the final norm, hence in another space than the block's raw output.
    pub post_final_norm: bool,
}

/// Something to know before trusting an imported vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportWarning {
    /// Stable kebab-case id.
    pub id: &'static str,
    /// One sentence.
    pub text: String,
}

impl ImportWarning {
    pub(super) fn new(id: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { id, text }
    }
}

impl fmt::Display for ImportWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An imported vector and everything that is to be said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The vector; numbers as in the file.
    pub vector: SteeringVector,
    /// Its file's format.
    pub format: VectorFormat,
    /// The tool that wrote it, as far as the file tells.
    pub producer: String,
    /// Where the file says it belongs and where it was placed, one sentence.
    pub sentence: String,
    /// Layer by layer.
    pub layers: Vec<LayerRead>,
    /// What to know.
    pub warnings: Vec<ImportWarning>,
    /// SHA-256 of the file, hex; `None` for directories and very large files.
    pub file_sha256: Option<String>,
}
