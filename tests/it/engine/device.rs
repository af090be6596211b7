//! The decoder on tensors, which GPUs run, against the one on our kernel: on candle's CPU device, so
//! that it needs no GPU.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use steerscope::engine::{
    Branch, Cancel, Config, Generation, Hook, HookPoint, Keep, KvCache, Model, NoHook, Part, Place,
    Precision, Rows, SamplerSettings, TextTokenizer,
};
use steerscope::units::{BlockIndex, DeviceChoice};

use super::oracle::{both, oracles_on};
use super::support::{Edit, Points, close, forward, parts, shared, tail};
use super::tiny::{Tiny, direction_of, prompt, prompt_below, tokenizer};

fn tiny(tiny: &Tiny) -> [Arc<Model>; 2] {
    let dir = tiny.write();
    [DeviceChoice::Cpu, DeviceChoice::TensorCpu]
        .map(|device| Arc::new(Model::open_on(dir.path(), device).expect("loads")))
}

fn extend(
    model: &Model,
    cache: &mut KvCache,
    parts: &[Part<'_>],
    keep: Keep,
    hook: &mut dyn Hook,
) -> Rows {
    model
        .extend(cache, parts, keep, hook, &Cancel::never())
        .expect("a pass")
}

/// Rows of texts of unequal length in one batch, at once and in pieces that end within a window.
fn pieces(model: &Model, texts: &[Vec<u32>], cuts: &[usize]) -> (Vec<Vec<f32>>, KvCache) {
    let d = model.hidden_size();
    let mut rows = vec![Vec::new(); texts.len()];
    let mut cache = KvCache::new(model, texts.len());
    for cut in cuts.windows(2) {
        let parts: Vec<Part<'_>> = texts
            .iter()
            .enumerate()
            .filter_map(|(sequence, ids)| {
                let ids = &ids[cut[0].min(ids.len())..cut[1].min(ids.len())];
                (!ids.is_empty()).then_some(Part { sequence, ids })
            })
            .collect();
        let got = extend(model, &mut cache, &parts, Keep::All, &mut NoHook);
        let mut got = got.as_slice();
        for part in &parts {
            let (mine, rest) = got.split_at(part.ids.len() * d);
            rows[part.sequence].extend_from_slice(mine);
            got = rest;
        }
    }
    (rows, cache)
}

#[test]
fn tensors_give_the_rows_keys_and_values_of_the_kernel_batched_and_cached_in_every_family() {
    for (kernel, tensors) in both() {
        let texts: Vec<Vec<u32>> = [5, 40, 1, 33]
            .iter()
            .map(|n| prompt_below(40, *n, *n))
            .collect();
        let (want, cache) = pieces(&kernel.model, &texts, &[0, 40]);
        for cuts in [vec![0, 40], vec![0, 3, 4, 20, 37, 38, 40]] {
            let (got, kept) = pieces(&tensors.model, &texts, &cuts);
            for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                close(got, want, &format!("{} text {i}", kernel.name));
            }
            for (block, sequence, position) in [(0, 1, 39), (1, 0, 0), (1, 3, 20)] {
                let (k, v) = kept.keys_values(block, sequence, position).expect("kept");
                let want = cache.keys_values(block, sequence, position).expect("kept");
                close(&k, &want.0, "keys");
                close(&v, &want.1, "values");
            }
            assert!(kept.keys_values(0, 0, 5).is_none());
        }
    }
}

#[test]
fn tensors_give_the_same_whichever_rows_are_kept() {
    for (kernel, tensors) in both() {
        let texts = [prompt_below(40, 12, 1), prompt_below(40, 30, 2)];
        let parts = parts(&texts);
        for keep in [Keep::Last, Keep::All, Keep::Nothing] {
            let run = |model: &Model| {
                let mut cache = KvCache::new(model, 2);
                let rows = extend(model, &mut cache, &parts, keep, &mut NoHook);
                assert_eq!((cache.len(0), cache.len(1)), (12, 30));
                rows
            };
            let (got, want) = (run(&tensors.model), run(&kernel.model));
            assert_eq!(got.n(), want.n());
            if got.n() > 0 {
                close(got.as_slice(), want.as_slice(), &kernel.name);
                let ids: Vec<[u32; 2]> = (0..got.n() as u32).map(|i| [7, i % 5 + 8]).collect();
                let of = |m: &Model, rows| m.answer_logits(rows, &ids).expect("logits");
                let (a, b) = (of(&tensors.model, &got), of(&kernel.model, &want));
                close(a.as_flattened(), b.as_flattened(), "answer logits");
            }
        }
    }
}

