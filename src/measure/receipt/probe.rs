//! The probe: makes the checks one after the other, so that a caller can show each and stop between.

use std::sync::Arc;

use super::passes::{Seen, logits, watched};
use super::{
    Check, Item, PROBE_PROMPT, PROBE_TOKENS, ProbedModel, ProbedSite, ProbedVector, RECEIPT_SCHEMA,
    Receipt, Verdict, effect, pairs,
};
use crate::engine::{Cancel, Keep, KvCache, Model, NoHook, Part};
use crate::measure::divergence::most_likely;
use crate::measure::{MeasureError, Site};
use crate::steering::{LaneSteering, PairSet, SteerHook, SteeringVector, apply};
use crate::units::{BlockIndex, Edit, Mask};

/// Largest difference of rows that are computed in another order, over the rows' largest value.
const ROUNDING: f64 = 1e-4;
/// The same where matrix products are made in 16 bits.
const ROUNDING_HALF: f64 = 3e-2;

/// What is probed.
#[derive(Debug, Clone)]
pub struct ProbePlan {
    /// Vector.
    pub vector: Arc<SteeringVector>,
    /// Display name of the model.
    pub model_name: String,
    /// Site.
    pub block: BlockIndex,
    /// Operator and point.
    pub edit: Edit,
    /// Steered positions.
    pub mask: Mask,
    /// Raw coefficient.
    pub coefficient: f32,
    /// Prompt as token ids, special ones included; its first 32 are used.
    pub prompt: Vec<u32>,
    /// Pairs for sign and geometry, if any are at hand.
    pub pairs: Option<Arc<PairSet>>,
    /// `H_b` at the block, if known.
    pub residual_norm: Option<f32>,
    /// Seed of the random directions.
    pub seed: u64,
}

/// A running probe.
#[derive(Debug)]
pub struct Probe {
    model: Arc<Model>,
    plan: ProbePlan,
    direction: Vec<f32>,
    c: f32,
    prompt: Vec<u32>,
    cache: KvCache,
    text: Option<Text>,
    items: Vec<Item>,
}

/// The probed text under both.
#[derive(Debug)]
pub(super) struct Text {
    /// Prompt and continuation.
    pub(super) ids: Vec<u32>,
    pub(super) prompt_len: usize,
    pub(super) base: Seen,
    pub(super) steered: Seen,
}

impl Probe {
    /// Prepares a probe; computes nothing.
    ///
    /// # Errors
    /// A block without a direction, an operator that cannot use the directions, an empty prompt.
    pub fn new(model: &Arc<Model>, plan: ProbePlan) -> Result<Self, MeasureError> {
        let direction = plan.vector.direction(plan.block)?.to_vec();
        plan.vector.check_edit(plan.edit)?;
        let mut prompt = plan.prompt.clone();
        let room = model.config().max_positions.saturating_sub(PROBE_TOKENS);
        prompt.truncate(PROBE_PROMPT.min(room));
        if prompt.is_empty() {
            return Err(MeasureError::NoPrompts);
        }
        let operator = plan.edit.operator;
        let c = if operator.is_off(plan.coefficient) {
            1.0
        } else {
            plan.coefficient
        };
        let probe = Self {
            model: Arc::clone(model),
            cache: KvCache::new(model, 1),
            direction,
            c,
            prompt,
            text: None,
            items: Vec::new(),
            plan,
        };
        probe.site().check(model)?;
        Ok(probe)
    }

