//! The engine alone: prefill, decode in lanes, resumed branches; a shape like the bundled model's
//! and that of SmolLM2-135M, random weights.
//!
//! `cargo bench --bench engine`; absolute times hold for one machine, ratios are the message.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a bench that cannot be set up should stop"
)]

use std::sync::{Arc, OnceLock};

use divan::{Bencher, counter::ItemsCount};
use steerscope::engine::{
    Branch, Cancel, Config, Keep, KvCache, Model, NoHook, Part, Rows, TextTokenizer, init_threads,
};
use steerscope::units::BlockIndex;

fn main() {
    init_threads();
    divan::main();
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Bundled,
    Smol135,
}

const SHAPES: [Shape; 2] = [Shape::Bundled, Shape::Smol135];

fn model(shape: Shape) -> &'static Model {
    static BUNDLED: OnceLock<Arc<Model>> = OnceLock::new();
    static SMOL: OnceLock<Arc<Model>> = OnceLock::new();
    let (cell, config) = match shape {
        Shape::Bundled => (&BUNDLED, (192, 512, 6, 6, 6, 32, 2048)),
        Shape::Smol135 => (&SMOL, (576, 1536, 30, 9, 3, 64, 49_152)),
    };
    cell.get_or_init(|| {
        let (d, f, blocks, heads, kv, head, vocab) = config;
        let json = format!(
            r#"{{"model_type":"llama","hidden_size":{d},"intermediate_size":{f},"num_hidden_layers":{blocks},
            "num_attention_heads":{heads},"num_key_value_heads":{kv},"head_dim":{head},"vocab_size":{vocab},
            "max_position_embeddings":512,"rms_norm_eps":1e-5,"tie_word_embeddings":true}}"#
        );
        let config = Config::from_json(json.as_bytes(), "bench").expect("a configuration");
        let bytes = include_bytes!("../assets/model/tokenizer.json");
        let tokenizer = TextTokenizer::from_bytes(bytes, "bundled tokenizer.json").expect("a tokenizer");
        Arc::new(Model::random(config, tokenizer, 1).expect("a model"))
    })
}

fn tokens(n: usize, sequence: usize) -> Vec<u32> {
    (0..n)
        .map(|i| ((i * 7919 + sequence * 104_729 + 13) % 2048) as u32)
        .collect()
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
