//! The token strip of a text of 100 tokens against reading that text once: a shape like the bundled model's and that
//! of SmolLM2-135M, random weights, half of the text a prompt, site at half of the depth.
//!
//! `cargo bench --bench tokens`; absolute times hold for one machine, ratios are the message.

#![allow(
    clippy::expect_used,
    reason = "a benchmark that cannot run must say so"
)]

mod shapes;

use std::sync::Arc;

use divan::{Bencher, black_box};
use shapes::{PLAIN, Shape, model, tokens};
use steerscope::engine::{Cancel, Hook, Keep, KvCache, NoHook, Part, init_threads};
use steerscope::measure::Site;
use steerscope::measure::tokens::{Passage, StripOptions, TokenStrip, UnsteeredRun};
use steerscope::steering::{LaneSteering, SteerHook};
use steerscope::units::{BlockIndex, Mask};

fn main() {
    init_threads();
    divan::main();
}

/// Tokens of the text, and how many of them are the prompt.
const TEXT: (usize, usize) = (100, 50);

fn direction(width: usize) -> Vec<f32> {
    (0..width)
        .map(|i| ((i * 7919 + 13) % 101) as f32 / 101.0 - 0.5)
        .collect()
}

fn site(shape: Shape, direction: &[f32]) -> Site<'_> {
    Site {
        edit: steerscope::units::Edit::ADD,
        direction,
        block: BlockIndex(model(shape).n_blocks() / 2),
        mask: Mask::FromLastPrompt,
    }
}

fn passage(shape: Shape) -> Passage {
    let ids = tokens(TEXT.0, 0);
    Passage::new(model(shape), &ids[..TEXT.1], &ids[TEXT.1..]).expect("a passage")
}

/// As the screen reads it: the last token is predicted, what would follow it is not asked.
fn shown(shape: Shape) -> Passage {
    passage(shape).without_what_follows()
}

/// One pass over `lanes` copies of the text, with logits of the last `logits` positions of each.
fn read(shape: Shape, lanes: usize, logits: usize, hook: &mut dyn Hook) {
    read_keeping(Keep::All, shape, lanes, logits, hook);
}

fn read_keeping(keep: Keep, shape: Shape, lanes: usize, logits: usize, hook: &mut dyn Hook) {
    let (model, passage) = (model(shape), passage(shape));
    let mut cache = KvCache::new(model, lanes);
    let ids = passage.ids();
    let parts: Vec<Part<'_>> = (0..lanes).map(|sequence| Part { sequence, ids }).collect();
    let rows = model
        .extend(&mut cache, &parts, keep, hook, &Cancel::never())
        .expect("a pass");
    let d = model.hidden_size();
    let per_lane = rows.n() / lanes;
    for lane in 0..lanes {
        let last = rows.as_slice()[((lane + 1) * per_lane - logits) * d..][..logits * d].to_vec();
        let last = steerscope::engine::Rows::from_vec(last, d).expect("rows");
        black_box(model.logits(&last).expect("logits"));
    }
}

fn strip(run: &UnsteeredRun, site: &Site<'_>, frozen: bool) -> TokenStrip {
    let never = Cancel::never();
    let steered = run.steer(site, 0.8, frozen, &never).expect("a run");
    let options = StripOptions { top: 5 };
    run.strip(&steered, options, &never).expect("a strip")
}

/// Reading the text as generation does: the last block computes the last position alone.
#[divan::bench(args = PLAIN, sample_count = 10, sample_size = 1)]
fn prefill_for_the_next_token(bencher: Bencher<'_, '_>, shape: Shape) {
    model(shape);
    bencher.bench_local(|| read_keeping(Keep::Last, shape, 1, 1, &mut NoHook));
}

/// Reading the text once with every position in every block: no logits but the last position's.
#[divan::bench(args = PLAIN, sample_count = 10, sample_size = 1)]
fn prefill(bencher: Bencher<'_, '_>, shape: Shape) {
    model(shape);
    bencher.bench_local(|| read(shape, 1, 1, &mut NoHook));
}

/// The same with logits from the last prompt token on.
#[divan::bench(args = PLAIN, sample_count = 10, sample_size = 1)]
fn prefill_with_logits(bencher: Bencher<'_, '_>, shape: Shape) {
    model(shape);
    bencher.bench_local(|| read(shape, 1, TEXT.0 - TEXT.1 + 1, &mut NoHook));
}

/// The plain way: both lanes in full, logits of both, nothing made of them.
#[divan::bench(args = PLAIN, sample_count = 10, sample_size = 1)]
fn two_lanes_with_logits(bencher: Bencher<'_, '_>, shape: Shape) {
    let v = direction(model(shape).hidden_size());
    let lane = LaneSteering::new(Mask::FromLastPrompt, TEXT.1, 0.8);
    let block = site(shape, &v).block;
    let mut hook = SteerHook::new(
        block,
        steerscope::units::Edit::ADD,
        v.clone(),
        vec![LaneSteering::OFF, lane],
    );
    bencher.bench_local(|| read(shape, 2, TEXT.0 - TEXT.1 + 1, &mut hook));
}

/// From nothing to the strip.
#[divan::bench(args = PLAIN, sample_count = 10, sample_size = 1)]
fn strip_from_nothing(bencher: Bencher<'_, '_>, shape: Shape) {
    let v = direction(model(shape).hidden_size());
    let site = site(shape, &v);
    bencher.bench_local(|| {
        let (model, never) = (Arc::clone(model(shape)), Cancel::never());
        let run = UnsteeredRun::new(model, shown(shape), site.block, &never).expect("a run");
        strip(&run, &site, false)
    });
}

/// A moved slider: another coefficient on a text that was read.
#[divan::bench(args = PLAIN, sample_count = 10, sample_size = 1)]
fn strip_again(bencher: Bencher<'_, '_>, shape: Shape) {
    let v = direction(model(shape).hidden_size());
    let (site, never) = (site(shape, &v), Cancel::never());
    let model = Arc::clone(model(shape));
    let run = UnsteeredRun::new(model, shown(shape), site.block, &never).expect("a run");
    bencher.bench_local(|| strip(&run, &site, false));
}

/// The same with attention frozen.
#[divan::bench(args = PLAIN, sample_count = 10, sample_size = 1)]
fn strip_again_frozen(bencher: Bencher<'_, '_>, shape: Shape) {
    let v = direction(model(shape).hidden_size());
    let (site, never) = (site(shape, &v), Cancel::never());
    let model = Arc::clone(model(shape));
    let run = UnsteeredRun::new(model, shown(shape), site.block, &never).expect("a run");
    bencher.bench_local(|| strip(&run, &site, true));
}

/// The logit lens at one position.
#[divan::bench(args = PLAIN, sample_count = 10, sample_size = 1)]
fn lens(bencher: Bencher<'_, '_>, shape: Shape) {
    let v = direction(model(shape).hidden_size());
    let (site, never) = (site(shape, &v), Cancel::never());
    let model = Arc::clone(model(shape));
    let run = UnsteeredRun::new(model, shown(shape), site.block, &never).expect("a run");
    let steered = run.steer(&site, 0.8, false, &never).expect("a run");
    bencher.bench_local(|| run.lens(&steered, 80, 5, &never).expect("a lens"));
}
