//! The five prompt settings and how each words a row.

use serde::{Deserialize, Serialize};

use super::sentences::Sentences;
use crate::engine::{EngineError, Model};
use crate::measure::prompting::{after, in_chat};
use crate::steering::Wording;
use crate::steering::dataset::Example;

/// A prompt setting (Tan et al. 2407.12404).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Setting {
    /// Default system text, the question as it is.
    Base,
    /// The positive sentence is the system text.
    SysPos,
    /// The negative sentence is the system text.
    SysNeg,
    /// Default system text, the positive sentence before the question.
    UserPos,
    /// Default system text, the negative sentence before the question.
    UserNeg,
}

impl Setting {
    /// All five; everything that is stored per setting has this order.
    pub const ALL: [Self; 5] = [
        Self::Base,
        Self::SysPos,
        Self::SysNeg,
        Self::UserPos,
        Self::UserNeg,
    ];

    /// Stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "BASE",
            Self::SysPos => "SYS_POS",
            Self::SysNeg => "SYS_NEG",
            Self::UserPos => "USER_POS",
            Self::UserNeg => "USER_NEG",
        }
    }

    /// System text of the setting; `default` where it does not replace it.
    pub fn system<'a>(self, default: &'a str, sentences: &'a Sentences) -> &'a str {
        self.texts(default, sentences)[0]
    }

    /// System text and what precedes the question.
    fn texts<'a>(self, system: &'a str, sentences: &'a Sentences) -> [&'a str; 2] {
        match self {
            Self::Base => [system, ""],
            Self::SysPos => [&sentences.positive, ""],
            Self::SysNeg => [&sentences.negative, ""],
            Self::UserPos => [system, &sentences.positive],
            Self::UserNeg => [system, &sentences.negative],
        }
    }

    /// A row in this setting; `None` for a pair of whole texts.
    ///
    /// With a chat template: system message, user's turn, the trimmed answer after one space unless
    /// the template ends in whitespace. A base model reads system text, sentence and prompt with
    /// an empty line between them, and the answer as its data set joins it. An empty `system`
    /// is left out.
    ///
    /// # Errors
    /// Those of [`Model::chat_prompt`].
    pub fn wording(
        self,
        model: &Model,
        example: &Example,
        system: &str,
        sentences: &Sentences,
    ) -> Result<Option<Wording>, EngineError> {
        let Some(plain) = Wording::of(example) else {
            return Ok(None);
        };
        let [system, before] = self.texts(system, sentences);
        if model.chat().is_none() {
            return Ok(Some(after(&[system, before], plain)));
        }
        in_chat(model, system, before, plain).map(Some)
    }
}
