//! The text that both models read.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::TokensError;
use crate::engine::{EngineError, Model, StreamDecoder, TextTokenizer};

/// Prompt and continuation as tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    ids: Vec<u32>,
    prompt_len: usize,
    /// Tokens that are read.
    read: usize,
    /// Position of the first row of a comparison.
    shown: usize,
}

/// A token with its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextToken {
    /// Id.
    pub id: u32,
    /// Text, with a leading space where it has one; special tokens by name. May hold control characters.
    pub text: String,
}

/// A token that might come next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Id.
    pub id: u32,
    /// Text, as of [`TextToken`].
    pub text: String,
    /// Probability, over the whole vocabulary.
    pub probability: f64,
}

impl Passage {
    /// Token ids of a prompt, BOS included, and of what follows it; both have at least one token.
    ///
    /// # Errors
    /// [`TokensError::NoPrompt`], [`TokensError::NoText`], [`TokensError::TooLong`].
    pub fn new(model: &Model, prompt: &[u32], text: &[u32]) -> Result<Self, TokensError> {
        if prompt.is_empty() {
            return Err(TokensError::NoPrompt);
        }
        if text.is_empty() {
            return Err(TokensError::NoText);
        }
        let (tokens, max) = (prompt.len() + text.len(), model.config().max_positions);
        if tokens > max {
            return Err(TokensError::TooLong { tokens, max });
        }
        Ok(Self {
            ids: [prompt, text].concat(),
            prompt_len: prompt.len(),
            read: tokens,
            shown: prompt.len() - 1,
        })
    }

    /// The last token is predicted but not read: nobody asks what would follow the text. Comparisons then have no row at its
    /// position.
    #[must_use]
    pub fn without_what_follows(self) -> Self {
        let read = self.ids.len() - 1;
        Self { read, ..self }
    }

    /// Comparisons begin at the first token of the prompt rather than at its last, which predicts the first of the text.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { shown: 0, ..self }
    }

    /// Positions that comparisons have a row of.
    pub fn shown(&self) -> Range<usize> {
        self.shown..self.read
    }

    /// The tokens that the models read.
    pub fn read(&self) -> &[u32] {
        &self.ids[..self.read]
    }

    /// The same from text. Where the two together have other tokens than the prompt alone (a word that goes on across the
    /// border), the continuation is tokenized by itself, so that the prompt stays what it is without it.
    ///
    /// # Errors
    /// The same, and [`EngineError::Text`].
    pub fn from_texts(model: &Model, prompt: &str, text: &str) -> Result<Self, TokensError> {
        let tokenizer = model.tokenizer();
        let head = tokenizer.encode(prompt)?;
        let tail = continuation(
            tokenizer,
            &head,
            &tokenizer.encode(&[prompt, text].concat())?,
            text,
        )?;
        Self::new(model, &head, &tail)
    }

    /// The same where the prompt spells out its special tokens itself, as a rendered chat does.
    ///
    /// # Errors
    /// The same.
    pub fn from_chat(model: &Model, rendered: &str, text: &str) -> Result<Self, TokensError> {
        let tokenizer = model.tokenizer();
        let head = tokenizer.encode_verbatim(rendered)?;
        let both = tokenizer.encode_verbatim(&[rendered, text].concat())?;
        let tail = continuation(tokenizer, &head, &both, text)?;
        Self::new(model, &head, &tail)
    }

    /// All tokens.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// P: tokens of the prompt, BOS included.
    pub fn prompt_len(&self) -> usize {
        self.prompt_len
    }

    /// The token after `position`, if the text goes on.
    pub fn next(&self, position: usize) -> Option<u32> {
        self.ids.get(position + 1).copied()
    }

    /// All tokens with their text; together they are the text, so that a token inside a character is empty and
    /// the one that completes it has it.
    pub(super) fn pieces(&self, tokenizer: &TextTokenizer) -> Result<Vec<TextToken>, EngineError> {
        let mut stream = StreamDecoder::new(tokenizer);
        let piece = |&id: &u32| {
            let text = stream.push(id)?;
            let text = match tokenizer.special(id) {
                Some(name) if text.is_empty() => name.to_owned(),
                _ => text,
            };
            Ok(TextToken { id, text })
        };
        self.ids.iter().map(piece).collect()
    }
}

/// What follows the prompt `head` in `both`, else `text` by itself.
fn continuation(
    tokenizer: &TextTokenizer,
    head: &[u32],
    both: &[u32],
    text: &str,
) -> Result<Vec<u32>, EngineError> {
    match both.strip_prefix(head) {
        Some(tail) => Ok(tail.to_vec()),
        None => tokenizer.encode_verbatim(text),
    }
}

/// Most likely tokens with their texts.
pub(super) fn candidates(
    tokenizer: &TextTokenizer,
    top: Vec<(u32, f64)>,
) -> Result<Vec<Candidate>, EngineError> {
    let candidate = |(id, probability)| {
        Ok(Candidate {
            id,
            text: tokenizer.piece(id)?,
            probability,
        })
    };
    top.into_iter().map(candidate).collect()
}
