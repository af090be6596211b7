//! Counted remarks of a reader.

use std::fmt;

/// Something the user should know about a data set that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatasetWarning {
    /// Rows skipped because both answers are the same.
    EqualAnswers {
        /// Rows.
        count: usize,
    },
    /// Rows skipped because an answer is not a single option letter or Yes/No.
    UnreadableAnswers {
        /// Rows.
        count: usize,
    },
    /// Rows dropped because an earlier row has the same prompt.
    Duplicates {
        /// Rows.
        count: usize,
    },
    /// Rows dropped because rows with the same prompt disagree about the positive answer.
    Contradictions {
        /// Rows.
        count: usize,
    },
    /// Rows whose prompt and answer run into one word.
    JoinedWords {
        /// Rows.
        count: usize,
    },
    /// Rows with two different prompts: read as two whole texts.
    DifferentPrompts {
        /// Rows.
        count: usize,
    },
    /// Texts that are in a chat format already.
    Templated {
        /// Rows.
        count: usize,
    },
    /// Rows made by crossing pairs with suffixes.
    Crossed {
        /// Pairs.
        examples: usize,
        /// Suffixes.
        suffixes: usize,
    },
    /// Rows with fields that mean nothing here.
    UnknownFields {
        /// Rows.
        count: usize,
        /// The first such field.
        field: String,
    },
}

impl fmt::Display for DatasetWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = |n: &usize| {
            if *n == 1 {
                "1 row".to_owned()
            } else {
                format!("{n} rows")
            }
        };
        match self {
            Self::EqualAnswers { count } => {
                write!(f, "{} skipped: both answers are the same", rows(count))
            }
            Self::UnreadableAnswers { count } => {
                write!(
                    f,
                    "{} skipped: an answer is neither an option letter nor Yes or No",
                    rows(count)
                )
            }
            Self::Duplicates { count } => write!(f, "{} dropped: repeated prompt", rows(count)),
            Self::Contradictions { count } => {
                write!(
                    f,
                    "{} dropped: same prompt, other positive answer",
                    rows(count)
                )
            }
            Self::JoinedWords { count } => {
                write!(f, "{}: prompt and answer join without a space", rows(count))
            }
            Self::DifferentPrompts { count } => {
                write!(f, "{} with two prompts: for extraction only", rows(count))
            }
            Self::Templated { count } => write!(
                f,
                "{} in a chat format already: do not put another one around them",
                rows(count)
            ),
            Self::Crossed { examples, suffixes } => write!(
                f,
                "{examples} examples under each of {suffixes} suffixes: {}, all examples under one suffix before the next",
                rows(&(examples * suffixes))
            ),
            Self::UnknownFields { count, field } => {
                write!(
                    f,
                    "{} with unknown fields ignored, such as '{field}'",
                    rows(count)
                )
            }
        }
    }
}
