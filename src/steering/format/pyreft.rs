//! pyreft directories: `config.json` and one file of weights per intervention. Only interventions that
//! add one vector are read; the others are refused by name.

use std::path::Path;

use serde_json::Value;

use super::super::error::VectorError;
use super::Context;
use super::error::FormatError;
use super::folders::bare;
use super::imported::VectorFormat;
use super::json::Object;
use super::reading::{Found, Reading};
use super::source::read_json;
use crate::units::HookPoint;

/// Whether a name is that of an intervention's weights.
pub(super) fn is_weights(name: &str) -> bool {
    name.starts_with("intkey_")
        && Path::new(name)
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("bin"))
}

/// Canonical block and point of a component of a layer.
fn place(layer: i64, component: &str) -> Option<(i64, HookPoint)> {
    Some(match component {
        "block_output" => (layer, HookPoint::ResidPost),
        "block_input" => (layer.saturating_sub(1), HookPoint::ResidPost),
        "mlp_output" => (layer, HookPoint::MlpOut),
        "attention_output" => (layer, HookPoint::AttnOut),
        _ => return None,
    })
}

pub(super) fn read(folder: &Path, context: &Context<'_>) -> Result<Reading, VectorError> {
    let json = read_json(&folder.join("config.json"), "pyreft configuration")?;
    let object = Object::new(context.file, "pyreft configuration", &json)?;
    let rows = object.map.get("representations").and_then(Value::as_array);
    let rows = rows.ok_or_else(|| object.bad("'representations' is no list"))?;
    let kinds = object.map.get("intervention_types").map(Value::to_string);
    if let Some(kind) = kinds.filter(|k| k.to_ascii_lowercase().contains("reft")) {
        return Err(VectorError::OperatorUnsupported {
            file: context.file.to_owned(),
            operator: kind,
        });
    }
    let mut reading = Reading::new(VectorFormat::Pyreft, "pyreft", "representations");
    let mut point = None;
    for row in rows {
        let cell = |i: usize, key: &str| row.get(i).or_else(|| row.get(key));
        let layer = cell(0, "layer").and_then(Value::as_i64);
        let component = cell(1, "component").and_then(Value::as_str);
        let (Some(layer), Some(component)) = (layer, component) else {
            return Err(object.bad("a representation without layer and component"));
        };
        let unit = cell(2, "unit").and_then(Value::as_str).unwrap_or("pos");
        let (block, at) = place(layer, component).ok_or_else(|| FormatError::Site {
            file: context.file.to_owned(),
            site: component.to_owned(),
        })?;
        if let Some(first) = point.filter(|p| *p != at) {
            return Err(VectorError::MixedSites {
                file: context.file.to_owned(),
                a: first,
                b: at,
            });
        }
        point = Some(at);
        let prefix = format!("intkey_layer_{layer}_comp_{component}_unit_{unit}_");
        let weights = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .map(|e| e.path())
            .find(|p| {
                let name = p.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with(&prefix) && is_weights(&name)
            });
        let Some(weights) = weights else {
            return Err(VectorError::Missing {
                file: folder
                    .join(format!("{prefix}nunit_1#0.bin"))
                    .display()
                    .to_string(),
            });
        };
        let values = bare(&weights, context)?.direction(context.file, component)?;
        (reading.found).push(Found::at(format!("{component} {layer}"), block, values));
    }
    reading.edit.point = point.unwrap_or_default();
    reading.warn(
        "positions-unknown",
        "the file does not say at which positions it was trained to act; --mask decides",
    );
    Ok(reading)
}
