//! safetensors files: header checks, memory mapping, rows widened to f32.
//!
//! The header is read here rather than by a library: every offset and size is checked against the
//! configuration and the file before a byte of data is touched.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::EngineError;
use super::bytes::Bytes;
use super::precision::Precision;

/// The format's own limit on its header.
const LONGEST_HEADER: u64 = 100_000_000;

#[derive(Debug, Deserialize)]
struct Header {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// One safetensors file with its checked header.
#[derive(Debug)]
pub(super) struct WeightFile {
    /// Name for messages.
    name: String,
    bytes: Bytes,
    /// First byte of the data part.
    data: usize,
    tensors: BTreeMap<String, Header>,
}

impl WeightFile {
    /// Reads and checks the header.
    pub(super) fn open(bytes: Bytes, name: String) -> Result<Self, EngineError> {
        let bad = |reason: String| EngineError::WeightsHeader {
            file: name.clone(),
            reason,
        };
        let all = bytes.as_slice();
        let got = all.len() as u64;
        let truncated = |expected: u64| EngineError::WeightsTruncated {
            file: name.clone(),
            expected,
            got,
        };
        let Some(length) = all.first_chunk::<8>().map(|b| u64::from_le_bytes(*b)) else {
            return Err(truncated(8));
        };
        if length > LONGEST_HEADER {
            return Err(bad(format!("its header would be {length} bytes long")));
        }
        let data = 8 + length as usize;
        let Some(header) = all.get(8..data) else {
            return Err(truncated(data as u64));
        };
        let values: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(header).map_err(|e| bad(format!("header: {e}")))?;
        let mut tensors = BTreeMap::new();
        let mut end = 0;
        for (tensor, value) in values {
            if tensor == "__metadata__" {
                continue;
            }
            let header: Header =
                serde_json::from_value(value).map_err(|e| bad(format!("entry {tensor}: {e}")))?;
            let [from, to] = header.data_offsets;
            if from > to {
                return Err(bad(format!("entry {tensor}: offsets {from} and {to}")));
            }
            if let Some(number) = parse(&header.dtype) {
                let size = header
                    .shape
                    .iter()
                    .try_fold(number.bytes(1), |a, n| a.checked_mul(*n));
                if size.map(|s| s as u64) != Some(to - from) {
                    return Err(bad(format!(
                        "entry {tensor}: {} bytes for shape {:?}",
                        to - from,
                        header.shape
                    )));
                }
            }
            end = end.max(to);
            tensors.insert(tensor, header);
        }
        match (data as u64).checked_add(end) {
            Some(expected) if expected == got => {}
            Some(expected) if expected > got => return Err(truncated(expected)),
            _ => return Err(bad("its header does not cover the whole file".to_owned())),
        }
        Ok(Self {
            name,
            bytes,
            data,
            tensors,
        })
    }
}

/// Rows of a matrix to come; a vector is one row.
pub(super) trait RowSource: Sync {
    /// Number of rows.
    fn rows(&self) -> usize;
    /// Row `i` as f32; refuses values that are not finite.
    fn fill(&self, i: usize, row: &mut [f32]) -> Result<(), EngineError>;
    /// A number type that holds every value of [`fill`](Self::fill) exactly.
    fn precision(&self) -> Precision {
        Precision::F32
    }
    /// Row `i` as its file has it, little-endian, in [`precision`](Self::precision); values that are not
    /// finite are only refused by [`fill`](Self::fill). `None` where a value is not simply read.
    fn bytes(&self, _i: usize) -> Option<Cow<'_, [u8]>> {
        None
    }
    /// Says that all rows were read: the pages of a mapped file are given back.
    fn release(&self) {}
}

/// Tensors in files, which have a digest.
pub(super) trait Stored: Weights {
    /// SHA-256, hex, over the bytes of the files.
    fn digest(&self) -> String;

    /// Memory that the model will hold, in bytes.
    fn memory(&self) -> u64;

    /// The files in messages.
    fn label(&self) -> String;
}

/// Where the tensors of a model come from.
pub(super) trait Weights: Send + Sync {
    /// Whether there is a tensor of this name.
    fn has(&self, name: &str) -> bool;

    /// The tensor of this name and shape.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Box<dyn RowSource + '_>, EngineError>;
}

/// The weight files of a model, in name order.
#[derive(Debug)]
pub(super) struct WeightFiles(pub(super) Vec<WeightFile>);

