//! How far steering moves the distribution of the next token: KL(steered‖unsteered) over texts.

use std::sync::Arc;

use crate::engine::logits::most_likely;
use crate::engine::{Cancel, EngineError, Keep, KvCache, Model, NoHook, Part, Rows};
use crate::measure::cache::Site;
use crate::measure::error::MeasureError;
use crate::measure::tax::forced;
use crate::measure::tokens::{Figures, rows_at_once, side_by_side};
use crate::stats::quantile;
use crate::steering::{LaneSteering, SteerHook};
use crate::units::{BlockIndex, Edit, Mask};

/// Steered tokens generated after each prompt.
pub const ROLLOUT: usize = 20;
/// Quantile of KL over prompts and positions.
pub const QUANTILE: f64 = 0.95;

/// What the statistic reads.
#[derive(Debug)]
enum Text {
    /// Greedy steered continuations of these prompts. The cache holds each prompt but its last token.
    Rollouts {
        prompts: Vec<Vec<u32>>,
        stop_ids: Vec<u32>,
        cache: KvCache,
    },
    /// One text; its unsteered residual rows after the last block.
    Fixed { ids: Vec<u32>, base: Rows },
}

/// The statistic of a vector at a site, as a function of the raw coefficient.
#[derive(Debug)]
pub struct KlStatistic {
    model: Arc<Model>,
    direction: Arc<[f32]>,
    edit: Edit,
    block: BlockIndex,
    mask: Mask,
    text: Text,
}

/// One rollout: generated tokens and the rows that predicted them, row-major.
#[derive(Default)]
struct Rollout {
    ids: Vec<u32>,
    rows: Vec<f32>,
    ended: bool,
}

impl KlStatistic {
    /// Over continuations of `prompts` (token ids), [`ROLLOUT`] greedy tokens each or up to one of
    /// `stop_ids`. The prompts are computed once.
    ///
    /// # Errors
    /// [`MeasureError::NoPrompts`]; [`EngineError::Context`] for a prompt that leaves no room; those of a
    /// site that does not fit, and those of the engine.
    pub fn rollouts(
        model: &Arc<Model>,
        site: &Site<'_>,
        prompts: Vec<Vec<u32>>,
        stop_ids: Vec<u32>,
        cancel: &Cancel,
    ) -> Result<Self, MeasureError> {
        site.check(model)?;
        if prompts.is_empty() || prompts.iter().any(Vec::is_empty) {
            return Err(MeasureError::NoPrompts);
        }
        let max = model.config().max_positions;
        let longest = prompts.iter().map(Vec::len).max().unwrap_or_default();
        if longest + ROLLOUT > max {
            let needed = longest + ROLLOUT;
            return Err(EngineError::Context { needed, max }.into());
        }
        let mut cache = KvCache::new(model, prompts.len());
        let parts: Vec<Part<'_>> = (prompts.iter().enumerate())
            .filter(|(_, ids)| ids.len() > 1)
            .map(|(sequence, ids)| Part {
                sequence,
                ids: &ids[..ids.len() - 1],
            })
            .collect();
        model.extend(&mut cache, &parts, Keep::Nothing, &mut NoHook, cancel)?;
        let text = Text::Rollouts {
            prompts,
            stop_ids,
            cache,
        };
        Ok(Self::of(model, site, text))
    }

    /// Over one text (token ids) that does not change with the coefficient; its first token counts as
    /// the prompt.
    ///
    /// # Errors
    /// [`MeasureError::ShortText`], those of a site that does not fit, and those of the engine.
    pub fn fixed(
        model: &Arc<Model>,
        site: &Site<'_>,
        ids: Vec<u32>,
        cancel: &Cancel,
    ) -> Result<Self, MeasureError> {
        let base = forced(model, site, &ids, &[0.0], cancel)?;
        Ok(Self::of(model, site, Text::Fixed { ids, base }))
    }

    fn of(model: &Arc<Model>, site: &Site<'_>, text: Text) -> Self {
        Self {
            model: Arc::clone(model),
            direction: site.direction.into(),
            edit: site.edit,
            block: site.block,
            mask: site.mask,
            text,
        }
    }

