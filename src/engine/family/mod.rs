//! The model families: one small file each that reads what its `config.json` says beyond a Llama's
//! and names its tensors. A new family is such a file and a line in [`FAMILIES`].

mod gemma;
mod gpt2;
mod gpt_neox;
mod granite;
mod llama;
mod mistral;
mod olmo2;
mod phi3;
mod qwen;
mod smollm3;

use super::fields::Fields;
use super::{Config, EngineError};

/// A family of decoders.
pub(super) struct Family {
    /// Its `model_type`s.
    pub(super) types: &'static [&'static str],
    /// Keys of `config.json` that it spells differently: (usual, here).
    pub(super) aliases: &'static [(&'static str, &'static str)],
    /// What it assumes where the file is silent, as JSON under the usual keys. Files leave out what
    /// transformers' class of the family holds as default.
    pub(super) defaults: &'static str,
    /// Changes a configuration read as a Llama's into this family's.
    pub(super) read: fn(&Fields<'_>, &mut Config) -> Result<(), EngineError>,
}

const FAMILIES: &[Family] = &[
    llama::FAMILY,
    smollm3::FAMILY,
    mistral::FAMILY,
    qwen::QWEN2,
    qwen::QWEN3,
    gemma::GEMMA,
    gemma::GEMMA2,
    gemma::GEMMA3,
    phi3::FAMILY,
    gpt2::FAMILY,
    gpt_neox::FAMILY,
    olmo2::FAMILY,
    granite::FAMILY,
];

/// The family of a `model_type`.
pub(super) fn find(model_type: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|f| f.types.contains(&model_type))
}

/// All supported `model_type`s, for messages.
pub(super) fn supported() -> String {
    let types: Vec<&str> = FAMILIES.iter().flat_map(|f| f.types).copied().collect();
    types.join(", ")
}
