//! A decoder row of a sparse autoencoder: `SAELens` directories, Gemma Scope archives and state dicts of
//! `PyTorch`. Only the row is read, never the matrix.

use std::path::Path;

use serde_json::Value;

use super::super::error::VectorError;
use super::super::vector::meta;
use super::Context;
use super::array::Number;
use super::error::FormatError;
use super::imported::VectorFormat;
use super::keys;
use super::npy;
use super::pickle::{Node, Pickle};
use super::reading::{Found, Reading};
use super::source::{Opened, read_json};
use super::torch::{Tensors, shape_of};
use super::zipped::Zipped;
use crate::units::HookPoint;

/// Longest header of a safetensors file.
const MAX_HEADER: u64 = 100_000_000;

/// The feature asked for, checked against how many there are.
fn feature(context: &Context<'_>, features: usize) -> Result<usize, VectorError> {
    let file = context.file.to_owned();
    match context.options.row {
        Some(row) if row < features => Ok(row),
        Some(row) => Err(FormatError::RowRange {
            file,
            row,
            last: features.saturating_sub(1),
        }
        .into()),
        None => Err(FormatError::RowsAmbiguous {
            file,
            rows: features,
            what: "features",
            choices: "chosen; give --row I".to_owned(),
            asks: crate::units::OpenQuestion::Row(features),
        }
        .into()),
    }
}

fn shape_error(context: &Context<'_>, shape: &[usize]) -> VectorError {
    VectorError::Shape {
        file: context.file.to_owned(),
        key: "W_dec".to_owned(),
        shape: shape.to_vec(),
    }
}

fn reading(producer: &str, row: usize, place: (String, i64), values: Vec<f32>) -> Reading {
    let mut reading = Reading::new(VectorFormat::Sae, producer, "W_dec row");
    reading.fact(meta::METHOD, "sae");
    reading.fact("sae_feature", row.to_string());
    let (said, block) = place;
    reading.found = vec![Found::at(said, block, values)];
    reading
}

