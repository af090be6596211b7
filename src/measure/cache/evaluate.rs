//! All multipliers of many inputs as branches of one resumed pass.

use std::ops::Range;

use super::checkpoint::{Reader, Whole};
use super::{PromptCache, Site};
use crate::engine::{Branch, Cancel, Keep, KvCache, NoHook, Part, Rows};
use crate::measure::MeasureError;
use crate::measure::prepare::PreparedInput;
use crate::measure::summed::summed_propensity;
use crate::steering::{LaneSteering, apply};
use crate::units::BlockIndex;

/// Branches gathered for one pass.
#[derive(Default)]
struct Batch {
    /// Input within the group and index of the multiplier, per branch.
    work: Vec<(usize, usize)>,
    branches: Vec<Branch>,
    answers: Vec<[u32; 2]>,
    x: Vec<f32>,
}

impl PromptCache {
    /// Propensity of each input of a range at each multiplier, shape `(inputs, multipliers)`.
    ///
    /// Multiplier 0 is the unsteered figure itself; an input none of whose read positions is
    /// masked has it at every multiplier.
    pub fn evaluate(
        &mut self,
        site: &Site<'_>,
        multipliers: &[f32],
        inputs: Range<usize>,
        cancel: &Cancel,
    ) -> Result<Vec<Vec<f32>>, MeasureError> {
        site.check(&self.model)?;
        if let Some(bad) = multipliers.iter().find(|m| !m.is_finite()) {
            return Err(MeasureError::Multiplier { value: *bad });
        }
        if self.is_summed() {
            return self.evaluate_summed(site, multipliers, inputs, cancel);
        }
        let results = self.in_groups(inputs, cancel, |cache, group| {
            cache.evaluate_group(site, multipliers, group, cancel)
        })?;
        Ok(results.into_iter().flatten().collect())
    }

    /// Summed logits depend on whole answers, of which nothing is kept: every input by itself.
    pub(super) fn evaluate_summed(
        &self,
        site: &Site<'_>,
        multipliers: &[f32],
        inputs: Range<usize>,
        cancel: &Cancel,
    ) -> Result<Vec<Vec<f32>>, MeasureError> {
        self.check_range(&inputs)?;
        let inputs = &self.set.inputs[inputs];
        let one = |input| summed_propensity(&self.model, input, site, multipliers, cancel);
        inputs.iter().map(one).collect()
    }

    pub(super) fn evaluate_group(
        &mut self,
        site: &Site<'_>,
        multipliers: &[f32],
        group: &[usize],
        cancel: &Cancel,
    ) -> Result<Vec<Vec<f32>>, MeasureError> {
        let unsteered = |&i: &usize| vec![self.baseline(i).unwrap_or(f32::NAN); multipliers.len()];
        let mut results: Vec<Vec<f32>> = group.iter().map(unsteered).collect();
        let steered: Vec<usize> = (0..multipliers.len())
            .filter(|&j| !site.edit.operator.is_off(multipliers[j]))
            .collect();
        let touched: Vec<usize> = (0..group.len())
            .filter(|&g| self.first_row(site, &self.set.inputs[group[g]]).is_some())
            .collect();
        if steered.is_empty() || touched.is_empty() {
            return Ok(results);
        }
        if !site.edit.point.is_canonical() {
            self.run_inside(
                site,
                multipliers,
                &steered,
                &touched,
                group,
                &mut results,
                cancel,
            )?;
            return Ok(results);
        }
        if !site.mask.spares_prompt() && !self.is_last(site.block) {
            let inputs: Vec<usize> = touched.iter().map(|&g| group[g]).collect();
            self.ensure_whole(&inputs, site.block, cancel)?;
        }
        let width = self.model.hidden_size();
        let mut batch = Batch::default();
        for &g in &touched {
            let input = &self.set.inputs[group[g]];
            let start = self.first_row(site, input).unwrap_or_default();
            let branch = Branch {
                sequence: group[g],
                start,
                len: input.prefix.len() - start,
            };
            for &j in &steered {
                if batch.x.len() >= self.options.rows_per_pass * width {
                    self.run(site.block, &mut batch, &mut results, cancel)?;
                }
                let from = batch.x.len();
                batch
                    .x
                    .extend_from_slice(self.checkpoint(group[g], site, start));
                let rows = &mut batch.x[from..];
                steer_rows(site, multipliers[j], input, start, rows, width);
                batch.work.push((g, j));
                batch.branches.push(branch);
                batch.answers.push(input.answers);
            }
        }
        self.run(site.block, &mut batch, &mut results, cancel)?;
        Ok(results)
    }

