//! Metadata of a GGUF file: typed values that borrow from the file.

use std::collections::BTreeMap;

use crate::engine::EngineError;

/// A metadata value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Text(&'a str),
    Texts(Vec<&'a str>),
    Floats(Vec<f32>),
    /// Whole numbers of any width.
    Integers(Vec<i64>),
    /// Lists of lists and of truth values: none is used.
    Unused,
}

/// All metadata by key.
#[derive(Debug)]
pub(super) struct Metadata<'a> {
    pub(super) values: BTreeMap<&'a str, Value<'a>>,
    pub(super) file: &'a str,
}

impl<'a> Metadata<'a> {
    pub(super) fn bad(&self, key: &str, what: &str) -> EngineError {
        EngineError::Config {
            file: self.file.to_owned(),
            reason: format!("metadata {key} is {what}"),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.values.get(key)
    }

    /// A text, if given.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, EngineError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.bad(key, "no text")),
        }
    }

    /// A finite number, if given.
    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, EngineError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Unsigned(v)) => Ok(Some(*v as f64)),
            Some(Value::Signed(v)) => Ok(Some(*v as f64)),
            Some(Value::Float(v)) if v.is_finite() => Ok(Some(*v)),
            Some(_) => Err(self.bad(key, "no number")),
        }
    }

    /// A token id, if given.
    pub(super) fn id(&self, key: &str) -> Result<Option<u32>, EngineError> {
        let whole = match self.get(key) {
            None => return Ok(None),
            Some(Value::Unsigned(v)) => u32::try_from(*v).ok(),
            Some(Value::Signed(v)) => u32::try_from(*v).ok(),
            Some(_) => None,
        };
        whole.map(Some).ok_or_else(|| self.bad(key, "no token id"))
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, EngineError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(v)) => Ok(Some(*v)),
            Some(_) => Err(self.bad(key, "neither true nor false")),
        }
    }

    /// A list of texts; empty when not given.
    pub(super) fn texts(&self, key: &str) -> Result<&[&'a str], EngineError> {
        match self.get(key) {
            None => Ok(&[]),
            Some(Value::Texts(list)) => Ok(list),
            Some(_) => Err(self.bad(key, "no list of texts")),
        }
    }
}
