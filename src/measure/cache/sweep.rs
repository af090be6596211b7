//! Many sites in one pass: rows of each site join the others at their block, so that every block
//! above the lowest site runs once over all of them.

use std::ops::Range;

use super::evaluate::steer_rows;
use super::{PromptCache, Site};
use crate::engine::{Branch, Cancel, NoHook, Rows};
use crate::measure::MeasureError;
use crate::units::BlockIndex;

/// Most residual rows that are on their way up together: a block's weights are read once for all of them, and
/// so many are bound by arithmetic already.
const ROWS: usize = 2048;

/// What is measured of each input in one sweep: a site and its multipliers.
#[derive(Debug, Clone, Copy)]
pub struct SweepCell<'a> {
    /// Where and what.
    pub site: Site<'a>,
    /// Grid, in units of the site's direction.
    pub multipliers: &'a [f32],
}

/// Rows on their way up.
#[derive(Default)]
struct Ascent {
    /// Cell, input within the group, index of the multiplier, per branch.
    work: Vec<(usize, usize, usize)>,
    branches: Vec<Branch>,
    x: Vec<f32>,
}

impl PromptCache {
    /// Propensities `(cells, inputs, multipliers)` of a range of inputs: the same numbers as
    /// [`evaluate`](Self::evaluate) gives cell by cell. Short ranges keep memory low and let a caller
    /// show all cells after the first few inputs.
    ///
    /// # Errors
    /// Those of [`evaluate`](Self::evaluate).
    pub fn sweep(
        &mut self,
        cells: &[SweepCell<'_>],
        inputs: Range<usize>,
        cancel: &Cancel,
    ) -> Result<Vec<Vec<Vec<f32>>>, MeasureError> {
        for cell in cells {
            cell.site.check(&self.model)?;
            if let Some(bad) = cell.multipliers.iter().find(|m| !m.is_finite()) {
                return Err(MeasureError::Multiplier { value: *bad });
            }
        }
        if self.is_summed() {
            let cell = |c: &SweepCell<'_>| {
                self.evaluate_summed(&c.site, c.multipliers, inputs.clone(), cancel)
            };
            return cells.iter().map(cell).collect();
        }
        let joins =
            |c: &SweepCell<'_>| c.site.mask.spares_prompt() && c.site.edit.point.is_canonical();
        let alone = !cells.iter().all(joins);
        let mut results: Vec<Vec<Vec<f32>>> = vec![Vec::with_capacity(inputs.len()); cells.len()];
        let groups = self.in_groups(inputs, cancel, |cache, group| {
            if !alone {
                return cache.ascend_group(cells, group, cancel);
            }
            // The rows of a whole prompt fill passes by themselves; inside a block none are kept.
            let evaluate =
                |c: &SweepCell<'_>| cache.evaluate_group(&c.site, c.multipliers, group, cancel);
            cells.iter().map(evaluate).collect()
        })?;
        for group in groups {
            for (all, new) in results.iter_mut().zip(group) {
                all.extend(new);
            }
        }
        Ok(results)
    }

    /// Inputs whose rows of all cells are on their way up together.
    pub fn sweep_step(&self, cells: &[SweepCell<'_>]) -> usize {
        let multipliers: usize = cells.iter().map(|c| c.multipliers.len()).sum();
        (ROWS / (2 * multipliers).max(1)).max(1)
    }

    fn ascend_group(
        &self,
        cells: &[SweepCell<'_>],
        group: &[usize],
        cancel: &Cancel,
    ) -> Result<Vec<Vec<Vec<f32>>>, MeasureError> {
        let mut results: Vec<Vec<Vec<f32>>> = cells
            .iter()
            .map(|cell| {
                let unsteered = |&i: &usize| self.baseline(i).unwrap_or(f32::NAN);
                group
                    .iter()
                    .map(|i| vec![unsteered(i); cell.multipliers.len()])
                    .collect()
            })
            .collect();
        let step = self.sweep_step(cells);
        for from in (0..group.len()).step_by(step) {
            let part = from..group.len().min(from + step);
            self.ascend(cells, group, part, &mut results, cancel)?;
        }
        Ok(results)
    }

    /// One way up for the inputs `part` of the group.
    fn ascend(
        &self,
        cells: &[SweepCell<'_>],
        group: &[usize],
        part: Range<usize>,
        results: &mut [Vec<Vec<f32>>],
        cancel: &Cancel,
    ) -> Result<(), MeasureError> {
        let n = self.model.n_blocks();
        let d = self.model.hidden_size();
        let mut order: Vec<usize> = (0..cells.len()).collect();
        order.sort_by_key(|c| cells[*c].site.block);
        let (inner, last): (Vec<_>, Vec<_>) = order
            .into_iter()
            .partition(|c| !self.is_last(cells[*c].site.block));
        let mut up = Ascent::default();
        let mut at: Option<BlockIndex> = None;
        for c in inner {
            let block = cells[c].site.block;
            if let Some(from) = at.filter(|from| *from < block) {
                let rows = Rows::from_vec(std::mem::take(&mut up.x), d)?;
                let rows = self
                    .model
                    .climb(&self.kv, from, block, &up.branches, rows, cancel)?;
                up.x = rows.into_vec();
            }
            at = Some(block);
            self.join(&mut up, c, &cells[c], group, part.clone());
        }
        let Ascent {
            mut work,
            branches,
            x,
        } = up;
        let mut top = match at {
            Some(from) => {
                let rows = Rows::from_vec(x, d)?;
                let rows = self.model.resume(
                    &self.kv,
                    Some(from),
                    &branches,
                    rows,
                    &mut NoHook,
                    cancel,
                )?;
                rows.into_vec()
            }
            None => Vec::new(),
        };
        // Nothing above the last block mixes positions: the row that is read is all that counts.
        let mut join = Ascent::default();
        for c in last {
            self.join(&mut join, c, &cells[c], group, part.clone());
        }
        work.extend(join.work);
        top.extend(join.x);
        debug_assert!(
            n > 0 && top.len() == work.len() * d,
            "a row for each branch"
        );
        let answers: Vec<[u32; 2]> = work
            .iter()
            .map(|(_, g, _)| self.set.inputs[group[*g]].answers)
            .collect();
        let logits = self
            .model
            .answer_logits(&Rows::from_vec(top, d)?, &answers)?;
        for ((c, g, j), [positive, negative]) in work.into_iter().zip(logits) {
            results[c][g][j] = positive - negative;
        }
        Ok(())
    }

    /// Adds the steered rows of one cell.
    fn join(
        &self,
        up: &mut Ascent,
        c: usize,
        cell: &SweepCell<'_>,
        group: &[usize],
        part: Range<usize>,
    ) {
        let (site, d) = (&cell.site, self.model.hidden_size());
        for g in part {
            let input = &self.set.inputs[group[g]];
            let Some(start) = self.first_row(site, input) else {
                continue;
            };
            for (j, multiplier) in cell.multipliers.iter().enumerate() {
                // Multiplier 0 is the unsteered figure itself, for all but two operators.
                if site.edit.operator.is_off(*multiplier) {
                    continue;
                }
                let from = up.x.len();
                up.x.extend_from_slice(self.checkpoint(group[g], site, start));
                steer_rows(site, *multiplier, input, start, &mut up.x[from..], d);
                up.work.push((c, g, j));
                up.branches.push(Branch {
                    sequence: group[g],
                    start,
                    len: input.prefix.len() - start,
                });
            }
        }
    }
}
