//! GGUF files (llama.cpp): header, weights, configuration and tokenizer. The usual quantised types
//! stay as they are in memory; the others become f32 while they are loaded.

mod config;
mod header;
mod kind;
mod metadata;
mod tokens;
mod weights;

use std::path::Path;

use super::bytes::Bytes;
use super::load::Files;
use super::{EngineError, TextTokenizer};
use header::Header;
use weights::GgufWeights;

/// Whether `path` is to be read as a GGUF file: by its ending.
pub(super) fn is_gguf(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str());
    ending.is_some_and(|e| e.eq_ignore_ascii_case("gguf"))
}

/// Reads a GGUF file; no weights are converted yet. The tokenizer is built from the file, or, where
/// that does not hold one of a known kind, read from a `tokenizer.json` beside it.
pub(super) fn open(path: &Path) -> Result<Files, EngineError> {
    let file = path.display().to_string();
    let bytes = Bytes::map(path)?;
    let header = Header::read(bytes.as_slice(), &file)?;
    let metadata = &header.metadata;
    let beside = path.with_file_name("tokenizer.json");
    let tokenizer = match tokens::tokenizer_json(metadata, &file) {
        Ok(json) => TextTokenizer::from_bytes(json.to_string().as_bytes(), &file)?,
        Err(_) if beside.exists() => TextTokenizer::from_file(&beside)?,
        Err(error) => return Err(error),
    };
    let stop_ids = tokens::stop_ids(metadata)?;
    let chat = tokens::chat(metadata, &file);
    let value = config::json(&header, bytes.as_slice(), &file)?;
    let tensors = header.tensors;
    let mut config = config::read(&value, &tensors, &file)?;
    config.eos.clone_from(&stop_ids);
    let weights = GgufWeights::new(bytes, tensors, &config, file);
    let files = Files::new(config, tokenizer, Some(stop_ids), Box::new(weights))?;
    Ok(files.with_chat(chat))
}
