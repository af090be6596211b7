//! One JSON object with texts of several classes: files of the control-vectors generator of jukofyork,
//! `{"classes": [a, b], "data": [[a_text, b_text], …]}`, and of `EasySteer`, `{"positive_samples": […],
//! "negative_samples": […]}`.

use serde_json::{Map, Value};

use super::error::{DatasetError, Field};
use super::example::Example;
use super::reader::{self, Rows};
use super::warning::DatasetWarning;

/// What the templates of chat models put around turns.
const MARKERS: [&str; 7] = [
    "<|im_start|>",
    "<|start_header_id|>",
    "<start_of_turn>",
    "[INST]",
    "<|user|>",
    "<|assistant|>",
    "<｜User｜>",
];

/// Texts by class; the file does not say which class is positive, so `positive` must name it.
pub(super) fn read_classes(
    file: &str,
    text: &str,
    positive: Option<&str>,
) -> Result<Rows, DatasetError> {
    let object = object(file, text)?;
    let names = texts(file, &object, "classes", 0)?;
    let [first, second] = names.as_slice() else {
        return Err(DatasetError::FieldType {
            place: place(file, "classes", 0),
            found: "a list of another length",
            expected: "a list of two names",
        });
    };
    let swapped = match positive {
        Some(name) if name == first => false,
        Some(name) if name == second => true,
        _ => {
            return Err(DatasetError::ClassUnknown {
                file: file.to_owned(),
                first: first.clone(),
                second: second.clone(),
            });
        }
    };
    let Some(Value::Array(data)) = object.get("data") else {
        return Err(missing(file, &object, "data"));
    };
    let mut rows = Rows::default();
    let mut equal = 0;
    for (row, value) in data.iter().enumerate() {
        let (Some(a), Some(b), None) = (
            value.get(0).and_then(Value::as_str),
            value.get(1).and_then(Value::as_str),
            value.get(2),
        ) else {
            return Err(DatasetError::FieldType {
                place: place(file, "data", row),
                found: reader::type_name(value),
                expected: "a list of one text for each of the two classes",
            });
        };
        let (a, b) = if swapped { (b, a) } else { (a, b) };
        push(&mut rows, &mut equal, file, row, a, b)?;
    }
    rows.warn(equal, |count| DatasetWarning::EqualAnswers { count });
    Ok(rows)
}

/// Samples paired by their place in the two lists.
pub(super) fn read_samples(file: &str, text: &str) -> Result<Rows, DatasetError> {
    let object = object(file, text)?;
    let positive = texts(file, &object, "positive_samples", 0)?;
    let negative = texts(file, &object, "negative_samples", 0)?;
    if positive.len() != negative.len() {
        return Err(DatasetError::SidesDiffer {
            file: file.to_owned(),
            positive: positive.len(),
            negative: negative.len(),
        });
    }
    let mut rows = Rows::default();
    let mut equal = 0;
    for (row, (positive, negative)) in positive.iter().zip(&negative).enumerate() {
        push(&mut rows, &mut equal, file, row, positive, negative)?;
    }
    let marked = |text: &String| MARKERS.iter().any(|marker| text.contains(marker));
    let templated = positive.iter().filter(|text| marked(text)).count();
    rows.warn(equal, |count| DatasetWarning::EqualAnswers { count });
    rows.warn(templated, |count| DatasetWarning::Templated { count });
    Ok(rows)
}

pub(super) fn push(
    rows: &mut Rows,
    equal: &mut usize,
    file: &str,
    row: usize,
    positive: &str,
    negative: &str,
) -> Result<(), DatasetError> {
    for (field, text) in [("positive", positive), ("negative", negative)] {
        if text.is_empty() {
            return Err(DatasetError::EmptyField {
                place: place(file, field, row),
            });
        }
    }
    if positive == negative {
        *equal += 1;
    } else {
        let example = Example::texts(row, positive.to_owned(), negative.to_owned());
        rows.examples.push(example);
    }
    Ok(())
}

pub(super) fn object(file: &str, text: &str) -> Result<Map<String, Value>, DatasetError> {
    serde_json::from_str(text).map_err(|error| reader::syntax(file, error.line().max(1), &error))
}

fn texts(
    file: &str,
    object: &Map<String, Value>,
    field: &str,
    row: usize,
) -> Result<Vec<String>, DatasetError> {
    let Some(Value::Array(values)) = object.get(field) else {
        return Err(missing(file, object, field));
    };
    let text = |value: &Value| {
        value
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| DatasetError::FieldType {
                place: place(file, field, row),
                found: reader::type_name(value),
                expected: "text",
            })
    };
    values.iter().map(text).collect()
}

pub(super) fn missing(file: &str, object: &Map<String, Value>, field: &str) -> DatasetError {
    let place = place(file, field, 0);
    match object.get(field) {
        None => DatasetError::MissingField { place },
        Some(other) => DatasetError::FieldType {
            place,
            found: reader::type_name(other),
            expected: "a list",
        },
    }
}

pub(super) fn place(file: &str, field: &str, row: usize) -> Field {
    Field {
        file: file.to_owned(),
        line: None,
        row: row + 1,
        field: field.to_owned(),
    }
}