#[test]
fn tensors_resume_branches_to_the_rows_of_the_kernel_in_every_family() {
    for (kernel, tensors) in both() {
        let d = kernel.model.hidden_size();
        let texts: Vec<Vec<u32>> = [40, 33, 9]
            .iter()
            .map(|n| prompt_below(40, *n, *n))
            .collect();
        let [of_tensors, of_kernel] =
            [&tensors.model, &kernel.model].map(|model| (model, pieces(model, &texts, &[0, 40]).1));
        // Last rows, some rows, and whole texts; several branches of one sequence side by side.
        for starts in [[39, 32, 8], [36, 20, 8], [0, 31, 0]] {
            let list: Vec<Branch> = starts
                .iter()
                .enumerate()
                .flat_map(|(i, &start)| std::iter::repeat_n(tail(&texts, i, start), 3))
                .collect();
            let n: usize = list.iter().map(|b| b.len).sum();
            let values: Vec<f32> = direction_of(n * d, 5).iter().map(|v| 3.0 * v).collect();
            let rows = Rows::from_vec(values, d).expect("rows");
            for block in 0..kernel.model.n_blocks() {
                let [got, want] = [&of_tensors, &of_kernel].map(|(model, cache)| {
                    let (after, rows) = (Some(BlockIndex(block)), rows.clone());
                    model
                        .resume(cache, after, &list, rows, &mut NoHook, &Cancel::never())
                        .expect("a pass")
                });
                assert_eq!(got.n(), list.len());
                let what = format!("{} after block {block}", kernel.name);
                close(got.as_slice(), want.as_slice(), &what);
            }
        }
    }
}

#[test]
fn hooks_see_and_edit_the_same_at_every_point_in_every_family() {
    for (kernel, tensors) in both() {
        let texts = [prompt_below(40, 12, 1), prompt_below(40, 21, 2)];
        for point in HookPoint::ALL {
            let [got, want] = [&tensors.model, &kernel.model].map(|model| {
                let mut hook = Points::adding(1, point, 0.5);
                let parts = parts(&texts);
                let mut cache = KvCache::new(model, 2);
                let rows = extend(model, &mut cache, &parts, Keep::Last, &mut hook);
                (rows, hook.seen)
            });
            close(got.0.as_slice(), want.0.as_slice(), &kernel.name);
            assert_eq!(got.1.len(), want.1.len());
            for (got, want) in got.1.iter().zip(&want.1) {
                assert_eq!((got.0, got.1, &got.2), (want.0, want.1, &want.2));
                let what = format!("{} block {} {:?}", kernel.name, got.0, got.1);
                close(&got.3, &want.3, &what);
            }
        }
    }
}

#[test]
fn tensors_write_the_texts_of_the_kernel_in_every_family() {
    for (kernel, tensors) in both() {
        let [got, want] = [&tensors.model, &kernel.model].map(|model| {
            let hook = Edit {
                block: 1,
                vector: direction_of(model.hidden_size(), 2),
                coefficients: vec![0.0, 1.5],
                from: vec![usize::MAX, 25],
            };
            let mut run = Generation::start(
                Arc::clone(model),
                prompt_below(40, 30, 4),
                2,
                &SamplerSettings::default(),
                vec![],
                Box::new(hook.clone()),
            )
            .expect("starts")
            .limit(8);
            let mut texts = [Vec::new(), Vec::new()];
            let mut again = false;
            while !run.is_finished() {
                for step in run.step(&Cancel::never()).expect("a step") {
                    texts[step.lane].extend(step.token);
                }
                // The steered lane begins again from what the other has in its cache.
                if !again && texts[1].len() == 3 {
                    again = true;
                    texts[1].clear();
                    run.restart(&[1], Box::new(hook.clone())).expect("restarts");
                }
            }
            texts
        });
        assert_eq!(got, want, "{}", kernel.name);
        assert_eq!((got[0].len(), got[1].len()), (8, 8));
    }
}

#[test]
fn copied_and_shortened_sequences_continue_as_on_the_kernel() {
    let [kernel, tensors] = tiny(&Tiny::default());
    let run = |model: &Model| {
        let (first, second) = (prompt(20, 1), prompt(9, 2));
        let mut cache = KvCache::new(model, 2);
        let part = |sequence, ids| [Part { sequence, ids }];
        extend(
            model,
            &mut cache,
            &part(0, &first),
            Keep::Nothing,
            &mut NoHook,
        );
        cache.clone_sequence(0, 1).expect("copied");
        cache.truncate(1, 13);
        let mut rows = Vec::new();
        for sequence in [1, 0] {
            let part = part(sequence, &second);
            let got = extend(model, &mut cache, &part, Keep::All, &mut NoHook);
            rows.extend_from_slice(got.as_slice());
        }
        cache.truncate(0, 0);
        let pushed = cache.push_sequence();
        let part = [0, pushed].map(|sequence| Part {
            sequence,
            ids: &second,
        });
        let got = extend(model, &mut cache, &part, Keep::All, &mut NoHook);
        rows.extend_from_slice(got.as_slice());
        assert!(cache.memory_bytes() > 0);
        (rows, [cache.len(0), cache.len(1), cache.len(pushed)])
    };
    let (got, want) = (run(&tensors), run(&kernel));
    assert_eq!(got.1, [9, 22, 9]);
    assert_eq!(got.1, want.1);
    close(&got.0, &want.0, "rows");
}

