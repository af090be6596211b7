//! Rows whose sides are conversations: `{"positive": {"messages": [{"role", "content"}, …]}, "negative": …}`,
//! the list of messages alone being taken too; one user's turn, and at most one answer.

use serde_json::{Map, Value};

use super::error::DatasetError;
use super::reader::{Row, Rows, type_name};
use super::steering_bench::read_sides;

const ONE_TURN: &str = "one user's turn and at most one answer";

/// Whether a side is a conversation.
pub(super) fn is_conversation(side: Option<&Value>) -> bool {
    match side {
        Some(Value::Array(_)) => true,
        Some(Value::Object(object)) => object.contains_key("messages"),
        _ => false,
    }
}

pub(super) fn read(file: &str, text: &str) -> Result<Rows, DatasetError> {
    read_sides(file, text, |row, name| {
        turns(row, row.object.get(name), name)
    })
}

/// What the user says and what is answered, empty without an answer. Other roles are refused: a system
/// text is given by `--system`, the format by the model's own template.
pub(super) fn turns(
    row: &Row<'_>,
    side: Option<&Value>,
    name: &str,
) -> Result<[String; 2], DatasetError> {
    let refuse = |path: String, found: &'static str| DatasetError::FieldType {
        place: row.place(&path),
        found,
        expected: ONE_TURN,
    };
    let list = match side {
        Some(Value::Array(list)) => list,
        Some(Value::Object(object)) => match object.get("messages") {
            Some(Value::Array(list)) => list,
            other => {
                let found = other.map_or("nothing", type_name);
                return Err(refuse(format!("{name}.messages"), found));
            }
        },
        other => return Err(refuse(name.to_owned(), other.map_or("nothing", type_name))),
    };
    let said = |i: usize, role: &str| -> Result<Option<String>, DatasetError> {
        let path = format!("{name}.messages[{i}]");
        let Some(message) = list.get(i) else {
            return Ok(None);
        };
        let Value::Object(message) = message else {
            return Err(refuse(path, type_name(message)));
        };
        let is = |message: &Map<String, Value>, role: &str| {
            message.get("role").and_then(Value::as_str) == Some(role)
        };
        if !is(message, role) {
            let found = match message.get("role").and_then(Value::as_str) {
                Some("system") => "a system message",
                Some("user") => "a second user's turn",
                _ => "another role",
            };
            return Err(refuse(format!("{path}.role"), found));
        }
        let content = row.text_or_empty(message, "content", &format!("{path}.content"))?;
        Ok(Some(content.to_owned()))
    };
    let user = said(0, "user")?.filter(|text| !text.trim().is_empty());
    let user = user.ok_or_else(|| DatasetError::EmptyField {
        place: row.place(&format!("{name}.messages")),
    })?;
    let answer = said(1, "assistant")?.unwrap_or_default();
    if list.len() > 2 {
        return Err(refuse(format!("{name}.messages"), "further turns"));
    }
    Ok([user, answer])
}
