//! The native format: safetensors with tensors `blocks.{b}.hook_resid_post` (or another site), F32
//! `[d]`, the names of `TransformerLens`, and text metadata (keys in [`meta`]). Further directions of
//! a basis are `….{j}`, j from 1; `hook_resid_pre` of block b is read as `hook_resid_post` of b − 1.

use std::collections::BTreeMap;

use safetensors::tensor::TensorView;
use safetensors::{SafeTensorError, SafeTensors};
use serde_json::Value;

use super::super::error::VectorError;
use super::super::vector::{SteeringVector, bytes_of, check_directions, meta};
use super::array::Array;
use super::imported::VectorFormat;
use super::reading::{Found, Reading};
use super::{Context, foreign, keys};
use crate::units::{Edit, HookPoint, Operator};

/// Value of the metadata key `format`.
const FORMAT: &str = "steerscope-vector";
/// Largest header the format allows.
const MAX_HEADER: u64 = 100_000_000;

/// A header length followed by the brace of a JSON object.
pub(super) fn recognise(bytes: &[u8]) -> bool {
    header_len(bytes).is_some_and(|n| n <= MAX_HEADER) && bytes.get(8) == Some(&b'{')
}

fn header_len(bytes: &[u8]) -> Option<u64> {
    bytes
        .first_chunk::<8>()
        .map(|head| u64::from_le_bytes(*head))
}

