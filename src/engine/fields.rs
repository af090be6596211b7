//! Typed access to the values of a `config.json`, with errors that name file and key.

use serde_json::{Map, Value};

use super::EngineError;

/// No size of a real model comes near; keeps products far from overflow.
const LARGEST: usize = 1 << 24;

/// The object of a configuration. A value of `null` counts as absent.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    table: &'a Map<String, Value>,
    /// The object around a nested `text_config`, asked second.
    outer: Option<&'a Map<String, Value>>,
    /// Keys that this family spells differently: (usual, here).
    aliases: &'a [(&'a str, &'a str)],
    /// What this family assumes where the file is silent.
    defaults: Option<&'a Map<String, Value>>,
    file: &'a str,
}

impl<'a> Fields<'a> {
    /// The configuration in `value`: its `text_config` where it has one.
    pub(super) fn new(value: &'a Value, file: &'a str) -> Result<Self, EngineError> {
        let table = value.as_object().ok_or_else(|| EngineError::Config {
            file: file.to_owned(),
            reason: "not a model configuration (no JSON object)".to_owned(),
        })?;
        let nested = table.get("text_config").and_then(Value::as_object);
        Ok(Self {
            table: nested.unwrap_or(table),
            outer: nested.map(|_| table),
            aliases: &[],
            defaults: None,
            file,
        })
    }

    /// For a family with its own spellings (usual, here) and defaults (under the usual keys).
    pub(super) fn of_family(self, aliases: &'a [(&'a str, &'a str)], defaults: &'a Value) -> Self {
        Self {
            aliases,
            defaults: defaults.as_object(),
            ..self
        }
    }

    /// A malformed value.
    pub(super) fn bad(&self, reason: impl Into<String>) -> EngineError {
        EngineError::Config {
            file: self.file.to_owned(),
            reason: reason.into(),
        }
    }

    /// Something well-formed that the engine does not compute.
    pub(super) fn unsupported(&self, what: impl Into<String>) -> EngineError {
        EngineError::Architecture {
            file: self.file.to_owned(),
            what: what.into(),
        }
    }

    /// The key as this family spells it.
    fn key(&self, name: &'a str) -> &'a str {
        let alias = self.aliases.iter().find(|(usual, _)| *usual == name);
        alias.map_or(name, |(_, here)| here)
    }

    /// A value that is there and not `null`. A `null` in the file also keeps the family's default
    /// away.
    pub(super) fn get(&self, name: &'a str) -> Option<&'a Value> {
        let key = self.key(name);
        let there = [self.table.get(key), self.table.get(name)];
        let outer = self.outer.and_then(|outer| outer.get(key));
        let given = || there.into_iter().chain([outer]).flatten();
        match given().find(|v| !v.is_null()) {
            None if given().next().is_none() => self.defaults?.get(name),
            found => found,
        }
    }

    /// A size of at least 1, if given.
    pub(super) fn size_if(&self, name: &'a str) -> Result<Option<usize>, EngineError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match value.as_u64() {
            Some(v) if (1..=LARGEST as u64).contains(&v) => Ok(Some(v as usize)),
            _ => Err(self.bad(format!("{} is {value}", self.key(name)))),
        }
    }

    pub(super) fn size(&self, name: &'a str) -> Result<usize, EngineError> {
        self.size_if(name)?
            .ok_or_else(|| self.bad(format!("{} is missing", self.key(name))))
    }

    /// A finite number, if given.
    pub(super) fn number_if(&self, name: &'a str) -> Result<Option<f64>, EngineError> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => number(value)
                .map(Some)
                .ok_or_else(|| self.bad(format!("{} is {value}", self.key(name)))),
        }
    }

    /// A positive number, if given.
    pub(super) fn positive_if(&self, name: &'a str) -> Result<Option<f64>, EngineError> {
        match self.number_if(name)? {
            Some(v) if v <= 0.0 => Err(self.bad(format!("{} is {v}", self.key(name)))),
            v => Ok(v),
        }
    }

    pub(super) fn flag(&self, name: &'a str, otherwise: bool) -> Result<bool, EngineError> {
        match self.get(name) {
            None => Ok(otherwise),
            Some(Value::Bool(v)) => Ok(*v),
            Some(v) => Err(self.bad(format!("{} is {v}", self.key(name)))),
        }
    }

    pub(super) fn text_if(&self, name: &'a str) -> Result<Option<&'a str>, EngineError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(v)) => Ok(Some(v)),
            Some(v) => Err(self.bad(format!("{} is {v}", self.key(name)))),
        }
    }

    /// Which of `n` blocks see a window only, by `layer_types`, else by `otherwise`.
    pub(super) fn local_layers(
        &self,
        n: usize,
        otherwise: impl Fn(usize) -> bool,
    ) -> Result<Vec<bool>, EngineError> {
        let Some(value) = self.get("layer_types") else {
            return Ok((0..n).map(otherwise).collect());
        };
        let list = value.as_array().filter(|list| list.len() == n);
        let list =
            list.ok_or_else(|| self.bad(format!("layer_types is no list of {n} entries")))?;
        list.iter()
            .map(|kind| match kind.as_str() {
                Some("full_attention") => Ok(false),
                Some("sliding_attention") => Ok(true),
                _ => Err(self.unsupported(format!("layer type {kind}"))),
            })
            .collect()
    }
}

/// A finite number.
pub(super) fn number(value: &Value) -> Option<f64> {
    value.as_f64().filter(|v| v.is_finite())
}
