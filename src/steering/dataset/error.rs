//! Refusals of data sets.

use std::fmt;

/// Where in a file: row as counted by the reader, line if the format has lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// File.
    pub file: String,
    /// Line, 1-based, where the row starts.
    pub line: Option<usize>,
    /// Row, 1-based.
    pub row: usize,
    /// Name of the field, dotted for nested ones.
    pub field: String,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.file)?;
        match self.line {
            Some(line) => write!(f, " line {line}")?,
            None => write!(f, " row {}", self.row)?,
        }
        write!(f, ", field '{}'", self.field)
    }
}

/// Why a data set was refused. Every message says what is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatasetError {
    /// No such file.
    #[error("there is no data set '{file}'; check the path")]
    Missing {
        /// File.
        file: String,
    },
    /// The file exists but cannot be read.
    #[error("'{file}' cannot be read ({reason}); check that it is a file and its permissions")]
    Unreadable {
        /// File.
        file: String,
        /// The system's words.
        reason: String,
    },
    /// Beyond the size limit.
    #[error("'{file}' has {bytes} bytes, the limit is {limit}; split it into smaller files")]
    TooLarge {
        /// File.
        file: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Not UTF-8.
    #[error("'{file}' line {line} is not UTF-8; save the file as UTF-8")]
    Encoding {
        /// File.
        file: String,
        /// Line of the first bad byte, 1-based.
        line: usize,
    },
    /// No row at all.
    #[error("'{file}' holds no rows; give it at least one contrastive pair")]
    Empty {
        /// File.
        file: String,
    },
    /// Rows, but none can be used.
    #[error("none of the {rows} rows of '{file}' can be used: {why}")]
    NothingUsable {
        /// File.
        file: String,
        /// Rows read.
        rows: usize,
        /// Counted reasons.
        why: String,
    },
    /// The content matches no known format.
    #[error(
        "'{file}' is no known data set ({found}); known are rows {{\"prompt\", \"positive\", \"negative\"}} or \
         {{\"positive\", \"negative\"}} as JSONL, TOML or a table with these in its header, model-written evaluations, CAA, steering-bench, psyctl, \
         EasySteer and jukofyork files"
    )]
    UnknownFormat {
        /// File.
        file: String,
        /// What was found instead.
        found: String,
    },
    /// Broken JSON or TOML.
    #[error("'{file}' line {line} is not valid {syntax}: {reason}; correct that line")]
    Syntax {
        /// File.
        file: String,
        /// Line, 1-based.
        line: usize,
        /// JSON or TOML.
        syntax: &'static str,
        /// The parser's words.
        reason: String,
    },
    /// Two named classes, and nothing says which shows the behaviour.
    #[error(
        "'{file}' does not say whether '{first}' or '{second}' is the behaviour; name it: steerscope dataset convert FILE \
         --positive-class NAME"
    )]
    ClassUnknown {
        /// File.
        file: String,
        /// First class.
        first: String,
        /// Second class.
        second: String,
    },
    /// Two lists that are paired by place.
    #[error(
        "'{file}' has {positive} positive and {negative} negative texts, which are paired by their place; give as many"
    )]
    SidesDiffer {
        /// File.
        file: String,
        /// Positive texts.
        positive: usize,
        /// Negative texts.
        negative: usize,
    },
    /// A cross product that nobody extracts from.
    #[error(
        "'{file}' crosses {examples} examples with {suffixes} suffixes; at most {most} rows and 256 MiB of text are made: give fewer of either"
    )]
    CrossTooLarge {
        /// File.
        file: String,
        /// Pairs.
        examples: usize,
        /// Suffixes.
        suffixes: usize,
        /// Rows at most.
        most: usize,
    },
    /// A field that must be there is not.
    #[error("{place} is missing; add it or remove the row")]
    MissingField {
        /// Where.
        place: Field,
    },
    /// A field of another type than text.
    #[error("{place} is {found} where {expected} is needed; correct the row")]
    FieldType {
        /// Where.
        place: Field,
        /// What stands there.
        found: &'static str,
        /// What should.
        expected: &'static str,
    },
    /// An empty text.
    #[error("{place} is empty; fill it in or remove the row")]
    EmptyField {
        /// Where.
        place: Field,
    },
}

impl DatasetError {
    /// Stable kebab-case id.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "dataset-missing",
            Self::Unreadable { .. } => "dataset-unreadable",
            Self::TooLarge { .. } => "dataset-too-large",
            Self::Encoding { .. } => "dataset-encoding",
            Self::Empty { .. } => "dataset-empty",
            Self::NothingUsable { .. } => "dataset-nothing-usable",
            Self::UnknownFormat { .. } => "dataset-format-unknown",
            Self::Syntax { .. } => "dataset-syntax",
            Self::ClassUnknown { .. } => "dataset-class-unknown",
            Self::SidesDiffer { .. } => "dataset-sides-differ",
            Self::CrossTooLarge { .. } => "dataset-cross-too-large",
            Self::MissingField { .. } => "dataset-field-missing",
            Self::FieldType { .. } => "dataset-field-type",
            Self::EmptyField { .. } => "dataset-field-empty",
        }
    }
}
