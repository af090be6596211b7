//! `actadd` (Turner et al. 2308.10248): one pair of prompts, and a row for every position.
//!
//! The method adds `v_t = h_t(p⁺) − h_t(p⁻)` at position t of the prompt and nothing behind it. One direction
//! for all positions, such as the mean over t, would be another method; so the result is no
//! [`SteeringVector`](super::super::SteeringVector). `generate` and `measure` apply it; what needs one
//! direction refuses it.
//!
//! File: safetensors with tensors `blocks.{b}.hook_resid_post.positions`, F32 `[T, d]`, and in the
//! metadata `operator` = `add_per_position`; the other keys are those of the native format.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::error::VectorError;
use super::super::vector::{bytes_of, meta};
use super::corpora::Texts;
use super::describe::{self, Provenance};
use super::error::ExtractError;
use super::family::degenerate;
use super::method::Method;
use super::position::Positions;
use super::read::{self, Passage};
use crate::engine::{Cancel, Hook, Model, Place};
use crate::units::BlockIndex;

/// Value of the metadata key `operator`.
pub const PER_POSITION: &str = "add_per_position";
const SUFFIX: &str = ".hook_resid_post.positions";
/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 2 << 30;

/// A row for each of the first T positions, at every block.
#[derive(Debug, Clone, PartialEq)]
pub struct PositionRows {
    /// Display name.
    pub name: String,
    /// Block b → `(T, d)` rows, position 0 first.
    pub rows: BTreeMap<usize, Vec<f32>>,
    /// Width d.
    pub width: usize,
    /// Provenance.
    pub metadata: BTreeMap<String, String>,
}

/// Reads both prompts at every position of every block; the shorter one is filled up with space tokens
/// at its end.
///
/// # Errors
/// [`ExtractError::NoDifference`] for prompts of the same tokens, those of the engine.
pub fn extract_positions(
    model: &Model,
    name: &str,
    model_id: &str,
    prompts: [&str; 2],
    cancel: &Cancel,
) -> Result<PositionRows, ExtractError> {
    let tokenizer = model.tokenizer();
    let [mut positive, mut negative] =
        [tokenizer.encode(prompts[0])?, tokenizer.encode(prompts[1])?];
    let len = positive.len().max(negative.len());
    let shorter = positive.len().min(negative.len());
    let same = positive == negative;
    if shorter < len {
        let spaces = tokenizer.encode_verbatim(" ")?;
        let space = spaces.last().ok_or(ExtractError::NoSpaceToken)?;
        positive.resize(len, *space);
        negative.resize(len, *space);
    }
    if same || len == 0 {
        let none = super::component::Degenerate::NoDifference;
        return Err(degenerate(none, Method::ActAdd, 0, 1));
    }
    let slots: Vec<Positions> = (0..len).map(Positions::one).collect();
    let texts = [&positive, &negative].map(|ids| Passage { ids, slots: &slots });
    let (blocks, width) = (model.n_blocks(), model.hidden_size());
    let mut rows: BTreeMap<usize, Vec<f32>> =
        (0..blocks).map(|b| (b, vec![0.0; len * width])).collect();
    let mut take = |read: read::SlotSum<'_>| {
        let Some(rows) = rows.get_mut(&read.block) else {
            return;
        };
        let sign = if read.text == 0 { 1.0 } else { -1.0 };
        let row = &mut rows[read.slot * width..][..width];
        for (v, h) in row.iter_mut().zip(read.sum) {
            *v += sign * *h as f32;
        }
    };
    read::read(model, &texts, &[], 0..blocks, &mut take, cancel)?;
    let sides = prompts.map(|text| Texts {
        name: String::new(),
        texts: vec![text.to_owned()],
    });
    let provenance = Provenance {
        model_id,
        method: Method::ActAdd,
        read: "every".to_owned(),
        counts: [1, 1],
        dataset_id: &Texts::id([&sides[0], &sides[1]]),
    };
    let mut metadata = describe::metadata(model, &provenance, &rows);
    for (key, value) in [
        (meta::OPERATOR, PER_POSITION.to_owned()),
        (meta::NAME, name.to_owned()),
        ("format", "steerscope-vector".to_owned()),
        ("format_version", "1".to_owned()),
        ("positions", len.to_string()),
        ("positive_prompt", prompts[0].to_owned()),
        ("negative_prompt", prompts[1].to_owned()),
    ] {
        metadata.insert(key.to_owned(), value);
    }
    Ok(PositionRows {
        name: name.to_owned(),
        rows,
        width,
        metadata,
    })
}

