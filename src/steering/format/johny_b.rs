//! The directory that johny-b's tool writes: `vector.npy`, `deltas_all_layers.npy`, `meta.json`. Its
//! layer L is what enters block L.

use std::path::Path;

use super::super::error::VectorError;
use super::super::vector::meta;
use super::Context;
use super::imported::VectorFormat;
use super::json::Object;
use super::npy;
use super::reading::{Found, Reading};
use super::source::{MAX_BYTES, read_json, read_whole, sha256};

/// Facts copied under the file's own names.
const KEPT: [(&str, &str); 11] = [
    ("model", meta::MODEL_ID),
    ("n_layers", meta::N_LAYERS),
    ("position_convention", meta::POSITIONS_READ),
    ("sign_convention", meta::SIGN_CONVENTION),
    ("n_pos", meta::N_POS),
    ("n_neg", meta::N_NEG),
    ("prompt_format", "prompt_format"),
    ("activation_norm_at_layer", "activation_norm_at_layer"),
    (
        "templated_first_positive_prompt",
        "templated_first_positive_prompt",
    ),
    ("command", "command"),
    ("capture", "capture"),
];
/// Declared hashes and the files they are of.
const HASHES: [(&str, &str); 4] = [
    ("vector_npy_sha256", "vector.npy"),
    ("deltas_npy_sha256", "deltas_all_layers.npy"),
    ("positive_jsonl_sha256", "positive.jsonl"),
    ("negative_jsonl_sha256", "negative.jsonl"),
];

pub(super) fn read(folder: &Path, context: &Context<'_>) -> Result<Reading, VectorError> {
    let json = read_json(&folder.join("meta.json"), "meta.json")?;
    let object = Object::new(context.file, "meta.json", &json)?;
    let layer = object.int("layer")?;
    for (key, name) in HASHES {
        let path = folder.join(name);
        let Some(declared) = object.text(key).filter(|_| path.exists()) else {
            continue;
        };
        if sha256(&path)?.is_some_and(|hash| hash != declared.to_ascii_lowercase()) {
            return Err(mismatch(context, key));
        }
    }
    let array = |name: &str| {
        let path = folder.join(name);
        let bytes = read_whole(&path, MAX_BYTES)?;
        npy::read(
            &path.display().to_string(),
            &bytes,
            context.options.max_tensor_bytes,
        )
    };
    let vector = array("vector.npy")?.direction(context.file, "vector.npy")?;
    let mut reading = Reading::new(VectorFormat::JohnyB, "johny-b", "block input");
    for (key, ours) in KEPT {
        if let Some(text) = object.fact(key) {
            reading.fact(ours, text);
        }
    }
    if let Some(name) = object.text("name") {
        reading.name = Some(name.to_owned());
    }
    reading.n_blocks = object
        .int("n_layers")
        .ok()
        .and_then(|n| usize::try_from(n).ok());
    reading.recommended = Some(layer.saturating_sub(1));
    let found = |l: i64, values| Found::at(l.to_string(), l.saturating_sub(1), values);
    if !folder.join("deltas_all_layers.npy").exists() {
        reading.found = vec![found(layer, vector)];
        return Ok(reading);
    }
    let deltas = array("deltas_all_layers.npy")?;
    let [_, width] = deltas.shape.as_slice() else {
        return Err(VectorError::Shape {
            file: context.file.to_owned(),
            key: "deltas_all_layers.npy".to_owned(),
            shape: deltas.shape.clone(),
        });
    };
    let row = usize::try_from(layer)
        .ok()
        .and_then(|l| deltas.rows().nth(l));
    let close = |row: &[f32]| {
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-4 * (1.0 + b.abs());
        *width == vector.len() && row.iter().zip(&vector).all(near)
    };
    if !row.is_some_and(|row| close(&row)) {
        return Err(mismatch(context, "vector.npy"));
    }
    for (l, values) in deltas.rows().enumerate() {
        // A row without numbers is a layer that was not measured.
        if values.iter().any(|x| *x != 0.0) {
            reading.found.push(found(l as i64, values));
        }
    }
    Ok(reading)
}

fn mismatch(context: &Context<'_>, key: &str) -> VectorError {
    VectorError::HashMismatch {
        file: context.file.to_owned(),
        key: key.to_owned(),
    }
}
