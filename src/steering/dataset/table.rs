//! Tables with a header: comma- or tab-separated rows of any of the known fields, read as the JSON rows
//! they stand for.

use csv::{ReaderBuilder, StringRecord};
use serde_json::{Map, Value};

use super::error::DatasetError;

/// The fields of the first line if it is a header of known rows, and what separates them.
pub(super) fn header(text: &str) -> Option<(Vec<String>, u8)> {
    let line = text.trim_start_matches(['\n', '\r']).lines().next()?;
    if line.trim_start().starts_with(['{', '[']) {
        return None;
    }
    [b'\t', b','].into_iter().find_map(|separator| {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .delimiter(separator)
            .from_reader(line.as_bytes());
        let record = reader.records().next()?.ok()?;
        let names: Vec<String> = record.iter().map(|name| name.trim().to_owned()).collect();
        let has = |name: &str| names.iter().any(|n| n == name);
        let known = (has("positive") && (has("negative") || has("neutral")))
            || (has("answer_matching_behavior") && has("answer_not_matching_behavior"));
        known.then_some((names, separator))
    })
}

/// The rows as JSON lines, each on the line of the file where it begins.
pub(super) fn to_jsonl(file: &str, text: &str) -> Result<String, DatasetError> {
    let Some((names, separator)) = header(text) else {
        return Ok(String::new());
    };
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut lines = String::new();
    let mut line = 1;
    for record in reader.records() {
        let record = record.map_err(|error| DatasetError::Syntax {
            file: file.to_owned(),
            line: error.position().map_or(line, |p| p.line() as usize),
            syntax: "CSV",
            reason: error.to_string(),
        })?;
        let at = record.position().map_or(line, |p| p.line() as usize);
        while line < at {
            lines.push('\n');
            line += 1;
        }
        let object = object(&names, &record);
        lines.push_str(&Value::Object(object).to_string());
    }
    Ok(lines)
}

/// Empty cells are fields that the row does not have.
fn object(names: &[String], record: &StringRecord) -> Map<String, Value> {
    (names.iter().zip(record))
        .filter(|(_, cell)| !cell.is_empty())
        .map(|(name, cell)| (name.clone(), Value::from(cell)))
        .collect()
}
