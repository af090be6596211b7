//! What vectors are made from, as it lies in files: texts, data sets taken apart, texts paired line by
//! line, and the first text of a source as it will be read.

use std::path::Path;

use serde_json::json;

use super::super::dataset::{Dataset, Example, load_texts};
use super::super::pair::{PairRows, PairSet, first_text};
use super::corpora::Texts;
use super::error::ExtractError;
use super::extractor::Source;
use super::method::Method;
use super::position::{Layout, PositionRead};
use crate::engine::Model;

impl Texts {
    /// The texts of a file ([`load_texts`]), the first `limit` of them; the file's name is theirs.
    ///
    /// # Errors
    /// Those of [`load_texts`].
    pub fn load(path: &Path, limit: Option<usize>) -> Result<Self, ExtractError> {
        let mut texts = load_texts(path)?;
        texts.truncate(limit.unwrap_or(usize::MAX));
        let name = path.file_stem().unwrap_or(path.as_os_str());
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            texts,
        })
    }

    /// One text as a set of its own.
    pub fn one(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            texts: vec![text.to_owned()],
        }
    }

    /// All positive and all negative texts of rows.
    pub fn sides(name: &str, rows: &[&Example]) -> [Self; 2] {
        [0, 1].map(|side| Self {
            name: name.to_owned(),
            texts: (rows.iter())
                .filter_map(|row| row.full_texts().into_iter().nth(side))
                .collect(),
        })
    }

    /// Two sets of texts as pairs, line by line.
    ///
    /// # Errors
    /// [`ExtractError::UnequalSides`], those of [`Dataset::from_bytes`].
    pub fn paired(
        method: Method,
        name: &str,
        [positive, negative]: [&Self; 2],
    ) -> Result<Dataset, ExtractError> {
        if positive.texts.len() != negative.texts.len() {
            return Err(ExtractError::UnequalSides {
                method,
                names: [positive.name.clone(), negative.name.clone()],
                counts: [positive.texts.len(), negative.texts.len()],
            });
        }
        let rows: Vec<String> = (positive.texts.iter().zip(&negative.texts))
            .map(|(p, n)| json!({ "positive": p, "negative": n }).to_string())
            .collect();
        Ok(Dataset::from_bytes(name, rows.join("\n").as_bytes())?)
    }
}

impl Method {
    /// Rows of a data set are two unpaired sets of texts to it.
    pub fn takes_sides(self) -> bool {
        matches!(self, Self::CorpusMean | Self::RefusalMean)
    }
}

impl Source {
    /// Rows of a data set as they are written, the way a method takes them: as pairs, or as two sets of
    /// texts. `read` `None`: the method's own position.
    ///
    /// # Errors
    /// Those of [`PairSet::read_at`].
    pub fn of_rows(
        method: Method,
        dataset: &Dataset,
        rows: &[&Example],
        read: Option<PositionRead>,
        model: &Model,
    ) -> Result<Self, ExtractError> {
        let needed = match method {
            Method::PersonaMean => {
                Some("give two system texts and the prompts to answer under both")
            }
            Method::ActAdd => Some("give one pair of prompts"),
            _ => None,
        };
        if let Some(needed) = needed {
            return Err(ExtractError::WrongSource {
                method,
                given: "a data set",
                needed,
            });
        }
        if method.takes_sides() {
            let [positive, negative] = Texts::sides(&dataset.name, rows);
            return Ok(Self::Corpora(positive, negative));
        }
        let answers = rows.iter().all(|row| row.prompt_text().is_some());
        let read = read.unwrap_or_else(|| method.default_read(answers));
        let set = PairSet::read_at(dataset, PairRows::Plain(rows), read, model)?;
        Ok(Self::Pairs(set))
    }
}

/// Tokens and parts of the first positive text of rows that can be read, for choosing positions on it;
/// `None` where there is none.
///
/// # Errors
/// Those of the tokenizer.
pub fn rendered(
    rows: &[&Example],
    model: &Model,
) -> Result<Option<(Vec<u32>, Layout)>, ExtractError> {
    for row in rows {
        if let Some(text) = first_text(row, model.tokenizer())? {
            return Ok(Some(text));
        }
    }
    Ok(None)
}
