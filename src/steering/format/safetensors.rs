//! The native format: safetensors with tensors `blocks.{b}.hook_resid_post`, F32 `[d]`, the names
//! of `TransformerLens`, and text metadata (keys in [`meta`]).

use std::collections::BTreeMap;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensorError, SafeTensors};
use serde_json::Value;

use super::super::error::VectorError;
use super::super::vector::{SteeringVector, bytes_of, check_directions, meta};

/// Value of the metadata key `format`.
const FORMAT: &str = "steerscope-vector";
/// Largest header the format allows.
const MAX_HEADER: u64 = 100_000_000;
/// Site names that are known but not applied.
const OTHER_SITES: [&str; 4] = [
    "hook_resid_pre",
    "hook_resid_mid",
    "hook_attn_out",
    "hook_mlp_out",
];

/// A header length followed by the brace of a JSON object.
pub(super) fn recognise(bytes: &[u8]) -> bool {
    header_len(bytes).is_some_and(|n| n <= MAX_HEADER) && bytes.get(8) == Some(&b'{')
}

fn header_len(bytes: &[u8]) -> Option<u64> {
    bytes
        .first_chunk::<8>()
        .map(|head| u64::from_le_bytes(*head))
}

/// Reads a file of this format.
pub(super) fn read(stem: &str, file: &str, bytes: &[u8]) -> Result<SteeringVector, VectorError> {
    check_length(file, bytes)?;
    let damaged = |e: SafeTensorError| VectorError::Damaged {
        file: file.to_owned(),
        reason: e.to_string(),
    };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let metadata: BTreeMap<String, String> = header
        .metadata()
        .iter()
        .flatten()
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();

    let mut directions = BTreeMap::new();
    for (key, view) in tensors.tensors() {
        let Some(block) = block_of(file, &key)? else {
            continue;
        };
        directions.insert(block, values(file, &key, &view)?);
    }
    if directions.is_empty() {
        let mut names = tensors.names();
        names.sort_unstable();
        let found = match names.first() {
            Some(name) => format!("a safetensors file whose first tensor is '{name}'"),
            None => "a safetensors file without tensors".to_owned(),
        };
        return Err(VectorError::FormatUnknown {
            file: file.to_owned(),
            found,
        });
    }
    if let Some(operator) = metadata.get(meta::OPERATOR).filter(|o| *o != "add") {
        return Err(VectorError::OperatorUnsupported {
            file: file.to_owned(),
            operator: operator.clone(),
        });
    }
    check_directions(file, &directions)?;
    let name = metadata
        .get(meta::NAME)
        .cloned()
        .unwrap_or_else(|| stem.to_owned());
    let vector = SteeringVector {
        name,
        directions,
        metadata,
    };
    if vector
        .metadata
        .get(meta::SHA256)
        .is_some_and(|declared| *declared != vector.tensor_sha256())
    {
        return Err(VectorError::HashMismatch {
            file: file.to_owned(),
            key: meta::SHA256.to_owned(),
        });
    }
    Ok(vector)
}

/// Compares the bytes present with those the header promises, for a message that says so.
fn check_length(file: &str, bytes: &[u8]) -> Result<(), VectorError> {
    let got = bytes.len() as u64;
    let start = header_len(bytes).unwrap_or_default().saturating_add(8);
    let truncated = |expected| VectorError::Truncated {
        file: file.to_owned(),
        expected,
        got,
    };
    let Some(header) = usize::try_from(start)
        .ok()
        .and_then(|end| bytes.get(8..end))
    else {
        return Err(truncated(start));
    };
    let Ok(Value::Object(header)) = serde_json::from_slice(header) else {
        return Ok(()); // The library words what is wrong with it.
    };
    let end = |tensor: &Value| tensor.get("data_offsets")?.get(1)?.as_u64();
    let data = header.values().filter_map(end).max().unwrap_or(0);
    let expected = start.saturating_add(data);
    if expected > got {
        Err(truncated(expected))
    } else {
        Ok(())
    }
}

