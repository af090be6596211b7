//! Where a model keeps its chat template and the names of its special tokens.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use serde_json::Value;

use super::{ChatError, ChatTemplate};

/// Names of the special tokens that templates may use.
const NAMES: &[&str] = &[
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

/// Special tokens by name, e.g. `bos_token`; those that a model lacks are not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Specials(BTreeMap<String, String>);

impl Specials {
    /// From names and texts.
    pub fn new<'a>(tokens: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let own = |(name, token): (&str, &str)| (name.to_owned(), token.to_owned());
        Self(tokens.into_iter().map(own).collect())
    }

    /// Text of a token.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Names and texts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// Takes the tokens of a settings file that are not there yet: texts, or objects with `content`.
    fn add(&mut self, settings: &Value, file: &str) -> Result<(), ChatError> {
        for &name in NAMES {
            let token = match &settings[name] {
                Value::Null => continue,
                Value::String(token) => token,
                Value::Object(fields) => match fields.get("content") {
                    Some(Value::String(token)) => token,
                    _ => return Err(invalid(file, format!("{name} has no text in content"))),
                },
                _ => return Err(invalid(file, format!("{name} is no text"))),
            };
            self.0
                .entry(name.to_owned())
                .or_insert_with(|| token.clone());
        }
        Ok(())
    }
}

fn invalid(file: &str, reason: String) -> ChatError {
    ChatError::Invalid {
        file: file.to_owned(),
        reason,
    }
}

/// The text of a file; `None` when there is none.
fn text(path: &Path) -> Result<Option<String>, ChatError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(ChatError::Unreadable {
            file: path.display().to_string(),
            reason: e.to_string(),
        }),
    }
}

/// A JSON file and its name; `Null` when there is none.
fn json(path: &Path) -> Result<(Value, String), ChatError> {
    let file = path.display().to_string();
    let value = match text(path)? {
        None => Value::Null,
        Some(text) => serde_json::from_str(&text)
            .map_err(|e| invalid(&file, format!("not valid JSON ({e})")))?,
    };
    Ok((value, file))
}

/// `chat_template` of a settings file: a text, or a list of named ones, of which the default counts.
fn listed(value: &Value, file: &str) -> Result<Option<String>, ChatError> {
    let list = match &value["chat_template"] {
        Value::Null => return Ok(None),
        Value::String(text) => return Ok(Some(text.clone())),
        Value::Array(list) => list,
        _ => {
            let reason = "chat_template is neither a text nor a list of templates".to_owned();
            return Err(invalid(file, reason));
        }
    };
    let mut names = Vec::new();
    for entry in list {
        let (Some(name), Some(text)) = (entry["name"].as_str(), entry["template"].as_str()) else {
            let reason = "an entry of chat_template lacks name or template".to_owned();
            return Err(invalid(file, reason));
        };
        if name == "default" {
            return Ok(Some(text.to_owned()));
        }
        names.push(name);
    }
    let names = names.join(", ");
    let reason = format!("none of the chat templates ({names}) is called default");
    Err(invalid(file, reason))
}

impl ChatTemplate {
    /// The template of a model directory: `chat_template.jinja`, else `chat_template.json`, else
    /// `chat_template` of `tokenizer_config.json`. The special tokens come from the last, and where
    /// it lacks one from `special_tokens_map.json`. `None`: the model has no template.
    ///
    /// # Errors
    /// Every [`ChatError`] but those of rendering.
    pub fn from_dir(dir: &Path) -> Result<Option<Self>, ChatError> {
        let (settings, settings_file) = json(&dir.join("tokenizer_config.json"))?;
        let alone = dir.join("chat_template.jinja");
        let (source, file) = if let Some(source) = text(&alone)? {
            (Some(source), alone.display().to_string())
        } else {
            let (other, other_file) = json(&dir.join("chat_template.json"))?;
            match listed(&other, &other_file)? {
                Some(source) => (Some(source), other_file),
                None => (listed(&settings, &settings_file)?, settings_file.clone()),
            }
        };
        let Some(source) = source.filter(|s| !s.is_empty()) else {
            return Ok(None);
        };
        let mut specials = Specials::default();
        specials.add(&settings, &settings_file)?;
        let (map, map_file) = json(&dir.join("special_tokens_map.json"))?;
        specials.add(&map, &map_file)?;
        Self::new(&source, &file, specials).map(Some)
    }
}
