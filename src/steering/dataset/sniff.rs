//! Recognising a data set by its content.

use std::fmt;

use serde_json::{Map, Value};

use super::error::DatasetError;
use super::{reader, table};

/// Known data-set formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DatasetFormat {
    /// Model-written evaluations, persona part: JSONL of Yes/No questions (Perez et al.
    /// 2212.09251), converted to lettered options.
    MwePersona,
    /// Model-written evaluations with lettered options (advanced AI risk): JSONL.
    MweXrisk,
    /// Contrastive activation addition (Panickssery et al. 2312.06681): JSON list.
    Caa,
    /// steering-bench, already converted: JSON list of positive and negative objects.
    SteeringBench,
    /// Own rows whose sides are conversations.
    Messages,
    /// Own rows as JSON lines, or as one JSON list.
    OwnJsonl,
    /// Own rows as TOML tables `[[rows]]`.
    OwnToml,
    /// psyctl: rows of a situation, what a character says with a trait and without.
    Psyctl,
    /// jukofyork: one JSON object with texts of two named classes.
    Classes,
    /// `EasySteer`: one JSON object with positive and negative samples.
    Samples,
    /// IBM's activation-steering: one JSON object with pairs and the suffixes they are crossed with.
    Cross,
    /// A table with a header of known fields, comma- or tab-separated.
    Table,
}

impl DatasetFormat {
    /// Stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::MwePersona => "MWE persona",
            Self::MweXrisk => "MWE lettered",
            Self::Caa => "CAA",
            Self::SteeringBench => "steering-bench",
            Self::Messages => "steerscope JSONL (messages)",
            Self::OwnJsonl => "steerscope JSONL",
            Self::OwnToml => "steerscope TOML",
            Self::Psyctl => "psyctl",
            Self::Classes => "two classes (jukofyork)",
            Self::Samples => "two sides (EasySteer)",
            Self::Cross => "pairs and suffixes (IBM)",
            Self::Table => "table",
        }
    }
}

impl fmt::Display for DatasetFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Recognises the format of a file's text (byte-order mark removed) from its first row.
pub fn sniff(file: &str, text: &str) -> Result<DatasetFormat, DatasetError> {
    let start = text.trim_start();
    if start.is_empty() {
        return Err(DatasetError::Empty {
            file: file.to_owned(),
        });
    }
    if looks_like_toml(start) {
        return Ok(DatasetFormat::OwnToml);
    }
    if let Some(format) = of_object(start) {
        return Ok(format);
    }
    if table::header(start).is_some() {
        return Ok(DatasetFormat::Table);
    }
    let list = start.starts_with('[');
    let first = if list {
        first_of_list(file, text)?
    } else {
        first_line(file, text)?
    };
    of_row(&first, list).ok_or_else(|| {
        let names: Vec<&str> = first.keys().map(String::as_str).take(6).collect();
        let found = if names.is_empty() {
            "its first row has no fields".to_owned()
        } else {
            format!("its first row has the fields {}", names.join(", "))
        };
        DatasetError::UnknownFormat {
            file: file.to_owned(),
            found,
        }
    })
}

/// A `[table]`, `[[table]]`, `key = …` or `# comment`; none of them can begin a JSON document of
/// objects.
fn looks_like_toml(start: &str) -> bool {
    if let Some(inner) = start.strip_prefix("[[").or_else(|| start.strip_prefix('[')) {
        return inner
            .trim_start()
            .starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    }
    let line = start.lines().next().unwrap_or_default();
    let key = line.split('=').next().unwrap_or_default().trim();
    let bare = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    start.starts_with('#') || (line.contains('=') && !key.is_empty() && key.chars().all(bare))
}

fn first_line(file: &str, text: &str) -> Result<Map<String, Value>, DatasetError> {
    let lines = || {
        text.lines()
            .enumerate()
            .filter(|(_, l)| !l.trim().is_empty())
    };
    let Some((number, line)) = lines().next() else {
        return Err(DatasetError::Empty {
            file: file.to_owned(),
        });
    };
    if !line.trim_start().starts_with('{') {
        let shown: String = line.trim().chars().take(40).collect();
        let found = format!("it starts with '{}'", shown.escape_debug());
        return Err(DatasetError::UnknownFormat {
            file: file.to_owned(),
            found,
        });
    }
    serde_json::from_str(line).map_err(|error| reader::syntax(file, number + 1, &error))
}

fn first_of_list(file: &str, text: &str) -> Result<Map<String, Value>, DatasetError> {
    let mut rows = reader::json_list(file, text)?;
    if rows.is_empty() {
        return Err(DatasetError::Empty {
            file: file.to_owned(),
        });
    }
    Ok(rows.swap_remove(0).object)
}

/// A file that is one JSON object; looked for by name first, since parsing it is not free.
fn of_object(start: &str) -> Option<DatasetFormat> {
    let named = |name: &str| start.contains(&format!("\"{name}\""));
    let classes = named("classes") && named("data");
    let samples = named("positive_samples");
    let examples = named("examples");
    if !start.starts_with('{') || !(classes || samples || examples) {
        return None;
    }
    let object: Map<String, Value> = serde_json::from_str(start).ok()?;
    let of_pairs = |v: &Value| v.get(0).is_some_and(Value::is_array);
    if object.contains_key("positive_samples") {
        Some(DatasetFormat::Samples)
    } else if object.get("examples").is_some_and(of_pairs) {
        Some(DatasetFormat::Cross)
    } else {
        (object.contains_key("classes") && object.contains_key("data"))
            .then_some(DatasetFormat::Classes)
    }
}

fn of_row(row: &Map<String, Value>, list: bool) -> Option<DatasetFormat> {
    if super::messages::is_conversation(row.get("positive")) {
        return Some(DatasetFormat::Messages);
    }
    if row.get("positive").is_some_and(Value::is_object) {
        return Some(DatasetFormat::SteeringBench);
    }
    if row.contains_key("question") {
        let answer = row
            .get("answer_matching_behavior")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let yes_no = matches!(answer.trim(), "Yes" | "No");
        return match (row.contains_key("statement") || yes_no, list) {
            (true, _) => Some(DatasetFormat::MwePersona),
            (false, true) => Some(DatasetFormat::Caa),
            // Also for a damaged first row: the reader then names the field.
            (false, false) => Some(DatasetFormat::MweXrisk),
        };
    }
    if row.contains_key("situation") && row.contains_key("neutral") {
        return Some(DatasetFormat::Psyctl);
    }
    (row.contains_key("positive") || row.contains_key("negative"))
        .then_some(DatasetFormat::OwnJsonl)
}
