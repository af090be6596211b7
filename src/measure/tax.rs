//! What steering costs: how well the steered model still predicts a neutral text.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cache::Site;
use super::error::MeasureError;
use super::tokens::{rows_at_once, side_by_side};
use crate::engine::{Cancel, Keep, KvCache, Model, Part, Rows};
use crate::steering::{LaneSteering, SteerHook};

/// The neutral text under one coefficient.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TaxRow {
    /// Raw coefficient c.
    pub coefficient: f32,
    /// Share of tokens that the model thought the most likely, 0..=1.
    pub top1: f64,
    /// exp of the mean of −log p over the tokens; infinite where logits were not finite.
    pub perplexity: f64,
    /// Tokens predicted: all but the first.
    pub tokens: usize,
}

/// Top-1 accuracy and perplexity of a text under each coefficient, all in one batch.
///
/// The first token (BOS, where the tokenizer adds one) counts as the prompt: `from_last_prompt` and
/// `all` steer every position, `from_answer` all but the first. `ids` has at least two tokens.
///
/// # Errors
/// [`MeasureError::ShortText`], [`MeasureError::Multiplier`], those of a site that does not fit, and
/// those of the engine.
pub fn tax(
    model: &Arc<Model>,
    site: &Site<'_>,
    ids: &[u32],
    coefficients: &[f32],
    cancel: &Cancel,
) -> Result<Vec<TaxRow>, MeasureError> {
    if let Some(bad) = coefficients.iter().find(|c| !c.is_finite()) {
        return Err(MeasureError::Multiplier { value: *bad });
    }
    let rows = forced(model, site, ids, coefficients, cancel)?;
    let width = model.hidden_size();
    let per_lane = ids.len() * width;
    (coefficients.iter())
        .zip(rows.as_slice().chunks_exact(per_lane))
        .map(|(&coefficient, lane)| {
            let (mut hits, mut nats) = (0, 0.0);
            // The last row predicts what comes after the text.
            let lane = &lane[..per_lane - width];
            let at_once = rows_at_once(model);
            for (rows, next) in lane.chunks(at_once * width).zip(ids[1..].chunks(at_once)) {
                let next: Vec<Option<u32>> = next.iter().copied().map(Some).collect();
                for figures in side_by_side(model, rows, &[], &next, 0, cancel)? {
                    // Infinite where the row is not finite: such a model says nothing any more.
                    let next = figures.and_then(|figures| figures.sides[0].next);
                    nats += next.map_or(f64::INFINITY, |next| -next.log_probability);
                    hits += usize::from(next.is_some_and(|next| next.rank == 1));
                }
            }
            let tokens = ids.len() - 1;
            Ok(TaxRow {
                coefficient,
                top1: hits as f64 / tokens as f64,
                perplexity: (nats / tokens as f64).exp(),
                tokens,
            })
        })
        .collect()
}

/// A text teacher-forced under each coefficient: residual rows after the last block, `(coefficients ·
/// tokens, d)`. The first token is the prompt.
pub(super) fn forced(
    model: &Model,
    site: &Site<'_>,
    ids: &[u32],
    coefficients: &[f32],
    cancel: &Cancel,
) -> Result<Rows, MeasureError> {
    site.check(model)?;
    if ids.len() < 2 {
        return Err(MeasureError::ShortText { tokens: ids.len() });
    }
    let lane = |c: &f32| LaneSteering::new(site.mask, 1, *c);
    let lanes = coefficients.iter().map(lane).collect();
    let mut hook = SteerHook::new(site.block, site.edit, site.direction, lanes);
    let mut cache = KvCache::new(model, coefficients.len());
    let part = |sequence| Part { sequence, ids };
    let parts: Vec<Part<'_>> = (0..coefficients.len()).map(part).collect();
    Ok(model.extend(&mut cache, &parts, Keep::All, &mut hook, cancel)?)
}
