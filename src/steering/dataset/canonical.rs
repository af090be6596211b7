//! The canonical form of a data set: own JSONL rows, and their hash.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::example::Example;
use crate::steering::hex;

/// The rows as own JSONL, texts exactly as the model reads them, fields in the order `prompt`,
/// `positive`, `negative`, `meta`; each line ends in a newline.
///
/// Reading the result back gives the same texts and the same data-set id.
pub fn to_own_jsonl(examples: &[Example]) -> String {
    let mut lines = String::new();
    for example in examples {
        let [positive, negative] = example.answer_texts();
        let mut fields = Vec::new();
        if let Some(prompt) = example.prompt_text() {
            fields.push(("prompt", Value::String(prompt.to_owned())));
        }
        fields.push(("positive", Value::String(positive)));
        fields.push(("negative", Value::String(negative)));
        if let Some(meta) = &example.meta {
            fields.push(("meta", sorted(meta)));
        }
        let cells: Vec<String> = fields
            .into_iter()
            .map(|(key, value)| format!("{}:{value}", Value::from(key)))
            .collect();
        lines.push('{');
        lines.push_str(&cells.join(","));
        lines.push_str("}\n");
    }
    lines
}

/// SHA-256 of the canonical rows, hex.
pub(super) fn hash(examples: &[Example]) -> String {
    hex(&Sha256::digest(to_own_jsonl(examples)))
}

/// Object keys in order, so that the hash does not depend on how a file orders them.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            Value::Object(
                entries
                    .into_iter()
                    .map(|(k, v)| (k.clone(), sorted(v)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
