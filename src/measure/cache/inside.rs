//! Sites inside a block: attention's and the MLP's contribution, the stream between them.
//!
//! No checkpoint stands there. The kept keys and values serve up to the first steered position; from
//! there on all blocks are computed again, one pass per multiplier.

use super::{PromptCache, Site};
use crate::engine::{Cancel, Keep, Part};
use crate::measure::MeasureError;
use crate::steering::{LaneSteering, SteerHook};

impl PromptCache {
    /// Fills `results` (`(group, multipliers)`) at the multipliers `steered` of the inputs `touched`.
    #[expect(clippy::too_many_arguments, reason = "the state of one evaluation")]
    pub(super) fn run_inside(
        &self,
        site: &Site<'_>,
        multipliers: &[f32],
        steered: &[usize],
        touched: &[usize],
        group: &[usize],
        results: &mut [Vec<f32>],
        cancel: &Cancel,
    ) -> Result<(), MeasureError> {
        let inputs = &self.set.inputs;
        let answers: Vec<[u32; 2]> = touched.iter().map(|&g| inputs[group[g]].answers).collect();
        for &j in steered {
            // Pages are shared until they are written to.
            let mut kv = self.kv.clone();
            let mut lanes = vec![LaneSteering::OFF; self.len()];
            let mut parts = Vec::with_capacity(touched.len());
            for &g in touched {
                let (i, input) = (group[g], &inputs[group[g]]);
                let start = self.first_row(site, input).unwrap_or_default();
                kv.truncate(i, start);
                lanes[i] = LaneSteering::new(site.mask, input.prompt_len, multipliers[j]);
                parts.push(Part {
                    sequence: i,
                    ids: &input.prefix[start..],
                });
            }
            let mut hook = SteerHook::new(site.block, site.edit, site.direction, lanes);
            let last = (self.model).extend(&mut kv, &parts, Keep::Last, &mut hook, cancel)?;
            let logits = self.model.answer_logits(&last, &answers)?;
            for (&g, [positive, negative]) in touched.iter().zip(logits) {
                results[g][j] = positive - negative;
            }
        }
        Ok(())
    }
}
