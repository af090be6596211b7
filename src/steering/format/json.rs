//! Small helpers for JSON formats: typed fields with refusals that name them.

use serde_json::{Map, Value};

use super::super::error::VectorError;
use super::error::FormatError;

/// An object of a known format.
pub(super) struct Object<'a> {
    pub(super) file: &'a str,
    pub(super) kind: &'static str,
    pub(super) map: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    pub(super) fn new(
        file: &'a str,
        kind: &'static str,
        value: &'a Value,
    ) -> Result<Self, VectorError> {
        let map = value.as_object().ok_or_else(|| FormatError::JsonInvalid {
            file: file.to_owned(),
            kind,
            reason: "it is no object".to_owned(),
        })?;
        Ok(Self { file, kind, map })
    }

    pub(super) fn bad(&self, reason: impl Into<String>) -> VectorError {
        FormatError::JsonInvalid {
            file: self.file.to_owned(),
            kind: self.kind,
            reason: reason.into(),
        }
        .into()
    }

    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.map.get(key)?.as_str()
    }

    /// A whole number that has to be there.
    pub(super) fn int(&self, key: &str) -> Result<i64, VectorError> {
        let value = self.map.get(key).and_then(Value::as_i64);
        value.ok_or_else(|| self.bad(format!("'{key}' is no whole number")))
    }

    pub(super) fn float(&self, key: &str) -> Option<f64> {
        self.map.get(key)?.as_f64().filter(|v| v.is_finite())
    }

    /// A list of numbers that has to be there.
    pub(super) fn numbers(&self, key: &str) -> Result<Vec<f32>, VectorError> {
        self.map
            .get(key)
            .and_then(numbers)
            .ok_or_else(|| self.bad(format!("'{key}' is no list of numbers")))
    }

    /// Texts and numbers as metadata, under the file's own names.
    pub(super) fn fact(&self, key: &str) -> Option<String> {
        match self.map.get(key)? {
            Value::String(text) => Some(text.clone()),
            value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string()),
            _ => None,
        }
    }
}

/// A non-empty list of numbers. `NaN` and infinities have no place in JSON and are refused.
pub(super) fn numbers(value: &Value) -> Option<Vec<f32>> {
    let list = value.as_array().filter(|list| !list.is_empty())?;
    list.iter().map(|x| Some(x.as_f64()? as f32)).collect()
}

/// Numbers as JSON: widened, so that they come back as the same f32.
pub(super) fn list(values: &[f32]) -> Value {
    values.iter().map(|x| Value::from(f64::from(*x))).collect()
}
