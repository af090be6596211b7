//! One model on every device that this build and machine have: the bundled model on our kernel, on
//! candle's tensors of the CPU, and on a GPU with the features `cuda` or `metal`.
//!
//! `cargo bench --bench device`; `STEERSCOPE_BENCH_MODEL=PATH` takes another model.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a bench that cannot be set up should stop"
)]

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use divan::{Bencher, counter::ItemsCount};
use steerscope::engine::{Branch, Cancel, Keep, KvCache, Model, NoHook, Part, Rows, init_threads};
use steerscope::units::{BlockIndex, DeviceChoice};

static MODELS: LazyLock<HashMap<String, Arc<Model>>> = LazyLock::new(|| {
    let path = std::env::var_os("STEERSCOPE_BENCH_MODEL");
    let open = |device: DeviceChoice| match &path {
        Some(path) => Model::open_on(Path::new(path), device),
        None => Model::bundled_on(device),
    };
    let gpus = [
        (cfg!(feature = "cuda"), DeviceChoice::Cuda(0)),
        (cfg!(feature = "metal"), DeviceChoice::Metal(0)),
    ];
    let gpus = gpus.into_iter().filter(|g| g.0).map(|g| g.1);
    [DeviceChoice::Cpu, DeviceChoice::TensorCpu]
        .into_iter()
        .chain(gpus)
        .map(|device| (device.to_string(), Arc::new(open(device).expect("a model"))))
        .collect()
});

fn main() {
    init_threads();
    divan::main();
}

fn devices() -> Vec<String> {
    let mut names: Vec<String> = MODELS.keys().cloned().collect();
    names.sort();
    names
}

fn tokens(n: usize, sequence: usize) -> Vec<u32> {
    (0..n)
        .map(|i| ((i * 7919 + sequence * 104_729 + 13) % 1900 + 100) as u32)
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
            Keep::Last,
            &mut NoHook,
            &Cancel::never(),
        )
        .expect("a prefill");
    cache
}

/// 16 prompts of 128 tokens from nothing to final rows.
#[divan::bench(args = devices(), sample_count = 8, sample_size = 1)]
fn prefill_16x128(bencher: Bencher<'_, '_>, device: &String) {
    let model = &MODELS[device];
    bencher
        .counter(ItemsCount::new(16 * 128usize))
        .bench(|| filled(model, 16, 128));
}

/// 16 tokens per lane after a prompt of 32, output head included.
#[divan::bench(args = devices(), consts = [1, 2, 8], sample_count = 8, sample_size = 1)]
fn decode_lanes<const LANES: usize>(bencher: Bencher<'_, '_>, device: &String) {
    let model = &MODELS[device];
    let start = filled(model, LANES, 32);
    bencher
        .counter(ItemsCount::new(16 * LANES))
        .with_inputs(|| start.clone())
        .bench_values(|mut cache| {
            for step in 0..16u32 {
                let ids = [step + 105];
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
#[divan::bench(args = devices(), sample_count = 10, sample_size = 1)]
fn resume_64x7(bencher: Bencher<'_, '_>, device: &String) {
    let model = &MODELS[device];
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
    let answers = vec![[105u32, 106u32]; 64 * 7];
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
