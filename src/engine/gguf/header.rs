//! The header of a GGUF file, read from its bytes. Every count and length is compared with what is
//! left of the file before anything is reserved for it.

use std::collections::BTreeMap;
use std::ops::Range;

use super::kind::Kind;
use super::metadata::{Metadata, Value};
use crate::engine::EngineError;

/// Lists within lists that are still skipped rather than refused.
const DEEPEST: usize = 4;
/// Dimensions of a tensor in the format.
const MOST_DIMS: u32 = 4;
/// Alignment of tensors where the file does not say.
const USUAL_ALIGNMENT: usize = 32;

/// Where a tensor stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tensor {
    pub(super) kind: Kind,
    /// Rows first, as in other formats; the file has it the other way round.
    pub(super) shape: Vec<usize>,
    /// Its bytes; empty for a type that is not read.
    pub(super) bytes: Range<usize>,
}

/// Metadata and tensors of a file.
#[derive(Debug)]
pub(super) struct Header<'a> {
    pub(super) metadata: Metadata<'a>,
    pub(super) tensors: BTreeMap<String, Tensor>,
}

impl<'a> Header<'a> {
    /// Reads and checks everything before the data, and that the data is all there.
    pub(super) fn read(bytes: &'a [u8], file: &'a str) -> Result<Self, EngineError> {
        let mut r = Reader { bytes, at: 0, file };
        match r.take(4)? {
            b"GGUF" => {}
            b"FUGG" => return Err(r.bad("it is in big-endian order")),
            _ => return Err(r.bad("it does not begin with GGUF")),
        }
        let version = r.u32()?;
        if !(2..=3).contains(&version) {
            return Err(r.bad(format!("version {version} is not read, 2 and 3 are")));
        }
        let (n_tensors, n_values) = (r.u64()?, r.u64()?);
        // A tensor takes 24 bytes and more, a value 13.
        let n_tensors = r.count(n_tensors, 24)?;
        let n_values = r.count(n_values, 13)?;
        let mut values = BTreeMap::new();
        for _ in 0..n_values {
            let key = r.text()?;
            let kind = r.u32()?;
            let value = r.value(kind)?;
            if values.insert(key, value).is_some() {
                return Err(r.bad(format!("metadata {key} stands there twice")));
            }
        }
        let metadata = Metadata { values, file };
        let mut tensors = BTreeMap::new();
        for _ in 0..n_tensors {
            let (name, tensor) = r.tensor()?;
            if tensors.insert(name.to_owned(), tensor).is_some() {
                return Err(r.bad(format!("tensor {name} stands there twice")));
            }
        }
        let alignment = match metadata.get("general.alignment") {
            None => USUAL_ALIGNMENT,
            Some(Value::Unsigned(v)) if v.is_power_of_two() && (8..=1 << 20).contains(v) => {
                *v as usize
            }
            Some(_) => return Err(metadata.bad("general.alignment", "no power of two from 8 on")),
        };
        r.place(&mut tensors, alignment)?;
        Ok(Self { metadata, tensors })
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    file: &'a str,
}

impl<'a> Reader<'a> {
    fn bad(&self, reason: impl Into<String>) -> EngineError {
        EngineError::WeightsHeader {
            file: self.file.to_owned(),
            reason: reason.into(),
        }
    }

    fn truncated(&self, expected: u64) -> EngineError {
        EngineError::WeightsTruncated {
            file: self.file.to_owned(),
            expected,
            got: self.bytes.len() as u64,
        }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], EngineError> {
        let end = self.at.saturating_add(n);
        let taken = self.bytes.get(self.at..end);
        self.at = end;
        taken.ok_or_else(|| self.truncated(end as u64))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], EngineError> {
        let bytes = self.take(N)?;
        bytes
            .first_chunk()
            .copied()
            .ok_or_else(|| self.truncated(self.at as u64))
    }

    fn u32(&mut self) -> Result<u32, EngineError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, EngineError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// `n` things of at least `size` bytes each: refused where the file cannot hold them.
    fn count(&self, n: u64, size: u64) -> Result<usize, EngineError> {
        let left = (self.bytes.len() - self.at.min(self.bytes.len())) as u64;
        let needed = n.saturating_mul(size);
        if needed > left {
            return Err(self.truncated((self.at as u64).saturating_add(needed)));
        }
        Ok(n as usize)
    }

    fn text(&mut self) -> Result<&'a str, EngineError> {
        let n = self.u64()?;
        let n = self.count(n, 1)?;
        let from = self.at;
        let bytes = self.take(n)?;
        std::str::from_utf8(bytes)
            .map_err(|_| self.bad(format!("the text at byte {from} is not valid UTF-8")))
    }

