//! Pairs read at every block in one pass, and their mean difference.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::pair::{ContrastivePair, PairSet};
use super::super::vector::SteeringVector;
use super::describe::{self, Provenance};
use super::error::ExtractError;
use super::method::Method;
use super::position::Positions;
use super::read::{self, Passage};
use crate::engine::{Cancel, EngineError, Model};
use crate::units::BlockIndex;

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
        let differences =
            (positive.iter().zip(negative)).map(|(p, n)| f64::from(*p) - f64::from(*n));
        self.add_difference(block, differences);
    }

    pub(super) fn add_difference(
        &mut self,
        block: BlockIndex,
        difference: impl Iterator<Item = f64>,
    ) {
        if let (Some(sum), Some(count)) = (self.sums.get_mut(block.0), self.counts.get_mut(block.0))
        {
            for (sum, d) in sum.iter_mut().zip(difference) {
                *sum += d;
            }
            *count += 1;
        }
    }

    /// Mean difference at a block in f64, and the pairs it is made of; `None` without any.
    pub(super) fn at(&self, block: usize) -> Option<(Vec<f64>, usize)> {
        let (sum, count) = (self.sums.get(block)?, *self.counts.get(block)?);
        (count > 0).then(|| (sum.iter().map(|x| x / count as f64).collect(), count))
    }

    /// v = (1/n) Σ (a⁺ − a⁻) at every block: the `mean` extractor of Tan et al. (2407.12404) and
    /// of CAA (Panickssery et al. 2312.06681), raw norm kept.
    pub fn directions(&self) -> BTreeMap<usize, Vec<f32>> {
        let mean = |block| {
            let (mean, _) = self.at(block)?;
            Some((block, mean.iter().map(|x| *x as f32).collect()))
        };
        (0..self.sums.len()).filter_map(mean).collect()
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
    let mut take = |read: PairRead<'_>| mean.add_difference(read.block, read.difference());
    let blocks = 0..model.n_blocks();
    read_pairs(model, &pairs.pairs, blocks, &mut take, progress, cancel)?;
    let directions = mean.directions();
    let n = pairs.pairs.len();
    let provenance = Provenance {
        model_id,
        method: Method::Mean,
        read: pairs.read.to_string(),
        counts: [n, n],
        dataset_id: &pairs.dataset_id,
    };
    let metadata = describe::metadata(model, &provenance, &directions);
    SteeringVector::new(name, directions, metadata).map_err(ExtractError::NoDirection)
}

/// Activations of pairs at one block, pair by pair in the order of their set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PairActivations {
    /// Residual width d.
    pub width: usize,
    /// a⁺ at the position read, shape `(pairs, d)`; the mean where several positions are read.
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

    pub(super) fn push(&mut self, read: &PairRead<'_>) {
        let side = |(sum, n): (&[f64], usize)| {
            let n = n as f64;
            sum.iter().map(|x| (x / n) as f32).collect::<Vec<_>>()
        };
        self.positive.extend(side(read.positive));
        self.negative.extend(side(read.negative));
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
    let mut activations = PairActivations {
        width: model.hidden_size(),
        ..PairActivations::default()
    };
    let mut take = |read: PairRead<'_>| activations.push(&read);
    let blocks = block.0..block.0 + 1;
    read_pairs(model, &pairs.pairs, blocks, &mut take, progress, cancel)?;
    Ok(activations)
}

/// What was read of one pair after one block: per side the sum of rows and their number.
pub(super) struct PairRead<'a> {
    pub(super) block: BlockIndex,
    pub(super) positive: (&'a [f64], usize),
    pub(super) negative: (&'a [f64], usize),
}

impl PairRead<'_> {
    /// Mean of the positive rows less that of the negative ones.
    pub(super) fn difference(&self) -> impl Iterator<Item = f64> {
        let ((p, m), (n, k)) = (self.positive, self.negative);
        let (m, k) = (m as f64, k as f64);
        p.iter().zip(n).map(move |(p, n)| p / m - n / k)
    }
}

/// Runs all pairs in batches and hands every pair's rows to `take`: for each block of `blocks`,
/// pairs in their order.
fn read_pairs(
    model: &Model,
    pairs: &[ContrastivePair],
    blocks: Range<usize>,
    take: &mut dyn FnMut(PairRead<'_>),
    progress: &mut dyn FnMut(usize, usize),
    cancel: &Cancel,
) -> Result<(), EngineError> {
    let total = pairs.len();
    let mut done = 0;
    progress(done, total);
    while done < total {
        done += read_some(model, &pairs[done..], blocks.clone(), take, cancel)?;
        progress(done, total);
    }
    Ok(())
}

/// One pass over as many leading pairs as fill it; returns their number.
pub(super) fn read_some(
    model: &Model,
    pairs: &[ContrastivePair],
    blocks: Range<usize>,
    take: &mut dyn FnMut(PairRead<'_>),
    cancel: &Cancel,
) -> Result<usize, EngineError> {
    if pairs.is_empty() {
        return Ok(0);
    }
    let size = |pair: &ContrastivePair| {
        let tokens = pair.positive.ids.len() + pair.negative.ids.len() - pair.shared_prefix();
        (tokens, 2)
    };
    let n = read::batch_len(model, blocks.len(), pairs.iter().map(size)).min(pairs.len());
    let batch = &pairs[..n];
    let slots: Vec<[Positions; 1]> = (batch.iter())
        .flat_map(|pair| [&pair.positive, &pair.negative].map(|text| [text.positions.clone()]))
        .collect();
    let texts: Vec<Passage<'_>> = (batch.iter())
        .flat_map(|pair| [&pair.positive.ids, &pair.negative.ids])
        .zip(&slots)
        .map(|(ids, slots)| Passage { ids, slots })
        .collect();
    let twins: Vec<usize> = batch.iter().map(ContrastivePair::shared_prefix).collect();
    let mut first: (Vec<f64>, usize) = (Vec::new(), 0);
    let mut both = |read: read::SlotSum<'_>| {
        if read.text.is_multiple_of(2) {
            first.0.clear();
            first.0.extend_from_slice(read.sum);
            first.1 = read.tokens;
        } else {
            take(PairRead {
                block: BlockIndex(read.block),
                positive: (&first.0, first.1),
                negative: (read.sum, read.tokens),
            });
        }
    };
    read::read(model, &texts, &twins, blocks, &mut both, cancel)?;
    Ok(n)
}