/// Reads a safetensors file: ours, or that of another tool.
pub(super) fn read(bytes: &[u8], context: &Context<'_>) -> Result<Reading, VectorError> {
    let file = context.file;
    check_length(file, bytes)?;
    super::super::vector::refuse_position_rows(file, bytes)?;
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

    let mut found: BTreeMap<Place, Vec<f32>> = BTreeMap::new();
    for (key, view) in tensors.tensors() {
        if let Some(place) = place_of(file, &key)? {
            found.insert(place, values(file, &key, &view)?);
        }
    }
    if found.is_empty() {
        check_others(&tensors, context)?;
        let mut others = Vec::new();
        for (key, view) in tensors.tensors() {
            others.push((key.clone(), array(file, &key, &view)?));
        }
        others.sort_by(|a, b| a.0.cmp(&b.0));
        return foreign::read(others, &metadata, context);
    }
    let operator = match metadata.get(meta::OPERATOR) {
        None => Operator::Add,
        Some(name) => name.parse().map_err(|_| VectorError::OperatorUnsupported {
            file: file.to_owned(),
            operator: name.clone(),
        })?,
    };
    let (point, rank, directions) = gather(file, found)?;
    let edit = Edit { operator, point };
    check_directions(file, edit, rank, &directions)?;
    let vector = SteeringVector {
        name: String::new(),
        edit,
        rank,
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
    let producer = match vector.metadata.get("format").map(String::as_str) {
        Some(FORMAT) => "steerscope",
        _ => "names of TransformerLens",
    };
    let key = format!("blocks.b.hook_{point}");
    let mut reading = Reading::new(VectorFormat::Native, producer, &key);
    reading.edit = edit;
    reading.rank = rank;
    reading.name = vector.metadata.get(meta::NAME).cloned();
    reading.recommended = vector.recommended_block().map(|b| b.0 as i64);
    reading.n_blocks = (vector.metadata.get(meta::N_LAYERS)).and_then(|n| n.trim().parse().ok());
    reading.metadata = vector.metadata;
    reading.found = vector
        .directions
        .into_iter()
        .map(|(b, values)| Found::at(b.to_string(), b as i64, values))
        .collect();
    Ok(reading)
}

/// Whether tensors of other names can be directions at all, before any is decoded: some name a layer,
/// there is only one, or all are single rows of one width. The weights of a model are neither.
fn check_others(tensors: &SafeTensors<'_>, context: &Context<'_>) -> Result<(), VectorError> {
    let mut names = tensors.names();
    names.sort_unstable();
    let Some(first) = names.first() else {
        return Err(context.unknown("a safetensors file without tensors"));
    };
    let mut widths = Vec::new();
    let mut bytes = 0u64;
    for (_, view) in tensors.tensors() {
        let long: Vec<usize> = view.shape().iter().copied().filter(|n| *n != 1).collect();
        widths.push(match long.as_slice() {
            [width] => Some(*width),
            _ => None,
        });
        bytes = bytes.saturating_add(view.data().len() as u64);
    }
    widths.dedup();
    let placed = names.iter().any(|name| keys::place(name).is_some());
    if !placed && names.len() > 1 && !matches!(widths.as_slice(), [Some(_)]) {
        return Err(context.unknown(&format!(
            "a safetensors file of {} tensors whose first is '{first}'; weights of a model?",
            names.len()
        )));
    }
    super::array::within(context.file, bytes, context.options.max_tensor_bytes)
}

/// A tensor of another tool, whatever its shape.
fn array(file: &str, key: &str, view: &TensorView<'_>) -> Result<Array, VectorError> {
    let number = foreign::number(view.dtype()).ok_or_else(|| VectorError::DType {
        file: file.to_owned(),
        key: key.to_owned(),
        dtype: format!("{:?}", view.dtype()),
    })?;
    Ok(Array {
        shape: view.shape().to_vec(),
        number,
        values: number.decode(view.data(), false),
    })
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

/// What a tensor name stands for; `None` for names that are none of ours.
fn place_of(file: &str, key: &str) -> Result<Option<Place>, VectorError> {
    let Some((block, site)) = key
        .strip_prefix("blocks.")
        .and_then(|rest| rest.split_once('.'))
    else {
        return Ok(None);
    };
    let Ok(block) = block.parse::<usize>() else {
        return Ok(None);
    };
    let (site, j) = match site.split_once('.') {
        None => (site, 0),
        Some((site, j)) => match j.parse::<usize>() {
            Ok(j) if j > 0 => (site, j),
            _ => return Ok(None),
        },
    };
    let unsupported = || VectorError::SiteUnsupported {
        file: file.to_owned(),
        key: key.to_owned(),
    };
    match site.strip_prefix("hook_").map(str::parse::<HookPoint>) {
        None => Ok(None),
        Some(Err(_)) => Err(unsupported()),
        // What enters a block is what leaves the one before it.
        Some(Ok(HookPoint::ResidPre)) => {
            let before = block.checked_sub(1).ok_or_else(unsupported)?;
            Ok(Some((before, HookPoint::ResidPost, j)))
        }
        Some(Ok(point)) => Ok(Some((block, point, j))),
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
    Ok(array(&file, &key, view)?.values)
}

/// Block, point and index within the basis.
type Place = (usize, HookPoint, usize);

fn tensor_name((block, point, j): Place) -> String {
    match j {
        0 => format!("blocks.{block}.hook_{point}"),
        _ => format!("blocks.{block}.hook_{point}.{j}"),
    }
}

/// Site, directions per block, and their values by block.
type Gathered = (HookPoint, usize, BTreeMap<usize, Vec<f32>>);

/// One site for the whole file, and as many directions at each of its blocks.
fn gather(file: &str, found: BTreeMap<Place, Vec<f32>>) -> Result<Gathered, VectorError> {
    let mut directions: BTreeMap<usize, Vec<Vec<f32>>> = BTreeMap::new();
    let mut points: Vec<HookPoint> = found.keys().map(|place| place.1).collect();
    points.dedup();
    let point = points.first().copied().unwrap_or_default();
    if let Some(other) = points.iter().find(|p| **p != point) {
        return Err(VectorError::MixedSites {
            file: file.to_owned(),
            a: point,
            b: *other,
        });
    }
    for ((block, point, j), values) in found {
        let rows = directions.entry(block).or_default();
        if rows.len() != j {
            return Err(VectorError::BasisGap {
                file: file.to_owned(),
                key: tensor_name((block, point, rows.len())),
            });
        }
        rows.push(values);
    }
    let rank = directions.values().map(Vec::len).max().unwrap_or(1);
    if let Some((block, rows)) = directions.iter().find(|(_, rows)| rows.len() != rank) {
        return Err(VectorError::BasisGap {
            file: file.to_owned(),
            key: tensor_name((*block, point, rows.len())),
        });
    }
    let joined = directions.into_iter().map(|(b, rows)| (b, rows.concat()));
    Ok((point, rank, joined.collect()))
}

/// Directions in the order of their tensors in a file: by name, so that block 10 precedes block 2.
pub(in crate::steering) fn file_order(vector: &SteeringVector) -> BTreeMap<String, &[f32]> {
    let width = vector.width().max(1);
    let named = |(block, values): (&usize, &'_ Vec<f32>)| {
        (0..values.len() / width)
            .map(|j| tensor_name((*block, vector.edit.point, j)))
            .collect::<Vec<_>>()
    };
    (vector.directions.iter())
        .flat_map(|entry| named(entry).into_iter().zip(entry.1.chunks_exact(width)))
        .collect()
}

/// The bytes of a file. Header keys are sorted, the header padded with spaces to 8 bytes, tensors
/// stand in key order: equal content gives equal bytes. (The library keeps metadata in a hash map,
/// whose order changes from run to run.)
pub(in crate::steering) fn write(vector: &SteeringVector) -> Result<Vec<u8>, VectorError> {
    check_directions(&vector.name, vector.edit, vector.rank, &vector.directions)?;
    let mut metadata = vector.metadata.clone();
    let mut set = |key: &str, value: String| metadata.insert(key.to_owned(), value);
    set("format", FORMAT.to_owned());
    set("format_version", "1".to_owned());
    set(meta::NAME, vector.name.clone());
    set(meta::HIDDEN_SIZE, vector.width().to_string());
    set(meta::OPERATOR, vector.edit.operator.to_string());
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
