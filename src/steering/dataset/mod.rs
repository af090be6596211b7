//! Contrastive data sets: one reader per format, one record for all.
//!
//! A file is recognised by its content, never by its name. Public evaluation sets are converted
//! on load exactly as the authors' code does; what had to be dropped is counted and said.

mod caa;
mod canonical;
mod classes;
mod convert;
mod cross;
mod deduplicate;
mod error;
mod example;
mod lines;
mod messages;
mod mwe;
mod own_jsonl;
mod own_toml;
mod parts;
mod psyctl;
mod reader;
mod sniff;
mod steering_bench;
mod table;
mod warning;

use std::path::Path;

pub use canonical::to_own_jsonl;
pub use convert::steering_bench_json;
pub use error::{DatasetError, Field};
pub use example::{Content, Example, Joining};
pub use lines::{load_texts, parse_texts};
pub use parts::Part;
pub use sniff::{DatasetFormat, sniff};
pub use warning::DatasetWarning;

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 256 << 20;

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadOptions {
    /// Drop repeated prompts (see [`DatasetWarning::Duplicates`]). Off reproduces published
    /// splits, in which duplicates leak between the parts.
    pub deduplicate: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { deduplicate: true }
    }
}

/// A data set ready for tokenisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// File stem, or the name given to [`Dataset::from_bytes`].
    pub name: String,
    /// What the file was recognised as.
    pub format: DatasetFormat,
    /// Usable rows in file order.
    pub examples: Vec<Example>,
    /// Counted remarks on rows that were dropped or look wrong.
    pub warnings: Vec<DatasetWarning>,
    /// SHA-256 of the canonical rows, hex: equal for two files with the same texts, whatever
    /// their formats.
    pub id: String,
}

impl Dataset {
    /// Reads a file with the default options.
    pub fn load(path: &Path) -> Result<Self, DatasetError> {
        Self::load_with(path, LoadOptions::default())
    }

    /// Reads a file.
    pub fn load_with(path: &Path, options: LoadOptions) -> Result<Self, DatasetError> {
        let file = path.display().to_string();
        let bytes = read_file(path, &file, MAX_BYTES)?;
        let name = path
            .file_stem()
            .map_or_else(|| file.clone(), |s| s.to_string_lossy().into_owned());
        Self::parse(&name, &file, &bytes, options)
    }

    /// Reads a data set held in memory; `name` stands for the file in messages.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, DatasetError> {
        Self::parse(name, name, bytes, LoadOptions::default())
    }

    /// Reads a data set held in memory; `file` names it in messages.
    pub fn parse(
        name: &str,
        file: &str,
        bytes: &[u8],
        options: LoadOptions,
    ) -> Result<Self, DatasetError> {
        let text = reader::text(file, bytes)?;
        let format = sniff(file, text)?;
        let rows = match format {
            DatasetFormat::MwePersona | DatasetFormat::MweXrisk => mwe::read(file, text, format)?,
            DatasetFormat::Caa => caa::read(file, text)?,
            DatasetFormat::Messages => messages::read(file, text)?,
            DatasetFormat::SteeringBench => steering_bench::read(file, text)?,
            DatasetFormat::OwnJsonl => own_jsonl::read(file, text)?,
            DatasetFormat::OwnToml => own_toml::read(file, text)?,
            DatasetFormat::Psyctl => psyctl::read(file, text)?,
            DatasetFormat::Classes => classes::read_classes(file, text, None)?,
            DatasetFormat::Cross => cross::read(file, text)?,
            DatasetFormat::Samples => classes::read_samples(file, text)?,
            DatasetFormat::Table => {
                let rows = table::to_jsonl(file, text)?;
                let read = Self::parse(name, file, rows.as_bytes(), options)?;
                return Ok(Self { format, ..read });
            }
        };
        Self::of_rows(name, file, format, rows, options)
    }

    /// Reads a file whose texts belong to two named classes, `positive` being the name of one of them.
    pub fn load_classes(path: &Path, positive: &str) -> Result<Self, DatasetError> {
        let file = path.display().to_string();
        let bytes = read_file(path, &file, MAX_BYTES)?;
        let text = reader::text(&file, &bytes)?;
        let rows = classes::read_classes(&file, text, Some(positive))?;
        let name = path
            .file_stem()
            .map_or_else(|| file.clone(), |s| s.to_string_lossy().into_owned());
        let options = LoadOptions::default();
        Self::of_rows(&name, &file, DatasetFormat::Classes, rows, options)
    }

    fn of_rows(
        name: &str,
        file: &str,
        format: DatasetFormat,
        mut rows: reader::Rows,
        options: LoadOptions,
    ) -> Result<Self, DatasetError> {
        let read = rows.examples.len() + rows.skipped();
        if options.deduplicate {
            deduplicate::deduplicate(&mut rows);
        }
        if rows.examples.is_empty() {
            let warnings = rows
                .warnings
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>();
            return Err(match read {
                0 => DatasetError::Empty {
                    file: file.to_owned(),
                },
                _ => DatasetError::NothingUsable {
                    file: file.to_owned(),
                    rows: read,
                    why: warnings.join("; "),
                },
            });
        }
        rows.remark_on_joints();
        let id = canonical::hash(&rows.examples);
        let reader::Rows { examples, warnings } = rows;
        Ok(Self {
            name: name.to_owned(),
            format,
            examples,
            warnings,
            id,
        })
    }

    /// Rows with one prompt and two answers: the ones whose propensity can be measured.
    pub fn measurable(&self) -> impl Iterator<Item = &Example> {
        self.examples
            .iter()
            .filter(|e| matches!(e.content, Content::Answers { .. }))
    }
}

/// A whole file of at most `limit` bytes; `file` names it in messages.
fn read_file(path: &Path, file: &str, limit: u64) -> Result<Vec<u8>, DatasetError> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => DatasetError::Missing {
            file: file.to_owned(),
        },
        _ => DatasetError::Unreadable {
            file: file.to_owned(),
            reason: error.to_string(),
        },
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > limit {
        return Err(DatasetError::TooLarge {
            file: file.to_owned(),
            bytes: size,
            limit,
        });
    }
    std::fs::read(path).map_err(unreadable)
}
