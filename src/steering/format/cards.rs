//! JSON that describes a vector in another file: `SteeringLLM` cards and vLLM-Hook configurations.

use std::path::{Component, Path};

use serde_json::Value;

use super::super::error::VectorError;
use super::super::vector::meta;
use super::Context;
use super::error::FormatError;
use super::imported::VectorFormat;
use super::json::Object;
use super::reading::{Found, Reading};
use crate::units::Operator;

/// Whether JSON is a card of `SteeringLLM`.
pub(super) fn is_steering_llm(value: &Value) -> bool {
    ["layer", "magnitude", "shape", "method"]
        .iter()
        .all(|key| value.get(key).is_some())
}

/// `x.json` beside `x.pt`: layer, and shape and length to check the tensor against.
pub(super) fn steering_llm(
    path: &Path,
    value: &Value,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let object = Object::new(context.file, "SteeringLLM card", value)?;
    let layer = object.int("layer")?;
    let array = super::folders::bare(&path.with_extension("pt"), context)?;
    let shape: Option<Vec<usize>> = object.map.get("shape").and_then(Value::as_array).map(|s| {
        s.iter()
            .filter_map(Value::as_u64)
            .map(|n| n as usize)
            .collect()
    });
    if shape.is_some_and(|shape| shape != array.shape) {
        return Err(mismatch(context, "shape"));
    }
    let values = array.direction(context.file, "the tensor")?;
    let length = values
        .iter()
        .map(|x| f64::from(*x).powi(2))
        .sum::<f64>()
        .sqrt();
    if object
        .float("magnitude")
        .is_some_and(|m| (m - length).abs() > 1e-2 * m.abs().max(1e-6))
    {
        return Err(mismatch(context, "magnitude"));
    }
    let mut reading = Reading::new(VectorFormat::SteeringLlm, "SteeringLLM", "layer");
    for (key, ours) in [
        ("model_name", meta::MODEL_ID),
        ("method", meta::METHOD),
        ("layer_name", "layer_name"),
        ("created_at", "created"),
    ] {
        if let Some(fact) = object.fact(key) {
            reading.fact(ours, fact);
        }
    }
    if let Some(module) = object.text("layer_name")
        && let Some((_, point)) = super::keys::place(module)
    {
        reading.edit.point = point;
    }
    reading.found = vec![Found::at(layer.to_string(), layer, values)];
    Ok(reading)
}

fn mismatch(context: &Context<'_>, key: &str) -> VectorError {
    VectorError::HashMismatch {
        file: context.file.to_owned(),
        key: key.to_owned(),
    }
}

/// Whether JSON is a configuration of vLLM-Hook.
pub(super) fn is_vllm_hook(value: &Value) -> bool {
    value
        .get("steering")
        .is_some_and(|s| s.get("vector_path").is_some())
}

/// `steering`: method, coefficient, layer, and the path of a file inside the same folder.
pub(super) fn vllm_hook(
    path: &Path,
    value: &Value,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let steering = value.get("steering").unwrap_or(&Value::Null);
    let object = Object::new(context.file, "vLLM-Hook configuration", steering)?;
    let layer = object.int("optimal_layer")?;
    let source = object.text("vector_path").unwrap_or_default();
    let file = inside(path, source).ok_or_else(|| {
        object.bad("'vector_path' leads out of the folder; put the vector beside the configuration")
    })?;
    let (values, average) = super::torch::dir_and_average(&file, context)?;
    let mut reading = Reading::new(VectorFormat::VllmHook, "vLLM-Hook", "optimal_layer");
    let length = values
        .iter()
        .map(|x| f64::from(*x).powi(2))
        .sum::<f64>()
        .sqrt();
    let multiplier = match (object.text("method"), average) {
        (Some("add_vector") | None, _) => object.float("coefficient"),
        (Some("adjust_rs"), Some(average)) => {
            reading.edit.operator = Operator::Clamp;
            Some(f64::from(average) / length)
        }
        (Some(other), _) => {
            return Err(VectorError::OperatorUnsupported {
                file: context.file.to_owned(),
                operator: other.to_owned(),
            });
        }
    };
    if let Some(c) = multiplier {
        reading.fact(meta::RECOMMENDED_MULTIPLIER, (c as f32).to_string());
    }
    reading.found = vec![Found::at(layer.to_string(), layer, values)];
    Ok(reading)
}

/// A path named in a file, if it stays in that file's folder.
pub(super) fn inside(path: &Path, named: &str) -> Option<std::path::PathBuf> {
    let named = Path::new(named);
    let plain = |c: Component<'_>| matches!(c, Component::Normal(_) | Component::CurDir);
    if named.as_os_str().is_empty() || !named.components().all(plain) {
        return None;
    }
    Some(path.parent()?.join(named))
}

/// A number type refusal in the words of cards.
pub(super) fn no_tensor(file: &str, what: &str) -> VectorError {
    FormatError::TorchInvalid {
        file: file.to_owned(),
        reason: format!("it holds no {what}"),
    }
    .into()
}
