//! The token strip and the logit lens against two plain passes, and against themselves.

mod lens;
mod refusals;
mod strip;

use std::sync::Arc;

use steerscope::engine::{Cancel, Hook, Keep, KvCache, Model, Part, Place};
use steerscope::measure::Site;
use steerscope::measure::tokens::{Passage, SteeredRun, StripOptions, TokenStrip, UnsteeredRun};
use steerscope::units::{BlockIndex, HookPoint};

pub(super) const TOP: StripOptions = StripOptions { top: 5 };

pub(super) fn passage(model: &Model, prompt: usize, text: usize) -> Passage {
    let vocab = model.config().vocab_size.min(97);
    let ids: Vec<u32> = (0..prompt + text)
        .map(|i| ((i * i * 31 + i * 7 + 5) % vocab) as u32)
        .collect();
    Passage::new(model, &ids[..prompt], &ids[prompt..])
        .expect("a passage")
        .whole()
}

pub(super) fn runs(
    model: &Arc<Model>,
    passage: &Passage,
    site: &Site<'_>,
    c: f32,
    frozen: bool,
) -> (UnsteeredRun, SteeredRun) {
    let (model, never) = (Arc::clone(model), Cancel::never());
    let unsteered = UnsteeredRun::new(model, passage.clone(), site.block, &never).expect("a run");
    let steered = unsteered.steer(site, c, frozen, &never).expect("a run");
    (unsteered, steered)
}

pub(super) fn strip(model: &Arc<Model>, passage: &Passage, site: &Site<'_>, c: f32) -> TokenStrip {
    let (unsteered, steered) = runs(model, passage, site, c, false);
    unsteered
        .strip(&steered, TOP, &Cancel::never())
        .expect("a strip")
}

/// Keeps the rows after every block behind another hook.
pub(super) struct Seen<H> {
    inner: H,
    blocks: Vec<Vec<f32>>,
}

impl<H: Hook> Hook for Seen<H> {
    fn wants(&self, _: BlockIndex) -> bool {
        true
    }

    fn wants_at(&self, block: BlockIndex, point: HookPoint) -> bool {
        point == HookPoint::ResidPost || self.inner.wants_at(block, point)
    }

    fn visit_at(
        &mut self,
        block: BlockIndex,
        point: HookPoint,
        places: &[Place],
        rows: &mut [f32],
        width: usize,
    ) {
        if self.inner.wants_at(block, point) {
            self.inner.visit_at(block, point, places, rows, width);
        }
        if point == HookPoint::ResidPost {
            self.blocks.push(rows.to_vec());
        }
    }

    fn visit(&mut self, block: BlockIndex, places: &[Place], rows: &mut [f32], width: usize) {
        self.visit_at(block, HookPoint::ResidPost, places, rows, width);
    }
}

/// One plain pass: rows after every block, and all logits.
pub(super) fn plain(model: &Model, ids: &[u32], hook: impl Hook) -> (Vec<Vec<f32>>, Vec<f32>) {
    let mut seen = Seen {
        inner: hook,
        blocks: Vec::new(),
    };
    let part = [Part { sequence: 0, ids }];
    let mut cache = KvCache::new(model, 1);
    let rows = model
        .extend(&mut cache, &part, Keep::All, &mut seen, &Cancel::never())
        .expect("a pass");
    (seen.blocks, model.logits(&rows).expect("logits"))
}

pub(super) fn softmax(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::MIN, f32::max);
    let e: Vec<f64> = logits
        .iter()
        .map(|x| (f64::from(*x) - f64::from(largest)).exp())
        .collect();
    let sum: f64 = e.iter().sum();
    e.iter().map(|e| e / sum).collect()
}

pub(super) fn kl(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| p * (p.ln() - q.ln())).sum()
}

pub(super) fn close(got: f64, want: f64, what: &str) {
    assert!(
        (got - want).abs() <= 1e-5 * (1.0 + want.abs()),
        "{what}: {got} instead of {want}"
    );
}
