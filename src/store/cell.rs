//! One measured cell and its form in the database.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::stats::{anti_steerable_count, mean, steerability};

/// Names shown to people; they are no part of a cell's identity.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Names {
    /// Of the model.
    pub model: String,
    /// Of the vector.
    pub vector: String,
    /// Of the data set.
    pub dataset: String,
}

/// One input of a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Row of the data set, 0-based.
    pub row: u64,
    /// Whether the positive answer is option (A); `None` for answers that are no letters.
    pub positive_is_a: Option<bool>,
    /// Whether the positive answer says Yes; `None` unless it says exactly Yes or No.
    pub positive_is_yes: Option<bool>,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Display names.
    pub names: Names,
    /// Site: output of this block, 0-based.
    pub block: usize,
    /// Multiplier grid, m values.
    pub multipliers: Vec<f32>,
    /// Inputs in measuring order, n of them.
    pub inputs: Vec<Input>,
    /// Propensities in logits, n × m, the multipliers of an input side by side.
    pub propensities: Vec<f32>,
    /// When it was measured, milliseconds since 1970 (UTC).
    pub created: u64,
    /// Version of the program that measured it.
    pub program: String,
}

impl Cell {
    /// A cell measured now by this program. `rows` holds one propensity per multiplier for each
    /// input.
    pub fn new(
        names: Names,
        block: usize,
        multipliers: Vec<f32>,
        inputs: Vec<Input>,
        rows: &[Vec<f32>],
    ) -> Self {
        Self {
            names,
            block,
            multipliers,
            inputs,
            propensities: rows.concat(),
            created: now(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// One propensity per multiplier for each input.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.propensities.chunks(self.multipliers.len().max(1))
    }

    /// Least-squares slope of each input; `None` where a propensity is not finite.
    pub fn steerability(&self) -> Vec<Option<f64>> {
        self.rows()
            .map(|row| steerability(&self.multipliers, row))
            .collect()
    }

    /// What a list shows of its slopes.
    pub(super) fn figures(&self) -> Figures {
        let slopes: Vec<f64> = self.steerability().into_iter().flatten().collect();
        Figures {
            finite: slopes.len(),
            mean: mean(&slopes),
            anti_steerable: anti_steerable_count(&slopes),
        }
    }

    /// Whether there is one propensity for each input and multiplier.
    pub(super) fn is_whole(&self) -> bool {
        !self.multipliers.is_empty()
            && self.propensities.len() == self.inputs.len() * self.multipliers.len()
    }

    /// The largest difference to another cell's numbers, in logits; `None` when they are of other
    /// inputs or multipliers, or one is a number where the other is none.
    pub(super) fn difference(&self, other: &Self) -> Option<f32> {
        let same = self.inputs == other.inputs
            && bits(&self.multipliers) == bits(&other.multipliers)
            && self.propensities.len() == other.propensities.len();
        let pairs = self.propensities.iter().zip(&other.propensities);
        same.then(|| {
            pairs
                .map(|(a, b)| match (a.is_finite(), b.is_finite()) {
                    (true, true) => Some((a - b).abs()),
                    (false, false) => Some(0.0),
                    _ => None,
                })
                .try_fold(0.0_f32, |most, d| d.map(|d| most.max(d)))
        })
        .flatten()
    }
}

/// Slopes of a cell in short.
pub(super) struct Figures {
    /// Inputs whose slope is a finite number.
    pub(super) finite: usize,
    /// Mean of these slopes.
    pub(super) mean: Option<f64>,
    /// How many of them are not positive.
    pub(super) anti_steerable: usize,
}

/// Milliseconds since 1970 (UTC).
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |t| u64::try_from(t.as_millis()).unwrap_or(u64::MAX))
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| (v + 0.0).to_bits()).collect()
}

/// Little-endian bytes, bit for bit, whatever the numbers are.
pub(super) fn to_blob(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// The numbers of a blob; `None` where its length is no multiple of four.
pub(super) fn from_blob(blob: &[u8]) -> Option<Vec<f32>> {
    let (words, rest) = blob.as_chunks::<4>();
    rest.is_empty()
        .then(|| words.iter().map(|w| f32::from_le_bytes(*w)).collect())
}
