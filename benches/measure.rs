//! Measuring 64 inputs over 7 multipliers: what a moved slider costs, and cached evaluation against
//! plain full forward passes. A shape like the bundled model's and that of SmolLM2-135M, random
//! weights, prompts of 96 tokens.
//!
//! `cargo bench --bench measure`; absolute times hold for one machine, ratios are the message.

#![allow(
    clippy::expect_used,
    reason = "a benchmark that cannot run must say so"
)]

mod shapes;

use std::sync::Arc;

use divan::{Bencher, counter::ItemsCount};
use shapes::{PLAIN, Shape, model, tokens};
use steerscope::engine::{Cancel, init_threads};
use steerscope::measure::controls::{Control, ControlDirection, RANDOM, drawn, slopes};
use steerscope::measure::{
    CacheOptions, PreparedInput, PreparedSet, PromptCache, Site, SweepCell, naive_propensity,
};
use steerscope::units::{BlockIndex, DEFAULT_MULTIPLIERS, Mask};

fn main() {
    init_threads();
    divan::main();
}

/// Inputs of the live histogram.
const INPUTS: usize = 64;
/// Inputs of its first update.
const FIRST: usize = 16;

/// Site near the start, the middle and the end of the model.
const DEPTHS: [f64; 3] = [0.17, 0.5, 0.83];

/// Prompts of 95 tokens whose answer letter is the second answer token, as in ` (A`: two steered
/// positions are read under the default mask.
fn inputs() -> Arc<PreparedSet> {
    inputs_of(95)
}

/// 96 tokens before the tokens that differ, so many of them prompt.
fn inputs_of(prompt_len: usize) -> Arc<PreparedSet> {
    let input = |row: usize| PreparedInput {
        row,
        prefix: tokens(96, row),
        prompt_len,
        answers: [40, 41],
        tails: [Vec::new(), Vec::new()],
        prompt: String::new(),
        positive: String::new(),
        negative: String::new(),
    };
    Arc::new(PreparedSet {
        dataset: "bench".to_owned(),
        dataset_id: "bench".to_owned(),
        inputs: (0..INPUTS).map(input).collect(),
        rejected: steerscope::steering::Rejections::default(),
        texts_only: 0,
        propensity: steerscope::measure::Propensity::AnswerLogit,
    })
}

fn direction(width: usize) -> Vec<f32> {
    (0..width)
        .map(|i| ((i * 7919 + 13) % 101) as f32 / 101.0 - 0.5)
        .collect()
}

fn cache(shape: Shape) -> PromptCache {
    cache_of(shape, inputs())
}

fn cache_of(shape: Shape, inputs: Arc<PreparedSet>) -> PromptCache {
    PromptCache::new(Arc::clone(model(shape)), inputs, CacheOptions::default())
}

fn block(shape: Shape, depth: f64) -> BlockIndex {
    BlockIndex((model(shape).n_blocks() as f64 * depth) as usize)
}

/// First pass over the prompts, once per model and data set.
#[divan::bench(args = PLAIN, sample_count = 5, sample_size = 1)]
fn prefill(bencher: Bencher<'_, '_>, shape: Shape) {
    bencher
        .counter(ItemsCount::new(INPUTS * 96))
        .with_inputs(|| cache(shape))
        .bench_values(|mut cache| {
            cache.prefill(0..INPUTS, &Cancel::never()).expect("prompts");
            cache
        });
}

fn slider(bencher: Bencher<'_, '_>, shape: Shape, mask: Mask, depth: f64, inputs: usize) {
    let mut cache = cache(shape);
    cache.prefill(0..INPUTS, &Cancel::never()).expect("prompts");
    let v = direction(model(shape).hidden_size());
    let site = Site {
        edit: steerscope::units::Edit::ADD,
        direction: &v,
        block: block(shape, depth),
        mask,
    };
    // Whole-prompt checkpoints of the mask `all` belong to the first visit, not to a moved slider.
    cache
        .evaluate(&site, &[1.0], 0..inputs, &Cancel::never())
        .expect("a warm cache");
    bencher
        .counter(ItemsCount::new(inputs * 7))
        .bench_local(|| {
            cache
                .evaluate(&site, &DEFAULT_MULTIPLIERS, 0..inputs, &Cancel::never())
                .expect("propensities")
        });
}

/// Slider move to the first update of the histogram.
#[divan::bench(args = DEPTHS, sample_count = 20, sample_size = 1)]
fn slider_first_bundled(bencher: Bencher<'_, '_>, depth: f64) {
    slider(bencher, Shape::Bundled, Mask::FromLastPrompt, depth, FIRST);
}

/// Slider move to the complete histogram.
#[divan::bench(args = DEPTHS, sample_count = 20, sample_size = 1)]
fn slider_complete_bundled(bencher: Bencher<'_, '_>, depth: f64) {
    slider(bencher, Shape::Bundled, Mask::FromLastPrompt, depth, INPUTS);
}

#[divan::bench(args = DEPTHS, sample_count = 10, sample_size = 1)]
fn slider_first_smol135(bencher: Bencher<'_, '_>, depth: f64) {
    slider(bencher, Shape::Smol135, Mask::FromLastPrompt, depth, FIRST);
}

#[divan::bench(args = DEPTHS, sample_count = 10, sample_size = 1)]
fn slider_complete_smol135(bencher: Bencher<'_, '_>, depth: f64) {
    slider(bencher, Shape::Smol135, Mask::FromLastPrompt, depth, INPUTS);
}

