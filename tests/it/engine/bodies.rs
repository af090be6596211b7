//! What every fuzz target does with its bytes. The integration tests run the same functions on a
//! bounded number of mutated files (`untrusted`).
//!
//! None may panic; a refusal has a stable id and says something. The id comes back, `None` for bytes
//! that were accepted.

use steerscope::chat::{ChatTemplate, Specials};
use steerscope::engine::{Config, probe};

fn refusal(id: &'static str, message: &str) -> &'static str {
    assert!(
        !id.is_empty() && id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
        "an id: {id}"
    );
    // These mean a defect of the program, not of the file.
    assert!(
        !["engine-request", "tensor-failed"].contains(&id),
        "{id}: {message}"
    );
    assert!(message.len() > 10, "{id}: {message}");
    id
}

/// A GGUF file: header, metadata, tokenizer, tensors.
pub fn gguf(data: &[u8]) -> Option<&'static str> {
    let error = probe::gguf(data.to_vec()).err()?;
    Some(refusal(error.id(), &error.to_string()))
}

/// A `config.json` of any family.
pub fn config(data: &[u8]) -> Option<&'static str> {
    let error = Config::from_json(data, "config.json").err()?;
    Some(refusal(error.id(), &error.to_string()))
}

/// The weights of a small Llama.
pub fn safetensors(data: &[u8]) -> Option<&'static str> {
    let error = probe::safetensors(SMALL, TOKENIZER, data.to_vec()).err()?;
    Some(refusal(error.id(), &error.to_string()))
}

/// A chat template and one turn in it, under the limits that every rendering has.
pub fn chat_template(data: &[u8]) -> Option<&'static str> {
    let source = String::from_utf8_lossy(data);
    let specials = Specials::new([("bos_token", "<s>"), ("eos_token", "</s>")]);
    let turn = ChatTemplate::new(&source, "fuzzed.jinja", specials)
        .and_then(|template| template.turn(Some("Be brief."), "Hello"));
    let error = turn.err()?;
    Some(refusal(error.id(), &error.to_string()))
}

/// The index of a model in shards: names that pass are safe to open.
pub fn shards(data: &[u8]) -> Option<&'static str> {
    for name in steerscope::shards::of_index(data).ok()? {
        let path = std::path::Path::new(&name);
        assert!(path.is_relative(), "{name}");
        assert!(
            path.components()
                .all(|c| matches!(c, std::path::Component::Normal(_))),
            "{name}"
        );
    }
    None
}

/// The configuration that [`safetensors`] reads its bytes under.
pub const SMALL: &[u8] = br#"{"model_type": "llama", "hidden_size": 8, "intermediate_size": 8,
    "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "vocab_size": 8,
    "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": true}"#;

const TOKENIZER: &[u8] = br#"{"version": "1.0", "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
    "model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1, "c": 2}, "unk_token": "a"}}"#;
