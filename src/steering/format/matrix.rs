//! Bare arrays: one direction, rows that are layers, rows that are concepts, positions by layers.

use super::super::error::VectorError;
use super::Context;
use super::array::{Array, Number};
use super::error::FormatError;
use super::imported::VectorFormat;
use super::keys;
use super::options::RowsAre;
use super::reading::{Found, Normed, Reading};
use crate::units::OpenQuestion;

/// Reads a bare array.
pub(super) fn read(
    array: Array,
    format: VectorFormat,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let shape = array.shape.clone();
    let array = array.squeezed();
    match array.shape.as_slice() {
        [_] => one(array.values, None, format, context),
        [k, _] => rows(&array, *k, format, context),
        [..] if array.shape.len() == 3 => positions(&array, format, context),
        _ => Err(VectorError::Shape {
            file: context.file.to_owned(),
            key: "the array".to_owned(),
            shape,
        }),
    }
}

/// One direction whose layer has to be told. `what` names it in the file.
pub(super) fn one(
    values: Vec<f32>,
    what: Option<String>,
    format: VectorFormat,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let block = context.layer()?;
    let mut reading = Reading::new(format, "as told", "the array");
    let said = match what {
        Some(what) => format!("{what} at layer {block}"),
        None => block.to_string(),
    };
    reading.found = vec![Found::at(said, block, values)];
    Ok(reading)
}

/// The one direction of an array, or the row of it that was asked for.
pub(super) fn row(array: Array, context: &Context<'_>) -> Result<Vec<f32>, VectorError> {
    let array = array.squeezed();
    let k = match array.shape.as_slice() {
        [k, _] => *k,
        _ => return array.direction(context.file, "the array"),
    };
    let file = context.file.to_owned();
    let row = context.options.row.ok_or(FormatError::RowsAmbiguous {
        file: file.clone(),
        rows: k,
        what: "concepts",
        choices: "chosen; give --row I".to_owned(),
        asks: OpenQuestion::Row(k),
    })?;
    let last = k.saturating_sub(1);
    let values = array.rows().nth(row);
    values.ok_or_else(|| FormatError::RowRange { file, row, last }.into())
}

/// Whether the name is one that `persona_vectors` gives its files.
fn is_persona(stem: &str) -> bool {
    [
        "_prompt_avg_diff",
        "_response_avg_diff",
        "_prompt_last_diff",
    ]
    .iter()
    .any(|ending| stem.ends_with(ending))
}

fn rows(
    array: &Array,
    k: usize,
    format: VectorFormat,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let options = context.options;
    let n = options.model.map(|m| m.n_blocks);
    let persona = is_persona(context.stem) && n.is_none_or(|n| n + 1 == k);
    let rows = match (options.rows, options.row) {
        (Some(rows), _) => rows,
        (None, Some(_)) => RowsAre::Concepts,
        (None, None) if persona || n.is_some_and(|n| n + 1 == k) => RowsAre::HiddenStates,
        (None, None) => {
            return Err(FormatError::RowsAmbiguous {
                file: context.file.to_owned(),
                rows: k,
                what: "rows",
                choices: "layers or concepts; give --rows layers (row i is the output of block i), --rows hidden-states \
                          (row i is hidden_states[i]) or --row I for one concept"
                    .to_owned(),
                asks: OpenQuestion::Rows(k),
            }
            .into());
        }
    };
    let row = options.row;
    let chosen = |i: &usize| row.is_none_or(|row| row == *i);
    if let Some(row) = row.filter(|row| *row >= k) {
        return Err(FormatError::RowRange {
            file: context.file.to_owned(),
            row,
            last: k.saturating_sub(1),
        }
        .into());
    }
    let all = array.rows().enumerate().filter(|(i, _)| chosen(i));
    let mut reading = Reading::new(format, "as told", "row i");
    match rows {
        RowsAre::Concepts => {
            let row = row.ok_or_else(|| FormatError::RowsAmbiguous {
                file: context.file.to_owned(),
                rows: k,
                what: "concepts",
                choices: "chosen; give --row I".to_owned(),
                asks: OpenQuestion::Row(k),
            })?;
            let values = array.rows().nth(row).unwrap_or_default();
            let mut reading = one(values, Some(format!("row {row}")), format, context)?;
            "row i".clone_into(&mut reading.key);
            return Ok(reading);
        }
        RowsAre::Layers => {
            reading.found = all
                .map(|(i, values)| Found::at(format!("row {i}"), i as i64, values))
                .collect();
        }
        RowsAre::HiddenStates => {
            if persona {
                "persona_vectors".clone_into(&mut reading.producer);
            } else {
                "hidden states".clone_into(&mut reading.producer);
            }
            reading.n_blocks = Some(k.saturating_sub(1));
            reading.found = all
                .map(|(i, values)| Found {
                    normed: Normed::IfLast,
                    ..Found::at(format!("row {i}"), i as i64 - 1, values)
                })
                .collect();
        }
    }
    Ok(reading)
}

