//! What people put into `PyTorch` files: tensors, dictionaries of them, objects of steering libraries.

use super::super::error::VectorError;
use super::super::vector::meta;
use super::error::FormatError;
use super::imported::VectorFormat;
use super::pickle::{IBM, Node, Pickle, REPENG, STEERING_VECTORS};
use super::reading::{Found, Normed, Reading};
use super::torch::Tensors;
use super::{Context, keys, lm_eval, matrix, sae, svec};
use crate::units::{HookPoint, OpenQuestion};

/// Recognises the value a pickle ends with.
pub(super) fn read(
    pickle: &Pickle,
    tensors: &mut Tensors,
    format: VectorFormat,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let root = pickle.root();
    if let Some(array) = tensors.array(pickle, root)? {
        return matrix::read(array, format, context);
    }
    match root {
        Node::Record {
            class,
            state: Some(state),
        } => {
            let state = pickle.node(*state);
            match *class {
                STEERING_VECTORS => steering_vectors(pickle, tensors, state, format, context),
                REPENG => repeng(pickle, tensors, state, format, context),
                IBM => svec::of_object(pickle, tensors, state, format, context),
                _ => Err(context.unknown("an object of no known class")),
            }
        }
        Node::Dict(_) => dict(pickle, tensors, root, format, context),
        Node::List(items) => list(pickle, tensors, items, format, context),
        _ => Err(context.unknown("a PyTorch file without tensors")),
    }
}

fn dict(
    pickle: &Pickle,
    tensors: &mut Tensors,
    root: &Node,
    format: VectorFormat,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    if let Some(reading) = sae::state_dict(pickle, tensors, root, context)? {
        return Ok(reading);
    }
    if pickle.get(root, "layer_activations").is_some() {
        return steering_vectors(pickle, tensors, root, format, context);
    }
    if pickle.get(root, "rotate_layer").is_some() {
        return Err(VectorError::OperatorUnsupported {
            file: context.file.to_owned(),
            operator: "LoReFT (rotate_layer, weight, bias)".to_owned(),
        });
    }
    if pickle.get(root, "avg_proj").is_some()
        && let Some(dir) = pickle.get(root, "dir")
        && let Some(array) = tensors.array(pickle, dir)?
    {
        let values = array.direction(context.file, "dir")?;
        return matrix::one(values, Some("dir".to_owned()), format, context);
    }
    let nested = |(_, value): (String, &Node)| pickle.get(value, "steering_vector").is_some();
    if pickle.entries(root).any(nested) {
        return lm_eval::read(pickle, tensors, root, context);
    }
    let directions = pickle
        .get(root, "directions")
        .filter(|d| matches!(d, Node::Dict(_)));
    if let Some(directions) = directions
        && pickle.text(root, "model_type").is_some()
    {
        // The fields of a ControlVector, saved as a dictionary.
        let entries = arrays(pickle, tensors, directions)?;
        return matrix::keyed(entries, format, "dictionary of layers", context);
    }
    let entries = arrays(pickle, tensors, root)?;
    if entries.is_empty() {
        return Err(context.unknown("a PyTorch dictionary without tensors"));
    }
    matrix::keyed(entries, format, "dictionary of layers", context)
}

/// The arrays of a dictionary, in file order.
fn arrays(
    pickle: &Pickle,
    tensors: &mut Tensors,
    node: &Node,
) -> Result<Vec<(String, super::array::Array)>, VectorError> {
    let mut found = Vec::new();
    let mut values = 0usize;
    for (key, value) in pickle.entries(node) {
        if let Some(array) = tensors.array(pickle, value)? {
            values = values.saturating_add(array.values.len());
            tensors.together(values)?;
            found.push((key, array));
        }
    }
    Ok(found)
}