    /// Runs the gathered branches through the blocks above the site and empties the batch.
    fn run(
        &self,
        block: BlockIndex,
        batch: &mut Batch,
        results: &mut [Vec<f32>],
        cancel: &Cancel,
    ) -> Result<(), MeasureError> {
        let Batch {
            work,
            branches,
            answers,
            x,
        } = std::mem::take(batch);
        let rows = Rows::from_vec(x, self.model.hidden_size())?;
        let last =
            self.model
                .resume(&self.kv, Some(block), &branches, rows, &mut NoHook, cancel)?;
        let logits = self.model.answer_logits(&last, &answers)?;
        for ((g, j), [positive, negative]) in work.into_iter().zip(logits) {
            results[g][j] = positive - negative;
        }
        Ok(())
    }

    /// Unsteered residual rows after the site's block at positions `start..k` of an input.
    pub(super) fn checkpoint(&self, input: usize, site: &Site<'_>, start: usize) -> &[f32] {
        let (prepared, width) = (&self.set.inputs[input], self.model.hidden_size());
        let Some(kept) = &self.kept[input] else {
            return &[];
        };
        if self.is_last(site.block) {
            return &kept.last;
        }
        if site.mask.spares_prompt() {
            return kept.tail_from(prepared, site.block.0, start, width);
        }
        kept.whole_at(prepared, site.block.0, width)
            .and_then(|rows| rows.get(start * width..))
            .unwrap_or_default()
    }

    /// Makes whole-prompt checkpoints at `block` available: one unsteered pass that keeps as many
    /// neighbouring blocks as the budget allows, so that moving the site costs nothing next time.
    fn ensure_whole(
        &mut self,
        inputs: &[usize],
        block: BlockIndex,
        cancel: &Cancel,
    ) -> Result<(), MeasureError> {
        let width = self.model.hidden_size();
        let tokens: usize = self.set.inputs.iter().map(|input| input.prefix.len()).sum();
        // After the last block no whole-prompt rows are ever needed.
        let useful = (self.model.n_blocks() - 1).max(1);
        let affordable = self.options.checkpoint_bytes / (tokens * width * size_of::<f32>()).max(1);
        let count = affordable.clamp(1, useful);
        let first = block.0.saturating_sub(count / 2).min(useful - count);
        let lacking = |&i: &usize| {
            self.kept[i]
                .as_ref()
                .is_none_or(|kept| !kept.has_whole(&self.set.inputs[i], block.0, width))
        };
        let missing: Vec<usize> = inputs.iter().copied().filter(lacking).collect();
        for group in self.groups_anew(&missing, self.options.tokens_per_pass) {
            let mut reader = Reader::new(self.len(), first..first + count, width);
            let mut kv = KvCache::new(&self.model, self.len());
            let mut parts = Vec::with_capacity(group.len());
            for &i in &group {
                let ids = &self.set.inputs[i].prefix;
                reader.keep(i, 0..ids.len());
                parts.push(Part { sequence: i, ids });
            }
            self.model
                .extend(&mut kv, &parts, Keep::Nothing, &mut reader, cancel)?;
            for &i in &group {
                if let Some(kept) = &mut self.kept[i] {
                    kept.whole = Some(Whole {
                        first,
                        rows: reader.take(i),
                    });
                }
            }
        }
        Ok(())
    }

    pub(super) fn is_last(&self, block: BlockIndex) -> bool {
        block.0 + 1 == self.model.n_blocks()
    }

    /// First row to compute again for a site; `None` when no steered position can reach the logits
    /// that are read. After the last block nothing mixes positions any more: the row that is read is
    /// all that counts.
    pub(super) fn first_row(&self, site: &Site<'_>, input: &PreparedInput) -> Option<usize> {
        let lane = LaneSteering::new(site.mask, input.prompt_len, 1.0);
        let read = input.prefix.len() - 1;
        if self.is_last(site.block) && site.edit.point.is_canonical() {
            return lane.covers(read).then_some(read);
        }
        let first = lane.first_position;
        (first <= read && lane.covers(first)).then_some(first)
    }
}

/// Applies the site's operator to the `rows` of one input that stand at positions `start..`.
pub(super) fn steer_rows(
    site: &Site<'_>,
    multiplier: f32,
    input: &PreparedInput,
    start: usize,
    rows: &mut [f32],
    width: usize,
) {
    let lane = LaneSteering::new(site.mask, input.prompt_len, multiplier);
    for (i, row) in rows.chunks_exact_mut(width).enumerate() {
        if lane.covers(start + i) {
            apply(site.edit.operator, row, site.direction, multiplier);
        }
    }
}