impl PositionRows {
    /// T.
    pub fn positions(&self) -> usize {
        self.rows.values().next().map_or(0, Vec::len) / self.width.max(1)
    }

    /// Norm of each position's row at a block.
    pub fn norms(&self, block: BlockIndex) -> Vec<f64> {
        let rows = self
            .rows
            .get(&block.0)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let norm = |row: &[f32]| {
            row.iter()
                .map(|x| f64::from(*x).powi(2))
                .sum::<f64>()
                .sqrt()
        };
        rows.chunks_exact(self.width.max(1)).map(norm).collect()
    }

    /// Share of the rows' energy in the two coordinates that hold most of it, all positions of a block
    /// together: 0..=1.
    pub fn top_two_share(&self, block: BlockIndex) -> f64 {
        let rows = (self.rows.get(&block.0))
            .map(Vec::as_slice)
            .unwrap_or_default();
        let mut energy = vec![0.0; self.width];
        for row in rows.chunks_exact(self.width.max(1)) {
            for (sum, x) in energy.iter_mut().zip(row) {
                *sum += f64::from(*x).powi(2);
            }
        }
        energy.sort_by(|a, b| b.total_cmp(a));
        let total: f64 = energy.iter().sum();
        let top: f64 = energy.iter().take(2).sum();
        if total > 0.0 { top / total } else { 0.0 }
    }