    /// The site.
    pub fn site(&self) -> Site<'_> {
        Site {
            edit: self.edit,
            direction: &self.direction,
            block: self.block,
            mask: self.mask,
        }
    }

    /// Prompts continued; `None` for a fixed text.
    pub fn prompts(&self) -> Option<usize> {
        match &self.text {
            Text::Rollouts { prompts, .. } => Some(prompts.len()),
            Text::Fixed { .. } => None,
        }
    }

    /// 95th percentile over prompts and positions of KL(steered‖unsteered), in nats, at the raw
    /// coefficient c. Infinite where steered logits were not finite.
    ///
    /// # Errors
    /// [`MeasureError::Multiplier`], and those of the engine.
    pub fn at(&self, coefficient: f32, cancel: &Cancel) -> Result<f64, MeasureError> {
        let all = self.divergences(coefficient, cancel)?;
        // Between two infinite values there is nothing to interpolate.
        if all.iter().any(|nats| !nats.is_finite()) {
            return Ok(f64::INFINITY);
        }
        Ok(quantile(&all, QUANTILE).unwrap_or(0.0))
    }

    /// KL in nats of every position, prompt after prompt.
    ///
    /// # Errors
    /// The same.
    pub fn divergences(&self, coefficient: f32, cancel: &Cancel) -> Result<Vec<f64>, MeasureError> {
        if !coefficient.is_finite() {
            return Err(MeasureError::Multiplier { value: coefficient });
        }
        match &self.text {
            Text::Fixed { ids, base } => {
                let steered = forced(&self.model, &self.site(), ids, &[coefficient], cancel)?;
                let used = (ids.len() - 1) * self.model.hidden_size();
                self.compare(
                    &steered.as_slice()[..used],
                    &base.as_slice()[..used],
                    cancel,
                )
            }
            Text::Rollouts {
                prompts,
                stop_ids,
                cache,
            } => {
                let rollouts = self.generate(coefficient, prompts, stop_ids, cache, cancel)?;
                // A lane that overflowed has no text to compare.
                if rollouts.iter().any(|r| r.ids.is_empty()) {
                    return Ok(vec![f64::INFINITY]);
                }
                let texts: Vec<Vec<u32>> = (prompts.iter().zip(&rollouts))
                    .map(|(prompt, r)| forced_ids(prompt, &r.ids))
                    .collect();
                let parts: Vec<Part<'_>> = (texts.iter().enumerate())
                    .map(|(sequence, ids)| Part { sequence, ids })
                    .collect();
                let base = self.model.extend(
                    &mut cache.clone(),
                    &parts,
                    Keep::All,
                    &mut NoHook,
                    cancel,
                )?;
                let steered: Vec<f32> = rollouts.into_iter().flat_map(|r| r.rows).collect();
                self.compare(&steered, base.as_slice(), cancel)
            }
        }
    }

    /// Greedy steered continuations, all prompts in one batch. What predicts each token is kept: under
    /// a key/value cache it is what a teacher-forced steered pass over the whole text computes.
    fn generate(
        &self,
        coefficient: f32,
        prompts: &[Vec<u32>],
        stop_ids: &[u32],
        cache: &KvCache,
        cancel: &Cancel,
    ) -> Result<Vec<Rollout>, MeasureError> {
        let lane = |ids: &Vec<u32>| LaneSteering::new(self.mask, ids.len(), coefficient);
        let lanes: Vec<LaneSteering> = prompts.iter().map(lane).collect();
        let mut cache = cache.clone();
        for (sequence, lane) in lanes.iter().enumerate() {
            cache.truncate(sequence, lane.first_position);
        }
        let mut hook = SteerHook::new(self.block, self.edit, Arc::clone(&self.direction), lanes);
        let mut rollouts: Vec<Rollout> = prompts.iter().map(|_| Rollout::default()).collect();
        let vocab = self.model.config().vocab_size;
        for _ in 0..ROLLOUT {
            let open: Vec<usize> = (0..prompts.len()).filter(|i| !rollouts[*i].ended).collect();
            if open.is_empty() {
                break;
            }
            let part = |&sequence: &usize| Part {
                sequence,
                ids: match rollouts[sequence].ids.last() {
                    Some(last) => std::slice::from_ref(last),
                    None => &prompts[sequence][cache.len(sequence)..],
                },
            };
            let parts: Vec<Part<'_>> = open.iter().map(part).collect();
            let rows = self
                .model
                .extend(&mut cache, &parts, Keep::Last, &mut hook, cancel)?;
            let logits = self.model.logits(&rows)?;
            for (row, (&lane, logits)) in open.iter().zip(logits.chunks_exact(vocab)).enumerate() {
                let rollout = &mut rollouts[lane];
                let Some(id) = most_likely(logits) else {
                    // Not finite: nothing that this lane made can be compared.
                    *rollout = Rollout {
                        ended: true,
                        ..Rollout::default()
                    };
                    continue;
                };
                rollout.ids.push(id);
                rollout
                    .rows
                    .extend_from_slice(rows.row(row).unwrap_or_default());
                rollout.ended = stop_ids.contains(&id);
            }
        }
        Ok(rollouts)
    }

    /// KL row by row of two lists of residual rows after the last block.
    fn compare(
        &self,
        steered: &[f32],
        base: &[f32],
        cancel: &Cancel,
    ) -> Result<Vec<f64>, MeasureError> {
        let at_once = rows_at_once(&self.model);
        let part = at_once * self.model.hidden_size();
        let next = vec![None; at_once];
        let mut all = Vec::with_capacity(steered.len() / self.model.hidden_size());
        for (steered, base) in steered.chunks(part).zip(base.chunks(part)) {
            let n = steered.len() / self.model.hidden_size();
            let figures = side_by_side(&self.model, base, steered, &next[..n], 0, cancel)?;
            // Not finite: such a model says nothing any more.
            let kl = |row: Option<Figures>| row.map_or(f64::INFINITY, |figures| figures.kl);
            all.extend(figures.into_iter().map(kl));
        }
        Ok(all)
    }
}

/// What follows the cached part of a prompt: its last token and all generated ones but the last,
/// whose own prediction is the one looked at.
fn forced_ids(prompt: &[u32], generated: &[u32]) -> Vec<u32> {
    let last = prompt.last().into_iter();
    let fed = generated.len().saturating_sub(1);
    last.chain(&generated[..fed]).copied().collect()
}
