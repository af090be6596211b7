//! Weights of a GGUF file, row by row: as they are, widened or dequantised to f32.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::Device;
use candle_core::quantized::ggml_file::qtensor_from_ggml;
use sha2::{Digest, Sha256};

use super::header::Tensor;
use super::kind::Kind;
use crate::engine::bytes::Bytes;
use crate::engine::linear::with_f32;
use crate::engine::precision::Precision;
use crate::engine::quant::dequantise;
use crate::engine::source::Picked;
use crate::engine::weights::{
    RowSource, Stored, Weights, check_finite, hex, widen_bf16, widen_f16, widen_f32,
};
use crate::engine::{Config, EngineError};

/// A GGUF file with its checked header.
#[derive(Debug)]
pub(super) struct GgufWeights {
    file: String,
    bytes: Bytes,
    tensors: BTreeMap<String, Tensor>,
    /// Width of a head where the file keeps the two values of a rotated pair side by side.
    interleaved: Option<usize>,
}

impl GgufWeights {
    pub(super) fn new(
        bytes: Bytes,
        tensors: BTreeMap<String, Tensor>,
        config: &Config,
        file: String,
    ) -> Self {
        // llama.cpp rotates neighbours in these files and halves of a head in all others.
        let interleaved = (config.architecture == "llama").then_some(config.head_dim);
        Self {
            file,
            bytes,
            tensors,
            interleaved,
        }
    }

    /// Feeds the bytes of the file to `hasher`.
    pub(super) fn hash_into(&self, hasher: &mut Sha256) {
        self.bytes.hash_into(hasher);
    }
}

/// The values of a vector; `None` when there is none of this name.
pub(super) fn vector(
    bytes: &[u8],
    tensors: &BTreeMap<String, Tensor>,
    name: &str,
    file: &str,
) -> Result<Option<Vec<f32>>, EngineError> {
    let Some(tensor) = tensors.get(name) else {
        return Ok(None);
    };
    let rows = rows(bytes, tensor, name, file)?;
    let mut values = vec![0.0; rows.k * rows.n];
    for (i, row) in values.chunks_exact_mut(rows.k.max(1)).enumerate() {
        rows.fill(i, row)?;
    }
    Ok(Some(values))
}

fn rows<'a>(
    bytes: &'a [u8],
    tensor: &Tensor,
    name: &str,
    file: &'a str,
) -> Result<Rows<'a>, EngineError> {
    if tensor.kind.block().is_none() {
        return Err(EngineError::TensorType {
            file: file.to_owned(),
            tensor: name.to_owned(),
            dtype: tensor.kind.name(),
        });
    }
    Ok(Rows {
        file,
        name: name.to_owned(),
        bytes: &bytes[tensor.bytes.clone()],
        whole: None,
        range: tensor.bytes.clone(),
        kind: tensor.kind,
        n: tensor.shape.iter().rev().skip(1).product(),
        k: tensor.shape.last().copied().unwrap_or(1),
    })
}

impl Stored for GgufWeights {
    fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        self.bytes.hash_into(&mut hasher);
        hex(&hasher.finalize())
    }

    /// The types that are kept as they are, everything else as f32.
    fn memory(&self) -> u64 {
        let bytes = |t: &Tensor| {
            // From the bytes in the file: a shape may say anything.
            let (values, size) = t.kind.block().unwrap_or((0, 1));
            match t.kind.precision() {
                Precision::F32 => (t.bytes.len() / size * values * 4) as u64,
                _ => t.bytes.len() as u64,
            }
        };
        self.tensors.values().map(bytes).sum()
    }

    fn label(&self) -> String {
        self.file.clone()
    }
}

impl Weights for GgufWeights {
    fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Box<dyn RowSource + '_>, EngineError> {
        let Some(tensor) = self.tensors.get(name) else {
            return Err(EngineError::TensorMissing {
                file: self.file.clone(),
                tensor: name.to_owned(),
            });
        };
        if tensor.shape != shape {
            return Err(EngineError::TensorShape {
                file: self.file.clone(),
                tensor: name.to_owned(),
                expected: shape.to_vec(),
                got: tensor.shape.clone(),
            });
        }
        let mut rows = rows(self.bytes.as_slice(), tensor, name, &self.file)?;
        rows.whole = Some(&self.bytes);
        let rotated = name.contains(".attn_q.") || name.contains(".attn_k.");
        match self.interleaved.filter(|_| rotated) {
            Some(d) if rows.n > 1 => Ok(Box::new(Picked {
                n: rows.n,
                source: Box::new(rows),
                row: move |i| i / d * d + neighbour(i % d, d),
            })),
            Some(d) => Ok(Box::new(Bias { rows, d })),
            None => Ok(Box::new(rows)),
        }
    }
}

/// Where the file keeps value `j` of a head of `d` whose rotated pairs are half a head apart.
fn neighbour(j: usize, d: usize) -> usize {
    let half = d / 2;
    if j < half { 2 * j } else { 2 * (j - half) + 1 }
}

/// A bias of queries or keys whose rotated pairs stand side by side.
struct Bias<'a> {
    rows: Rows<'a>,
    d: usize,
}

impl RowSource for Bias<'_> {
    fn rows(&self) -> usize {
        self.rows.n
    }

    fn fill(&self, i: usize, row: &mut [f32]) -> Result<(), EngineError> {
        let mut values = vec![0.0; row.len()];
        self.rows.fill(i, &mut values)?;
        for (j, to) in row.iter_mut().enumerate() {
            *to = values[j / self.d * self.d + neighbour(j % self.d, self.d)];
        }
        Ok(())
    }
}

struct Rows<'a> {
    file: &'a str,
    name: String,
    bytes: &'a [u8],
    /// The file, and where the tensor stands in it.
    whole: Option<&'a Bytes>,
    range: Range<usize>,
    kind: Kind,
    n: usize,
    k: usize,
}

impl RowSource for Rows<'_> {
    fn rows(&self) -> usize {
        self.n
    }

    fn fill(&self, i: usize, row: &mut [f32]) -> Result<(), EngineError> {
        let bytes = self.row(i);
        match self.kind {
            Kind::F32 => widen_f32(bytes, row),
            Kind::F16 => widen_f16(bytes, row),
            Kind::Bf16 => widen_bf16(bytes, row),
            Kind::Kept(kind) => dequantise(kind, bytes, row),
            Kind::Quantised(kind) => {
                let quantised = qtensor_from_ggml(kind, bytes, vec![self.k], &Device::Cpu)?;
                let dense = quantised.dequantize(&Device::Cpu)?;
                with_f32(&dense, |values| row.copy_from_slice(values))?;
            }
            Kind::Other(_) => {}
        }
        check_finite(row, self.file, &self.name)
    }

    fn precision(&self) -> Precision {
        self.kind.precision()
    }

    fn bytes(&self, i: usize) -> Option<Cow<'_, [u8]>> {
        let other = matches!(self.kind, Kind::Quantised(_) | Kind::Other(_));
        (!other).then(|| Cow::Borrowed(self.row(i)))
    }

    fn release(&self) {
        if let Some(whole) = self.whole {
            whole.release(self.range.clone());
        }
    }
}

impl Rows<'_> {
    /// The bytes of row `i`.
    fn row(&self, i: usize) -> &[u8] {
        let (values, size) = self.kind.block().unwrap_or((1, 0));
        let width = self.k / values * size;
        &self.bytes[i * width..][..width]
    }
}