/// Block of a tensor name; `None` for names that are none of ours.
fn block_of(file: &str, key: &str) -> Result<Option<usize>, VectorError> {
    let Some((block, site)) = key
        .strip_prefix("blocks.")
        .and_then(|rest| rest.split_once('.'))
    else {
        return Ok(None);
    };
    let Ok(block) = block.parse::<usize>() else {
        return Ok(None);
    };
    let (file, key) = (file.to_owned(), key.to_owned());
    match site.split_once('.') {
        None if site == "hook_resid_post" => Ok(Some(block)),
        Some(("hook_resid_post", _)) => Err(VectorError::RankUnsupported { file, key }),
        _ if OTHER_SITES.iter().any(|name| site.starts_with(name)) => {
            Err(VectorError::SiteUnsupported { file, key })
        }
        _ => Ok(None),
    }
}

/// Values of a `[d]` or `[1, d]` tensor, widened or narrowed to f32.
fn values(file: &str, key: &str, view: &TensorView<'_>) -> Result<Vec<f32>, VectorError> {
    let (file, key) = (file.to_owned(), key.to_owned());
    if !matches!(view.shape(), [d] | [1, d] if *d > 0) {
        return Err(VectorError::Shape {
            file,
            key,
            shape: view.shape().to_vec(),
        });
    }
    let data = view.data();
    Ok(match view.dtype() {
        Dtype::F32 => chunks(data, f32::from_le_bytes),
        Dtype::F64 => chunks(data, |b| f64::from_le_bytes(b) as f32),
        Dtype::F16 => chunks(data, |b| f16::from_le_bytes(b).to_f32()),
        Dtype::BF16 => chunks(data, |b| bf16::from_le_bytes(b).to_f32()),
        other => {
            return Err(VectorError::DType {
                file,
                key,
                dtype: format!("{other:?}"),
            });
        }
    })
}

fn chunks<const N: usize>(data: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    data.as_chunks::<N>()
        .0
        .iter()
        .map(|bytes| value(*bytes))
        .collect()
}

fn tensor_name(block: usize) -> String {
    format!("blocks.{block}.hook_resid_post")
}

/// Directions in the order of their tensors in a file: by name, so that block 10 precedes block 2.
pub(in crate::steering) fn file_order(vector: &SteeringVector) -> BTreeMap<String, &[f32]> {
    vector
        .directions
        .iter()
        .map(|(block, v)| (tensor_name(*block), v.as_slice()))
        .collect()
}

/// The bytes of a file. Header keys are sorted, the header padded with spaces to 8 bytes, tensors
/// stand in key order: equal content gives equal bytes. (The library keeps metadata in a hash map,
/// whose order changes from run to run.)
pub(in crate::steering) fn write(vector: &SteeringVector) -> Result<Vec<u8>, VectorError> {
    check_directions(&vector.name, &vector.directions)?;
    let mut metadata = vector.metadata.clone();
    let mut set = |key: &str, value: String| metadata.insert(key.to_owned(), value);
    set("format", FORMAT.to_owned());
    set("format_version", "1".to_owned());
    set(meta::NAME, vector.name.clone());
    set(meta::HIDDEN_SIZE, vector.width().to_string());
    set(meta::OPERATOR, "add".to_owned());
    set(meta::SHA256, vector.tensor_sha256());

    let quoted = |text: String| Value::String(text).to_string();
    let facts: Vec<String> = metadata
        .into_iter()
        .map(|(key, value)| format!("{}:{}", quoted(key), quoted(value)))
        .collect();
    let mut header = vec![(
        "__metadata__".to_owned(),
        format!("{{{}}}", facts.join(",")),
    )];
    let mut data = Vec::new();
    for (name, direction) in file_order(vector) {
        let start = data.len();
        data.extend_from_slice(&bytes_of(direction));
        let (end, d) = (data.len(), direction.len());
        let entry =
            format!("{{\"data_offsets\":[{start},{end}],\"dtype\":\"F32\",\"shape\":[{d}]}}");
        header.push((name, entry));
    }
    let cells: Vec<String> = header
        .into_iter()
        .map(|(key, value)| format!("{}:{value}", quoted(key)))
        .collect();
    let mut head = format!("{{{}}}", cells.join(","));
    head.push_str(&" ".repeat(head.len().next_multiple_of(8) - head.len()));

    let mut bytes = (head.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(&data);
    Ok(bytes)
}
