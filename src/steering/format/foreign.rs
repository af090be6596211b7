//! Safetensors of other tools: one tensor per layer, the names tell the layer.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::error::VectorError;
use super::super::vector::meta;
use super::Context;
use super::array::{Array, Number};
use super::imported::VectorFormat;
use super::literal::Literal;
use super::reading::{Found, Reading};
use super::{keys, matrix, objects};
use crate::units::HookPoint;

/// Methods of steering-lite whose file is one direction per layer that is added.
const LITE_METHODS: [&str; 5] = ["mean_diff", "mean-diff", "mean_difference", "mean", "pca"];

/// Reads tensors that do not bear our names.
pub(super) fn read(
    tensors: Vec<(String, Array)>,
    metadata: &BTreeMap<String, String>,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    if let Some(cfg) = metadata
        .get("cfg")
        .and_then(|c| serde_json::from_str(c).ok())
    {
        return steering_lite(tensors, &cfg, context);
    }
    if let Some(names) = metadata.get("layer_names") {
        return psyctl(tensors, names, context);
    }
    let mut reading = matrix::keyed(
        tensors,
        VectorFormat::Safetensors,
        "one tensor per layer",
        context,
    )?;
    for (key, value) in metadata {
        reading.fact(key, value.clone());
    }
    // These names belong to our format, whose claims this file does not make.
    for key in ["format", "format_version", meta::SHA256, meta::OPERATOR] {
        reading.metadata.remove(key);
    }
    if let Some(kind) = metadata.get("layer_type") {
        let site = kind.clone();
        let file = context.file.to_owned();
        reading.edit.point = objects::layer_type_point(kind)
            .ok_or(super::error::FormatError::Site { file, site })?;
        "steering-vectors".clone_into(&mut reading.producer);
    }
    if let Some(method) = metadata.get("aggregator") {
        reading.fact(meta::METHOD, method.clone());
    }
    if let Some(model) = metadata.get("model") {
        reading.fact(meta::MODEL_ID, model.clone());
    }
    if let Some(name) = metadata.get("concept") {
        reading.name = Some(name.clone());
    }
    Ok(reading)
}

/// Keys `layer{L}.v`; method and coefficient in the metadata `cfg`.
fn steering_lite(
    tensors: Vec<(String, Array)>,
    cfg: &Value,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let method = cfg.get("method").and_then(Value::as_str).unwrap_or("none");
    if !LITE_METHODS.contains(&method) {
        return Err(VectorError::OperatorUnsupported {
            file: context.file.to_owned(),
            operator: method.to_owned(),
        });
    }
    let mut reading = Reading::new(VectorFormat::Safetensors, "steering-lite", "layer{L}.v");
    for (key, array) in tensors {
        let layer = key
            .strip_suffix(".v")
            .and_then(|k| k.strip_prefix("layer"))
            .and_then(|l| l.parse::<i64>().ok());
        let Some(layer) = layer else {
            return Err(VectorError::SiteUnsupported {
                file: context.file.to_owned(),
                key,
            });
        };
        let values = array.direction(context.file, &key)?;
        (reading.found).push(Found::at(layer.to_string(), layer, values));
    }
    reading.fact(meta::METHOD, method);
    if let Some(c) = cfg.get("coeff").and_then(Value::as_f64) {
        reading.fact(meta::RECOMMENDED_MULTIPLIER, (c as f32).to_string());
    }
    Ok(reading)
}

/// Keys `layer_{i}` counted in the order of `layer_names`, a Python list in text.
fn psyctl(
    tensors: Vec<(String, Array)>,
    names: &str,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let bad = |reason: String| VectorError::Damaged {
        file: context.file.to_owned(),
        reason,
    };
    let Some(Literal::List(names)) = Literal::parse(names) else {
        return Err(bad("its layer_names are no list".to_owned()));
    };
    let mut reading = Reading::new(VectorFormat::Safetensors, "psyctl", "layer_names");
    let mut point: Option<HookPoint> = None;
    for (key, array) in tensors {
        let i = key.strip_prefix("layer_").and_then(|i| i.parse().ok());
        let name = i.and_then(|i: usize| names.get(i)).and_then(Literal::text);
        let name = name.ok_or_else(|| bad(format!("layer_names do not say what '{key}' is")))?;
        let (block, at) = keys::place(name).ok_or_else(|| VectorError::SiteUnsupported {
            file: context.file.to_owned(),
            key: name.to_owned(),
        })?;
        if let Some(first) = point.filter(|p| *p != at) {
            return Err(VectorError::MixedSites {
                file: context.file.to_owned(),
                a: first,
                b: at,
            });
        }
        point = Some(at);
        let values = array.direction(context.file, &key)?;
        (reading.found).push(Found::at(name, block, values));
    }
    reading.edit.point = point.unwrap_or_default();
    Ok(reading)
}

/// The number type of a safetensors tensor.
pub(super) fn number(dtype: safetensors::Dtype) -> Option<Number> {
    use safetensors::Dtype as D;
    Some(match dtype {
        D::F32 => Number::F32,
        D::F64 => Number::F64,
        D::F16 => Number::F16,
        D::BF16 => Number::Bf16,
        _ => return None,
    })
}
