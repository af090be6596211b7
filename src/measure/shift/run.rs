//! Extraction in every setting, then every vector in every setting.

use std::collections::HashSet;
use std::sync::Arc;

use super::error::ShiftError;
use super::matrix::{ShiftFigures, scaled_to, six_vectors};
use super::sentences::Sentences;
use super::setting::Setting;
use crate::engine::{Cancel, Model};
use crate::measure::predictors::norm;
use crate::measure::{
    CacheOptions, PreparedInput, PreparedSet, PromptCache, Site, check_multipliers,
};
use crate::stats::{MIN_EXAMPLES, steerability};
use crate::steering::dataset::{Dataset, Example};
use crate::steering::{PairSet, Wording, pair_activations};
use crate::units::{BlockIndex, Mask};

/// Most inputs whose prompts are in memory at once.
const CHUNK: usize = 64;

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct ShiftPlan<'a> {
    /// Model.
    pub model: &'a Arc<Model>,
    /// Data set that the rows belong to.
    pub dataset: &'a Dataset,
    /// Rows that vectors are made of.
    pub train: &'a [&'a Example],
    /// Rows that are measured.
    pub test: &'a [&'a Example],
    /// System text of the settings that do not replace it; may be empty.
    pub system: &'a str,
    /// The two sentences.
    pub sentences: &'a Sentences,
    /// Site.
    pub block: BlockIndex,
    /// Steered positions.
    pub mask: Mask,
    /// Grid of the slope.
    pub multipliers: &'a [f32],
    /// Rescale every vector to the norm of BASE's.
    pub norm_matched: bool,
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct ShiftRun {
    /// Slopes, vectors, unsteered propensities.
    pub figures: ShiftFigures,
    /// Rows measured, in measuring order: those usable in all five settings.
    pub rows: Vec<usize>,
    /// Test rows left out because some setting cannot use them.
    pub left_out: usize,
    /// Pairs of each setting's vector.
    pub pairs: [usize; 5],
}

/// Measures all six vectors in all five settings.
///
/// A setting's prompts are computed once; its vectors are branches of their kept keys and values,
/// and multiplier 0 is shared by all of them. `progress` is told texts done and texts in all.
///
/// # Errors
/// [`ShiftError`]; below eight common test rows [`ShiftError::TooFew`].
pub fn measure_shift(
    plan: &ShiftPlan<'_>,
    progress: &mut dyn FnMut(usize, usize),
    cancel: &Cancel,
) -> Result<ShiftRun, ShiftError> {
    check_multipliers(plan.multipliers)?;
    let sets = common_sets(plan)?;
    let n = sets[0].len();
    let total = 5 * (plan.train.len() + n);
    let mut done = 0;
    let mut directions: [Vec<f32>; 5] = Default::default();
    let mut pairs = [0; 5];
    for (i, setting) in Setting::ALL.into_iter().enumerate() {
        let wordings = wordings(plan, setting, plan.train)?;
        let model = plan.model;
        let most = model.config().max_positions;
        let set = PairSet::of_wordings(plan.dataset, &wordings, model.tokenizer(), most)?;
        let mut told = |pairs, _| progress(done + pairs, total);
        let activations = pair_activations(model, &set, plan.block, &mut told, cancel)?;
        directions[i] = activations.mean_difference();
        pairs[i] = set.pairs.len();
        done += plan.train.len();
    }
    let six = six_vectors(&directions);
    let base: Vec<f64> = directions[0].iter().map(|x| f64::from(*x)).collect();
    let length = norm(&base);
    let applied: Vec<Option<Vec<f32>>> = (six.iter())
        .map(|v| {
            if plan.norm_matched {
                scaled_to(v, length)
            } else {
                Some(v.clone()).filter(|v| v.iter().any(|x| *x != 0.0))
            }
        })
        .collect();
    let mut slopes: Vec<[Vec<f64>; 5]> = vec![Default::default(); six.len()];
    let mut unsteered: [Vec<f64>; 5] = Default::default();
    let rows = sets[0].iter().map(|input| input.row).collect();
    for (setting, inputs) in sets.into_iter().enumerate() {
        for chunk in chunks(plan, inputs) {
            let size = chunk.inputs.len();
            let mut cache = PromptCache::new(
                Arc::clone(plan.model),
                Arc::new(chunk),
                CacheOptions::default(),
            );
            cache.prefill(0..size, cancel)?;
            unsteered[setting]
                .extend((0..size).map(|i| cache.baseline(i).map_or(f64::NAN, f64::from)));
            for (vector, direction) in applied.iter().enumerate() {
                let Some(direction) = direction else {
                    continue;
                };
                let site = Site {
                    direction,
                    block: plan.block,
                    mask: plan.mask,
                };
                let measured = cache.evaluate(&site, plan.multipliers, 0..size, cancel)?;
                let slope =
                    |row: &Vec<f32>| steerability(plan.multipliers, row).unwrap_or(f64::NAN);
                slopes[vector][setting].extend(measured.iter().map(slope));
            }
            done += size;
            progress(done, total);
        }
    }
    Ok(ShiftRun {
        figures: ShiftFigures {
            directions,
            slopes,
            unsteered,
        },
        rows,
        left_out: plan.test.len() - n,
        pairs,
    })
}

