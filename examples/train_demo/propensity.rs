//! Slopes of a published model's answers under a vector, with the program's own extraction and measurement.

use std::path::Path;
use std::sync::Arc;

use steerscope::engine::{Cancel, Model};
use steerscope::measure::{CacheOptions, PreparedSet, PromptCache, Site};
use steerscope::stats::steerability;
use steerscope::steering::dataset::{Dataset, Part};
use steerscope::steering::{PairSet, SteeringVector, extract_mean};
use steerscope::units::{BlockIndex, Mask};

use crate::Result;

/// Multipliers of the raw vector.
const GRID: [f32; 7] = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5];
/// Seed of the order in which rows are read; the parts are declared by the rows themselves.
const SEED: u64 = 0;

/// Contrastive pairs of a part of a data set.
pub(crate) fn pairs(model: &Model, data: &Dataset, part: Part) -> Result<PairSet> {
    let rows = data.part(part, SEED);
    let limit = model.config().max_positions;
    Ok(PairSet::of_rows(data, &rows, model.tokenizer(), limit)?)
}

/// Mean difference of the training pairs at every block, as `steerscope extract` takes it.
pub(crate) fn extract(model: &Model, name: &str, pairs: &PairSet) -> Result<SteeringVector> {
    let never = Cancel::never();
    Ok(extract_mean(
        model,
        name,
        "bundled",
        pairs,
        &mut |_, _| (),
        &never,
    )?)
}

pub(crate) fn load(data: &Path, name: &str) -> Result<Dataset> {
    Ok(Dataset::load(&data.join(format!("{name}.jsonl")))?)
}

/// The inputs of a part of a data set, computed once for all vectors.
pub(crate) struct Bench(PromptCache);

impl Bench {
    pub(crate) fn new(model: &Arc<Model>, data: &Dataset, part: Part) -> Result<Self> {
        let rows = data.part(part, SEED);
        let limit = model.config().max_positions;
        let set = PreparedSet::of_rows(data, &rows, model.tokenizer(), limit)?;
        let options = CacheOptions::default();
        Ok(Self(PromptCache::new(
            Arc::clone(model),
            Arc::new(set),
            options,
        )))
    }

    /// Per-input steerability under a direction added from the last prompt position on.
    pub(crate) fn slopes(&mut self, block: usize, direction: &[f32]) -> Result<Vec<f64>> {
        let site = Site {
            edit: steerscope::units::Edit::ADD,
            direction,
            block: BlockIndex(block),
            mask: Mask::FromLastPrompt,
        };
        let all = 0..self.0.len();
        let rows = self.0.evaluate(&site, &GRID, all, &Cancel::never())?;
        let slope = |row: &Vec<f32>| steerability(&GRID, row).unwrap_or(f64::NAN);
        Ok(rows.iter().map(slope).collect())
    }

    /// The prompts, as tokens.
    pub(crate) fn prompts(&self) -> Vec<&[u32]> {
        let inputs = &self.0.set().inputs;
        inputs.iter().map(|i| i.prefix.as_slice()).collect()
    }
}
