//! Every block of a vector at once: where it acts (Tan et al. 2407.12404, layer sweep).
//!
//! Blocks are compared twice: with the vector as it is, and at equal κ, where each block's direction is
//! rescaled to the same length relative to the residual stream there. Raw comparison favours late
//! blocks, because norms grow with depth.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::cache::{PromptCache, Site, SweepCell};
use super::error::MeasureError;
use super::protocol::Protocol;
use super::result::{DatasetIdentity, ModelIdentity, VectorIdentity};
use crate::engine::Cancel;
use crate::stats::{CurvePoint, Summary, curve, steerability};
use crate::units::{BlockIndex, Edit, Mask};

/// How multipliers of different blocks compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SweepUnit {
    /// Times the vector as it is.
    Raw,
    /// Times a direction whose length relative to the residual stream, `‖v‖ / H_b`, is the reference
    /// block's.
    EqualKappa,
    /// Given in a unit of the coefficient, each block with raw multipliers of its own.
    Given,
}

/// One block of a sweep before it is measured.
#[derive(Debug, Clone)]
pub struct SweepSite {
    /// Output of this block.
    pub block: BlockIndex,
    /// v, width d.
    pub direction: Vec<f32>,
    /// What a multiplier of 1 is at this block, in units of `direction`.
    pub scale: f32,
    /// Which of the comparisons.
    pub unit: SweepUnit,
    /// Multipliers in units of the vector's direction here, where they are no multiples of `scale`
    /// ([`SweepUnit::Given`]: an angle).
    pub raw: Option<Vec<f32>>,
}

impl SweepSite {
    /// The multipliers in units of the vector's direction here.
    pub fn grid(&self, multipliers: &[f32]) -> Vec<f32> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        multipliers.iter().map(|m| m * self.scale).collect()
    }
}

/// The sites of a sweep: raw, and at equal κ where `reference` has a direction of its own and residual
/// norms are known.
///
/// `norms` holds `H_b` per block. A direction of length 0 is left out, and at equal κ a block whose
/// residual stream has none; a caller that was asked for it has to say so.
pub fn sweep_sites<'a>(
    directions: impl IntoIterator<Item = (BlockIndex, &'a [f32])>,
    norms: &[f32],
    reference: BlockIndex,
    units: &[SweepUnit],
) -> Vec<SweepSite> {
    // In double precision: squares of short but usable directions would vanish in single.
    let length = |v: &[f32]| {
        let squares = v.iter().map(|x| f64::from(*x).powi(2));
        squares.sum::<f64>().sqrt() as f32
    };
    let directions: Vec<(BlockIndex, &[f32])> = directions
        .into_iter()
        .filter(|(_, v)| length(v) > 0.0)
        .collect();
    let relative = |block: BlockIndex, v: &[f32]| {
        let norm = norms.get(block.0).copied().filter(|h| *h > 0.0)?;
        Some(length(v) / norm)
    };
    let of_reference = directions
        .iter()
        .find(|(b, _)| *b == reference)
        .and_then(|(b, v)| relative(*b, v));
    let mut sites = Vec::new();
    for unit in units {
        for (block, v) in &directions {
            let scale = match unit {
                SweepUnit::Raw => Some(1.0),
                SweepUnit::EqualKappa => of_reference
                    .zip(relative(*block, v))
                    .map(|(reference, own)| reference / own),
                // What a unit is at a block is not known here.
                SweepUnit::Given => None,
            };
            sites.extend(scale.map(|scale| SweepSite {
                block: *block,
                direction: v.to_vec(),
                scale,
                unit: *unit,
                raw: None,
            }));
        }
    }
    sites
}

/// One block's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepRow {
    /// Output of this block.
    pub block: BlockIndex,
    /// Which comparison.
    pub unit: SweepUnit,
    /// What a multiplier of 1 is, in units of the vector's direction at this block.
    pub scale: f32,
    /// The multipliers in units of the vector's direction, where they were given in a unit of the
    /// coefficient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Vec<f32>>,
    /// Distribution of per-input steerability, per unit of the multiplier.
    pub summary: Summary,
    /// Variance of it (n − 1).
    pub variance: Option<f64>,
    /// Mean propensity per multiplier with its quartiles.
    pub curve: Vec<CurvePoint>,
    /// Propensities `(inputs, multipliers)`, in logits; `null` where not finite.
    pub propensity: Vec<Vec<Option<f32>>>,
}

/// A sweep under way or finished.
#[derive(Debug, Clone)]
pub struct Sweep {
    sites: Vec<SweepSite>,
    mask: Mask,
    edit: Edit,
    /// Per site, the multipliers in units of its direction.
    grids: Vec<Vec<f32>>,
    /// Per site, one row per input measured so far.
    rows: Vec<Vec<Vec<f32>>>,
}

impl Sweep {
    /// Nothing measured yet.
    pub fn new(sites: Vec<SweepSite>, multipliers: &[f32], mask: Mask, edit: Edit) -> Self {
        Self {
            grids: sites.iter().map(|s| s.grid(multipliers)).collect(),
            rows: vec![Vec::new(); sites.len()],
            sites,
            mask,
            edit,
        }
    }

