//! Own rows: `{"prompt", "positive", "negative"}` or `{"positive", "negative"}`, optional `meta`;
//! texts are taken character for character.

use serde_json::Value;

use super::error::DatasetError;
use super::example::{Example, Joining};
use super::reader::{self, Row, Rows};
use super::warning::DatasetWarning;

const KNOWN: [&str; 4] = ["prompt", "positive", "negative", "meta"];

pub(super) fn read(file: &str, text: &str) -> Result<Rows, DatasetError> {
    collect(reader::json_rows(file, text)?)
}

/// Turns rows of own fields, whatever the container, into examples.
pub(super) fn collect(rows: Vec<Row<'_>>) -> Result<Rows, DatasetError> {
    let mut result = Rows::default();
    let mut equal = 0;
    let mut unknown: Option<(usize, String)> = None;
    for row in rows {
        let (positive, negative) = (
            row.text("positive")?.to_owned(),
            row.text("negative")?.to_owned(),
        );
        let foreign = row.object.keys().find(|key| !KNOWN.contains(&key.as_str()));
        if let Some(field) = foreign {
            unknown.get_or_insert_with(|| (0, field.clone())).0 += 1;
        }
        if positive == negative {
            equal += 1;
            continue;
        }
        let mut example = if row.object.contains_key("prompt") {
            let prompt = row.text("prompt")?.to_owned();
            Example::answers(row.index, prompt, positive, negative, Joining::Verbatim)
        } else {
            Example::texts(row.index, positive, negative)
        };
        example.meta = row
            .object
            .get("meta")
            .filter(|m| !Value::is_null(m))
            .cloned();
        result.examples.push(example);
    }
    result.warn(equal, |count| DatasetWarning::EqualAnswers { count });
    if let Some((count, field)) = unknown {
        result
            .warnings
            .push(DatasetWarning::UnknownFields { count, field });
    }
    Ok(result)
}
