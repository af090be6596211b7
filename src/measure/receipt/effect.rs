//! What steering does to the next-token distribution, and what a mere push of the same length does.

use super::passes::logits;
use super::probe::Text;
use super::{Check, Item, PROBE_NULLS, Verdict};
use crate::engine::{Cancel, EngineError, Keep, KvCache, Model, Part};
use crate::measure::calibrate::{HARDLY, INCOHERENT};
use crate::measure::controls::{Control, drawn};
use crate::measure::divergence::kl;
use crate::measure::{MeasureError, Site};
use crate::stats::{median, quantile};
use crate::steering::{LaneSteering, SteerHook};

/// KL(steered‖unsteered) in nats at every position that predicts a token of the continuation.
fn divergences(
    model: &Model,
    text: &Text,
    base: &[Vec<f32>],
    steered: &[f32],
) -> Result<Vec<f64>, EngineError> {
    let from = (text.prompt_len - 1) * model.hidden_size();
    let to = (text.ids.len() - 1).max(text.prompt_len) * model.hidden_size();
    let steered = logits(model, steered.get(from..to).unwrap_or_default())?;
    Ok(steered.iter().zip(base).map(|(p, q)| kl(p, q)).collect())
}

fn unsteered(model: &Model, text: &Text) -> Result<Vec<Vec<f32>>, EngineError> {
    let from = (text.prompt_len - 1) * model.hidden_size();
    let to = (text.ids.len() - 1).max(text.prompt_len) * model.hidden_size();
    logits(model, text.base.last.get(from..to).unwrap_or_default())
}

/// Teacher-forced KL over the continuation.
pub(super) fn effect(model: &Model, text: &Text, c: f32) -> Result<Item, MeasureError> {
    let base = unsteered(model, text)?;
    let all = divergences(model, text, &base, &text.steered.last)?;
    let middle = median(&all).unwrap_or(f64::NAN);
    let high = quantile(&all, 0.95).unwrap_or(f64::NAN);
    let at = format!("KL per token at c = {c}: median {middle:.3}, 95th percentile {high:.3} nats");
    // A norm makes zeros of a row whose square is infinite, and the logits then look like numbers.
    let finite = |row: &Vec<f32>| row.iter().map(|x| x * x).sum::<f32>().is_finite();
    let sound = text.steered.after_edit.values().all(finite);
    let (verdict, words) = if !high.is_finite() || !sound {
        (
            Verdict::Fail,
            format!("the numbers at c = {c} are beyond what f32 holds; use a smaller coefficient"),
        )
    } else if high < HARDLY {
        (Verdict::Warn, format!("{at}: hardly any effect"))
    } else if high > INCOHERENT {
        (
            Verdict::Warn,
            format!("{at}: far from the model's own text"),
        )
    } else {
        (Verdict::Pass, at)
    };
    Ok(Item::new(Check::Effect, verdict, words)
        .with("kl_median", middle)
        .with("kl_p95", high)
        .with("tokens", all.len() as f64))
}

/// Random directions of equal norm.
pub(super) struct Null {
    pub(super) seed: u64,
    pub(super) c: f32,
    /// Median KL of the vector itself.
    pub(super) real: Option<f64>,
}

impl Null {
    pub(super) fn item(
        &self,
        model: &Model,
        text: &Text,
        site: &Site<'_>,
        cancel: &Cancel,
    ) -> Result<Item, MeasureError> {
        if site.direction.len() != model.hidden_size() {
            return Ok(Item::new(
                Check::Null,
                Verdict::Skipped,
                "there is no random counterpart of several directions",
            ));
        }
        let directions: Vec<_> = drawn(site.direction, PROBE_NULLS, self.seed)
            .into_iter()
            .filter(|d| matches!(d.control, Control::Random(_)))
            .map(|d| d.direction.into())
            .collect();
        let lane = LaneSteering::new(site.mask, text.prompt_len, self.c);
        let lanes = (0..directions.len()).map(|i| (i, lane)).collect();
        let n = directions.len();
        let mut hook = SteerHook::with_directions(site.block, site.edit, directions, lanes);
        let part = |sequence| Part {
            sequence,
            ids: &text.ids,
        };
        let parts: Vec<Part<'_>> = (0..n).map(part).collect();
        let mut cache = KvCache::new(model, n);
        let rows = model.extend(&mut cache, &parts, Keep::All, &mut hook, cancel)?;
        let base = unsteered(model, text)?;
        let size = text.ids.len() * model.hidden_size();
        let mut medians = Vec::with_capacity(n);
        for rows in rows.as_slice().chunks_exact(size) {
            let all = divergences(model, text, &base, rows)?;
            medians.push(median(&all).unwrap_or(f64::NAN));
        }
        let typical = median(&medians).unwrap_or(f64::NAN);
        let most = medians.iter().copied().fold(f64::NAN, f64::max);
        let real = self.real.unwrap_or(f64::NAN);
        let beside = format!(
            "{n} random vectors of equal norm: median KL {typical:.3}, most {most:.3}, this one {real:.3}"
        );
        let (verdict, words) = if real > most {
            (Verdict::Pass, beside)
        } else {
            (
                Verdict::Warn,
                format!("{beside}: no more than any push of this length"),
            )
        };
        Ok(Item::new(Check::Null, verdict, words)
            .with("random_kl_median", typical)
            .with("random_kl_most", most)
            .with("kl_median", real))
    }
}
