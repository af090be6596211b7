//! Plain texts: one per line with `\n`, `\t` and `\\` escapes, JSON lines `{"text": …}` or `{"messages": […]}`,
//! or the questions of a `persona_vectors` trait file.

use std::path::Path;

use super::error::DatasetError;
use super::{MAX_BYTES, messages, reader};

/// The texts of a file in their order; blank lines are left out.
///
/// # Errors
/// [`DatasetError::Missing`], [`DatasetError::Unreadable`], [`DatasetError::TooLarge`], those of
/// [`parse_texts`].
pub fn load_texts(path: &Path) -> Result<Vec<String>, DatasetError> {
    let file = path.display().to_string();
    let bytes = super::read_file(path, &file, MAX_BYTES)?;
    parse_texts(&file, &bytes)
}

/// The same from memory; `file` names it in messages.
///
/// # Errors
/// [`DatasetError::Encoding`], [`DatasetError::Syntax`], [`DatasetError::MissingField`],
/// [`DatasetError::FieldType`], [`DatasetError::EmptyField`], [`DatasetError::Empty`].
pub fn parse_texts(file: &str, bytes: &[u8]) -> Result<Vec<String>, DatasetError> {
    let text = reader::text(file, bytes)?;
    let texts = if let Some(questions) = questions(text) {
        questions
    } else if text.trim_start().starts_with('{') {
        let rows = reader::jsonl(file, text)?;
        let text = |row: &reader::Row<'_>| match row.object.get("messages") {
            Some(list) => messages::turns(row, Some(list), "messages").map(|[user, _]| user),
            None => row.text("text").map(str::to_owned),
        };
        rows.iter().map(text).collect::<Result<Vec<_>, _>>()?
    } else {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        lines.map(unescape).collect()
    };
    if texts.is_empty() {
        return Err(DatasetError::Empty {
            file: file.to_owned(),
        });
    }
    Ok(texts)
}

/// The questions of a `persona_vectors` trait file, one JSON object; its instructions and its judge's
/// prompt are no texts to be read.
fn questions(text: &str) -> Option<Vec<String>> {
    let named = text.trim_start().starts_with('{') && text.contains("\"questions\"");
    let object: serde_json::Value = serde_json::from_str(text.trim()).ok().filter(|_| named)?;
    let questions = object.get("questions")?.as_array()?.iter();
    questions.map(|q| q.as_str().map(str::to_owned)).collect()
}

/// Other characters after a backslash stand for themselves, backslash included.
fn unescape(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match rest.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('\\') | None => text.push('\\'),
            Some(other) => text.extend(['\\', other]),
        }
    }
    text
}
