//! The probe: makes the checks one after the other, so that a caller can show each and stop between.

use std::sync::Arc;

use super::passes::{Seen, watched};
use super::{
    Check, Item, PROBE_PROMPT, PROBE_TOKENS, ProbedModel, ProbedSite, ProbedVector, RECEIPT_SCHEMA,
    Receipt, Verdict, effect, pairs,
};
use crate::engine::logits::most_likely;
use crate::engine::{Cancel, Keep, KvCache, Model, NoHook, Part};
use crate::measure::{MeasureError, Site};
use crate::steering::{LaneSteering, PairSet, SteerHook, SteeringVector};
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
    pub(super) model: Arc<Model>,
    pub(super) plan: ProbePlan,
    pub(super) direction: Vec<f32>,
    pub(super) c: f32,
    prompt: Vec<u32>,
    pub(super) cache: KvCache,
    pub(super) text: Option<Text>,
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

    pub(super) fn hook(&self, prompt_len: usize, c: Option<f32>) -> SteerHook {
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

    pub(super) fn rounding(&self) -> f64 {
        let half = matches!(self.model.precision().name(), "f16" | "bf16");
        if half && !self.model.device().contains("cpu") {
            ROUNDING_HALF
        } else {
            ROUNDING
        }
    }
}

pub(super) fn missing(check: Check) -> Item {
    Item::new(check, Verdict::Skipped, "the probe text was not read")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::steering::apply;
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