    fn value(&mut self, kind: u32) -> Result<Value<'a>, EngineError> {
        Ok(match kind {
            8 => Value::Text(self.text()?),
            9 => self.list(0)?,
            7 => Value::Bool(self.array::<1>()? != [0]),
            6 => Value::Float(f64::from(f32::from_le_bytes(self.array()?))),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            10 => Value::Unsigned(self.u64()?),
            0 | 2 | 4 => Value::Unsigned(self.integer(kind)? as u64),
            1 | 3 | 5 | 11 => Value::Signed(self.integer(kind)?),
            other => return Err(self.bad(format!("a value of unknown type {other}"))),
        })
    }

    /// A whole number of any width; unsigned ones above the largest signed become negative.
    fn integer(&mut self, kind: u32) -> Result<i64, EngineError> {
        Ok(match kind {
            0 => i64::from(self.array::<1>()?[0]),
            1 => i64::from(i8::from_le_bytes(self.array()?)),
            2 => i64::from(u16::from_le_bytes(self.array()?)),
            3 => i64::from(i16::from_le_bytes(self.array()?)),
            4 => i64::from(self.u32()?),
            5 => i64::from(i32::from_le_bytes(self.array()?)),
            _ => i64::from_le_bytes(self.array()?),
        })
    }

    fn list(&mut self, depth: usize) -> Result<Value<'a>, EngineError> {
        let (kind, n) = (self.u32()?, self.u64()?);
        match kind {
            8 => {
                let n = self.count(n, 8)?;
                (0..n)
                    .map(|_| self.text())
                    .collect::<Result<_, _>>()
                    .map(Value::Texts)
            }
            6 => {
                let n = self.count(n, 4)?;
                let words = self.take(n * 4)?.as_chunks::<4>().0;
                Ok(Value::Floats(
                    words.iter().map(|b| f32::from_le_bytes(*b)).collect(),
                ))
            }
            0..=5 | 10 | 11 => {
                let size = [1, 1, 2, 2, 4, 4].get(kind as usize).copied().unwrap_or(8);
                let n = self.count(n, size)?;
                let list: Result<_, _> = (0..n).map(|_| self.integer(kind)).collect();
                list.map(Value::Integers)
            }
            7 | 12 => {
                let size = if kind == 7 { 1 } else { 8 };
                let n = self.count(n, size)?;
                self.take(n * size as usize)?;
                Ok(Value::Unused)
            }
            9 if depth < DEEPEST => {
                // A list takes 12 bytes at least.
                for _ in 0..self.count(n, 12)? {
                    self.list(depth + 1)?;
                }
                Ok(Value::Unused)
            }
            other => Err(self.bad(format!("a list of unknown type {other}"))),
        }
    }

    /// Name and place of a tensor, the place from the beginning of the data.
    fn tensor(&mut self) -> Result<(&'a str, Tensor), EngineError> {
        let name = self.text()?;
        let n = self.u32()?;
        if n > MOST_DIMS {
            return Err(self.bad(format!("tensor {name} has {n} dimensions")));
        }
        let mut shape = Vec::new();
        for _ in 0..n {
            shape.push(self.u64()? as usize);
        }
        shape.reverse();
        let kind = Kind::from_number(self.u32()?);
        let offset = self.u64()? as usize;
        let size = match kind.block() {
            None => Some(0),
            Some((values, bytes)) => {
                let row = shape.last().copied().unwrap_or(1);
                if !row.is_multiple_of(values) {
                    return Err(self.bad(format!(
                        "tensor {name} has rows of {row} values in blocks of {values}"
                    )));
                }
                shape
                    .iter()
                    .try_fold(1usize, |a, n| a.checked_mul(*n))
                    .and_then(|all| (all / values).checked_mul(bytes))
            }
        };
        let end = size.and_then(|size| offset.checked_add(size));
        let end = end.ok_or_else(|| self.bad(format!("tensor {name} has shape {shape:?}")))?;
        Ok((
            name,
            Tensor {
                kind,
                shape,
                bytes: offset..end,
            },
        ))
    }

    /// Moves the places of all tensors behind the header; refuses what overlaps or is not there.
    fn place(
        &self,
        tensors: &mut BTreeMap<String, Tensor>,
        alignment: usize,
    ) -> Result<(), EngineError> {
        let data = self.at.next_multiple_of(alignment);
        let mut places = Vec::new();
        for (name, tensor) in tensors.iter_mut() {
            if !tensor.bytes.start.is_multiple_of(alignment) {
                return Err(self.bad(format!("tensor {name} is not aligned")));
            }
            let end = data.saturating_add(tensor.bytes.end);
            if end > self.bytes.len() {
                return Err(self.truncated(end as u64));
            }
            tensor.bytes = data + tensor.bytes.start..end;
            places.push((tensor.bytes.clone(), name));
        }
        places.sort_by_key(|(bytes, _)| (bytes.start, bytes.end));
        for pair in places.windows(2) {
            if pair[0].0.end > pair[1].0.start {
                return Err(self.bad(format!("tensors {} and {} overlap", pair[0].1, pair[1].1)));
            }
        }
        Ok(())
    }
}
