//! GLP, the layer projection in a GGUF container: `project` or `add` at a named place, one direction
//! or an orthonormal basis per layer. Everything unknown is fatal, because the other reading of an
//! unknown key would be another edit.

use super::super::super::error::VectorError;
use super::super::super::vector::meta;
use super::super::error::FormatError;
use super::super::imported::VectorFormat;
use super::super::reading::{Found, Normed, Reading};
use super::super::source::sha256_of;
use super::header::{Header, Value};
use super::layers::{Directions, check_basis, joined, point};
use crate::units::{Edit, HookPoint, Operator};

/// Fact that keeps `glp.layer_scales`: an alpha is no part of the data, so that it is said and written
/// again, never folded in.
pub(in crate::steering::format) const LAYER_SCALES: &str = "glp_layer_scales";

/// Keys whose text is kept for people.
const KEPT: [(&str, &str); 10] = [
    ("controlvector.model_hint", meta::MODEL_HINT),
    ("glp.method", meta::METHOD),
    ("glp.contrast", "contrast"),
    ("glp.created", "created"),
    ("glp.layer_scales", LAYER_SCALES),
    ("general.base_model.0.name", meta::MODEL_ID),
    ("general.base_model.0.organization", "model_organization"),
    ("general.base_model.0.version", "model_commit"),
    ("general.base_model.0.repo_url", "model_url"),
    ("general.name", "title"),
];

pub(super) fn read(
    file: &str,
    header: &Header,
    directions: Directions,
) -> Result<Reading, VectorError> {
    let v2 = version(file, header)? == 2;
    let operator = mode(file, header)?;
    let point = hook(file, header, "glp.hook_point")?.unwrap_or(HookPoint::ResidPost);
    let derived = hook(file, header, "glp.derived_at")?;
    let mut reading = Reading::new(VectorFormat::Glp, "GLP", "direction.N");
    reading.edit = Edit { operator, point };
    reading.rank = directions.rank();
    if let Some(other) = derived.filter(|d| *d != point) {
        reading.measured_point = Some(other);
        reading.warn(
            "derived-elsewhere",
            format!("derived at {other}, applied at {point}; --as-measured applies it at {other}"),
        );
    }
    check_hash(file, header, &directions)?;
    check_ids(file, header, &directions)?;
    let scales = scales(file, header, v2, reading.rank)?;
    let rank = reading.rank;
    let layers = joined(file, directions.layers)?;
    check_rank(file, header, rank, operator)?;
    if rank > 1 {
        check_basis(file, &layers, rank)?;
    } else if operator == Operator::Project {
        let length = |v: &[f32]| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        if let Some((layer, _)) = layers.iter().find(|(_, v)| (length(v) - 1.0).abs() > 1e-3) {
            reading.warn(
                "glp-length",
                format!(
                    "direction.{layer} is not of length 1; the component along it is removed as if it were"
                ),
            );
        }
    }
    if let Some(alpha) = float(header, "glp.alpha_default") {
        reading.fact(
            meta::RECOMMENDED_MULTIPLIER,
            ((alpha * scales.common) as f32).to_string(),
        );
        if !(0.0..=1.0).contains(&alpha) && operator == Operator::Project {
            reading.warn(
                "glp-alpha",
                format!("its default alpha is {alpha}; 1 removes the component exactly"),
            );
        }
    }
    if !scales.by_layer.is_empty() {
        let alpha = float(header, "glp.alpha_default").unwrap_or(1.0) * scales.common;
        let each: Vec<String> = (scales.by_layer.iter())
            .map(|(layer, factor)| format!("{} at block {layer}", (alpha * factor) as f32))
            .collect();
        reading.warn(
            "glp-layer-scales",
            format!(
                "its alpha differs from layer to layer (glp.layer_scales): the coefficient it means is {}, {} elsewhere",
                each.join(", "),
                alpha as f32
            ),
        );
    }
    for (key, ours) in KEPT {
        if let Some(text) = header.text(key) {
            reading.fact(ours, text);
        }
    }
    // What the program itself wrote comes back under its own names.
    for (key, value) in &header.metadata {
        if let (Some(own), Value::Text(text)) = (key.strip_prefix(super::producer::OWN), value) {
            match own {
                "name" => reading.name = Some(text.clone()),
                "version" => {}
                _ => {
                    reading.metadata.insert(own.to_owned(), text.clone());
                }
            }
            "steerscope".clone_into(&mut reading.producer);
        }
    }
    reading.recommended = reading
        .metadata
        .get(meta::RECOMMENDED_LAYER)
        .and_then(|b| b.parse().ok());
    reading.found = layers
        .into_iter()
        .map(|(layer, values)| Found {
            in_file: layer.to_string(),
            measured: Some(layer),
            applied: layer,
            normed: Normed::No,
            values,
        })
        .collect();
    Ok(reading)
}

fn version(file: &str, header: &Header) -> Result<u32, VectorError> {
    match header.metadata.get("glp.spec_version") {
        Some(Value::U32(v @ 1..=2)) => Ok(*v),
        other => Err(FormatError::GlpVersion {
            file: file.to_owned(),
            value: match other {
                None => "(absent)".to_owned(),
                Some(Value::U32(v)) => v.to_string(),
                Some(_) => "(not an unsigned number)".to_owned(),
            },
        }
        .into()),
    }
}

fn mode(file: &str, header: &Header) -> Result<Operator, VectorError> {
    match header.metadata.get("glp.mode") {
        None => Ok(Operator::Add),
        Some(Value::Text(mode)) if mode == "add" => Ok(Operator::Add),
        Some(Value::Text(mode)) if mode == "project" => Ok(Operator::Project),
        Some(other) => Err(FormatError::GlpMode {
            file: file.to_owned(),
            value: words(other),
        }
        .into()),
    }
}

