//! Own rows as TOML: tables `[[rows]]` with the fields of the JSONL rows.

use serde::Deserialize;
use serde_json::{Map, Value};
use toml::Spanned;

use super::error::DatasetError;
use super::own_jsonl;
use super::reader::{Row, Rows};

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    rows: Vec<Spanned<toml::Table>>,
}

pub(super) fn read(file: &str, text: &str) -> Result<Rows, DatasetError> {
    let line_of = |offset: usize| text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1;
    let document: Document = toml::from_str(text).map_err(|error| DatasetError::Syntax {
        file: file.to_owned(),
        line: error.span().map_or(1, |span| line_of(span.start)),
        syntax: "TOML",
        reason: error.message().to_owned(),
    })?;
    let rows = document.rows.into_iter().enumerate().map(|(index, table)| {
        let line = Some(line_of(table.span().start));
        let fields = table
            .into_inner()
            .into_iter()
            .map(|(key, value)| (key, json(value)));
        Row {
            file,
            index,
            line,
            object: fields.collect::<Map<String, Value>>(),
        }
    });
    own_jsonl::collect(rows.collect())
}

/// TOML has no null; dates become text, numbers that JSON cannot hold become null.
fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::from(number),
        toml::Value::Boolean(truth) => Value::Bool(truth),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(items) => Value::Array(items.into_iter().map(json).collect()),
        toml::Value::Table(table) => {
            Value::Object(table.into_iter().map(|(k, v)| (k, json(v))).collect())
        }
    }
}