    /// Writes the file; an existing one is replaced at once or not at all.
    ///
    /// # Errors
    /// [`VectorError::Unreadable`] where the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), VectorError> {
        let partial = path.with_extension("partial");
        std::fs::write(&partial, self.to_bytes())
            .and_then(|()| std::fs::rename(&partial, path))
            .map_err(|e| VectorError::Unreadable {
                file: path.display().to_string(),
                reason: e.to_string(),
            })
    }

    /// The file's bytes: keys sorted, header padded to 8 bytes, equal content gives equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let tensors: BTreeMap<String, &Vec<f32>> = (self.rows.iter())
            .map(|(b, rows)| (format!("blocks.{b}{SUFFIX}"), rows))
            .collect();
        let mut header = serde_json::Map::new();
        header.insert("__metadata__".to_owned(), json!(self.metadata));
        let mut data = Vec::new();
        for (name, rows) in tensors {
            let start = data.len();
            data.extend(bytes_of(rows));
            let shape = [rows.len() / self.width.max(1), self.width];
            let entry =
                json!({"data_offsets": [start, data.len()], "dtype": "F32", "shape": shape});
            header.insert(name, entry);
        }
        let mut head = Value::Object(header).to_string();
        head.push_str(&" ".repeat(head.len().next_multiple_of(8) - head.len()));
        let mut bytes = (head.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(&data);
        bytes
    }

    /// Whether bytes are such a file, as far as its header says.
    pub fn recognise(bytes: &[u8]) -> bool {
        SafeTensors::read_metadata(bytes).is_ok_and(|(_, header)| {
            let facts = header.metadata().as_ref();
            facts
                .and_then(|f| f.get(meta::OPERATOR))
                .is_some_and(|o| o == PER_POSITION)
        })
    }

    /// Reads a file; `None` for a file of another kind.
    ///
    /// # Errors
    /// [`VectorError::Unreadable`], [`VectorError::TooLarge`], those of [`PositionRows::from_bytes`].
    pub fn load(path: &Path) -> Result<Option<Self>, VectorError> {
        let file = path.display().to_string();
        let unreadable = |e: std::io::Error| VectorError::Unreadable {
            file: file.clone(),
            reason: e.to_string(),
        };
        let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
        if bytes > MAX_BYTES {
            return Err(VectorError::TooLarge {
                file,
                bytes,
                limit: MAX_BYTES,
            });
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        if Self::recognise(&bytes) {
            Self::from_bytes(&file, &bytes).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Reads a file held in memory; `file` names it in messages.
    ///
    /// # Errors
    /// [`VectorError::Damaged`], [`VectorError::Shape`], [`VectorError::DType`],
    /// [`VectorError::NonFinite`].
    pub fn from_bytes(file: &str, bytes: &[u8]) -> Result<Self, VectorError> {
        let damaged = |reason: String| VectorError::Damaged {
            file: file.to_owned(),
            reason,
        };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(e.to_string()))?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| damaged(e.to_string()))?;
        let mut rows = BTreeMap::new();
        let mut shape: Option<[usize; 2]> = None;
        for (key, view) in tensors.tensors() {
            let block = key
                .strip_prefix("blocks.")
                .and_then(|rest| rest.strip_suffix(SUFFIX));
            let Some(block) = block.and_then(|b| b.parse::<usize>().ok()) else {
                continue;
            };
            let (file, key) = (file.to_owned(), key.clone());
            if view.dtype() != Dtype::F32 {
                let dtype = format!("{:?}", view.dtype());
                return Err(VectorError::DType { file, key, dtype });
            }
            let found = <[usize; 2]>::try_from(view.shape())
                .ok()
                .filter(|s| s[0] > 0 && s[1] > 0);
            if found.is_none() || shape.is_some_and(|s| Some(s) != found) {
                let shape = view.shape().to_vec();
                return Err(VectorError::Shape { file, key, shape });
            }
            shape = found;
            let values = view.data().as_chunks::<4>().0.iter();
            let values: Vec<f32> = values.map(|b| f32::from_le_bytes(*b)).collect();
            let count = values.iter().filter(|x| !x.is_finite()).count();
            if count > 0 {
                let block = BlockIndex(block);
                return Err(VectorError::NonFinite { file, block, count });
            }
            rows.insert(block, values);
        }
        let Some([_, width]) = shape else {
            return Err(damaged(format!("it has no tensor 'blocks.{{b}}{SUFFIX}'")));
        };
        let facts = header.metadata().clone().unwrap_or_default();
        let metadata: BTreeMap<String, String> = facts.into_iter().collect();
        let name = metadata
            .get(meta::NAME)
            .cloned()
            .unwrap_or_else(|| file.to_owned());
        Ok(Self {
            name,
            rows,
            width,
            metadata,
        })
    }

    /// A hook that adds `c·v_t` at position t of one sequence, t < T and within its prompt of
    /// `prompt_len` tokens; generated tokens are left alone.
    ///
    /// # Errors
    /// [`VectorError::LayerMissing`].
    pub fn hook(
        &self,
        block: BlockIndex,
        coefficient: f32,
        sequence: usize,
        prompt_len: usize,
    ) -> Result<PositionHook, VectorError> {
        Ok(PositionHook {
            block,
            sequence,
            coefficient,
            rows: self.within(block, prompt_len)?.into(),
        })
    }

    /// Adds `c·v_t` to row t of `x`, the residual rows `(positions, d)` of a text from its first position
    /// on, t < T and within its prompt of `prompt_len` tokens.
    ///
    /// # Errors
    /// [`VectorError::LayerMissing`].
    pub fn add(
        &self,
        block: BlockIndex,
        coefficient: f32,
        prompt_len: usize,
        x: &mut [f32],
    ) -> Result<(), VectorError> {
        let rows = self.within(block, prompt_len)?.chunks_exact(self.width);
        for (row, v) in x.chunks_exact_mut(self.width).zip(rows) {
            super::super::apply::add_scaled(row, v, coefficient);
        }
        Ok(())
    }

    /// Rows of a block within a prompt.
    fn within(&self, block: BlockIndex, prompt_len: usize) -> Result<&[f32], VectorError> {
        let rows = self
            .rows
            .get(&block.0)
            .ok_or_else(|| VectorError::LayerMissing {
                name: self.name.clone(),
                block,
                available: format!("blocks 0 to {}", self.rows.len().saturating_sub(1)),
            })?;
        Ok(&rows[..rows.len().min(prompt_len * self.width)])
    }

    /// Identity: SHA-256 over the number of positions, block indices and rows, hex.
    pub fn id(&self) -> String {
        let mut hash = Sha256::new();
        hash.update((self.positions() as u64).to_le_bytes());
        for (block, rows) in &self.rows {
            hash.update((*block as u64).to_le_bytes());
            hash.update(bytes_of(rows));
        }
        super::super::hex(&hash.finalize())
    }
}

/// Adds a row of its own at each of the first positions.
#[derive(Debug, Clone)]
pub struct PositionHook {
    block: BlockIndex,
    sequence: usize,
    coefficient: f32,
    rows: Arc<[f32]>,
}

impl Hook for PositionHook {
    fn wants(&self, block: BlockIndex) -> bool {
        block == self.block && self.coefficient != 0.0
    }

    fn visit(&mut self, _: BlockIndex, places: &[Place], rows: &mut [f32], width: usize) {
        for (place, row) in places.iter().zip(rows.chunks_exact_mut(width)) {
            let start = place.position * width;
            if place.sequence == self.sequence
                && let Some(v) = self.rows.get(start..start + width)
            {
                super::super::apply::add_scaled(row, v, self.coefficient);
            }
        }
    }

    fn first_edit(&self, sequence: usize) -> usize {
        if sequence == self.sequence && self.coefficient != 0.0 {
            0
        } else {
            usize::MAX
        }
    }
}
