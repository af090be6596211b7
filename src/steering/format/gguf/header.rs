//! The header of a GGUF file that holds a vector. Unlike the reader of model files it keeps the width
//! and sign of integers, the order of tensors, and refuses each fault under its own id.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::super::error::VectorError;
use super::super::error::FormatError;

/// Lists within lists that are still skipped.
const DEEPEST: usize = 4;
/// Alignment of tensors where the file does not say.
const USUAL_ALIGNMENT: u64 = 32;

/// A metadata value, as far as vectors use it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    U32(u32),
    I32(i32),
    /// Integers of other widths.
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    /// Lists, which no vector format uses.
    List,
}

/// A tensor as listed.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    pub(super) name: String,
    /// 0 is F32.
    pub(super) kind: u32,
    pub(super) shape: Vec<u64>,
    /// From the beginning of the data section.
    pub(super) offset: u64,
}

/// Metadata, tensors in file order, and where the data section lies.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) metadata: BTreeMap<String, Value>,
    pub(super) tensors: Vec<Tensor>,
    pub(super) data: usize,
}

impl Header {
    pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Self, VectorError> {
        let mut r = Reader { bytes, at: 0, file };
        if r.take(4)? != super::MAGIC {
            return Err(r.bad("it does not begin with GGUF"));
        }
        let version = r.u32()?;
        let file_name = file.to_owned();
        match version {
            2 | 3 => {}
            _ if matches!(version.swap_bytes(), 1..=3) => {
                return Err(FormatError::GgufBigEndian { file: file_name }.into());
            }
            _ => {
                return Err(FormatError::GgufVersion {
                    file: file_name,
                    version,
                }
                .into());
            }
        }
        let (n_tensors, n_values) = (r.u64()?, r.u64()?);
        let n_tensors = r.count(n_tensors, 24)?;
        let n_values = r.count(n_values, 13)?;
        let mut metadata = BTreeMap::new();
        for _ in 0..n_values {
            let key = r.text()?;
            let kind = r.u32()?;
            let value = r.value(kind, 0)?;
            if metadata.insert(key.clone(), value).is_some() {
                return Err(r.twice(key));
            }
        }
        let mut tensors = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        for _ in 0..n_tensors {
            let tensor = r.tensor()?;
            if !names.insert(tensor.name.clone()) {
                return Err(r.twice(tensor.name));
            }
            tensors.push(tensor);
        }
        let alignment = match metadata.get("general.alignment") {
            None => USUAL_ALIGNMENT,
            Some(Value::U32(v)) if v.is_power_of_two() && (8..=1 << 20).contains(v) => {
                u64::from(*v)
            }
            Some(_) => return Err(r.bad("general.alignment is no power of two from 8 on")),
        };
        let data = (r.at as u64).next_multiple_of(alignment) as usize;
        Ok(Self {
            metadata,
            tensors,
            data,
        })
    }

    /// Keys that begin so.
    pub(super) fn keys<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.metadata
            .keys()
            .map(String::as_str)
            .filter(move |k| k.starts_with(prefix))
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.metadata.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Where a tensor of `n` bytes lies in the file.
    pub(super) fn place(
        &self,
        file: &str,
        tensor: &Tensor,
        n: u64,
        present: usize,
    ) -> Result<Range<usize>, VectorError> {
        let start = (self.data as u64).saturating_add(tensor.offset);
        let end = start.saturating_add(n);
        if end > present as u64 {
            return Err(VectorError::Truncated {
                file: file.to_owned(),
                expected: end,
                got: present as u64,
            });
        }
        Ok(start as usize..end as usize)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    file: &'a str,
}

impl<'a> Reader<'a> {
    fn bad(&self, reason: impl Into<String>) -> VectorError {
        FormatError::GgufInvalid {
            file: self.file.to_owned(),
            reason: reason.into(),
        }
        .into()
    }

    fn twice(&self, name: String) -> VectorError {
        let file = self.file.to_owned();
        FormatError::GgufDuplicate { file, name }.into()
    }

    fn truncated(&self, expected: u64) -> VectorError {
        VectorError::Truncated {
            file: self.file.to_owned(),
            expected,
            got: self.bytes.len() as u64,
        }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], VectorError> {
        let end = self.at.saturating_add(n);
        let taken = self.bytes.get(self.at..end);
        self.at = end;
        taken.ok_or_else(|| self.truncated(end as u64))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], VectorError> {
        let bytes = self.take(N)?;
        bytes
            .first_chunk()
            .copied()
            .ok_or_else(|| self.truncated(self.at as u64))
    }

    fn u32(&mut self) -> Result<u32, VectorError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, VectorError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// `n` things of at least `size` bytes each: refused where the file cannot hold them.
    fn count(&self, n: u64, size: u64) -> Result<usize, VectorError> {
        let left = (self.bytes.len().saturating_sub(self.at)) as u64;
        let needed = n.saturating_mul(size);
        if needed > left {
            return Err(self.truncated((self.at as u64).saturating_add(needed)));
        }
        Ok(n as usize)
    }

    fn text(&mut self) -> Result<String, VectorError> {
        let n = self.u64()?;
        let n = self.count(n, 1)?;
        let from = self.at;
        let bytes = self.take(n)?;
        std::str::from_utf8(bytes)
            .map(ToOwned::to_owned)
            .map_err(|_| self.bad(format!("the text at byte {from} is not valid UTF-8")))
    }

    fn value(&mut self, kind: u32, depth: usize) -> Result<Value, VectorError> {
        Ok(match kind {
            0 => Value::Int(i64::from(self.array::<1>()?[0])),
            1 => Value::Int(i64::from(i8::from_le_bytes(self.array()?))),
            2 => Value::Int(i64::from(u16::from_le_bytes(self.array()?))),
            3 => Value::Int(i64::from(i16::from_le_bytes(self.array()?))),
            4 => Value::U32(self.u32()?),
            5 => Value::I32(i32::from_le_bytes(self.array()?)),
            6 => Value::Float(f64::from(f32::from_le_bytes(self.array()?))),
            7 => Value::Bool(self.array::<1>()? != [0]),
            8 => Value::Text(self.text()?),
            9 if depth < DEEPEST => {
                let (kind, n) = (self.u32()?, self.u64()?);
                for _ in 0..self.count(n, 1)? {
                    self.value(kind, depth + 1)?;
                }
                Value::List
            }
            10 => Value::Int(self.u64()? as i64),
            11 => Value::Int(i64::from_le_bytes(self.array()?)),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            other => return Err(self.bad(format!("a value of unknown type {other}"))),
        })
    }

    fn tensor(&mut self) -> Result<Tensor, VectorError> {
        let name = self.text()?;
        let n = self.u32()?;
        if n > 4 {
            return Err(self.bad(format!("tensor {name} has {n} dimensions")));
        }
        let mut shape = Vec::new();
        for _ in 0..n {
            shape.push(self.u64()?);
        }
        Ok(Tensor {
            name,
            kind: self.u32()?,
            shape,
            offset: self.u64()?,
        })
    }
}
