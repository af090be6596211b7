//! Plain texts: one per line with `\n`, `\t` and `\\` escapes, or JSON lines `{"text": …}`.

use std::path::Path;

use super::error::DatasetError;
use super::{MAX_BYTES, reader};

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
    let texts = if text.trim_start().starts_with('{') {
        let rows = reader::jsonl(file, text)?;
        let text = |row: &reader::Row<'_>| row.text("text").map(str::to_owned);
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