/// `[positions, layers, d]` of `refusal_direction`: layer i is what enters block i. Head-wise arrays
/// `[layers, heads, width of a head]` are told apart by their last axis.
fn positions(
    array: &Array,
    format: VectorFormat,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let [positions, layers, width] = array.shape.as_slice() else {
        return Err(context.unknown("an array of other dimensions"));
    };
    let options = context.options;
    let of_model = options.model.map(|m| m.hidden_size == *width);
    let wide = of_model.unwrap_or(array.number == Number::F64 || options.position.is_some());
    if !wide {
        return Err(FormatError::Site {
            file: context.file.to_owned(),
            site: format!(
                "head-wise (shape {:?}, or one of positions, layers and width: then give --position)",
                array.shape
            ),
        }
        .into());
    }
    let position = options.position.ok_or_else(|| FormatError::RowsAmbiguous {
        file: context.file.to_owned(),
        rows: *positions,
        what: "positions",
        choices:
            "chosen; give --position P, negative from the prompt's end (and --row L for one layer)"
                .to_owned(),
        asks: OpenQuestion::Position(*positions),
    })?;
    let index = if position < 0 {
        position + *positions as i64
    } else {
        position
    };
    let Some(index) = usize::try_from(index).ok().filter(|i| i < positions) else {
        return Err(FormatError::RowRange {
            file: context.file.to_owned(),
            row: usize::try_from(position).unwrap_or_default(),
            last: positions.saturating_sub(1),
        }
        .into());
    };
    let at = array
        .values
        .chunks_exact((layers * width).max(1))
        .nth(index)
        .unwrap_or_default();
    let mut reading = Reading::new(format, "refusal_direction", "[position, layer]");
    reading.fact("position", position.to_string());
    reading.found = at
        .chunks_exact((*width).max(1))
        .enumerate()
        .filter(|(i, v)| {
            // What enters block 0 at a fixed template token is the same for both sets.
            options.row.is_none_or(|row| row == *i) && (*i > 0 || v.iter().any(|x| *x != 0.0))
        })
        .map(|(i, values)| Found::at(format!("layer {i}"), i as i64 - 1, values.to_vec()))
        .collect();
    Ok(reading)
}

/// Directions keyed by names: those that say their layer, or one whose layer is told.
pub(super) fn keyed(
    entries: Vec<(String, Array)>,
    format: VectorFormat,
    producer: &str,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let mut reading = Reading::new(format, producer, "names of tensors");
    let mut point = None;
    let mut other = Vec::new();
    for (key, array) in entries {
        match keys::place(&key) {
            Some((block, at)) => {
                if let Some(first) = point.filter(|first| *first != at) {
                    return Err(VectorError::MixedSites {
                        file: context.file.to_owned(),
                        a: first,
                        b: at,
                    });
                }
                point = Some(at);
                let values = array.direction(context.file, &key)?;
                reading.found.push(Found::at(key, block, values));
            }
            None => other.push((key, array)),
        }
    }
    if let Some(point) = point {
        reading.edit.point = point;
        if !other.is_empty() {
            let names: Vec<&str> = other.iter().map(|(k, _)| k.as_str()).collect();
            reading.warn(
                "tensors-left-out",
                format!("no layer in the names {}; left out", names.join(", ")),
            );
        }
        return Ok(reading);
    }
    let chosen = match (context.options.row, other.len()) {
        (_, 0) => return Err(context.unknown("no tensors")),
        (None, 1) => 0,
        (Some(row), n) if row < n => row,
        (Some(row), n) => {
            return Err(FormatError::RowRange {
                file: context.file.to_owned(),
                row,
                last: n - 1,
            }
            .into());
        }
        (None, n) => {
            let names: Vec<&str> = other.iter().take(6).map(|(k, _)| k.as_str()).collect();
            return Err(FormatError::RowsAmbiguous {
                file: context.file.to_owned(),
                rows: n,
                what: "tensors",
                choices: format!(
                    "chosen, in this order from 0: {}; give --row I",
                    names.join(", ")
                ),
                asks: OpenQuestion::Row(n),
            }
            .into());
        }
    };
    let (key, array) = other.swap_remove(chosen);
    if array.clone().squeezed().shape.len() == 1 {
        let values = array.direction(context.file, &key)?;
        return one(values, Some(key), format, context);
    }
    read(array, format, context)
}
