//! The prompted baseline: what telling the model to show the behaviour does, without any vector.

use std::collections::HashMap;
use std::sync::Arc;

use super::cache::{CacheOptions, PromptCache};
use super::prepare::PreparedSet;
use super::prompting::DEFAULT_SYSTEM;
use super::shift::{Sentences, Setting, ShiftError};
use crate::engine::{Cancel, Model};
use crate::steering::dataset::{Dataset, Example};

/// Change of each row's unsteered propensity, in logits, when the positive sentence stands in the place of
/// the default system text; rows that can be measured both ways, in their order. Nothing is
/// multiplied here, so that it compares with what multiplier 1 of a vector changes.
///
/// `progress` is told halves done and their number.
///
/// # Errors
/// Those of the chat template, of [`PreparedSet::of_wordings`] and of the engine.
pub fn system_text_changes(
    model: &Arc<Model>,
    dataset: &Dataset,
    examples: &[&Example],
    sentences: &Sentences,
    options: CacheOptions,
    progress: &mut dyn FnMut(usize, usize),
    cancel: &Cancel,
) -> Result<Vec<f32>, ShiftError> {
    let most = model.config().max_positions;
    let mut levels: Vec<Vec<(usize, f32)>> = Vec::new();
    for setting in [Setting::Base, Setting::SysPos] {
        let mut wordings = Vec::with_capacity(examples.len());
        for example in examples {
            wordings.extend(setting.wording(model, example, DEFAULT_SYSTEM, sentences)?);
        }
        let set = PreparedSet::of_wordings(dataset, &wordings, model.tokenizer(), most)?;
        let mut cache = PromptCache::new(Arc::clone(model), Arc::new(set), options);
        cache.prefill(0..cache.len(), cancel)?;
        let level = |i: usize| Some((cache.set().inputs.get(i)?.row, cache.baseline(i)?));
        levels.push((0..cache.len()).filter_map(level).collect());
        progress(levels.len(), 2);
    }
    let before: HashMap<usize, f32> = levels.first().into_iter().flatten().copied().collect();
    let after = levels.get(1).into_iter().flatten();
    Ok(after
        .filter_map(|(row, m)| Some(m - before.get(row)?))
        .collect())
}