/// The mask `all` runs every token above the site again.
#[divan::bench(args = DEPTHS, sample_count = 3, sample_size = 1)]
fn slider_all_positions_bundled(bencher: Bencher<'_, '_>, depth: f64) {
    slider(bencher, Shape::Bundled, Mask::All, depth, INPUTS);
}

/// From nothing to all figures at one site: prefill included.
#[divan::bench(args = PLAIN, sample_count = 3, sample_size = 1)]
fn cached_from_nothing(bencher: Bencher<'_, '_>, shape: Shape) {
    let v = direction(model(shape).hidden_size());
    let site = Site {
        edit: steerscope::units::Edit::ADD,
        direction: &v,
        block: block(shape, 0.5),
        mask: Mask::FromLastPrompt,
    };
    bencher
        .counter(ItemsCount::new(INPUTS * 7))
        .with_inputs(|| cache(shape))
        .bench_local_values(|mut cache| {
            cache
                .evaluate(&site, &DEFAULT_MULTIPLIERS, 0..INPUTS, &Cancel::never())
                .expect("propensities")
        });
}

/// The same for a vector and 16 random directions of its length, all in one sweep: compare with
/// `cached_from_nothing`.
#[divan::bench(args = PLAIN, sample_count = 3, sample_size = 1)]
fn controls_from_nothing(bencher: Bencher<'_, '_>, shape: Shape) {
    let v = direction(model(shape).hidden_size());
    let mut directions = vec![ControlDirection {
        control: Control::Vector,
        direction: v.clone(),
    }];
    let all = drawn(&v, RANDOM, 0).into_iter();
    directions.extend(all.filter(|c| matches!(c.control, Control::Random(_))));
    let site = (
        block(shape, 0.5),
        Mask::FromLastPrompt,
        steerscope::units::Edit::ADD,
    );
    bencher
        .counter(ItemsCount::new(INPUTS * 7 * directions.len()))
        .with_inputs(|| cache(shape))
        .bench_local_values(|mut cache| {
            slopes(
                &mut cache,
                &directions,
                site,
                &DEFAULT_MULTIPLIERS,
                0..INPUTS,
                &Cancel::never(),
            )
            .expect("slopes")
        });
}

/// From nothing to all figures at every site.
#[divan::bench(args = PLAIN, sample_count = 2, sample_size = 1)]
fn cached_every_site(bencher: Bencher<'_, '_>, shape: Shape) {
    let v = direction(model(shape).hidden_size());
    let n_blocks = model(shape).n_blocks();
    bencher
        .counter(ItemsCount::new(INPUTS * 7 * n_blocks))
        .with_inputs(|| cache(shape))
        .bench_local_values(|mut cache| {
            for block in (0..n_blocks).map(BlockIndex) {
                let site = Site {
                    edit: steerscope::units::Edit::ADD,
                    direction: &v,
                    block,
                    mask: Mask::FromLastPrompt,
                };
                cache
                    .evaluate(&site, &DEFAULT_MULTIPLIERS, 0..INPUTS, &Cancel::never())
                    .expect("propensities");
            }
        });
}

/// All sites × all multipliers from nothing, rows of all sites in one pass.
#[divan::bench(args = PLAIN, sample_count = 3, sample_size = 1)]
fn sweep_every_site(bencher: Bencher<'_, '_>, shape: Shape) {
    sweep(bencher, shape, 95);
}

/// The same where the answers differ at their first token, as in ` yes`: one steered row each.
#[divan::bench(args = PLAIN, sample_count = 3, sample_size = 1)]
fn sweep_every_site_one_row(bencher: Bencher<'_, '_>, shape: Shape) {
    sweep(bencher, shape, 96);
}

fn sweep(bencher: Bencher<'_, '_>, shape: Shape, prompt_len: usize) {
    let v = direction(model(shape).hidden_size());
    let cells: Vec<SweepCell<'_>> = (0..model(shape).n_blocks())
        .map(|b| SweepCell {
            site: Site {
                edit: steerscope::units::Edit::ADD,
                direction: &v,
                block: BlockIndex(b),
                mask: Mask::FromLastPrompt,
            },
            multipliers: &DEFAULT_MULTIPLIERS,
        })
        .collect();
    bencher
        .with_inputs(|| cache_of(shape, inputs_of(prompt_len)))
        .bench_local_values(|mut cache| {
            cache
                .sweep(&cells, 0..INPUTS, &Cancel::never())
                .expect("a sweep")
        });
}

/// Two texts per multiplier, one at a time, output head at every position: four inputs at one
/// site; multiply by 16 to compare with `cached_from_nothing`, by 16 and the number of blocks to
/// compare with `cached_every_site`.
#[divan::bench(args = PLAIN, sample_count = 2, sample_size = 1)]
fn naive_four_inputs(bencher: Bencher<'_, '_>, shape: Shape) {
    let v = direction(model(shape).hidden_size());
    let site = Site {
        edit: steerscope::units::Edit::ADD,
        direction: &v,
        block: block(shape, 0.5),
        mask: Mask::FromLastPrompt,
    };
    let set = inputs();
    bencher
        .counter(ItemsCount::new(4 * 7_usize))
        .bench_local(|| {
            for input in &set.inputs[..4] {
                naive_propensity(
                    model(shape),
                    input,
                    &site,
                    &DEFAULT_MULTIPLIERS,
                    &Cancel::never(),
                )
                .expect("propensities");
            }
        });
}
