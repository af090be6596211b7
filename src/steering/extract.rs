//! Mean-difference extraction at every block in one pass over the pairs.

use std::collections::BTreeMap;
use std::ops::Range;

use super::error::ExtractError;
use super::pair::{ContrastivePair, PairSet};
use super::vector::{SteeringVector, meta};
use crate::engine::{Cancel, EngineError, Hook, Keep, KvCache, Model, NoHook, Part, Place};
use crate::units::BlockIndex;

/// Tokens per forward pass; large enough for the matrix products, small enough that progress and
/// cancellation stay smooth.
const BATCH_TOKENS: usize = 1024;

/// Running sums of differences, one row of width d per block, in f64.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanDifference {
    sums: Vec<Vec<f64>>,
    counts: Vec<usize>,
}

impl MeanDifference {
    /// Nothing added yet.
    pub fn new(n_blocks: usize, width: usize) -> Self {
        Self {
            sums: vec![vec![0.0; width]; n_blocks],
            counts: vec![0; n_blocks],
        }
    }

    /// Adds one pair's activations at a block, each of width d. Exchanging the two negates the
    /// result exactly.
    pub fn add(&mut self, block: BlockIndex, positive: &[f32], negative: &[f32]) {
        if let (Some(sum), Some(count)) = (self.sums.get_mut(block.0), self.counts.get_mut(block.0))
        {
            for ((sum, p), n) in sum.iter_mut().zip(positive).zip(negative) {
                *sum += f64::from(*p) - f64::from(*n);
            }
            *count += 1;
        }
    }

    /// v = (1/n) Σ (a⁺ − a⁻) at every block: the `mean` extractor of Tan et al. (2407.12404) and
    /// of CAA (Panickssery et al. 2312.06681), raw norm kept.
    pub fn directions(&self) -> BTreeMap<usize, Vec<f32>> {
        let mean = |(block, (sum, count)): (usize, (&Vec<f64>, &usize))| {
            (*count > 0).then(|| {
                (
                    block,
                    sum.iter().map(|x| (x / *count as f64) as f32).collect(),
                )
            })
        };
        self.sums
            .iter()
            .zip(&self.counts)
            .enumerate()
            .filter_map(mean)
            .collect()
    }
}

/// Extracts the mean difference of activations at every block output.
///
/// `name` becomes the vector's name, `model_id` the display name of the model in its metadata.
/// `progress` is told pairs done and pairs in all.
pub fn extract_mean(
    model: &Model,
    name: &str,
    model_id: &str,
    pairs: &PairSet,
    progress: &mut dyn FnMut(usize, usize),
    cancel: &Cancel,
) -> Result<SteeringVector, ExtractError> {
    let mut mean = MeanDifference::new(model.n_blocks(), model.hidden_size());
    read_pairs(
        model,
        &pairs.pairs,
        0..model.n_blocks(),
        &mut |block, positive, negative| mean.add(block, positive, negative),
        progress,
        cancel,
    )?;
    let directions = mean.directions();
    let metadata = metadata(model, model_id, pairs, &directions);
    SteeringVector::new(name, directions, metadata).map_err(ExtractError::NoDirection)
}

/// Activations of pairs at one block, pair by pair in the order of their set.
#[derive(Debug, Clone, PartialEq)]
pub struct PairActivations {
    /// Residual width d.
    pub width: usize,
    /// a⁺ at the position read, shape `(pairs, d)`.
    pub positive: Vec<f32>,
    /// a⁻, shape `(pairs, d)`.
    pub negative: Vec<f32>,
}

impl PairActivations {
    /// Positive minus negative, pair by pair: `(pairs, d)`.
    pub fn differences(&self) -> Vec<Vec<f32>> {
        let width = self.width.max(1);
        let minus = |(p, n): (&[f32], &[f32])| p.iter().zip(n).map(|(a, b)| a - b).collect();
        (self.positive.chunks_exact(width))
            .zip(self.negative.chunks_exact(width))
            .map(minus)
            .collect()
    }

    /// The mean difference v = (1/n) Σ (a⁺ − a⁻), the `mean` extractor; empty without pairs.
    pub fn mean_difference(&self) -> Vec<f32> {
        let mut mean = MeanDifference::new(1, self.width);
        let width = self.width.max(1);
        let rows = (self.positive.chunks_exact(width)).zip(self.negative.chunks_exact(width));
        for (positive, negative) in rows {
            mean.add(BlockIndex(0), positive, negative);
        }
        mean.directions().remove(&0).unwrap_or_default()
    }
}

/// Residual rows of every pair at the output of one block, read where extraction reads them.
///
/// The same batched passes as [`extract_mean`]; `progress` is told pairs done and pairs in all.
pub fn pair_activations(
    model: &Model,
    pairs: &PairSet,
    block: BlockIndex,
    progress: &mut dyn FnMut(usize, usize),
    cancel: &Cancel,
) -> Result<PairActivations, ExtractError> {
    let width = model.hidden_size();
    let (mut positive, mut negative) = (Vec::new(), Vec::new());
    let mut take = |_, p: &[f32], n: &[f32]| {
        positive.extend_from_slice(p);
        negative.extend_from_slice(n);
    };
    let blocks = block.0..block.0 + 1;
    read_pairs(model, &pairs.pairs, blocks, &mut take, progress, cancel)?;
    Ok(PairActivations {
        width,
        positive,
        negative,
    })
}

/// Number of leading pairs that fill one pass.
fn batch_len(pairs: &[ContrastivePair]) -> usize {
    let mut tokens = 0;
    let fits = |pair: &&ContrastivePair| {
        tokens += pair.positive.ids.len() + pair.negative.ids.len() - pair.shared_prefix();
        tokens <= BATCH_TOKENS
    };
    pairs.iter().take_while(fits).count().max(1)
}

