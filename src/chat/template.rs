//! A model's chat template and the conversations it is given.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::DateTime;
use minijinja::Value;
use minijinja::value::Serde;
use serde::{Deserialize, Serialize};

use super::files::Specials;
use super::{ChatError, render, rewrite};

/// Longest template, in bytes; published ones stay below 20 000.
const LONGEST: usize = 1 << 20;

/// A checked template; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatTemplate {
    source: Arc<str>,
    file: Arc<str>,
    specials: Specials,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user`, `assistant`, or what else the template knows.
    pub role: String,
    /// Its text.
    pub content: String,
}

impl Message {
    /// A message of a role.
    pub fn new(role: &str, content: &str) -> Self {
        Self {
            role: role.to_owned(),
            content: content.to_owned(),
        }
    }
}

/// What a template gets beside the messages.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// End with the beginning of an answer.
    pub add_generation_prompt: bool,
    /// Further variables, e.g. `enable_thinking`.
    pub variables: BTreeMap<String, serde_json::Value>,
    /// Local time that `strftime_now` sees; `None`: the clock's.
    pub now: Option<DateTime>,
}

/// One user turn, ready for the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The rendered text.
    pub text: String,
    /// The template takes no system message: its text stands at the beginning of the user's.
    pub system_in_user: bool,
}

impl ChatTemplate {
    /// A template from memory; `file` names it in messages.
    ///
    /// # Errors
    /// [`ChatError::TooLong`], [`ChatError::Syntax`].
    pub fn new(source: &str, file: &str, specials: Specials) -> Result<Self, ChatError> {
        if source.len() > LONGEST {
            return Err(ChatError::TooLong {
                file: file.to_owned(),
                bytes: source.len(),
                most: LONGEST,
            });
        }
        let source = rewrite::rewritten(source).into();
        let file = file.into();
        render::check(&source, &file)?;
        Ok(Self {
            source,
            file,
            specials,
        })
    }

    /// Its special tokens.
    pub fn specials(&self) -> &Specials {
        &self.specials
    }

    /// The text of a conversation.
    ///
    /// # Errors
    /// [`ChatError::Refused`] with the template's own words, [`ChatError::Limit`],
    /// [`ChatError::Failed`].
    pub fn render(&self, messages: &[Message], options: &Options) -> Result<String, ChatError> {
        let mut context: BTreeMap<String, Value> = self
            .specials
            .iter()
            .map(|(name, token)| (name.to_owned(), Value::from(token)))
            .collect();
        for (name, value) in &options.variables {
            context.insert(name.clone(), Value::from(Serde(value)));
        }
        let messages: Value = messages.iter().map(|m| Value::from(Serde(m))).collect();
        context.insert("messages".to_owned(), messages);
        context.insert("tools".to_owned(), Value::from(()));
        context.insert("documents".to_owned(), Value::from(()));
        let prompt = Value::from(options.add_generation_prompt);
        context.insert("add_generation_prompt".to_owned(), prompt);
        render::render(&self.source, &self.file, context.into(), options.now)
    }

    /// One user turn with the beginning of an answer. A system text that the template refuses, fails
    /// on or leaves out goes before the user's text, with an empty line between.
    ///
    /// # Errors
    /// Those of [`render`](Self::render).
    pub fn turn(&self, system: Option<&str>, user: &str) -> Result<Turn, ChatError> {
        let options = Options {
            add_generation_prompt: true,
            ..Options::default()
        };
        let Some(system) = system else {
            let text = self.render(&[Message::new("user", user)], &options)?;
            return Ok(Turn {
                text,
                system_in_user: false,
            });
        };
        let both = [Message::new("system", system), Message::new("user", user)];
        match self.render(&both, &options) {
            Ok(text) if text.contains(system.trim()) => {
                return Ok(Turn {
                    text,
                    system_in_user: false,
                });
            }
            Ok(_) | Err(ChatError::Refused { .. } | ChatError::Failed { .. }) => {}
            Err(error) => return Err(error),
        }
        let joined = Message::new("user", &format!("{system}\n\n{user}"));
        Ok(Turn {
            text: self.render(&[joined], &options)?,
            system_in_user: true,
        })
    }
}
