//! A conversation as the model's own text and token ids.

use super::{EngineError, Model};
use crate::chat::{ChatError, ChatTemplate};

/// One user turn in the model's chat format, ready for the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatPrompt {
    /// The rendered text.
    pub text: String,
    /// Its token ids; special tokens are those that the text spells out, nothing is added.
    pub ids: Vec<u32>,
    /// The template takes no system message: its text stands at the beginning of the user's.
    pub system_in_user: bool,
}

impl Model {
    /// Its chat template; `None` for a base model, and where the template cannot be used.
    pub fn chat(&self) -> Option<&ChatTemplate> {
        self.chat.as_ref().ok().and_then(Option::as_ref)
    }

    /// Why the template that came with the model cannot be used.
    pub fn chat_error(&self) -> Option<&ChatError> {
        self.chat.as_ref().err()
    }

    /// A user's turn, after a system text if there is one, up to where the answer begins.
    ///
    /// # Errors
    /// [`EngineError::NoChat`], [`EngineError::Chat`], [`EngineError::Text`].
    pub fn chat_prompt(&self, system: Option<&str>, user: &str) -> Result<ChatPrompt, EngineError> {
        let template = match &self.chat {
            Ok(template) => template.as_ref().ok_or(EngineError::NoChat)?,
            Err(error) => return Err(error.clone().into()),
        };
        let turn = template.turn(system, user)?;
        Ok(ChatPrompt {
            ids: self.tokenizer().encode_verbatim(&turn.text)?,
            text: turn.text,
            system_in_user: turn.system_in_user,
        })
    }

    /// Token ids that end an answer: those that end a text, and the template's end of text.
    pub fn chat_stop_ids(&self) -> Vec<u32> {
        let mut ids = self.stop_ids().to_vec();
        let end = self.chat().and_then(|c| c.specials().get("eos_token"));
        if let Some(id) = end.and_then(|token| self.tokenizer().token_id(token))
            && !ids.contains(&id)
        {
            ids.push(id);
        }
        ids
    }
}