fn wordings(
    plan: &ShiftPlan<'_>,
    setting: Setting,
    rows: &[&Example],
) -> Result<Vec<Wording>, ShiftError> {
    let mut wordings = Vec::with_capacity(rows.len());
    for example in rows {
        wordings.extend(setting.wording(plan.model, example, plan.system, plan.sentences)?);
    }
    Ok(wordings)
}

/// The test rows that every setting can use, worded for each.
fn common_sets(plan: &ShiftPlan<'_>) -> Result<Vec<Vec<PreparedInput>>, ShiftError> {
    let (model, dataset) = (plan.model, plan.dataset);
    let most = model.config().max_positions;
    let mut sets = Vec::with_capacity(5);
    for setting in Setting::ALL {
        let wordings = wordings(plan, setting, plan.test)?;
        let set = PreparedSet::of_wordings(dataset, &wordings, model.tokenizer(), most)?;
        sets.push(set.inputs);
    }
    let rows = |inputs: &Vec<PreparedInput>| inputs.iter().map(|i| i.row).collect::<HashSet<_>>();
    let common = sets
        .iter()
        .map(rows)
        .reduce(|a, b| &a & &b)
        .unwrap_or_default();
    if common.len() < MIN_EXAMPLES {
        return Err(ShiftError::TooFew {
            dataset: dataset.name.clone(),
            n: common.len(),
            needed: MIN_EXAMPLES,
        });
    }
    for set in &mut sets {
        set.retain(|input| common.contains(&input.row));
    }
    Ok(sets)
}

/// Cuts inputs so that the keys and values of a part fit into the cache's memory: all vectors are
/// branches of prompts that are never computed twice.
fn chunks(plan: &ShiftPlan<'_>, inputs: Vec<PreparedInput>) -> Vec<PreparedSet> {
    let config = plan.model.config();
    let per_token = 2 * config.n_blocks * config.n_kv_heads * config.head_dim * size_of::<f32>();
    let affordable = CacheOptions::default().kv_bytes / per_token.max(1);
    let mut parts: Vec<PreparedSet> = Vec::new();
    let mut filled = 0;
    for input in inputs {
        let tokens = input.prefix.len();
        match parts.last_mut() {
            Some(part) if part.inputs.len() < CHUNK && filled + tokens <= affordable => {
                part.inputs.push(input);
                filled += tokens;
            }
            _ => {
                parts.push(PreparedSet {
                    dataset: plan.dataset.name.clone(),
                    dataset_id: plan.dataset.id.clone(),
                    inputs: vec![input],
                    rejected: crate::steering::Rejections::default(),
                    texts_only: 0,
                });
                filled = tokens;
            }
        }
    }
    parts
}
