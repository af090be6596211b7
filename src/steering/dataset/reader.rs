//! What all readers share: decoding, rows of JSON with their lines, typed fields.

use serde_json::{Map, Value};

use super::error::{DatasetError, Field};
use super::example::{Content, Example, Joining};
use super::warning::DatasetWarning;

/// Rows of one file on their way to a data set.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) examples: Vec<Example>,
    pub(super) warnings: Vec<DatasetWarning>,
}

impl Rows {
    /// Adds a warning unless its count is zero.
    pub(super) fn warn(&mut self, count: usize, warning: impl FnOnce(usize) -> DatasetWarning) {
        if count > 0 {
            self.warnings.push(warning(count));
        }
    }

    /// Rows that a reader left out.
    pub(super) fn skipped(&self) -> usize {
        self.warnings
            .iter()
            .map(|w| match w {
                DatasetWarning::EqualAnswers { count }
                | DatasetWarning::UnreadableAnswers { count } => *count,
                _ => 0,
            })
            .sum()
    }

    /// Counts prompts and answers that run into one word, as in `…very` + `happy`.
    pub(super) fn remark_on_joints(&mut self) {
        let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let joined = |e: &&Example| match &e.content {
            Content::Answers {
                prompt,
                positive,
                joining: Joining::Verbatim,
                ..
            } => word(prompt.chars().next_back()) && word(positive.chars().next()),
            _ => false,
        };
        let count = self.examples.iter().filter(joined).count();
        self.warn(count, |count| DatasetWarning::JoinedWords { count });
    }
}

/// The file as text, byte-order mark removed.
pub(super) fn text<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, DatasetError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.split(|b| *b == b'\n').count();
        DatasetError::Encoding {
            file: file.to_owned(),
            line,
        }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// One JSON object of a file and where it stands.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) file: &'a str,
    /// 0-based.
    pub(super) index: usize,
    pub(super) line: Option<usize>,
    pub(super) object: Map<String, Value>,
}

impl Row<'_> {
    pub(super) fn place(&self, field: &str) -> Field {
        Field {
            file: self.file.to_owned(),
            line: self.line,
            row: self.index + 1,
            field: field.to_owned(),
        }
    }

    /// A text field; empty text is refused.
    pub(super) fn text(&self, field: &str) -> Result<&str, DatasetError> {
        let text = self.text_or_empty(&self.object, field, field)?;
        if text.is_empty() {
            return Err(DatasetError::EmptyField {
                place: self.place(field),
            });
        }
        Ok(text)
    }

    /// A text field of an object inside the row; may be empty.
    pub(super) fn text_or_empty<'v>(
        &self,
        object: &'v Map<String, Value>,
        field: &str,
        path: &str,
    ) -> Result<&'v str, DatasetError> {
        match object.get(field) {
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(self.wrong_type(path, other, "text")),
            None => Err(DatasetError::MissingField {
                place: self.place(path),
            }),
        }
    }

    /// An object inside the row.
    pub(super) fn object(&self, field: &str) -> Result<&Map<String, Value>, DatasetError> {
        match self.object.get(field) {
            Some(Value::Object(object)) => Ok(object),
            Some(other) => Err(self.wrong_type(field, other, "an object")),
            None => Err(DatasetError::MissingField {
                place: self.place(field),
            }),
        }
    }

    fn wrong_type(&self, field: &str, found: &Value, expected: &'static str) -> DatasetError {
        DatasetError::FieldType {
            place: self.place(field),
            found: type_name(found),
            expected,
        }
    }
}

pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Objects of a JSONL file; blank lines are passed over, CRLF is accepted.
pub(super) fn jsonl<'a>(file: &'a str, text: &str) -> Result<Vec<Row<'a>>, DatasetError> {
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let value = serde_json::from_str(line).map_err(|error| syntax(file, number + 1, &error))?;
        rows.push(row(file, rows.len(), Some(number + 1), value)?);
    }
    Ok(rows)
}

/// Objects of a file that is one JSON list.
pub(super) fn json_list<'a>(file: &'a str, text: &str) -> Result<Vec<Row<'a>>, DatasetError> {
    let values: Vec<Value> =
        serde_json::from_str(text).map_err(|error| syntax(file, error.line().max(1), &error))?;
    values
        .into_iter()
        .enumerate()
        .map(|(i, value)| row(file, i, None, value))
        .collect()
}

/// Rows of either container.
pub(super) fn json_rows<'a>(file: &'a str, text: &str) -> Result<Vec<Row<'a>>, DatasetError> {
    if text.trim_start().starts_with('[') {
        json_list(file, text)
    } else {
        jsonl(file, text)
    }
}

fn row(
    file: &str,
    index: usize,
    line: Option<usize>,
    value: Value,
) -> Result<Row<'_>, DatasetError> {
    match value {
        Value::Object(object) => Ok(Row {
            file,
            index,
            line,
            object,
        }),
        other => Err(DatasetError::FieldType {
            place: Field {
                file: file.to_owned(),
                line,
                row: index + 1,
                field: "(row)".to_owned(),
            },
            found: type_name(&other),
            expected: "an object",
        }),
    }
}

pub(super) fn syntax(file: &str, line: usize, error: &serde_json::Error) -> DatasetError {
    // serde_json counts from the text it was given, which for JSONL is a single line.
    let reason = error.to_string();
    let reason = reason.split(" at line ").next().unwrap_or_default();
    let reason = format!("{reason} (column {})", error.column());
    DatasetError::Syntax {
        file: file.to_owned(),
        line,
        syntax: "JSON",
        reason,
    }
}
