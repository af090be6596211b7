//! Token ids to text, one at a time, complete characters only.

use super::{EngineError, TextTokenizer};

/// A character has at most four bytes, and a byte is at most one token.
const LONGEST_CHARACTER: usize = 4;
/// Tokens of the text before the stream that are decoded along, so that the first new token keeps
/// its leading space and a character begun there can be finished; at least, and at most.
const CONTEXT: (usize, usize) = (8, 16);

/// Decodes a growing token sequence; byte-level, byte-fallback and metaspace tokenizers alike.
#[derive(Debug, Clone)]
pub struct StreamDecoder {
    tokenizer: TextTokenizer,
    /// Context tokens followed by those whose text is not yet given out.
    ids: Vec<u32>,
    /// How many of `ids` are context.
    context: usize,
    /// Text of the context alone.
    before: String,
}

impl StreamDecoder {
    /// A stream at the beginning of a text.
    pub fn new(tokenizer: &TextTokenizer) -> Self {
        Self {
            tokenizer: tokenizer.clone(),
            ids: Vec::new(),
            context: 0,
            before: String::new(),
        }
    }

    /// A stream that continues the text of `prompt`.
    ///
    /// # Errors
    /// [`EngineError::Text`].
    pub fn after(tokenizer: &TextTokenizer, prompt: &[u32]) -> Result<Self, EngineError> {
        let ids = prompt[prompt.len().saturating_sub(CONTEXT.0)..].to_vec();
        let before = tokenizer.decode(&ids)?;
        Ok(Self {
            tokenizer: tokenizer.clone(),
            context: ids.len(),
            ids,
            before,
        })
    }

    /// Adds one token; returns the text that became complete, often one word, sometimes nothing.
    ///
    /// # Errors
    /// [`EngineError::Text`].
    pub fn push(&mut self, id: u32) -> Result<String, EngineError> {
        self.ids.push(id);
        let text = self.tokenizer.decode(&self.ids)?;
        let pending = self.ids.len() - self.context;
        // A trailing replacement character may be the first bytes of a character still to come.
        if text.ends_with('\u{FFFD}') && pending < LONGEST_CHARACTER {
            return Ok(String::new());
        }
        self.advance(text)
    }

    /// The stream ends: whatever is left, incomplete characters as U+FFFD.
    ///
    /// # Errors
    /// [`EngineError::Text`].
    pub fn finish(&mut self) -> Result<String, EngineError> {
        let text = self.tokenizer.decode(&self.ids)?;
        self.advance(text)
    }

    fn advance(&mut self, text: String) -> Result<String, EngineError> {
        // Equal up to the new text, but for a character that was given up as incomplete and now came whole.
        let same: usize = text
            .chars()
            .zip(self.before.chars())
            .take_while(|(a, b)| a == b)
            .map(|(a, _)| a.len_utf8())
            .sum();
        let new = text.get(same..).unwrap_or_default().to_owned();
        self.before = text;
        // Shortened now and then only: the text of what is left has to be decoded again.
        if self.ids.len() > CONTEXT.1 {
            self.ids.drain(..self.ids.len() - CONTEXT.0);
            self.before = self.tokenizer.decode(&self.ids)?;
        }
        self.context = self.ids.len();
        Ok(new)
    }
}
