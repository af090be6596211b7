//! A prompt and its two answers in the very text the model reads.

use super::dataset::Example;
use super::locate::{Located, Rejection, locate};
use crate::engine::{EngineError, TextTokenizer};

/// One row as it is tokenised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    /// Row of the data set.
    pub row: usize,
    /// Everything before the answers.
    pub prompt: String,
    /// The row's own prompt, wherever it stands in [`prompt`](Self::prompt).
    pub user: String,
    /// Positive and negative answer as they follow the prompt.
    pub answers: [String; 2],
    /// Special tokens are those that the prompt spells out, as in a rendered chat; else the
    /// tokenizer adds its own.
    pub verbatim: bool,
}

/// Tokens of a wording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocatedTexts {
    /// Where the answer stands.
    pub(crate) located: Located,
    /// Positive and negative text, whole.
    pub(crate) texts: [Vec<u32>; 2],
}

impl Wording {
    /// A row as its data set has it, nothing around it; `None` for a pair of whole texts.
    pub fn of(example: &Example) -> Option<Self> {
        Some(Self {
            row: example.row,
            prompt: example.prompt_text()?.to_owned(),
            user: example.prompt_text()?.to_owned(),
            answers: example.answer_texts(),
            verbatim: false,
        })
    }

    /// Tokens of a text of this row, special tokens as the row has them.
    pub(crate) fn encode(
        &self,
        tokenizer: &TextTokenizer,
        text: &str,
    ) -> Result<Vec<u32>, EngineError> {
        if self.verbatim {
            tokenizer.encode_verbatim(text)
        } else {
            tokenizer.encode(text)
        }
    }

    /// Tokenises prompt and both texts and finds the answer.
    pub(crate) fn tokens(
        &self,
        tokenizer: &TextTokenizer,
    ) -> Result<Result<LocatedTexts, Rejection>, EngineError> {
        let encode = |text: &str| self.encode(tokenizer, text);
        let prompt = encode(&self.prompt)?;
        let [positive, negative] = &self.answers;
        let positive = encode(&format!("{}{positive}", self.prompt))?;
        let negative = encode(&format!("{}{negative}", self.prompt))?;
        Ok(
            locate(&prompt, &positive, &negative).map(|located| LocatedTexts {
                located,
                texts: [positive, negative],
            }),
        )
    }
}