impl Stored for WeightFiles {
    /// One file after the other in name order; for a single file its own digest.
    fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for file in &self.0 {
            file.bytes.hash_into(&mut hasher);
        }
        hex(&hasher.finalize())
    }

    /// What the files hold, as their numbers are kept as they are.
    fn memory(&self) -> u64 {
        let tensors = self.0.iter().flat_map(|f| f.tensors.values());
        tensors.map(|t| t.data_offsets[1] - t.data_offsets[0]).sum()
    }

    fn label(&self) -> String {
        self.0
            .iter()
            .map(|f| f.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

impl Weights for WeightFiles {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|f| f.tensors.contains_key(name))
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Box<dyn RowSource + '_>, EngineError> {
        let found = self
            .0
            .iter()
            .find_map(|f| f.tensors.get(name).map(|h| (f, h)));
        let Some((file, header)) = found else {
            return Err(EngineError::TensorMissing {
                file: self.label(),
                tensor: name.to_owned(),
            });
        };
        if header.shape != shape {
            return Err(EngineError::TensorShape {
                file: file.name.clone(),
                tensor: name.to_owned(),
                expected: shape.to_vec(),
                got: header.shape.clone(),
            });
        }
        let Some(number) = parse(&header.dtype) else {
            let (tensor, dtype) = (name.to_owned(), header.dtype.clone());
            return Err(EngineError::TensorType {
                file: file.name.clone(),
                tensor,
                dtype,
            });
        };
        let k = shape.last().copied().unwrap_or(1);
        let rows = shape.iter().rev().skip(1).product();
        let [from, to] = header.data_offsets;
        let range = file.data + from as usize..file.data + to as usize;
        Ok(Box::new(FileRows {
            file,
            name: name.to_owned(),
            range,
            number,
            rows,
            k,
        }))
    }
}

struct FileRows<'a> {
    file: &'a WeightFile,
    name: String,
    range: Range<usize>,
    number: Precision,
    rows: usize,
    k: usize,
}

impl RowSource for FileRows<'_> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn fill(&self, i: usize, row: &mut [f32]) -> Result<(), EngineError> {
        let bytes = self.row(i);
        match self.number {
            Precision::F16 => widen_f16(bytes, row),
            Precision::Bf16 => widen_bf16(bytes, row),
            _ => widen_f32(bytes, row),
        }
        check_finite(row, &self.file.name, &self.name)
    }

    fn precision(&self) -> Precision {
        self.number
    }

    fn bytes(&self, i: usize) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Borrowed(self.row(i)))
    }

    fn release(&self) {
        self.file.bytes.release(self.range.clone());
    }
}

impl FileRows<'_> {
    fn row(&self, i: usize) -> &[u8] {
        let size = self.number.bytes(self.k);
        &self.file.bytes.as_slice()[self.range.clone()][i * size..][..size]
    }
}

/// A number type of the format, if it is read.
fn parse(name: &str) -> Option<Precision> {
    match name {
        "F32" => Some(Precision::F32),
        "F16" => Some(Precision::F16),
        "BF16" => Some(Precision::Bf16),
        _ => None,
    }
}

/// Refuses a row with NaN or infinite values.
pub(super) fn check_finite(row: &[f32], file: &str, tensor: &str) -> Result<(), EngineError> {
    // 0 · v is 0 for finite values and NaN otherwise: one sum instead of a branch per value.
    if row.iter().map(|v| v * 0.0).sum::<f32>() == 0.0 {
        Ok(())
    } else {
        Err(EngineError::WeightsNotFinite {
            file: file.to_owned(),
            tensor: tensor.to_owned(),
        })
    }
}

/// Little-endian f32.
pub(super) fn widen_f32(bytes: &[u8], row: &mut [f32]) {
    widen::<4>(bytes, row, f32::from_le_bytes);
}

/// Little-endian IEEE half precision.
pub(super) fn widen_f16(bytes: &[u8], row: &mut [f32]) {
    widen::<2>(bytes, row, |b| half::f16::from_le_bytes(b).to_f32());
}

/// Little-endian upper halves of f32.
pub(super) fn widen_bf16(bytes: &[u8], row: &mut [f32]) {
    widen::<2>(bytes, row, |b| half::bf16::from_le_bytes(b).to_f32());
}

fn widen<const N: usize>(bytes: &[u8], row: &mut [f32], f: impl Fn([u8; N]) -> f32) {
    for (v, b) in row.iter_mut().zip(bytes.as_chunks::<N>().0) {
        *v = f(*b);
    }
}