    /// Inputs measured so far.
    pub fn done(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    /// Measures the next few inputs at all sites, as many as ride in one pass; returns how many are
    /// done. All cells are there after the first call, over few inputs, and sharpen with each further
    /// one.
    ///
    /// # Errors
    /// Those of [`PromptCache::sweep`]; nothing of the call is kept then.
    pub fn advance(
        &mut self,
        cache: &mut PromptCache,
        cancel: &Cancel,
    ) -> Result<usize, MeasureError> {
        self.advance_by(cache, usize::MAX, cancel)
    }

    /// The same for at most `most` inputs, at least one.
    ///
    /// # Errors
    /// Those of [`Sweep::advance`].
    pub fn advance_by(
        &mut self,
        cache: &mut PromptCache,
        most: usize,
        cancel: &Cancel,
    ) -> Result<usize, MeasureError> {
        let cells: Vec<SweepCell<'_>> = self
            .sites
            .iter()
            .zip(&self.grids)
            .map(|(site, grid)| SweepCell {
                site: Site {
                    edit: self.edit,
                    direction: &site.direction,
                    block: site.block,
                    mask: self.mask,
                },
                multipliers: grid,
            })
            .collect();
        let from = self.done();
        let step = cache.sweep_step(&cells).min(most.max(1));
        let to = cache.len().min(from + step);
        let measured = cache.sweep(
            &cells,
            Range {
                start: from,
                end: to,
            },
            cancel,
        )?;
        for (all, new) in self.rows.iter_mut().zip(measured) {
            all.extend(new);
        }
        Ok(to)
    }

    /// Propensities `(inputs, multipliers)` of site `i` measured so far.
    pub fn rows(&self, i: usize) -> &[Vec<f32>] {
        self.rows.get(i).map_or(&[], Vec::as_slice)
    }

    /// Its sites, each with the propensities `(inputs, multipliers)` measured so far.
    pub fn into_rows(self) -> impl Iterator<Item = (SweepSite, Vec<Vec<f32>>)> {
        self.sites.into_iter().zip(self.rows)
    }
}

impl SweepRow {
    /// The figures of one site; `rows` holds a propensity per multiplier for each input.
    pub fn new(site: &SweepSite, multipliers: &[f32], rows: &[Vec<f32>]) -> Self {
        let slopes: Vec<f64> = rows
            .iter()
            .map(|row| steerability(multipliers, row).unwrap_or(f64::NAN))
            .collect();
        let summary = Summary::of_slopes(&slopes);
        Self {
            block: site.block,
            unit: site.unit,
            scale: site.scale,
            raw: site.raw.clone(),
            variance: summary.sd.map(|sd| sd * sd),
            summary,
            curve: curve(multipliers, rows.iter().map(Vec::as_slice)),
            propensity: rows
                .iter()
                .map(|row| row.iter().map(|m| m.is_finite().then_some(*m)).collect())
                .collect(),
        }
    }
}

/// The block with the largest mean steerability, at equal κ where that was measured, else in the raw
/// vector or the unit that was given.
pub fn suggested_block(rows: &[SweepRow]) -> Option<BlockIndex> {
    let best = |unit: SweepUnit| {
        rows.iter()
            .filter(|r| r.unit == unit)
            .filter_map(|r| Some((r.block, r.summary.mean?)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(block, _)| block)
    };
    best(SweepUnit::EqualKappa)
        .or_else(|| best(SweepUnit::Raw))
        .or_else(|| best(SweepUnit::Given))
}

/// Multipliers in a unit of the coefficient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepGiven {
    /// Name of the unit.
    pub unit: String,
    /// What it is at each block, in words.
    pub means: Vec<(BlockIndex, String)>,
}

/// What `steerscope sweep --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepResult {
    /// [`super::SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Model.
    pub model: ModelIdentity,
    /// Vector; its norm is that at the reference block.
    pub vector: VectorIdentity,
    /// Data set.
    pub dataset: DatasetIdentity,
    /// Settings; its block is the reference of equal κ.
    pub protocol: Protocol,
    /// [`Protocol::badge`]: said wherever the figures are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub badge: Option<String>,
    /// Unit of the coefficient that the protocol's multipliers are given in, and what it is at each
    /// block; each row has its raw ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<SweepGiven>,
    /// Condition under which prompts were steered; inputs whose prompts were not have slope 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<serde_json::Value>,
    /// The part of the cells that this is, as `i/n`; without it all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// Rows of the data set, in the order of the propensities.
    pub inputs: Vec<usize>,
    /// `H_b` per block.
    pub residual_norms: Vec<f32>,
    /// Where to steer (largest mean steerability at equal κ); not said of a part of the cells.
    pub suggested_block: Option<BlockIndex>,
    /// All blocks, raw, then all at equal κ.
    pub rows: Vec<SweepRow>,
}