/// A directory with `cfg.json` and `sae_weights.safetensors`.
pub(super) fn directory(folder: &Path, context: &Context<'_>) -> Result<Reading, VectorError> {
    let cfg = read_json(&folder.join("cfg.json"), "SAELens configuration")?;
    let hook = |v: &Value| {
        v.get("hook_name")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let hook = hook(&cfg).or_else(|| cfg.get("metadata").and_then(hook));
    let hook = hook.ok_or_else(|| FormatError::JsonInvalid {
        file: context.file.to_owned(),
        kind: "SAELens configuration",
        reason: "it has no hook_name".to_owned(),
    })?;
    let (block, point) = keys::place(&hook).ok_or_else(|| FormatError::Site {
        file: context.file.to_owned(),
        site: format!("'{hook}'"),
    })?;
    let mut weights = Opened::path(&folder.join("sae_weights.safetensors"))?;
    let file = weights.file.clone();
    let damaged = |reason: &str| VectorError::Damaged {
        file: file.clone(),
        reason: reason.to_owned(),
    };
    let head = weights.range(0, 8)?;
    let len = u64::from_le_bytes(head.first_chunk().copied().unwrap_or_default());
    if len > MAX_HEADER {
        return Err(damaged("its header is longer than any file needs"));
    }
    let header = weights.range(8, len)?;
    let header: Value =
        serde_json::from_slice(&header).map_err(|_| damaged("its header is no JSON"))?;
    let Some(tensor) = header.get("W_dec") else {
        let kind = match header.get("W_dec_0") {
            Some(_) => "cross-layer transcoder",
            None => return Err(damaged("it has no tensor W_dec")),
        };
        return Err(FormatError::Site {
            file: context.file.to_owned(),
            site: kind.to_owned(),
        }
        .into());
    };
    let shape: Vec<usize> = tensor
        .get("shape")
        .and_then(Value::as_array)
        .map(|s| {
            s.iter()
                .filter_map(Value::as_u64)
                .map(|n| n as usize)
                .collect()
        })
        .unwrap_or_default();
    let [features, width] = shape.as_slice() else {
        return Err(shape_error(context, &shape));
    };
    let dtype = tensor.get("dtype").and_then(Value::as_str).unwrap_or("");
    let number = match dtype {
        "F32" => Number::F32,
        "F64" => Number::F64,
        "F16" => Number::F16,
        "BF16" => Number::Bf16,
        _ => {
            return Err(VectorError::DType {
                file: context.file.to_owned(),
                key: "W_dec".to_owned(),
                dtype: dtype.to_owned(),
            });
        }
    };
    let offset = |i| tensor.get("data_offsets")?.get(i)?.as_u64();
    let (Some(start), Some(end)) = (offset(0), offset(1)) else {
        return Err(damaged("W_dec has no offsets"));
    };
    let row = feature(context, *features)?;
    let size = (*width as u64).saturating_mul(number.size() as u64);
    let from = (row as u64).saturating_mul(size);
    if from.saturating_add(size) > end.saturating_sub(start) {
        return Err(damaged("W_dec is larger than its offsets"));
    }
    let from = start.saturating_add(from).saturating_add(8 + len);
    let values = number.decode(&weights.range(from, size)?, false);
    let mut reading = reading("SAELens", row, (hook, block), values);
    reading.edit.point = point;
    if let Some(model) = cfg
        .get("model_name")
        .or_else(|| cfg.get("metadata")?.get("model_name"))
        .and_then(Value::as_str)
    {
        reading.fact(meta::MODEL_ID, model);
    }
    Ok(reading)
}

/// A state dict, by itself or under `state_dict` beside its `cfg`; `None` for any other dictionary.
///
/// `W_dec` is `[features, d]`, as `SAELens` has it; `decoder.weight` is `[d, features]`, as `nn.Linear` keeps
/// it (`OpenAI`'s autoencoders, `dictionary_learning`). A language model's head may have the latter's name, so
/// that the encoder of the opposite shape has to stand beside it.
pub(super) fn state_dict(
    pickle: &Pickle,
    tensors: &mut Tensors,
    root: &Node,
    context: &Context<'_>,
) -> Result<Option<Reading>, VectorError> {
    let state = pickle.get(root, "state_dict").unwrap_or(root);
    let shape = |key: &str| pickle.get(state, key).and_then(|node| shape_of(node));
    let opposite =
        |a: &[usize], b: &[usize]| matches!((a, b), ([m, n], [p, q]) if m == q && n == p);
    let (key, axis) = match (
        shape("W_dec"),
        shape("decoder.weight"),
        shape("encoder.weight"),
    ) {
        (Some(_), ..) => ("W_dec", 0),
        (None, Some(decoder), Some(encoder)) if opposite(decoder, encoder) => ("decoder.weight", 1),
        _ => return Ok(None),
    };
    let Some(node) = pickle.get(state, key) else {
        return Ok(None);
    };
    let shape: Vec<usize> = shape_of(node).unwrap_or_default().to_vec();
    let refused = || VectorError::Shape {
        file: context.file.to_owned(),
        key: key.to_owned(),
        shape: shape.clone(),
    };
    let [rows, columns] = shape.as_slice() else {
        return Err(refused());
    };
    let encoder = pickle.get(state, "W_enc").and_then(shape_of);
    if encoder.is_some_and(|encoder| axis == 0 && !opposite(encoder, &shape)) {
        return Err(refused());
    }
    let row = feature(context, if axis == 0 { *rows } else { *columns })?;
    let cfg = pickle.get(root, "cfg").unwrap_or(&Node::None);
    let hook = ["hook_name", "hook_point"]
        .iter()
        .find_map(|key| pickle.text(cfg, key));
    let (place, point) = match hook {
        Some(hook) if context.options.layer.is_none() => {
            let (block, point) = keys::place(hook).ok_or_else(|| FormatError::Site {
                file: context.file.to_owned(),
                site: format!("'{hook}'"),
            })?;
            ((hook.to_owned(), block), point)
        }
        _ => {
            let block = context.layer()?;
            ((format!("layer {block}"), block), HookPoint::ResidPost)
        }
    };
    let values = tensors.line(pickle, node, axis, row)?.ok_or_else(refused)?;
    let mut reading = reading("PyTorch state dict", row, place, values);
    reading.edit.point = point;
    if axis == 1 {
        "decoder.weight column".clone_into(&mut reading.key);
    }
    if let Some(model) = pickle.text(cfg, "model_name") {
        reading.fact(meta::MODEL_ID, model);
    }
    Ok(Some(reading))
}

/// An archive with `W_dec.npy`; its layer stands in the folder's name at most.
pub(super) fn archive(mut zip: Zipped, context: &Context<'_>) -> Result<Reading, VectorError> {
    let name = "W_dec.npy";
    let total = zip.size(name).unwrap_or_default();
    let head = zip.range(name, 0, npy::HEAD as u64)?;
    let header = npy::Header::read(context.file, &head)?;
    header.size(context.file, total.saturating_sub(header.start as u64))?;
    let [features, width] = header.shape.as_slice() else {
        return Err(shape_error(context, &header.shape));
    };
    if header.fortran {
        return Err(shape_error(context, &header.shape));
    }
    let row = feature(context, *features)?;
    let block = context.layer()?;
    let size = width * header.number.size();
    let from = header.start + row * size;
    let data = zip.range(name, from as u64, size as u64)?;
    if data.len() != size {
        return Err(VectorError::Truncated {
            file: context.file.to_owned(),
            expected: (from + size) as u64,
            got: (from + data.len()) as u64,
        });
    }
    let values = header.number.decode(&data, header.big);
    Ok(reading(
        "Gemma Scope",
        row,
        (format!("layer {block}"), block),
        values,
    ))
}
