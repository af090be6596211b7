//! A prompt as the model reads it.

use serde::{Deserialize, Serialize};

use crate::units::Mask;

/// Part of a rendered prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PromptPart {
    /// What the template or the tokenizer put there.
    Template,
    /// The system text.
    System,
    /// What the user says.
    User,
    /// What is answered.
    Answer,
    /// The first token in which the two answers differ.
    Choice,
    /// A whole text that is no conversation.
    Text,
}

impl PromptPart {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Template => "template",
            Self::System => "system",
            Self::User => "user",
            Self::Answer | Self::Choice => "answer",
            Self::Text => "whole",
        }
    }
}

/// One token of a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptToken {
    /// Its text; of a special token its name.
    pub text: String,
    /// Where it belongs.
    pub part: PromptPart,
}

/// Whether a mask steers position `p` of a prompt of `n` tokens.
pub fn covers(mask: Mask, p: usize, n: usize) -> bool {
    (mask.first_position(n)..mask.end_position(n)).contains(&p)
}
