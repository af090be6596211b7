//! Finding the answer token: where two tokenised texts first differ.
//!
//! Positions counted from the end (the `-2` of some published scripts) are never used: tokenizers
//! that attach punctuation to letters may emit `(A` as one token.

use std::collections::BTreeMap;
use std::fmt;

/// Where the answer of a prompt stands, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located {
    /// P: number of prompt tokens, BOS included. The last prompt position is P − 1.
    pub prompt_len: usize,
    /// k: first position at which the positive and the negative text differ. The shared prefix is
    /// `ids[0..k)`, propensity is read from the logits at k − 1, activations at k of each text.
    pub k: usize,
    /// Token at k of the positive text, y⁺.
    pub positive: u32,
    /// Token at k of the negative text, y⁻.
    pub negative: u32,
}

impl Located {
    /// The answer letter is part of the first answer token: it is predicted at the last prompt
    /// position, which `from_answer` does not steer, so that mask's effect is exactly zero.
    pub fn from_answer_is_void(&self) -> bool {
        self.k == self.prompt_len
    }
}

/// Why an example was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rejection {
    /// Both texts have the same tokens.
    EqualTexts,
    /// One text is the beginning of the other, so that no position holds two different tokens.
    OneIsPrefix,
    /// The texts differ at the first token already: nothing precedes the answer.
    NoSharedPrefix,
    /// The texts differ within the prompt: the tokenizer merges prompt and answer.
    DiffersInPrompt,
    /// Positive and negative text disagree about where the prompt ends.
    PromptEndDiffers,
    /// More tokens than the model has positions.
    TooLong,
    /// Not a single token.
    NoTokens,
    /// The text has no token where it is to be read.
    NoSuchPosition,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EqualTexts => "both answers have the same tokens",
            Self::OneIsPrefix => "one answer is the beginning of the other",
            Self::NoSharedPrefix => "the answers differ at the first token",
            Self::DiffersInPrompt => "the tokenizer merges the end of the prompt with the answer",
            Self::PromptEndDiffers => "the two answers merge differently with the prompt",
            Self::TooLong => "longer than the model's context",
            Self::NoTokens => "no tokens",
            Self::NoSuchPosition => {
                "no token where it is to be read (too short, or without that part)"
            }
        })
    }
}

/// Counted rejections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejections(BTreeMap<Rejection, usize>);

impl Rejections {
    /// Counts one.
    pub fn add(&mut self, reason: Rejection) {
        *self.0.entry(reason).or_default() += 1;
    }

    /// All of them.
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// Count of one reason.
    pub fn count(&self, reason: Rejection) -> usize {
        self.0.get(&reason).copied().unwrap_or(0)
    }

    /// One sentence per reason, e.g. `3 rows left out: longer than the model's context`.
    pub fn messages(&self) -> Vec<String> {
        let rows = |n: usize| {
            if n == 1 {
                "1 row".to_owned()
            } else {
                format!("{n} rows")
            }
        };
        self.0
            .iter()
            .map(|(reason, n)| format!("{} left out: {reason}", rows(*n)))
            .collect()
    }
}

/// Compares the tokenised bare prompt and the two full texts.
pub fn locate(prompt: &[u32], positive: &[u32], negative: &[u32]) -> Result<Located, Rejection> {
    if positive == negative {
        return Err(Rejection::EqualTexts);
    }
    let k = shared(positive, negative);
    let (Some(&yes), Some(&no)) = (positive.get(k), negative.get(k)) else {
        return Err(Rejection::OneIsPrefix);
    };
    if k == 0 {
        return Err(Rejection::NoSharedPrefix);
    }
    let prompt_len = shared(prompt, positive);
    if k < prompt_len {
        return Err(Rejection::DiffersInPrompt);
    }
    if shared(prompt, negative) != prompt_len {
        return Err(Rejection::PromptEndDiffers);
    }
    Ok(Located {
        prompt_len,
        k,
        positive: yes,
        negative: no,
    })
}

/// Length of the common beginning.
fn shared(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