/// Cancels the pass in its first block.
struct Stop(Arc<AtomicU64>);

impl Hook for Stop {
    fn wants(&self, block: BlockIndex) -> bool {
        block.0 == 0
    }

    fn visit(&mut self, _: BlockIndex, _: &[Place], _: &mut [f32], _: usize) {
        self.0.store(2, Ordering::Release);
    }
}

#[test]
fn a_cancelled_pass_leaves_the_cache_of_tensors_as_it_was() {
    let [_, tensors] = tiny(&Tiny::default());
    let (first, second) = (prompt(20, 1), prompt(9, 2));
    let mut cache = KvCache::new(&tensors, 1);
    let part = |ids| [Part { sequence: 0, ids }];
    extend(
        &tensors,
        &mut cache,
        &part(&first),
        Keep::Nothing,
        &mut NoHook,
    );
    let current = Arc::new(1.into());
    let cancel = Cancel::new(Arc::clone(&current), 1);
    let other = prompt(11, 3);
    let stopped = tensors.extend(
        &mut cache,
        &part(&other),
        Keep::All,
        &mut Stop(current),
        &cancel,
    );
    assert!(stopped.expect_err("cancelled").is_cancelled());
    assert_eq!(cache.len(0), 20);
    let got = extend(
        &tensors,
        &mut cache,
        &part(&second),
        Keep::Last,
        &mut NoHook,
    );
    let whole = [first, second].concat();
    let want = forward(&tensors, &whole, &mut NoHook);
    close(
        got.as_slice(),
        want.row(28).expect("a row"),
        "after the cancelled pass",
    );
}

#[test]
fn long_and_uneven_prompts_are_cut_into_tiles_without_a_trace() {
    let wide = Tiny::default()
        .with("max_position_embeddings", json!(1500))
        .with("rope_theta", json!(1_000_000.0));
    let [kernel, tensors] = tiny(&wide);
    let texts = [prompt(1300, 1), prompt(3, 2), prompt(700, 3)];
    let (want, _) = pieces(&kernel, &texts, &[0, 1300]);
    let (got, _) = pieces(&tensors, &texts, &[0, 1, 1250, 1300]);
    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
        close(got, want, &format!("text {i}"));
    }
}

#[test]
fn half_precision_files_give_the_same_on_tensors_of_the_cpu() {
    for dtype in ["F16", "BF16"] {
        let [kernel, tensors] = tiny(&Tiny {
            dtype,
            ..Tiny::default()
        });
        let ids = prompt(30, 1);
        let [got, want] = [&tensors, &kernel].map(|m| forward(m, &ids, &mut NoHook));
        close(got.as_slice(), want.as_slice(), dtype);
        // candle multiplies in f32 on the CPU.
        assert_eq!(tensors.precision(), Precision::F32);
        assert_eq!(tensors.parameters(), kernel.parameters());
        assert_eq!(tensors.hash(), kernel.hash());
        assert!(tensors.weight_bytes() > kernel.weight_bytes());
    }
}

#[test]
fn a_gguf_file_gives_the_same_on_tensors() {
    let Some(path) = shared("models/stories260K/stories260K-f32.gguf") else {
        return;
    };
    let [got, want] = [DeviceChoice::TensorCpu, DeviceChoice::Cpu].map(|device| {
        let model = Model::open_on(&path, device).expect("loads");
        let rows = forward(&model, &prompt_below(400, 60, 1), &mut NoHook);
        model.logits(&rows).expect("logits")
    });
    close(&got, &want, "stories260K");
}

#[test]
fn random_models_are_the_same_on_every_device() {
    let config = Tiny::default().config.to_string();
    let config = Config::from_json(config.as_bytes(), "test").expect("a configuration");
    let words = TextTokenizer::from_bytes(tokenizer(97).as_bytes(), "test").expect("a tokenizer");
    let [got, want] = [DeviceChoice::TensorCpu, DeviceChoice::Cpu].map(|device| {
        let (config, words) = (config.clone(), words.clone());
        let model = Model::random_on(config, words, 3, Precision::Bf16, device).expect("a model");
        forward(&model, &prompt(30, 1), &mut NoHook)
    });
    close(got.as_slice(), want.as_slice(), "random");
}

#[test]
fn caches_of_the_other_decoder_are_refused() {
    let [kernel, tensors] = tiny(&Tiny::default());
    let mut cache = KvCache::new(&kernel, 1);
    let ids = prompt(3, 1);
    let part = [Part {
        sequence: 0,
        ids: &ids,
    }];
    let refused = tensors.extend(&mut cache, &part, Keep::All, &mut NoHook, &Cancel::never());
    assert_eq!(refused.expect_err("refused").id(), "engine-request");
}

#[test]
fn folders_of_families_are_there() {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/families");
    let n = std::fs::read_dir(own).expect("readable").count();
    assert!(oracles_on(DeviceChoice::TensorCpu).len() >= n && n > 5);
}