/// `layer_activations` {block: tensor} and `layer_type`; saved as the object or as a dictionary.
fn steering_vectors(
    pickle: &Pickle,
    tensors: &mut Tensors,
    state: &Node,
    format: VectorFormat,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let mut reading = Reading::new(format, STEERING_VECTORS, "layer_activations");
    let layer_type = pickle.text(state, "layer_type").unwrap_or("decoder_block");
    reading.edit.point = layer_type_point(layer_type).ok_or_else(|| FormatError::Site {
        file: context.file.to_owned(),
        site: layer_type.to_owned(),
    })?;
    reading.fact("layer_type", layer_type);
    let layers = pickle.get(state, "layer_activations");
    let layers = layers.unwrap_or(&Node::None);
    for (key, array) in arrays(pickle, tensors, layers)? {
        let Ok(block) = key.parse::<i64>() else {
            return Err(context.unknown(&format!("a layer named '{key}'")));
        };
        let values = array.direction(context.file, &key)?;
        reading.found.push(Found::at(key, block, values));
    }
    if reading.found.is_empty() {
        return Err(context.unknown("a steering-vectors object without layers"));
    }
    Ok(reading)
}

/// The point that a `layer_type` of the steering-vectors library stands for.
pub(super) fn layer_type_point(layer_type: &str) -> Option<HookPoint> {
    Some(match layer_type {
        "decoder_block" => HookPoint::ResidPost,
        "self_attn" => HookPoint::AttnOut,
        "mlp" => HookPoint::MlpOut,
        _ => return None,
    })
}

/// A pickled `ControlVector`: layer N is the output of block N.
fn repeng(
    pickle: &Pickle,
    tensors: &mut Tensors,
    state: &Node,
    format: VectorFormat,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let mut reading = Reading::new(format, REPENG, "directions");
    if let Some(hint) = pickle.text(state, "model_type") {
        reading.fact(meta::MODEL_HINT, hint);
    }
    let layers = pickle.get(state, "directions").unwrap_or(&Node::None);
    for (key, array) in arrays(pickle, tensors, layers)? {
        let Some((block, HookPoint::ResidPost)) = keys::place(&key) else {
            return Err(context.unknown(&format!("a layer named '{key}'")));
        };
        let values = array.direction(context.file, &key)?;
        reading.found.push(Found {
            normed: Normed::IfLast,
            ..Found::at(key, block, values)
        });
    }
    if reading.found.is_empty() {
        return Err(context.unknown("a repeng object without directions"));
    }
    Ok(reading)
}

/// A list: of tensors, or of dictionaries one of which is chosen.
fn list(
    pickle: &Pickle,
    tensors: &mut Tensors,
    items: &[usize],
    format: VectorFormat,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let ambiguous = |what, advice: &str, asks| FormatError::RowsAmbiguous {
        file: context.file.to_owned(),
        rows: items.len(),
        what,
        choices: advice.to_owned(),
        asks,
    };
    let Some(first) = items.first() else {
        return Err(context.unknown("an empty list"));
    };
    let row = context.options.row;
    if let Some(row) = row.filter(|row| *row >= items.len()) {
        return Err(FormatError::RowRange {
            file: context.file.to_owned(),
            row,
            last: items.len() - 1,
        }
        .into());
    }
    if matches!(pickle.node(*first), Node::Dict(_)) {
        let Some(row) = row else {
            return Err(ambiguous(
                "list items",
                "chosen; give --row I",
                OpenQuestion::Row(items.len()),
            )
            .into());
        };
        let item = items.get(row).map_or(&Node::None, |id| pickle.node(*id));
        let options = super::ImportOptions {
            row: None,
            ..*context.options
        };
        let context = Context {
            options: &options,
            ..*context
        };
        return dict(pickle, tensors, item, format, &context);
    }
    // A list of rows is a matrix in other clothes.
    let mut values = Vec::new();
    let mut shape = [items.len(), 0];
    let mut number = None;
    for id in items {
        let Some(array) = tensors.array(pickle, pickle.node(*id))? else {
            return Err(context.unknown("a list of other things than tensors"));
        };
        number = Some(array.number);
        let row = array.direction(context.file, "list item")?;
        if shape[1] != 0 && row.len() != shape[1] {
            return Err(VectorError::MixedWidths {
                file: context.file.to_owned(),
                a: shape[1],
                b: row.len(),
            });
        }
        shape[1] = row.len();
        values.extend(row);
        tensors.together(values.len())?;
    }
    let array = super::array::Array {
        shape: shape.to_vec(),
        number: number.unwrap_or(super::array::Number::F32),
        values,
    };
    if items.len() > 1 && row.is_none() && context.options.rows.is_none() {
        return Err(ambiguous(
            "list items",
            "layers or concepts; give --rows layers or --row I",
            OpenQuestion::Rows(items.len()),
        )
        .into());
    }
    matrix::read(array, format, context)
}
