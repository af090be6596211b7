//! Text to token ids and back, on the tokenizers library.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;
use tokenizers::Tokenizer;

use super::EngineError;

/// The model's own tokenizer (`tokenizer.json`); cheap to clone.
#[derive(Clone)]
pub struct TextTokenizer {
    inner: Arc<Tokenizer>,
    /// Names of the tokens that texts leave out.
    specials: Arc<HashMap<u32, Box<str>>>,
    /// Tokens spelled out so far.
    pieces: Arc<RwLock<HashMap<u32, Box<str>>>>,
    /// Highest id.
    highest: u32,
    /// Highest id without the added tokens.
    base: u32,
    size: usize,
    file: Arc<str>,
    bos: Bos,
}

/// The beginning-of-text token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bos {
    /// Whatever the tokenizer's own post-processor does.
    AsIs,
    /// Every text begins with it.
    Always(u32),
    /// No text begins with it.
    Never(u32),
}

impl fmt::Debug for TextTokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextTokenizer")
            .field("file", &self.file)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl TextTokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`EngineError::MissingFile`], [`EngineError::Unreadable`], [`EngineError::Tokenizer`].
    pub fn from_file(path: &Path) -> Result<Self, EngineError> {
        Self::from_bytes(&super::load::read(path)?, &path.display().to_string())
    }

    /// The same from memory; `file` names it in messages.
    pub fn from_bytes(bytes: &[u8], file: &str) -> Result<Self, EngineError> {
        let bad = |reason: String| EngineError::Tokenizer {
            file: file.to_owned(),
            reason,
        };
        let mut inner = Tokenizer::from_bytes(bytes).map_err(|e| bad(e.to_string()))?;
        // A file may ask for padding or truncation made for another use; ids must be those of the text alone.
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|e| bad(e.to_string()))?;
        let highest = |added| inner.get_vocab(added).values().copied().max();
        let all = highest(true).ok_or_else(|| bad("empty vocabulary".to_owned()))?;
        let (size, base) = (inner.get_vocab_size(true), highest(false).unwrap_or(0));
        let added = inner.get_added_tokens_decoder().into_iter();
        let specials = added.filter(|(_, token)| token.special);
        let specials = specials.map(|(id, token)| (id, token.content.into()));
        Ok(Self {
            specials: Arc::new(specials.collect()),
            pieces: Arc::default(),
            inner: Arc::new(inner),
            highest: all,
            base,
            size,
            file: file.into(),
            bos: Bos::AsIs,
        })
    }

    /// Follows `add_bos_token` of a `tokenizer_config.json`, which goes before what `tokenizer.json`
    /// says itself; `file` names it in messages.
    pub(super) fn with_settings(mut self, bytes: &[u8], file: &str) -> Result<Self, EngineError> {
        let value: Value = serde_json::from_slice(bytes).map_err(|e| EngineError::Config {
            file: file.to_owned(),
            reason: format!("not valid JSON ({e})"),
        })?;
        let token = &value["bos_token"];
        let token = token.as_str().or_else(|| token["content"].as_str());
        if let (Some(add), Some(id)) = (
            value["add_bos_token"].as_bool(),
            token.and_then(|token| self.token_id(token)),
        ) {
            self.bos = if add { Bos::Always(id) } else { Bos::Never(id) };
        }
        Ok(self)
    }

    /// Token ids of `text`, with the special tokens (BOS) that the tokenizer adds, never a second
    /// one before a text that begins with it.
    ///
    /// # Errors
    /// [`EngineError::Text`].
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        let mut ids = match self.inner.encode_fast(text, true) {
            Ok(encoding) => encoding.get_ids().to_vec(),
            Err(e) => return Err(EngineError::Text(e.to_string())),
        };
        // A text that begins with the token itself, e.g. a rendered chat, does not get it twice.
        if let [first, second, ..] = ids.as_slice()
            && first == second
        {
            let verbatim = self.encode_verbatim(text)?;
            if verbatim.len() < ids.len() && verbatim.first() == ids.first() {
                ids.remove(0);
            }
        }
        match self.bos {
            Bos::Always(bos) if ids.first() != Some(&bos) => ids.insert(0, bos),
            // What the text itself spells out stays.
            Bos::Never(bos) if ids.first() == Some(&bos) && self.encode_verbatim(text)? != ids => {
                ids.remove(0);
            }
            _ => {}
        }
        Ok(ids)
    }

    /// Token ids of a text that spells out its special tokens itself, as chat templates do: nothing
    /// is added.
    ///
    /// # Errors
    /// [`EngineError::Text`].
    pub fn encode_verbatim(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        match self.inner.encode_fast(text, false) {
            Ok(encoding) => Ok(encoding.get_ids().to_vec()),
            Err(e) => Err(EngineError::Text(e.to_string())),
        }
    }

    /// Text of `ids`, special tokens left out. A part of a character shows as U+FFFD; for a stream
    /// use [`StreamDecoder`](super::StreamDecoder).
    ///
    /// # Errors
    /// [`EngineError::Text`].
    pub fn decode(&self, ids: &[u32]) -> Result<String, EngineError> {
        self.inner
            .decode(ids, true)
            .map_err(|e| EngineError::Text(e.to_string()))
    }

    /// Text of one token as it stands within a text, with its leading space; a part of a character shows as U+FFFD, a special
    /// token by its name.
    ///
    /// # Errors
    /// [`EngineError::Text`].
    pub fn piece(&self, id: u32) -> Result<String, EngineError> {
        let known = self.pieces.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = known.get(&id) {
            return Ok(text.to_string());
        }
        drop(known);
        let text = self.spell(id)?;
        let mut known = self.pieces.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(id, text.as_str().into());
        Ok(text)
    }

    fn spell(&self, id: u32) -> Result<String, EngineError> {
        // What begins a text may lose its space, so it is read behind itself.
        let (once, twice) = (self.decode(&[id])?, self.decode(&[id, id])?);
        let text = twice.strip_prefix(&once).unwrap_or(&once);
        if text.is_empty()
            && let Some(name) = self.special(id)
        {
            return Ok(name.to_owned());
        }
        Ok(text.to_owned())
    }

    /// Name of a token that [`decode`](Self::decode) leaves out, such as `<|endoftext|>`.
    pub fn special(&self, id: u32) -> Option<&str> {
        self.specials.get(&id).map(|name| &**name)
    }

    /// Number of tokens, added ones included.
    pub fn vocab_size(&self) -> usize {
        self.size
    }

    /// Id of a token by its exact spelling in the file.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Refuses a tokenizer of another model: an id the model has no row for, or a vocabulary much
    /// smaller than the model's (some padding of the embedding is usual). Added tokens may lie
    /// beyond: small text models share the tokenizer of larger ones that see images.
    pub(super) fn check_vocab(&self, vocab: usize) -> Result<(), EngineError> {
        let used = self.highest as usize + 1;
        let missing = self.base as usize + 1 > vocab;
        if missing || vocab.saturating_sub(used) > (vocab / 8).max(64) {
            return Err(EngineError::TokenizerMismatch {
                file: self.file.to_string(),
                highest: self.highest,
                vocab,
            });
        }
        Ok(())
    }
}