    pub(super) fn site(&self) -> Site<'_> {
        Site {
            edit: self.plan.edit,
            direction: &self.direction,
            block: self.plan.block,
            mask: self.plan.mask,
        }
    }

    /// Makes the next check; `None` when all are made.
    ///
    /// # Errors
    /// Those of the engine; cancellation. A failed check is no error.
    pub fn step(&mut self, cancel: &Cancel) -> Result<Option<&Item>, MeasureError> {
        let Some(check) = Check::ALL.get(self.items.len()).copied() else {
            return Ok(None);
        };
        let item = match check {
            Check::Shape => self.shape(),
            Check::Zero => self.zero(cancel)?,
            Check::Place => self.place(),
            Check::Count | Check::Cache => self.stepwise(check, cancel)?,
            Check::Sign | Check::Geometry => {
                let about = pairs::About {
                    model: &self.model,
                    plan: &self.plan,
                    direction: &self.direction,
                    c: self.c,
                    text: self.text.as_ref(),
                };
                match check {
                    Check::Sign => about.sign(cancel)?,
                    _ => about.geometry(cancel)?,
                }
            }
            Check::Effect => match &self.text {
                Some(text) => effect::effect(&self.model, text, self.c)?,
                None => missing(check),
            },
            Check::Null => match &self.text {
                Some(text) => {
                    let real = self.items.iter().find(|i| i.check == Check::Effect);
                    let real = real.and_then(|i| i.figures.get("kl_median").copied());
                    let null = effect::Null {
                        seed: self.plan.seed,
                        c: self.c,
                        real,
                    };
                    null.item(&self.model, text, &self.site(), cancel)?
                }
                None => missing(check),
            },
        };
        self.items.push(item);
        Ok(self.items.last())
    }

    /// The receipt as far as it is.
    pub fn receipt(&self) -> Receipt {
        let (plan, model) = (&self.plan, &self.model);
        let norm = f64::from(plan.vector.norm(plan.block).unwrap_or(0.0));
        let applied = f64::from(plan.coefficient) * norm;
        let residual = plan.residual_norm.map(f64::from).filter(|h| *h > 0.0);
        Receipt {
            schema: RECEIPT_SCHEMA,
            tool: concat!("steerscope ", env!("CARGO_PKG_VERSION")).to_owned(),
            model: ProbedModel {
                name: plan.model_name.clone(),
                sha256: model.hash().to_owned(),
                dtype: model.precision().name().to_owned(),
                device: model.device(),
                n_blocks: model.n_blocks(),
                hidden_size: model.hidden_size(),
            },
            vector: ProbedVector {
                name: plan.vector.name.clone(),
                id: plan.vector.id(),
                tensor_sha256: plan.vector.tensor_sha256(),
                metadata: plan.vector.metadata.clone(),
            },
            site: ProbedSite {
                block: plan.block,
                edit: plan.edit,
                mask: plan.mask,
                coefficient: plan.coefficient,
                applied_norm: applied,
                kappa: residual.map(|h| applied / h),
                residual_norm: residual,
            },
            probed_coefficient: self.c,
            prompt_tokens: self.prompt.len(),
            seed: plan.seed,
            complete: self.items.len() == Check::ALL.len(),
            items: self.items.clone(),
        }
    }

    fn shape(&self) -> Item {
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
                let verdict = if warnings.iter().any(|w| w.is_of_another_model()) {
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

    fn hook(&self, prompt_len: usize, c: Option<f32>) -> SteerHook {
        let lane = c.map_or(LaneSteering::OFF, |c| {
            LaneSteering::new(self.plan.mask, prompt_len, c)
        });
        SteerHook::new(
            self.plan.block,
            self.plan.edit,
            self.direction.as_slice(),
            vec![lane],
        )
    }

    /// The prompt and its greedy unsteered continuation.
    fn text_ids(&self, cancel: &Cancel) -> Result<Vec<u32>, MeasureError> {
        let mut cache = KvCache::new(&self.model, 1);
        let mut ids = self.prompt.clone();
        let mut from = 0;
        for _ in 0..PROBE_TOKENS {
            let part = [Part {
                sequence: 0,
                ids: &ids[from..],
            }];
            let rows = (self.model).extend(&mut cache, &part, Keep::Last, &mut NoHook, cancel)?;
            from = ids.len();
            let Some(next) = most_likely(&self.model.logits(&rows)?) else {
                break;
            };
            ids.push(next);
        }
        Ok(ids)
    }

    /// Reads the text unsteered without a hook, at 0, steered, and at 0 again, on one cache.
    fn zero(&mut self, cancel: &Cancel) -> Result<Item, MeasureError> {
        let ids = self.text_ids(cancel)?;
        let (n, prompt_len) = (ids.len(), self.prompt.len());
        let site = (self.plan.block, self.plan.edit.point);
        let part = [Part {
            sequence: 0,
            ids: &ids,
        }];
        let mut plain = KvCache::new(&self.model, 1);
        let bare = (self.model).extend(&mut plain, &part, Keep::All, &mut NoHook, cancel)?;
        // Two operators do something at 0; for them it is the vector held back that must do nothing.
        let off = (self.plan.edit.operator.is_off(0.0)).then_some(0.0);
        let mut passes = Vec::with_capacity(3);
        for c in [off, Some(self.c), off] {
            let hook = self.hook(prompt_len, c);
            let model = &self.model;
            passes.push(watched(
                model,
                &mut self.cache,
                &ids,
                &[n],
                hook,
                site,
                cancel,
            )?);
        }
        let bits = |rows: &[f32]| rows.iter().map(|x| x.to_bits()).collect::<Vec<u32>>();
        let want = bits(bare.as_slice());
        let same = [0, 2].map(|i: usize| bits(&passes[i].last) == want);
        let item = match same {
            [true, true] => Item::new(
                Check::Zero,
                Verdict::Pass,
                "at 0 the residual stream is the unsteered one bit for bit, also after a steered pass",
            ),
            [true, false] => Item::new(
                Check::Zero,
                Verdict::Fail,
                "after a steered pass, 0 is no longer the unsteered model: state was left behind",
            ),
            _ => Item::new(
                Check::Zero,
                Verdict::Fail,
                "at 0 the model computes something else than unsteered",
            ),
        };
        passes.pop();
        if let (Some(steered), Some(base)) = (passes.pop(), passes.pop()) {
            self.text = Some(Text {
                ids,
                prompt_len,
                base,
                steered,
            });
        }
        Ok(item.with("tokens", n as f64))
    }

    fn rounding(&self) -> f64 {
        let half = matches!(self.model.precision().name(), "f16" | "bf16");
        if half && !self.model.device().contains("cpu") {
            ROUNDING_HALF
        } else {
            ROUNDING
        }
    }

    /// Blocks below untouched, the site's rows changed by the operator, blocks above changed.
    fn place(&self) -> Item {
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
    fn stepwise(&mut self, check: Check, cancel: &Cancel) -> Result<Item, MeasureError> {
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

pub(super) fn missing(check: Check) -> Item {
    Item::new(check, Verdict::Skipped, "the probe text was not read")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::units::{HookPoint, Operator};

    /// A probe of the bundled model whose text has been read.
    fn read() -> Probe {
        let model = Arc::new(Model::bundled().unwrap());
        let width = model.hidden_size();
        let v: Vec<f32> = (0..width).map(|i| (i as f32 * 0.7).sin()).collect();
        let vector = SteeringVector::new("v", [(2, v)].into(), std::collections::BTreeMap::new());
        let plan = ProbePlan {
            vector: Arc::new(vector.unwrap()),
            model_name: "bundled".to_owned(),
            block: BlockIndex(2),
            edit: Edit {
                operator: Operator::Add,
                point: HookPoint::ResidPost,
            },
            mask: Mask::FromLastPrompt,
            coefficient: 0.5,
            prompt: model
                .tokenizer()
                .encode("Once upon a time there was a dog")
                .unwrap(),
            pairs: None,
            residual_norm: None,
            seed: 0,
        };
        let mut probe = Probe::new(&model, plan).unwrap();
        for _ in 0..2 {
            let item = probe.step(&Cancel::never()).unwrap().cloned().unwrap();
            assert_eq!(item.verdict, Verdict::Pass, "{}", item.words);
        }
        probe
    }

    #[test]
    fn a_change_below_the_site_or_none_at_it_fails_the_place() {
        assert_eq!(read().place().verdict, Verdict::Pass);

        let mut below = read();
        below.text.as_mut().unwrap().steered.after[1][5] += 1e-3;
        let item = below.place();
        assert_eq!(item.verdict, Verdict::Fail);
        assert!(item.words.contains("after block 1"), "{}", item.words);

        // As if the vector had been added twice at one position.
        let mut twice = read();
        let text = twice.text.as_mut().unwrap();
        let row = text.steered.after_edit.values_mut().last().unwrap();
        apply(Operator::Add, row, &twice.direction, 0.5);
        assert_eq!(twice.place().verdict, Verdict::Fail);

        // As if it had been applied one position late.
        let mut late = read();
        let text = late.text.as_mut().unwrap();
        let p = text.prompt_len - 1;
        let plain = text.base.before_edit[&p].clone();
        text.steered.after_edit.insert(p, plain);
        assert_eq!(late.place().verdict, Verdict::Fail);

        // A hook that fires and whose result is dropped.
        let mut dropped = read();
        let text = dropped.text.as_mut().unwrap();
        text.steered.last = text.base.last.clone();
        assert_eq!(dropped.place().verdict, Verdict::Fail);
    }

    #[test]
    fn another_way_of_decoding_fails_the_cache() {
        let mut probe = read();
        let text = probe.text.as_mut().unwrap();
        // What a full pass without the vector would give.
        text.steered.last = text.base.last.clone();
        let item = probe.stepwise(Check::Cache, &Cancel::never()).unwrap();
        assert_eq!(item.verdict, Verdict::Fail);
    }
}
