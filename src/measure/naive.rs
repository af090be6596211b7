//! The plain way, as published scripts do it: reference for tests and benchmarks.

use super::cache::Site;
use super::error::MeasureError;
use super::prepare::PreparedInput;
use crate::engine::{Cancel, Keep, KvCache, Model, Part};
use crate::steering::{LaneSteering, SteerHook};

/// Propensity of one input at each multiplier by full forward passes: for every multiplier the
/// positive and the negative text (k + 1 tokens) from scratch, the output head at every position.
pub fn naive_propensity(
    model: &Model,
    input: &PreparedInput,
    site: &Site<'_>,
    multipliers: &[f32],
    cancel: &Cancel,
) -> Result<Vec<f32>, MeasureError> {
    let vocab = model.config().vocab_size;
    let read = (input.prefix.len() - 1) * vocab;
    let mut propensities = Vec::with_capacity(multipliers.len());
    for &coefficient in multipliers {
        let mut logit = [0.0; 2];
        for (answer, logit) in input.answers.into_iter().zip(&mut logit) {
            let mut ids = input.prefix.clone();
            ids.push(answer);
            let lane = LaneSteering::new(site.mask, input.prompt_len, coefficient);
            let mut hook = SteerHook::new(site.block, site.edit, site.direction, vec![lane]);
            let mut cache = KvCache::new(model, 1);
            let part = Part {
                sequence: 0,
                ids: &ids,
            };
            let rows = model.extend(&mut cache, &[part], Keep::All, &mut hook, cancel)?;
            let logits = model.logits(&rows)?;
            *logit = logits
                .get(read + answer as usize)
                .copied()
                .unwrap_or(f32::NAN);
        }
        propensities.push(logit[0] - logit[1]);
    }
    Ok(propensities)
}