fn hook(file: &str, header: &Header, key: &str) -> Result<Option<HookPoint>, VectorError> {
    let Some(value) = header.metadata.get(key) else {
        return Ok(None);
    };
    let name = match value {
        Value::Text(name) => name.as_str(),
        _ => "",
    };
    point(name).map(Some).ok_or_else(|| {
        FormatError::GlpHook {
            file: file.to_owned(),
            value: words(value),
        }
        .into()
    })
}

fn words(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        _ => "(no text)".to_owned(),
    }
}

fn float(header: &Header, key: &str) -> Option<f64> {
    match header.metadata.get(key) {
        Some(Value::Float(v)) if v.is_finite() => Some(*v),
        _ => None,
    }
}

/// More than one direction needs a declared basis, and an operator for it.
fn check_rank(
    file: &str,
    header: &Header,
    rank: usize,
    operator: Operator,
) -> Result<(), VectorError> {
    let declared = match header.metadata.get("glp.rank") {
        Some(Value::U32(n)) => *n as usize,
        _ => 1,
    };
    if declared != rank {
        return Err(VectorError::BasisGap {
            file: file.to_owned(),
            key: format!("glp.rank = {declared}"),
        });
    }
    let orthonormal = header.metadata.get("glp.orthonormal") == Some(&Value::Bool(true));
    if rank > 1 && !orthonormal {
        let block = crate::units::BlockIndex(0);
        let file = file.to_owned();
        return Err(VectorError::Basis { file, block });
    }
    if rank > 1 && operator != Operator::Project {
        return Err(VectorError::OperatorUnsupported {
            file: file.to_owned(),
            operator: format!("{operator} with {rank} directions"),
        });
    }
    Ok(())
}

/// Factors of alpha.
struct Scales {
    /// The one factor of all directions of a basis.
    common: f64,
    /// Layers with a factor of their own.
    by_layer: Vec<(i64, f64)>,
}

fn scales(file: &str, header: &Header, v2: bool, rank: usize) -> Result<Scales, VectorError> {
    let directions = header.text("glp.dir_scales");
    let layers = header.text("glp.layer_scales");
    if !v2 && (directions.is_some() || layers.is_some() || rank > 1) {
        return Err(FormatError::GlpVersion {
            file: file.to_owned(),
            value: "1 (with what version 2 brought)".to_owned(),
        }
        .into());
    }
    let unsupported = |what: &str| VectorError::OperatorUnsupported {
        file: file.to_owned(),
        operator: what.to_owned(),
    };
    let mut common = 1.0;
    if let Some(text) = directions {
        let values: Option<Vec<f64>> = text.split(',').map(|s| s.trim().parse().ok()).collect();
        let values = values
            .filter(|v| v.len() == rank && v.iter().all(|x| x.is_finite()))
            .ok_or_else(|| unsupported(&format!("glp.dir_scales = {text}")))?;
        common = values.first().copied().unwrap_or(1.0);
        if values.iter().any(|v| (v - common).abs() > 1e-6) {
            return Err(unsupported("project, each direction by another factor"));
        }
    }
    let mut by_layer = Vec::new();
    for cell in layers.iter().flat_map(|text| text.split(',')) {
        let (layer, factor) = cell
            .split_once(':')
            .and_then(|(l, m)| Some((l.trim().parse().ok()?, m.trim().parse::<f64>().ok()?)))
            .filter(|(_, m)| m.is_finite())
            .ok_or_else(|| unsupported(&format!("glp.layer_scales = {cell}")))?;
        if (factor - 1.0).abs() > 1e-9 {
            by_layer.push((layer, factor));
        }
    }
    Ok(Scales { common, by_layer })
}

/// The declared hash is over the tensor bytes; in the order of the file, of names or of layers.
fn check_hash(file: &str, header: &Header, directions: &Directions) -> Result<(), VectorError> {
    let Some(declared) = header.text("glp.content_sha256") else {
        return Ok(());
    };
    let joined = |bytes: &[(String, Vec<u8>)]| -> Vec<u8> {
        bytes.iter().flat_map(|(_, b)| b.iter().copied()).collect()
    };
    let in_file = joined(&directions.bytes);
    let mut by_name = directions.bytes.clone();
    by_name.sort();
    let by_layer: Vec<u8> = directions
        .layers
        .values()
        .flatten()
        .flat_map(|v| super::super::super::vector::bytes_of(v))
        .collect();
    let declared = declared.trim_start_matches("sha256:").to_ascii_lowercase();
    let fits = [in_file, joined(&by_name), by_layer]
        .iter()
        .any(|bytes| sha256_of(bytes) == declared);
    if fits {
        return Ok(());
    }
    Err(mismatch(file, "glp.content_sha256"))
}

fn check_ids(file: &str, header: &Header, directions: &Directions) -> Result<(), VectorError> {
    let key = "glp.layer_ids_zero_based";
    let Some(text) = header.text(key) else {
        return Ok(());
    };
    let mut ids: Vec<i64> = text
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|s| s.parse().ok())
        .collect();
    ids.sort_unstable();
    let layers: Vec<i64> = directions.layers.keys().copied().collect();
    if ids == layers {
        return Ok(());
    }
    Err(mismatch(file, key))
}

fn mismatch(file: &str, key: &str) -> VectorError {
    VectorError::HashMismatch {
        file: file.to_owned(),
        key: key.to_owned(),
    }
}
