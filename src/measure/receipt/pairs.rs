//! Sign and geometry: the vector beside this model's own activations.

use std::fmt::Write as _;
use std::sync::Arc;

use super::probe::{ProbePlan, Text};
use super::{Check, Item, PROBE_PAIRS, Verdict};
use crate::engine::{Cancel, Model};
use crate::measure::MeasureError;
use crate::measure::controls::length;
use crate::stats::median;
use crate::steering::{LaneSteering, PairActivations, PairSet, pair_activations};
use crate::units::BlockIndex;

/// By how much a neighbour must fit better to be worth a warning.
const BETTER: f64 = 0.05;

/// What both checks look at.
pub(super) struct About<'a> {
    pub(super) model: &'a Arc<Model>,
    pub(super) plan: &'a ProbePlan,
    pub(super) direction: &'a [f32],
    pub(super) c: f32,
    pub(super) text: Option<&'a Text>,
}

impl About<'_> {
    fn v(&self) -> &[f32] {
        let width = self.model.hidden_size();
        self.direction.get(..width).unwrap_or_default()
    }

    fn pairs(&self) -> Option<PairSet> {
        let mut pairs = PairSet::clone(self.plan.pairs.as_deref()?);
        pairs.pairs.truncate(PROBE_PAIRS);
        Some(pairs).filter(|p| !p.pairs.is_empty())
    }

    fn read(
        &self,
        pairs: &PairSet,
        block: usize,
        cancel: &Cancel,
    ) -> Result<PairActivations, MeasureError> {
        let block = BlockIndex(block);
        pair_activations(self.model, pairs, block, &mut |_, _| (), cancel)
            .map_err(MeasureError::from)
    }

    /// Mean projection of the positive texts against that of the negative ones.
    pub(super) fn sign(&self, cancel: &Cancel) -> Result<Item, MeasureError> {
        let Some(pairs) = self.pairs() else {
            return Ok(Item::new(
                Check::Sign,
                Verdict::Skipped,
                "no contrastive pairs are loaded",
            ));
        };
        let read = self.read(&pairs, self.plan.block.0, cancel)?;
        let n = pairs.pairs.len();
        let mean = |rows: &[f32]| -> f64 {
            let each = rows.chunks_exact(read.width).map(|row| dot(row, self.v()));
            each.sum::<f64>() / (n as f64 * length(self.v()))
        };
        let (positive, negative) = (mean(&read.positive), mean(&read.negative));
        let most = read.positive.chunks_exact(read.width);
        let norm = length(self.v());
        let most = most.map(|row| dot(row, self.v()) / norm);
        let most = most.fold(f64::NEG_INFINITY, f64::max);
        let found = format!(
            "mean projection of {n} positive texts {positive:.3}, of the negative ones {negative:.3}"
        );
        let (verdict, words) = if positive > negative {
            (Verdict::Pass, found)
        } else {
            (
                Verdict::Warn,
                format!(
                    "{found}: the vector points away from the behaviour of '{}'",
                    pairs.dataset
                ),
            )
        };
        Ok(Item::new(Check::Sign, verdict, words)
            .with("positive", positive)
            .with("negative", negative)
            .with("max_projection", most)
            .with("pairs", n as f64))
    }

    /// Norms, turn of the steered rows, cosines with the own mean difference at b − 1, b, b + 1.
    pub(super) fn geometry(&self, cancel: &Cancel) -> Result<Item, MeasureError> {
        let norm = length(self.v());
        let mut words = match self.plan.residual_norm.filter(|h| *h > 0.0) {
            Some(h) => format!(
                "‖v‖ {norm:.3}, H {h:.3}, κ at c = 1 {:.3}",
                norm / f64::from(h)
            ),
            None => format!("‖v‖ {norm:.3}"),
        };
        let mut item = Item::new(Check::Geometry, Verdict::Pass, "").with("norm", norm);
        if let Some(h) = self.plan.residual_norm {
            item = item.with("residual_norm", f64::from(h));
        }
        if let Some((turn, ratio)) = self.turned() {
            let _ = write!(
                words,
                "; steered rows turn by {turn:.1}°, norm × {ratio:.3}"
            );
            item = item.with("turn_degrees", turn).with("norm_ratio", ratio);
        }
        let Some(pairs) = self.pairs() else {
            words.push_str("; no pairs to compare the blocks with");
            item.words = words;
            return Ok(item);
        };
        let b = self.plan.block.0;
        let last = self.model.n_blocks().saturating_sub(1);
        let mut fits = Vec::with_capacity(3);
        for block in b.saturating_sub(1)..=(b + 1).min(last) {
            let own = self.read(&pairs, block, cancel)?.mean_difference();
            let cosine = dot(&own, self.v()) / (length(&own) * norm);
            item = item.with(&format!("cosine_block_{block}"), cosine);
            fits.push((block, cosine));
        }
        let here = fits.iter().find(|f| f.0 == b).map_or(0.0, |f| f.1);
        let list: Vec<String> = (fits.iter())
            .map(|(block, cosine)| format!("{cosine:.2} at block {block}"))
            .collect();
        let _ = write!(
            words,
            "; cosine with the mean difference of {} pairs {}",
            pairs.pairs.len(),
            list.join(", ")
        );
        let best = fits.iter().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
        if let Some((block, cosine)) = best
            && cosine.abs() > here.abs() + BETTER
        {
            item.verdict = Verdict::Warn;
            let _ = write!(
                words,
                ": block {block} fits better, perhaps the file counts layers another way"
            );
        }
        item.words = words;
        Ok(item)
    }

    /// Median angle between steered and unsteered rows at the site, and median ratio of their norms.
    fn turned(&self) -> Option<(f64, f64)> {
        let text = self.text?;
        let lane = LaneSteering::new(self.plan.mask, text.prompt_len, self.c);
        let (mut turns, mut ratios) = (Vec::new(), Vec::new());
        for (position, before) in &text.steered.before_edit {
            let after = text.steered.after_edit.get(position)?;
            if lane.covers(*position) {
                let lengths = (length(before), length(after));
                let cosine = dot(before, after) / (lengths.0 * lengths.1);
                turns.push(cosine.clamp(-1.0, 1.0).acos().to_degrees());
                ratios.push(lengths.1 / lengths.0);
            }
        }
        Some((median(&turns)?, median(&ratios)?))
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    let product = |(a, b): (&f32, &f32)| f64::from(*a) * f64::from(*b);
    a.iter().zip(b).map(product).sum()
}
