//! Pairs crossed with suffixes, as IBM's activation-steering makes them: one JSON object of the arguments
//! of its `SteeringDataset`, `{"examples": [[a, b], …], "suffixes": [[c, d], …]}`. Row by row the texts are
//! a + c and b + d, all examples under one suffix before the next; a suffix that is one text stands
//! behind both. Without suffixes the examples are the pairs.

use serde_json::Value;

use super::classes::{missing, object, place, push};
use super::error::DatasetError;
use super::reader::{self, Rows};
use super::warning::DatasetWarning;

/// Most rows that are made.
const MOST: usize = 100_000;
/// Most bytes of their texts.
const MOST_BYTES: usize = 256 << 20;

pub(super) fn read(file: &str, text: &str) -> Result<Rows, DatasetError> {
    let object = object(file, text)?;
    let list = |field: &str| match object.get(field) {
        Some(Value::Array(values)) => Ok(values.as_slice()),
        _ => Err(missing(file, &object, field)),
    };
    let examples = pairs(file, "examples", list("examples")?, false)?;
    let suffixes = match object.get("suffixes") {
        None | Some(Value::Null) => vec![["", ""]],
        Some(_) => pairs(file, "suffixes", list("suffixes")?, true)?,
    };
    let (n, m) = (examples.len(), suffixes.len());
    let bytes = |all: &[[&str; 2]]| all.iter().flatten().map(|t| t.len()).sum::<usize>();
    let all_examples = bytes(&examples).saturating_mul(m);
    let all_bytes = all_examples.saturating_add(bytes(&suffixes).saturating_mul(n));
    if n.saturating_mul(m) > MOST || all_bytes > MOST_BYTES {
        return Err(DatasetError::CrossTooLarge {
            file: file.to_owned(),
            examples: n,
            suffixes: m,
            most: MOST,
        });
    }
    let mut rows = Rows::default();
    let mut equal = 0;
    for [c, d] in &suffixes {
        for [a, b] in &examples {
            let row = rows.examples.len() + equal;
            let (positive, negative) = (format!("{a}{c}"), format!("{b}{d}"));
            push(&mut rows, &mut equal, file, row, &positive, &negative)?;
        }
    }
    rows.warn(equal, |count| DatasetWarning::EqualAnswers { count });
    if object.contains_key("suffixes") {
        rows.warnings.push(DatasetWarning::Crossed {
            examples: n,
            suffixes: m,
        });
    }
    Ok(rows)
}

/// Pairs of texts; where `alone`, a text by itself is both sides.
fn pairs<'a>(
    file: &str,
    field: &str,
    values: &'a [Value],
    alone: bool,
) -> Result<Vec<[&'a str; 2]>, DatasetError> {
    let pair = |(row, value): (usize, &'a Value)| {
        let side = |i: usize| value.get(i).and_then(Value::as_str);
        match (
            value.as_str().filter(|_| alone),
            side(0),
            side(1),
            value.get(2),
        ) {
            (Some(text), ..) => Ok([text, text]),
            (None, Some(a), Some(b), None) => Ok([a, b]),
            _ => Err(DatasetError::FieldType {
                place: place(file, field, row),
                found: reader::type_name(value),
                expected: "a list of two texts, positive and negative",
            }),
        }
    };
    values.iter().enumerate().map(pair).collect()
}
