//! `.svec`: `directions` {layer: list}, by IBM's activation-steering (lists of numbers) and by
//! `AISteer360` (lists of directions).

use serde_json::Value;

use super::super::error::VectorError;
use super::super::vector::meta;
use super::Context;
use super::error::FormatError;
use super::imported::VectorFormat;
use super::json::{Object, numbers};
use super::options::Location;
use super::pickle::{IBM, Node, Pickle};
use super::reading::{Found, Normed, Reading};
use super::torch::Tensors;
use crate::units::Operator;

const KIND: &str = ".svec file";

/// Whether JSON is of this kind.
pub(super) fn recognise(value: &Value) -> bool {
    value.get("directions").is_some_and(Value::is_object)
}

pub(super) fn read(value: &Value, context: &Context<'_>) -> Result<Reading, VectorError> {
    let object = Object::new(context.file, KIND, value)?;
    let directions = object.map.get("directions").and_then(Value::as_object);
    let directions = directions.ok_or_else(|| object.bad("'directions' is no object"))?;
    if object.map.contains_key("num_heads") || object.map.contains_key("head_dim") {
        return Err(FormatError::Site {
            file: context.file.to_owned(),
            site: "head-wise".to_owned(),
        }
        .into());
    }
    let mut layers = Vec::new();
    for (key, value) in directions {
        let layer: i64 = key
            .parse()
            .map_err(|_| object.bad(format!("layer '{key}' is no number")))?;
        let rows = match value.as_array().and_then(|list| list.first()) {
            Some(Value::Array(_)) => value
                .as_array()
                .and_then(|rows| rows.iter().map(numbers).collect::<Option<Vec<_>>>()),
            _ => numbers(value).map(|row| vec![row]),
        };
        let nested = value
            .as_array()
            .is_some_and(|l| l.first().is_some_and(Value::is_array));
        let rows = rows.ok_or_else(|| object.bad(format!("layer {key} is no list of numbers")))?;
        layers.push((layer, nested, rows));
    }
    layers.sort_by_key(|(layer, ..)| *layer);
    if layers.is_empty() {
        return Err(context.unknown("a .svec file without directions"));
    }
    let mut reading = if layers.iter().any(|(_, nested, _)| *nested) {
        aisteer(layers.into_iter().map(|(l, _, rows)| (l, rows)), context)?
    } else {
        let layers = layers.into_iter().map(|(l, _, rows)| (l, rows.concat()));
        ibm(layers, VectorFormat::Svec)
    };
    if let Some(hint) = object.text("model_type") {
        reading.fact(meta::MODEL_HINT, hint);
    }
    Ok(reading)
}

/// IBM's tool reads `hidden_states` after block k and adds them to what enters block k.
fn ibm(layers: impl Iterator<Item = (i64, Vec<f32>)>, format: VectorFormat) -> Reading {
    let mut reading = Reading::new(format, IBM, "directions");
    reading.found = layers
        .map(|(k, values)| Found {
            in_file: k.to_string(),
            measured: Some(k),
            applied: k.saturating_sub(1),
            normed: Normed::IfLast,
            values,
        })
        .collect();
    reading.warn(
        "applied-early",
        "its tool reads layer k at the output of block k and adds it one block earlier; placed as applied, \
         --as-measured places it where it was read",
    );
    reading
}

fn aisteer(
    layers: impl Iterator<Item = (i64, Vec<Vec<f32>>)>,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let location = context
        .options
        .location
        .ok_or_else(|| FormatError::LocationUnknown {
            file: context.file.to_owned(),
        })?;
    let back = match location {
        Location::Input => 1,
        Location::Output => 0,
    };
    let mut reading = Reading::new(VectorFormat::Svec, "AISteer360", "directions");
    for (k, rows) in layers {
        let count = rows.len();
        if count == 2 && !context.options.angular {
            let file = context.file.to_owned();
            return Err(FormatError::PlaneUnknown { file }.into());
        }
        if count > 2 || (!reading.found.is_empty() && count != reading.rank) {
            return Err(FormatError::Site {
                file: context.file.to_owned(),
                site: format!("positional or head-wise ({count} directions per layer)"),
            }
            .into());
        }
        reading.rank = count;
        reading.found.push(Found::at(
            k.to_string(),
            k.saturating_sub(back),
            rows.concat(),
        ));
    }
    if reading.rank == 2 {
        reading.edit.operator = Operator::Angular;
    }
    Ok(reading)
}

/// IBM's object as pickled.
pub(super) fn of_object(
    pickle: &Pickle,
    tensors: &mut Tensors,
    state: &Node,
    format: VectorFormat,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let directions = pickle.get(state, "directions").unwrap_or(&Node::None);
    let mut layers = Vec::new();
    for (key, node) in pickle.entries(directions) {
        let (Ok(layer), Some(array)) = (key.parse::<i64>(), tensors.array(pickle, node)?) else {
            return Err(context.unknown(&format!("a layer named '{key}'")));
        };
        layers.push((layer, array.direction(context.file, &key)?));
    }
    if layers.is_empty() {
        return Err(context.unknown("an object without directions"));
    }
    let mut reading = ibm(layers.into_iter(), format);
    if let Some(hint) = pickle.text(state, "model_type") {
        reading.fact(meta::MODEL_HINT, hint);
    }
    Ok(reading)
}
