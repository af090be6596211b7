//! The engine alone: prefill, decode in lanes, resumed branches; a shape like the bundled model's
//! and that of SmolLM2-135M, random weights.
//!
//! `cargo bench --bench engine`; absolute times hold for one machine, ratios are the message.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a bench that cannot be set up should stop"
)]

mod shapes;

use divan::{Bencher, counter::ItemsCount};
use shapes::{SHAPES, Shape, model, tokens};
use steerscope::engine::{
    Branch, Cancel, Keep, KvCache, Model, NoHook, Part, Rows, SamplerSettings, init_threads,
};
use steerscope::steering::{Fan, FanLane, FanPlan};
use steerscope::units::{BlockIndex, Mask};

fn main() {
    init_threads();
    divan::main();
}

fn filled(model: &Model, sequences: usize, len: usize) -> KvCache {
    let mut cache = KvCache::new(model, sequences);
    let ids: Vec<Vec<u32>> = (0..sequences).map(|s| tokens(len, s)).collect();
    let parts: Vec<Part<'_>> = ids
        .iter()
        .enumerate()
        .map(|(sequence, ids)| Part { sequence, ids })
        .collect();
    model
        .extend(
            &mut cache,
            &parts,
            Keep::Nothing,
            &mut NoHook,
            &Cancel::never(),
        )
        .expect("a prefill");
    cache
}

/// 16 prompts of 128 tokens from nothing to final rows.
#[divan::bench(args = SHAPES, sample_count = 8, sample_size = 1)]
fn prefill_16x128(bencher: Bencher<'_, '_>, shape: Shape) {
    let model = model(shape);
    let ids: Vec<Vec<u32>> = (0..16).map(|s| tokens(128, s)).collect();
    bencher.counter(ItemsCount::new(16 * 128usize)).bench(|| {
        let parts: Vec<Part<'_>> = ids
            .iter()
            .enumerate()
            .map(|(sequence, ids)| Part { sequence, ids })
            .collect();
        let mut cache = KvCache::new(model, 16);
        model.extend(
            &mut cache,
            &parts,
            Keep::Last,
            &mut NoHook,
            &Cancel::never(),
        )
    });
}

/// 16 tokens per lane after a prompt of 32, output head included.
#[divan::bench(args = SHAPES, consts = [1, 2, 8], sample_count = 8, sample_size = 1)]
fn decode_lanes<const LANES: usize>(bencher: Bencher<'_, '_>, shape: Shape) {
    let model = model(shape);
    let start = filled(model, LANES, 32);
    bencher
        .counter(ItemsCount::new(16 * LANES))
        .with_inputs(|| start.clone())
        .bench_values(|mut cache| {
            for step in 0..16u32 {
                let ids = [step + 5];
                let parts: Vec<Part<'_>> = (0..LANES)
                    .map(|sequence| Part {
                        sequence,
                        ids: &ids,
                    })
                    .collect();
                let rows = model
                    .extend(
                        &mut cache,
                        &parts,
                        Keep::Last,
                        &mut NoHook,
                        &Cancel::never(),
                    )
                    .expect("a step");
                divan::black_box(model.logits(&rows).expect("logits"));
            }
        });
}

/// A fan: 32 tokens per lane after a shared prompt of 32, drawing included. One lane is one decode.
#[divan::bench(args = SHAPES, consts = [1, 5, 9], sample_count = 8, sample_size = 1)]
fn fan<const LANES: usize>(bencher: Bencher<'_, '_>, shape: Shape) {
    let model = model(shape);
    let direction: Vec<f32> = (0..model.hidden_size())
        .map(|i| ((i * 7919 + 13) % 101) as f32 / 101.0 - 0.5)
        .collect();
    let lane = |i: usize| FanLane {
        direction: 0,
        coefficient: i as f32 / 4.0,
    };
    bencher
        .counter(ItemsCount::new(32 * LANES))
        .with_inputs(|| FanPlan {
            edit: steerscope::units::Edit::ADD,
            block: BlockIndex(model.n_blocks() / 2),
            mask: Mask::FromLastPrompt,
            directions: vec![direction.as_slice().into()],
            lanes: (0..LANES).map(lane).collect(),
        })
        .bench_values(|plan| {
            let (prompt, greedy) = (tokens(32, 0), SamplerSettings::default());
            let mut fan = Fan::start(model, prompt, plan, &greedy, Vec::new(), 32).expect("a fan");
            while !fan.is_finished() {
                fan.step(&Cancel::never()).expect("a step");
            }
            fan
        });
}

/// A moved coefficient: 64 inputs of 96 tokens × 7 multipliers at the last position, from the middle
/// block up, two answer logits each.
#[divan::bench(args = SHAPES, sample_count = 10, sample_size = 1)]
fn resume_64x7(bencher: Bencher<'_, '_>, shape: Shape) {
    let model = model(shape);
    let cache = filled(model, 64, 96);
    let d = model.hidden_size();
    let branches: Vec<Branch> = (0..64 * 7)
        .map(|i| Branch {
            sequence: i / 7,
            start: 95,
            len: 1,
        })
        .collect();
    let rows: Vec<f32> = (0..64 * 7 * d)
        .map(|i| ((i * 7919 % 1000) as f32 - 500.0) / 500.0)
        .collect();
    let answers = vec![[5u32, 6u32]; 64 * 7];
    let after = BlockIndex(model.n_blocks() / 2);
    bencher
        .counter(ItemsCount::new(64 * 7usize))
        .with_inputs(|| Rows::from_vec(rows.clone(), d).expect("rows"))
        .bench_values(|x| {
            let out = model
                .resume(
                    &cache,
                    Some(after),
                    &branches,
                    x,
                    &mut NoHook,
                    &Cancel::never(),
                )
                .expect("a pass");
            model.answer_logits(&out, &answers).expect("logits")
        });
}
