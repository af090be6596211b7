//! GGUF files (llama.cpp): header, weights, configuration and tokenizer. The usual quantised types
//! stay as they are in memory; the others become f32 while they are loaded.

mod config;
mod header;
mod kind;
mod metadata;
mod split;
mod tokens;
mod weights;

use std::path::Path;

use super::bytes::Bytes;
use super::load::Files;
use super::weights::Stored;
use super::{EngineError, TextTokenizer};
use split::{File, Parts, SplitWeights};
use weights::GgufWeights;

/// Whether `path` is to be read as a GGUF file: by its ending.
pub(super) fn is_gguf(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str());
    ending.is_some_and(|e| e.eq_ignore_ascii_case("gguf"))
}

/// Reads a GGUF file, or all parts of the one that `path` is a part of; no weights are converted yet.
/// The tokenizer is built from the file, or, where that does not hold one of a known kind, read from
/// a `tokenizer.json` beside it.
pub(super) fn open(path: &Path) -> Result<Files, EngineError> {
    read(
        split::files(path)?,
        Some(&path.with_file_name("tokenizer.json")),
    )
}

/// Reads a GGUF file from memory; `name` stands in messages.
pub(super) fn from_bytes(bytes: Vec<u8>, name: &str) -> Result<Files, EngineError> {
    let file = File {
        name: name.to_owned(),
        bytes: Bytes::Owned(bytes),
    };
    read(vec![file], None)
}

/// `beside` is where another tokenizer may be.
fn read(files: Vec<File>, beside: Option<&Path>) -> Result<Files, EngineError> {
    let parts = Parts::read(&files)?;
    let (metadata, file) = (parts.metadata(), parts.file());
    let beside = beside.filter(|path| path.exists());
    let tokenizer = match tokens::tokenizer_json(metadata, file) {
        Ok(json) => TextTokenizer::from_bytes(json.to_string().as_bytes(), file)?,
        Err(error) => match beside {
            Some(path) => TextTokenizer::from_file(path)?,
            None => return Err(error),
        },
    };
    let stop_ids = tokens::stop_ids(metadata)?;
    let chat = tokens::chat(metadata, file);
    let value = config::json(&parts)?;
    let mut config = config::read(&value, &parts)?;
    config.eos.clone_from(&stop_ids);
    let tensors = parts.into_tensors();
    let mut weights: Vec<GgufWeights> = files
        .into_iter()
        .zip(tensors)
        .map(|(file, tensors)| GgufWeights::new(file.bytes, tensors, &config, file.name))
        .collect();
    let weights: Box<dyn Stored> = match weights.pop() {
        Some(only) if weights.is_empty() => Box::new(only),
        last => {
            weights.extend(last);
            Box::new(SplitWeights(weights))
        }
    };
    let files = Files::new(config, tokenizer, Some(stop_ids), weights)?;
    Ok(files.with_chat(chat))
}