/// Told a block and the residual rows of a pair, positive and negative.
type TakePair<'a> = dyn FnMut(BlockIndex, &[f32], &[f32]) + 'a;

/// Runs all pairs in batches and hands every pair's residual rows at the positions read to
/// `take(block, positive, negative)`: for each block of `blocks`, pairs in their order.
fn read_pairs(
    model: &Model,
    pairs: &[ContrastivePair],
    blocks: Range<usize>,
    take: &mut TakePair<'_>,
    progress: &mut dyn FnMut(usize, usize),
    cancel: &Cancel,
) -> Result<(), EngineError> {
    let total = pairs.len();
    let mut done = 0;
    progress(done, total);
    while let Some(rest) = pairs.get(done..).filter(|rest| !rest.is_empty()) {
        let batch = &rest[..batch_len(rest)];
        read_batch(model, batch, blocks.clone(), take, cancel)?;
        done += batch.len();
        progress(done, total);
    }
    Ok(())
}

fn read_batch(
    model: &Model,
    pairs: &[ContrastivePair],
    blocks: Range<usize>,
    take: &mut TakePair<'_>,
    cancel: &Cancel,
) -> Result<(), EngineError> {
    // Sequences 2i and 2i + 1 are the texts of pair i; what they share is computed once.
    let mut cache = KvCache::new(model, 2 * pairs.len());
    let shared: Vec<usize> = pairs.iter().map(ContrastivePair::shared_prefix).collect();
    let prefixes: Vec<Part<'_>> = (pairs.iter().zip(&shared).enumerate())
        .filter(|(_, (_, shared))| **shared > 0)
        .map(|(i, (pair, shared))| Part {
            sequence: 2 * i,
            ids: &pair.positive.ids[..*shared],
        })
        .collect();
    model.extend(&mut cache, &prefixes, Keep::Nothing, &mut NoHook, cancel)?;
    let mut parts = Vec::with_capacity(2 * pairs.len());
    for (i, (pair, shared)) in pairs.iter().zip(&shared).enumerate() {
        cache.clone_sequence(2 * i, 2 * i + 1)?;
        parts.push(Part {
            sequence: 2 * i,
            ids: &pair.positive.ids[*shared..],
        });
        parts.push(Part {
            sequence: 2 * i + 1,
            ids: &pair.negative.ids[*shared..],
        });
    }
    let last: Vec<usize> = pairs
        .iter()
        .flat_map(|p| [p.positive.position(), p.negative.position()])
        .collect();
    let width = model.hidden_size();
    let mut reader = LastRows {
        last,
        width,
        first: blocks.start,
        rows: vec![Vec::new(); blocks.len()],
    };
    model.extend(&mut cache, &parts, Keep::Nothing, &mut reader, cancel)?;
    for (block, rows) in blocks.zip(&reader.rows) {
        for pair in rows.chunks_exact(2 * width) {
            let (positive, negative) = pair.split_at(width);
            take(BlockIndex(block), positive, negative);
        }
    }
    Ok(())
}

/// Copies the rows at the positions read, per block in the order of sequences.
struct LastRows {
    last: Vec<usize>,
    width: usize,
    /// Block of the first entry of `rows`.
    first: usize,
    rows: Vec<Vec<f32>>,
}

impl Hook for LastRows {
    fn wants(&self, block: BlockIndex) -> bool {
        (self.first..self.first + self.rows.len()).contains(&block.0)
    }

    fn visit(&mut self, block: BlockIndex, places: &[Place], rows: &mut [f32], width: usize) {
        let index = block.0.checked_sub(self.first);
        let Some(kept) = index.and_then(|index| self.rows.get_mut(index)) else {
            return;
        };
        kept.resize(self.last.len() * self.width, 0.0);
        for (place, row) in places.iter().zip(rows.chunks_exact(width)) {
            if self.last.get(place.sequence) == Some(&place.position) {
                kept[place.sequence * width..][..width].copy_from_slice(row);
            }
        }
    }

    fn first_edit(&self, _: usize) -> usize {
        usize::MAX
    }
}

fn metadata(
    model: &Model,
    model_id: &str,
    pairs: &PairSet,
    directions: &BTreeMap<usize, Vec<f32>>,
) -> BTreeMap<String, String> {
    let norm = |v: &Vec<f32>| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let norms: Vec<String> = directions
        .iter()
        .map(|(b, v)| format!("\"{b}\":{:.6}", norm(v)))
        .collect();
    let n = pairs.pairs.len().to_string();
    let entries = [
        (meta::METHOD, "mean".to_owned()),
        (meta::OPERATOR, "add".to_owned()),
        (meta::UNIT, "raw_difference".to_owned()),
        (
            meta::SIGN_CONVENTION,
            "a positive multiplier moves toward the positive texts".to_owned(),
        ),
        (meta::MODEL_ID, model_id.to_owned()),
        (meta::MODEL_REVISION, model.hash().to_owned()),
        (meta::N_LAYERS, model.n_blocks().to_string()),
        (meta::HIDDEN_SIZE, model.hidden_size().to_string()),
        (meta::POSITIONS_READ, pairs.read.name().to_owned()),
        (meta::N_POS, n.clone()),
        (meta::N_NEG, n),
        (meta::DATASET_SHA256, pairs.dataset_id.clone()),
        (meta::VECTOR_NORM, format!("{{{}}}", norms.join(","))),
        (
            "created_by",
            concat!("steerscope ", env!("CARGO_PKG_VERSION")).to_owned(),
        ),
    ];
    entries.map(|(key, value)| (key.to_owned(), value)).into()
}
