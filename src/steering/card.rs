//! The card beside a vector: `<name>.toml`, what a person should know before using it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::VectorError;

/// Facts about a shipped or shared vector. Every field is optional.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Card {
    /// Title.
    pub title: Option<String>,
    /// One or two sentences: what it steers.
    pub description: Option<String>,
    /// Licence of the numbers.
    pub license: Option<String>,
    /// Who made it.
    pub authors: Vec<String>,
    /// Name of the data set it was extracted from, and the one to measure it on.
    pub dataset: Option<String>,
    /// Blocks at which it works.
    pub recommended_layers: Vec<usize>,
    /// Coefficients within which the text stays fluent: lowest and highest.
    pub recommended_range: Option<[f32; 2]>,
    /// Where it is known to fail.
    pub known_failures: Vec<String>,
    /// Prompts that show the effect.
    pub prompts: Vec<String>,
    /// Measured figures, free form.
    pub measured: toml::Table,
}

impl Card {
    /// Where the card of a vector file lies.
    pub fn path_for(vector: &Path) -> PathBuf {
        vector.with_extension("toml")
    }

    /// Parses a card; `file` names it in messages.
    pub fn parse(file: &str, text: &str) -> Result<Self, VectorError> {
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = text.bytes().take(start).filter(|b| *b == b'\n').count() + 1;
            VectorError::Card {
                file: file.to_owned(),
                line,
                reason: error.message().to_owned(),
            }
        })
    }

    /// Reads the card beside a vector file; `None` when there is none.
    pub fn beside(vector: &Path) -> Result<Option<Self>, VectorError> {
        let path = Self::path_for(vector);
        let file = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&file, &text).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(VectorError::Unreadable {
                file,
                reason: error.to_string(),
            }),
        }
    }

    /// The card as TOML.
    pub fn to_toml(&self) -> Result<String, VectorError> {
        toml::to_string_pretty(self).map_err(|error| VectorError::Card {
            file: self.title.clone().unwrap_or_default(),
            line: 0,
            reason: error.to_string(),
        })
    }
}
