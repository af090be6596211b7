//! What the laboratory's commands have in common.

use std::sync::Arc;

use super::open::{Opened, failed, remark};
use super::output::{Ending, Progress};
use crate::engine::Cancel;
use crate::measure::{
    CacheOptions, DatasetIdentity, ModelIdentity, PreparedSet, PromptCache, Site,
};
use crate::steering::dataset::{Dataset, Example};
use crate::units::{BlockIndex, Mask};
use crate::worker::default_block;

/// Inputs between two looks at the progress line.
const SLICE: usize = 16;

/// The rows as inputs of the model; what is left out or cannot be steered goes to standard error.
pub(super) fn prepared(
    dataset: &Dataset,
    rows: &[&Example],
    opened: &Opened,
    mask: Mask,
) -> Result<Arc<PreparedSet>, Ending> {
    let model = &opened.model;
    let most = model.config().max_positions;
    let set = PreparedSet::of_rows(dataset, rows, model.tokenizer(), most).map_err(failed)?;
    for warning in set.warnings() {
        remark(&warning);
    }
    let void = set.void_under_from_answer();
    if mask == Mask::FromAnswer && void > 0 {
        remark(&format!(
            "{void} of {} inputs read their answer at the last prompt token, which 'from_answer' does not steer: their effect is exactly zero; use --mask from_last_prompt",
            set.inputs.len()
        ));
    }
    Ok(Arc::new(set))
}

/// The block asked for, else 0.42 of the depth.
pub(super) fn block(asked: Option<BlockIndex>, opened: &Opened) -> Result<BlockIndex, Ending> {
    let n = opened.model.n_blocks();
    match asked {
        Some(block) if block.0 >= n => Err(Ending::Failed(format!(
            "'{}' has blocks 0 to {}; there is no block {block}",
            opened.name,
            n.saturating_sub(1)
        ))),
        asked => Ok(asked.unwrap_or_else(|| default_block(n))),
    }
}

/// Propensities of every input of a set at every multiplier, with a progress line.
pub(super) fn propensities(
    opened: &Opened,
    set: &Arc<PreparedSet>,
    site: &Site<'_>,
    grid: &[f32],
) -> Result<Vec<Vec<f32>>, Ending> {
    let (model, options) = (Arc::clone(&opened.model), CacheOptions::default());
    let mut cache = PromptCache::new(model, Arc::clone(set), options);
    let mut progress = Progress::start("measuring");
    let mut measured = Vec::with_capacity(cache.len());
    while measured.len() < cache.len() {
        let range = measured.len()..(measured.len() + SLICE).min(cache.len());
        let rows = cache.evaluate(site, grid, range, &Cancel::never());
        measured.extend(rows.map_err(failed)?);
        progress.update(measured.len(), cache.len());
    }
    Ok(measured)
}

pub(super) fn model_identity(opened: &Opened) -> ModelIdentity {
    ModelIdentity {
        name: opened.name.clone(),
        sha256: opened.model.hash().to_string(),
        n_blocks: opened.model.n_blocks(),
        hidden_size: opened.model.hidden_size(),
    }
}

pub(super) fn dataset_identity(dataset: &Dataset, left_out: Vec<String>) -> DatasetIdentity {
    let remarks = dataset.warnings.iter().map(ToString::to_string);
    DatasetIdentity {
        name: dataset.name.clone(),
        id: dataset.id.clone(),
        format: dataset.format.name().to_string(),
        warnings: remarks.chain(left_out).collect(),
    }
}

/// Three decimals, a dash for what is not defined.
pub(super) fn number(x: Option<f64>) -> String {
    x.map_or_else(|| "-".to_string(), |x| format!("{x:.3}"))
}

/// Width of a first column that holds all of `names`.
pub(super) fn widest<'a>(names: impl IntoIterator<Item = &'a str>) -> usize {
    names
        .into_iter()
        .map(|n| n.chars().count())
        .max()
        .unwrap_or(0)
}
