//! The checks of shape, place, count and cache: whether what is applied is what the file and the label
//! say.

use super::passes::{logits, watched};
use super::probe::{Probe, missing};
use super::{Check, Item, Verdict};
use crate::engine::Cancel;
use crate::measure::MeasureError;
use crate::steering::{FitWarning, LaneSteering, apply};

impl Probe {
    pub(super) fn shape(&self) -> Item {
        let (model, vector) = (&self.model, &self.plan.vector);
        let blocks = vector.directions.len();
        let finite = self.direction.iter().all(|x| x.is_finite());
        let norm = f64::from(vector.norm(self.plan.block).unwrap_or(0.0));
        let fit = vector.fit(
            &self.plan.model_name,
            model.hash(),
            model.n_blocks(),
            model.hidden_size(),
        );
        let item = match fit {
            Err(error) => Item::new(Check::Shape, Verdict::Fail, error.to_string()),
            Ok(_) if !finite || norm == 0.0 => Item::new(
                Check::Shape,
                Verdict::Fail,
                "the direction is zero or not finite",
            ),
            Ok(warnings) => {
                let verdict = if warnings.iter().any(FitWarning::is_of_another_model) {
                    Verdict::Warn
                } else {
                    Verdict::Pass
                };
                let mut words = format!(
                    "{blocks} of {} blocks, {} values each",
                    model.n_blocks(),
                    vector.width()
                );
                for warning in &warnings {
                    words.push_str("; ");
                    words.push_str(&warning.to_string());
                }
                Item::new(Check::Shape, verdict, words)
            }
        };
        item.with("blocks", blocks as f64)
            .with("width", vector.width() as f64)
            .with("norm", norm)
    }

    /// Blocks below untouched, the site's rows changed by the operator, blocks above changed.
    pub(super) fn place(&self) -> Item {
        let Some(text) = &self.text else {
            return missing(Check::Place);
        };
        let (b, width) = (self.plan.block.0, self.model.hidden_size());
        let lane = LaneSteering::new(self.plan.mask, text.prompt_len, self.c);
        let below = (0..b).find(|i| text.base.after.get(*i) != text.steered.after.get(*i));
        let mut worst: f64 = 0.0;
        let mut misplaced = None;
        for (position, before) in &text.base.before_edit {
            let mut want = before.clone();
            if lane.covers(*position) {
                apply(self.plan.edit.operator, &mut want, &self.direction, self.c);
            }
            // Inside a block earlier positions reach later ones only through attention above it.
            let Some(got) = text.steered.after_edit.get(position) else {
                misplaced = Some(*position);
                continue;
            };
            let size = want.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
            let off = want
                .iter()
                .zip(got)
                .fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
            worst = worst.max(f64::from(off / size.max(1e-20)));
        }
        let first = lane.first_position;
        let reached = first < text.ids.len() && lane.covers(first);
        let end = text.steered.last.len().saturating_sub(width);
        let moved = (b..text.base.after.len())
            .all(|i| text.base.after.get(i) != text.steered.after.get(i))
            && (text.base.last != text.steered.last)
            && text.steered.last.get(end..).is_some();
        let at = format!("block {} {}", self.plan.block, self.plan.edit.point);
        let item = if let Some(block) = below {
            Item::new(
                Check::Place,
                Verdict::Fail,
                format!("the stream changes after block {block} already, below the site"),
            )
        } else if let Some(position) = misplaced {
            Item::new(
                Check::Place,
                Verdict::Fail,
                format!("the hook at {at} never saw position {position}"),
            )
        } else if worst > self.rounding() {
            Item::new(
                Check::Place,
                Verdict::Fail,
                format!("at {at} the stream does not change by what the operator says"),
            )
        } else if !reached {
            Item::new(
                Check::Place,
                Verdict::Warn,
                "the mask covers no position of this text: nothing is steered",
            )
        } else if !moved {
            Item::new(
                Check::Place,
                Verdict::Fail,
                "the blocks above the site compute the same as unsteered",
            )
        } else {
            let below = match b {
                0 => "it is the lowest block".to_owned(),
                1 => "block 0 is unchanged bit for bit".to_owned(),
                _ => format!("blocks 0 to {} are unchanged bit for bit", b - 1),
            };
            Item::new(
                Check::Place,
                Verdict::Pass,
                format!(
                    "at {at} the stream changes by what '{}' says; {below}",
                    self.plan.edit.operator
                ),
            )
        };
        item.with("block", b as f64).with("largest_error", worst)
    }

    /// The same text, prompt at once and then token by token.
    pub(super) fn stepwise(&mut self, check: Check, cancel: &Cancel) -> Result<Item, MeasureError> {
        let Some(text) = &self.text else {
            return Ok(missing(check));
        };
        let (n, prompt_len) = (text.ids.len(), text.prompt_len);
        let mut pieces = vec![prompt_len];
        pieces.resize(1 + n - prompt_len, 1);
        let hook = self.hook(prompt_len, Some(self.c));
        let site = (self.plan.block, self.plan.edit.point);
        let (model, cache) = (&self.model, &mut self.cache);
        let seen = watched(model, cache, &text.ids, &pieces, hook, site, cancel)?;
        if check == Check::Count {
            let lane = LaneSteering::new(self.plan.mask, prompt_len, self.c);
            let want: Vec<usize> = (0..n).filter(|p| lane.covers(*p)).collect();
            let edited = seen.edited();
            let once = seen.visits.len() == n && seen.visits.values().all(|v| *v == 1);
            let prefill = edited.iter().filter(|p| **p < prompt_len).count();
            let (verdict, words) = if edited == want && once {
                (
                    Verdict::Pass,
                    format!(
                        "{} of {n} positions are edited, once each: {prefill} in the prompt, {} while decoding, as '{}' says",
                        edited.len(),
                        edited.len() - prefill,
                        self.plan.mask
                    ),
                )
            } else if once && self.plan.edit.operator.is_conditional() {
                (
                    Verdict::Warn,
                    format!(
                        "{} of {} positions in the mask change; this operator leaves some rows as they are",
                        edited.len(),
                        want.len()
                    ),
                )
            } else {
                (
                    Verdict::Fail,
                    format!(
                        "{} positions are edited, '{}' covers {}",
                        edited.len(),
                        self.plan.mask,
                        want.len()
                    ),
                )
            };
            return Ok(Item::new(check, verdict, words)
                .with("edited", edited.len() as f64)
                .with("expected", want.len() as f64)
                .with("positions", n as f64));
        }
        let width = self.model.hidden_size();
        let tail = (prompt_len - 1) * width;
        let (got, want) = (
            logits(&self.model, &seen.last[tail..])?,
            logits(&self.model, &text.steered.last[tail..])?,
        );
        let size = want.iter().flatten().fold(0.0_f32, |m, x| m.max(x.abs()));
        let off = (want.iter().flatten().zip(got.iter().flatten()))
            .fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
        let worst = f64::from(off / size.max(1e-20));
        let verdict = if worst <= self.rounding() {
            Verdict::Pass
        } else {
            Verdict::Fail
        };
        let words = match verdict {
            Verdict::Pass => "decoding token by token gives the logits of one full steered pass",
            _ => "decoding token by token gives other logits than one full steered pass",
        };
        Ok(Item::new(check, verdict, words).with("largest_error", worst))
    }
}
