//! JSON of services: Neuronpedia vectors and `EasySteer` specifications.

use std::path::Path;

use serde_json::Value;

use super::super::error::VectorError;
use super::super::vector::meta;
use super::Context;
use super::error::FormatError;
use super::imported::VectorFormat;
use super::json::Object;
use super::keys;
use super::reading::{Found, Reading};
use crate::units::Operator;

/// Whether JSON is a vector or feature of Neuronpedia.
pub(super) fn is_neuronpedia(value: &Value) -> bool {
    value.get("vector").is_some_and(Value::is_array)
        && ["hookName", "hookType", "vectorDefaultSteerStrength"]
            .iter()
            .any(|key| value.get(key).is_some())
}

pub(super) fn neuronpedia(value: &Value, context: &Context<'_>) -> Result<Reading, VectorError> {
    let object = Object::new(context.file, "Neuronpedia vector", value)?;
    let values = object.numbers("vector")?;
    let hook = match (object.text("hookName"), object.text("hookType")) {
        (Some(name), _) => name.to_owned(),
        (None, Some(kind)) => {
            let layer = object.int("layerNumber")?;
            format!("blocks.{layer}.{}", kind.replace('-', "_"))
        }
        (None, None) => return Err(object.bad("'hookName' and 'hookType' are missing")),
    };
    // The published schema leaves the prefix out.
    let hook = hook.replace(".resid_", ".hook_resid_");
    let (block, point) = keys::place(&hook).ok_or_else(|| FormatError::Site {
        file: context.file.to_owned(),
        site: format!("'{hook}'"),
    })?;
    let mut reading = Reading::new(VectorFormat::Neuronpedia, "Neuronpedia", "hook name");
    reading.edit.point = point;
    reading.name = object
        .text("vectorLabel")
        .filter(|label| !label.is_empty())
        .map(str::to_owned);
    if let Some(model) = object.text("modelId") {
        reading.fact(meta::MODEL_ID, model);
    }
    if let Some(multiplier) = object.float("vectorDefaultSteerStrength") {
        reading.fact(
            meta::RECOMMENDED_MULTIPLIER,
            (multiplier as f32).to_string(),
        );
    }
    reading.found = vec![Found::at(hook, block, values)];
    Ok(reading)
}

/// Whether JSON is a specification of `EasySteer`.
pub(super) fn is_easysteer(value: &Value) -> bool {
    value
        .get("vectors")
        .and_then(Value::as_array)
        .is_some_and(|v| v.first().is_some_and(|v| v.get("source").is_some()))
}

/// One entry of `vectors`: its file, blocks and algorithm.
pub(super) fn easysteer(
    path: &Path,
    value: &Value,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let entries = value
        .get("vectors")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let entry = match (entries, context.options.row) {
        ([one], None) => one,
        (_, Some(row)) => entries.get(row).ok_or_else(|| FormatError::RowRange {
            file: context.file.to_owned(),
            row,
            last: entries.len().saturating_sub(1),
        })?,
        (_, None) => {
            return Err(FormatError::RowsAmbiguous {
                file: context.file.to_owned(),
                rows: entries.len(),
                what: "vectors",
                choices: "chosen; give --row I".to_owned(),
                asks: crate::units::OpenQuestion::Row(entries.len()),
            }
            .into());
        }
    };
    let object = Object::new(context.file, "EasySteer specification", entry)?;
    let source = object.text("source").unwrap_or_default();
    let file = super::cards::inside(path, source).ok_or_else(|| {
        object.bad("'source' leads out of the folder; put the vector beside the specification")
    })?;
    let options = super::ImportOptions {
        row: None,
        ..*context.options
    };
    let mut reading = super::read_file(&file, &options)?;
    let normalize = object.map.get("normalize").and_then(Value::as_bool) == Some(true);
    reading.edit.operator = match (object.text("algorithm").unwrap_or("direct"), normalize) {
        ("direct", false) => reading.edit.operator,
        ("direct", true) => Operator::NormPreservingAdd,
        ("erase", false) => Operator::Project,
        (other, _) => {
            return Err(VectorError::OperatorUnsupported {
                file: context.file.to_owned(),
                operator: other.to_owned(),
            });
        }
    };
    if let Some(layers) = object.map.get("layers").and_then(Value::as_array) {
        let wanted: Vec<i64> = layers.iter().filter_map(Value::as_i64).collect();
        reading.found.retain(|f| wanted.contains(&f.applied));
        if reading.found.is_empty() {
            return Err(object.bad("none of its 'layers' is in the vector's file"));
        }
    }
    if let Some(scale) = object.float("scale") {
        reading.fact(meta::RECOMMENDED_MULTIPLIER, (scale as f32).to_string());
    }
    if let Some(name) = object.text("name") {
        reading.name = Some(name.to_owned());
    }
    if object.map.contains_key("apply") {
        reading.warn(
            "positions-left-out",
            "the specification selects positions ('apply'); here --mask selects them",
        );
    }
    reading.format = VectorFormat::EasySteer;
    if reading.producer != "steerscope" {
        "EasySteer".clone_into(&mut reading.producer);
    }
    Ok(reading)
}
