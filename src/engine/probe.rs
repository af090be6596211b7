//! The readers of foreign bytes as functions of bytes, for fuzzing: everything that loading a model
//! does, up to the finished weights, without a file. No part of the interface of this library.

use std::sync::Arc;

use super::bytes::Bytes;
use super::device::Place;
use super::load::Files;
use super::weights::{Stored, WeightFile, WeightFiles};
use super::{Config, EngineError, Model, TextTokenizer, gguf};

/// Loads a GGUF file.
///
/// # Errors
/// Those of [`Model::open`].
pub fn gguf(bytes: Vec<u8>) -> Result<(), EngineError> {
    build(gguf::from_bytes(bytes, "fuzzed.gguf")?)
}

/// Loads a model of three files.
///
/// # Errors
/// Those of [`Model::from_dir`].
pub fn safetensors(config: &[u8], tokenizer: &[u8], weights: Vec<u8>) -> Result<(), EngineError> {
    let config = Config::from_json(config, "config.json")?;
    let tokenizer = TextTokenizer::from_bytes(tokenizer, "tokenizer.json")?;
    let weights = WeightFile::open(Bytes::Owned(weights), "fuzzed.safetensors".to_owned())?;
    let weights = Box::new(WeightFiles(vec![weights]));
    build(Files::new(config, tokenizer, None, weights)?)
}

fn build(files: Files) -> Result<(), EngineError> {
    super::memory::check(&files.weights.label(), files.weights.memory())?;
    let weights: Arc<dyn Stored> = Arc::from(files.weights);
    Model::build(
        files.config,
        files.tokenizer,
        files.stop_ids,
        weights,
        &Place::Kernel,
    )
    .map(drop)
}
