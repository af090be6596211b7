//! Which tokens of a text are read.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::super::locate::Rejection;

/// Absolute token positions of one text; where there are several, their mean is read. Never empty
/// unless [`Default`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Positions(Vec<Range<usize>>);

impl Positions {
    /// One position.
    pub fn one(position: usize) -> Self {
        Self(std::iter::once(position..position + 1).collect())
    }

    /// All positions of ascending, disjoint ranges; `None` where they hold none.
    pub fn of(ranges: impl IntoIterator<Item = Range<usize>>) -> Option<Self> {
        let ranges: Vec<_> = ranges.into_iter().filter(|r| !r.is_empty()).collect();
        (!ranges.is_empty()).then_some(Self(ranges))
    }

    /// Whether a position is read.
    pub fn contains(&self, position: usize) -> bool {
        self.0.iter().any(|range| range.contains(&position))
    }

    /// First position.
    pub fn first(&self) -> usize {
        self.0.first().map_or(0, |range| range.start)
    }

    /// The position after the last one; what stands there cannot influence what is read.
    pub fn end(&self) -> usize {
        self.0.last().map_or(0, |range| range.end)
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.iter().map(Range::len).sum()
    }
}

/// Part of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The system text.
    System,
    /// What the user says: the row's own prompt.
    User,
    /// The answer.
    Assistant,
    /// Every token before the answer that the chat template put there.
    Template,
}

/// Which tokens of each text are read; one kind for all texts of a vector, since positions of
/// different kinds do not compare. Of several tokens the mean is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionRead {
    /// The first token that differs between the two answers, normally the option letter.
    Answer,
    /// The last token of each text.
    Last,
    /// So many tokens before the end, 2 being the last but one.
    FromEnd(usize),
    /// Every token but the first, which is an attention sink with a norm of another order: a mean
    /// over it would tell texts of different lengths apart, not meanings.
    All,
    /// Every token, the first one too.
    Every,
    /// Absolute positions `from..to`, the beginning-of-text token being 0.
    Range {
        /// First.
        from: usize,
        /// After the last.
        to: usize,
    },
    /// The last token of the prompt.
    PromptLast,
    /// Every token of the prompt.
    Prompt,
    /// A part of the conversation.
    Phase(Phase),
}

impl fmt::Display for PositionRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Answer => "answer",
            Self::Last => "last",
            Self::FromEnd(n) => return write!(f, "-{n}"),
            Self::All => "all",
            Self::Every => "every",
            Self::Range { from, to } => return write!(f, "{from}..{to}"),
            Self::PromptLast => "prompt_last",
            Self::Prompt => "prompt",
            Self::Phase(Phase::System) => "system",
            Self::Phase(Phase::User) => "user",
            Self::Phase(Phase::Assistant) => "assistant",
            Self::Phase(Phase::Template) => "template",
        };
        f.write_str(name)
    }
}

impl FromStr for PositionRead {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let unknown = || {
            format!(
                "unknown position '{s}'; use answer, last, all, every, prompt_last, prompt, system, user, \
                 assistant, template, -2 (counted from the end) or 3..7 (absolute)"
            )
        };
        if let Some(n) = s.strip_prefix('-') {
            let n: usize = n.parse().map_err(|_| unknown())?;
            return match n {
                0 => Err(unknown()),
                1 => Ok(Self::Last),
                n => Ok(Self::FromEnd(n)),
            };
        }
        if let Some((from, to)) = s.split_once("..") {
            let number = |text: &str| text.trim().parse::<usize>().map_err(|_| unknown());
            let (from, to) = (number(from)?, number(to)?);
            return if from < to {
                Ok(Self::Range { from, to })
            } else {
                Err(format!(
                    "'{s}' holds no position; give FIRST..END with END above FIRST"
                ))
            };
        }
        Ok(match s {
            "answer" => Self::Answer,
            "last" => Self::Last,
            "all" => Self::All,
            "every" => Self::Every,
            "prompt_last" => Self::PromptLast,
            "prompt" => Self::Prompt,
            "system" => Self::Phase(Phase::System),
            "user" => Self::Phase(Phase::User),
            "assistant" | "response" => Self::Phase(Phase::Assistant),
            "template" => Self::Phase(Phase::Template),
            _ => return Err(unknown()),
        })
    }
}

/// What is known about the tokens of one text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    /// Tokens.
    pub len: usize,
    /// k: where the two answers first differ.
    pub answer: Option<usize>,
    /// P: tokens of the prompt.
    pub prompt_len: Option<usize>,
    /// Tokens of the system text.
    pub system: Option<Range<usize>>,
    /// Tokens of what the user says.
    pub user: Option<Range<usize>>,
}

impl PositionRead {
    /// Whether it must be known where the parts of a conversation stand.
    pub(in crate::steering) fn needs_parts(self) -> bool {
        matches!(self, Self::Phase(phase) if phase != Phase::Assistant)
    }

    /// The positions in a text.
    pub(in crate::steering) fn of(self, text: &Layout) -> Result<Positions, Rejection> {
        self.find(text).ok_or(Rejection::NoSuchPosition)
    }

    fn find(self, text: &Layout) -> Option<Positions> {
        let len = text.len;
        let range = |range: Range<usize>| (range.end <= len).then(|| Positions::of([range]))?;
        match self {
            Self::Answer => range(text.answer?..text.answer? + 1),
            Self::Last => range(len.checked_sub(1)?..len),
            Self::FromEnd(n) => {
                let position = len.checked_sub(n)?;
                range(position..position + 1)
            }
            Self::All => range(1..len),
            Self::Every => range(0..len),
            Self::Range { from, to } => range(from..to),
            Self::PromptLast => range(text.prompt_len?.checked_sub(1)?..text.prompt_len?),
            Self::Prompt => range(0..text.prompt_len?),
            Self::Phase(Phase::System) => range(text.system.clone()?),
            Self::Phase(Phase::User) => range(text.user.clone()?),
            Self::Phase(Phase::Assistant) => range(text.prompt_len?..len),
            Self::Phase(Phase::Template) => {
                let user = text.user.clone()?;
                let system = text.system.clone().unwrap_or(0..0);
                // The system text stands before the user's or within the same turn.
                let first = if system.is_empty() {
                    0
                } else {
                    system.end.min(user.start)
                };
                Positions::of([
                    0..system.start,
                    first..user.start,
                    user.end..text.prompt_len?,
                ])
            }
        }
    }
}
