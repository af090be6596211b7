//! Which token positions are steered.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which absolute token positions an intervention touches.
///
/// `P` is the number of prompt tokens (BOS included); positions are absolute, so a mask means the
/// same under a KV cache as in one full forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mask {
    /// `p >= P - 1`: the last prompt token and everything after it.
    #[default]
    FromLastPrompt,
    /// `p >= P`: answer and generated tokens only. The first generated token is predicted at
    /// `P - 1` and is therefore never affected.
    FromAnswer,
    /// Every position.
    All,
    /// Every position but the first, which most models use as an attention sink.
    AllButFirst,
    /// `p < P`: the prompt alone.
    PrefillOnly,
    /// `lo <= p < hi`, whatever stands there.
    PromptRange {
        /// First steered position.
        lo: usize,
        /// The position after the last.
        hi: usize,
    },
}

impl Mask {
    /// All masks that need no numbers, in the order the pickers show them.
    pub const ALL: [Self; 5] = [
        Self::FromLastPrompt,
        Self::FromAnswer,
        Self::All,
        Self::AllButFirst,
        Self::PrefillOnly,
    ];

    /// First steered absolute position for a prompt of `prompt_len` tokens.
    pub fn first_position(self, prompt_len: usize) -> usize {
        match self {
            Self::FromLastPrompt => prompt_len.saturating_sub(1),
            Self::FromAnswer => prompt_len,
            Self::All | Self::PrefillOnly => 0,
            Self::AllButFirst => 1,
            Self::PromptRange { lo, .. } => lo,
        }
    }

    /// The position after the last steered one; `usize::MAX` where there is no end.
    pub fn end_position(self, prompt_len: usize) -> usize {
        match self {
            Self::PrefillOnly => prompt_len,
            Self::PromptRange { hi, .. } => hi,
            _ => usize::MAX,
        }
    }

    /// Whether only the last token of the prompt and what follows it can be steered, so that the rest
    /// of a prompt is the same under every coefficient.
    pub fn spares_prompt(self) -> bool {
        matches!(self, Self::FromLastPrompt | Self::FromAnswer)
    }

    /// The stable name used in files, flags and on screen; of a range without its numbers.
    pub fn name(self) -> &'static str {
        match self {
            Self::FromLastPrompt => "from_last_prompt",
            Self::FromAnswer => "from_answer",
            Self::All => "all",
            Self::AllButFirst => "all_but_first",
            Self::PrefillOnly => "prefill_only",
            Self::PromptRange { .. } => "prompt_range",
        }
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PromptRange { lo, hi } => write!(f, "prompt_range({lo},{hi})"),
            mask => f.write_str(mask.name()),
        }
    }
}

impl std::str::FromStr for Mask {
    type Err = String;

    /// A name, `prompt_range(LO,HI)` or `LO..HI`.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        if let Some(mask) = Self::ALL.into_iter().find(|m| m.name() == s) {
            return Ok(mask);
        }
        if s == "generated_only" {
            return Ok(Self::FromAnswer);
        }
        let unknown = || {
            let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            format!(
                "unknown mask '{s}'; use {} or a range of positions such as 3..7",
                names.join(", ")
            )
        };
        let inner = s
            .strip_prefix("prompt_range(")
            .and_then(|rest| rest.strip_suffix(')'))
            .and_then(|inner| inner.split_once(','))
            .or_else(|| s.split_once(".."))
            .ok_or_else(unknown)?;
        let number = |text: &str| text.trim().parse::<usize>().map_err(|_| unknown());
        match (number(inner.0)?, number(inner.1)?) {
            (lo, hi) if lo < hi => Ok(Self::PromptRange { lo, hi }),
            (lo, hi) => Err(format!(
                "the range {lo}..{hi} holds no position; the second number is the position after the last"
            )),
        }
    }
}
