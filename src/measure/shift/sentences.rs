//! The two sentences of a behaviour that shift a prompt, from a file that the user edits.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::ShiftError;

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// What an assistant with, and one without, the behaviour is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentences {
    /// States that the behaviour is there.
    pub positive: String,
    /// States that it is not.
    pub negative: String,
    /// Made from the data set's name because no file has a pair for it.
    #[serde(default)]
    pub made_up: bool,
}

impl Sentences {
    /// Sentences for a data set that no file knows: its name, hyphens and underscores as spaces.
    pub fn from_name(dataset: &str) -> Self {
        let name = dataset.replace(['-', '_'], " ");
        Self {
            positive: format!("You are an assistant with this trait: {name}."),
            negative: format!("You are an assistant without this trait: {name}."),
            made_up: true,
        }
    }
}

/// A pair file: TOML with one table per data set, each with `positive` and `negative`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SentenceFile {
    pairs: BTreeMap<String, Sentences>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    positive: String,
    negative: String,
}

impl SentenceFile {
    /// The sentences of the bundled data sets.
    ///
    /// # Errors
    /// Those of [`SentenceFile::parse`]; none in a release whose tests passed.
    pub fn bundled() -> Result<Self, ShiftError> {
        let text = include_str!("../../../assets/sentences.toml");
        Self::parse(text, "assets/sentences.toml")
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`ShiftError::Unreadable`], and those of [`SentenceFile::parse`].
    pub fn load(path: &Path) -> Result<Self, ShiftError> {
        let file = path.display().to_string();
        let unreadable = |reason: String| ShiftError::Unreadable {
            file: file.clone(),
            reason,
        };
        let about = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?;
        if about.len() > MAX_BYTES {
            return Err(unreadable(format!("it has {} bytes", about.len())));
        }
        let text = std::fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?;
        Self::parse(&text, &file)
    }

    /// Reads the text of a file; `file` names it in messages.
    ///
    /// # Errors
    /// [`ShiftError::Sentences`] for what is not such a file, [`ShiftError::EmptySentence`].
    pub fn parse(text: &str, file: &str) -> Result<Self, ShiftError> {
        let rows: BTreeMap<String, Row> =
            toml::from_str(text).map_err(|error| ShiftError::Sentences {
                file: file.to_owned(),
                line: error.span().map_or(1, |span| {
                    1 + text
                        .bytes()
                        .take(span.start)
                        .filter(|b| *b == b'\n')
                        .count()
                }),
                reason: error.message().to_owned(),
            })?;
        let mut pairs = BTreeMap::new();
        for (dataset, row) in rows {
            let [positive, negative] = [row.positive, row.negative].map(|s| s.trim().to_owned());
            if positive.is_empty() || negative.is_empty() {
                return Err(ShiftError::EmptySentence {
                    file: file.to_owned(),
                    dataset,
                });
            }
            pairs.insert(
                dataset,
                Sentences {
                    positive,
                    negative,
                    made_up: false,
                },
            );
        }
        Ok(Self { pairs })
    }

    /// Sentences of a data set, if the file has them.
    pub fn get(&self, dataset: &str) -> Option<&Sentences> {
        self.pairs.get(dataset)
    }
}
