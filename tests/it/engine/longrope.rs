//! Texts that grow beyond the original context of a `LongRoPE` model: as one pass over the whole text.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use steerscope::engine::{
    Branch, Cancel, Generation, Keep, KvCache, Model, NoHook, Part, Rows, SamplerSettings,
};
use steerscope::units::BlockIndex;

use super::gguf::logits;
use super::oracle::load;
use super::support::{Record, assert_close};

/// Original context of the model.
const ORIGINAL: usize = 128;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/families/rope_longrope_beyond")
}

fn model() -> (Arc<Model>, Vec<u32>) {
    let ids = numbers("ids").into_iter().map(|v| v as u32).collect();
    (Arc::new(load(&source())), ids)
}

/// Values of the reference file.
fn numbers(name: &str) -> Vec<f32> {
    let bytes = std::fs::read(source().join("ref.safetensors")).expect("readable");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let tensor = file.tensor(name).expect(name);
    let words = tensor.data().as_chunks::<4>().0.iter();
    if tensor.dtype() == safetensors::Dtype::I32 {
        words.map(|b| i32::from_le_bytes(*b) as f32).collect()
    } else {
        words.map(|b| f32::from_le_bytes(*b)).collect()
    }
}

fn extend(model: &Model, cache: &mut KvCache, ids: &[u32], keep: Keep) -> Rows {
    let part = [Part { sequence: 0, ids }];
    model
        .extend(cache, &part, keep, &mut NoHook, &Cancel::never())
        .expect("runs")
}

#[test]
fn text_that_grows_across_the_original_length_is_the_one_transformers_generates() {
    let (model, ids) = model();
    let want: Vec<u32> = numbers("grown.ids").into_iter().map(|v| v as u32).collect();
    let prompt = ids[..118].to_vec();
    assert!(prompt.len() < ORIGINAL && prompt.len() + want.len() > ORIGINAL);
    let mut run = Generation::start(
        Arc::clone(&model),
        prompt,
        2,
        &SamplerSettings::default(),
        vec![],
        Box::new(NoHook),
    )
    .expect("starts");
    for token in want {
        let steps = run.step(&Cancel::never()).expect("a step");
        for step in steps {
            assert_eq!(step.token, Some(token));
        }
    }
}

#[test]
fn every_logit_of_the_growing_text_agrees() {
    let (model, ids) = model();
    let grown: Vec<u32> = numbers("grown.ids").into_iter().map(|v| v as u32).collect();
    let want = numbers("grown.logits");
    let mut cache = KvCache::new(&model, 1);
    let mut rows = extend(&model, &mut cache, &ids[..118], Keep::Last);
    for (want, token) in want.chunks_exact(model.config().vocab_size).zip(grown) {
        let got = model.logits(&rows).expect("logits");
        // Relative to the largest, as in the other comparisons with references.
        let size = want.iter().fold(0.0f32, |a, b| a.max(b.abs()));
        assert_close(&got, want, 1e-5 * size, "logits");
        rows = extend(&model, &mut cache, &[token], Keep::Last);
    }
}

#[test]
fn a_sequence_is_the_same_however_it_grew_or_shrank() {
    let (model, ids) = model();
    let (short, long) = (&ids[..100], &ids[..140]);
    let want = [logits(&model, short), logits(&model, long)];
    assert_ne!(want[0], want[1][..want[0].len()], "the frequencies differ");
    let vocab = model.config().vocab_size;
    let mut cache = KvCache::new(&model, 1);
    for step in [
        &ids[..60],
        &ids[60..127],
        &ids[127..128],
        &ids[128..129],
        &ids[129..140],
    ] {
        let n = cache.len(0) + step.len();
        let rows = extend(&model, &mut cache, step, Keep::All);
        assert_eq!(rows.n(), step.len());
        let got = model.logits(&rows).expect("logits");
        let whole = logits(&model, &ids[..n]);
        assert_eq!(got, whole[(n - step.len()) * vocab..], "{n} tokens");
    }
    // Back below the original length.
    cache.truncate(0, 60);
    let rows = extend(&model, &mut cache, &ids[60..100], Keep::Last);
    let got = model.logits(&rows).expect("logits");
    assert_eq!(got, want[0][99 * vocab..]);
}

#[test]
fn a_cancelled_crossing_leaves_the_short_text_as_it_was() {
    let (model, ids) = model();
    let mut cache = KvCache::new(&model, 1);
    extend(&model, &mut cache, &ids[..120], Keep::Last);
    let before = cache.keys_values(1, 0, 90);
    let newest = Arc::new(std::sync::atomic::AtomicU64::new(1));
    let cancel = Cancel::new(Arc::clone(&newest), 0);
    let part = [Part {
        sequence: 0,
        ids: &ids[120..140],
    }];
    let stopped = model.extend(&mut cache, &part, Keep::Last, &mut NoHook, &cancel);
    assert!(stopped.expect_err("cancelled").is_cancelled());
    assert_eq!((cache.len(0), cache.keys_values(1, 0, 90)), (120, before));
    let rows = extend(&model, &mut cache, &ids[120..126], Keep::Last);
    let vocab = model.config().vocab_size;
    let want = logits(&model, &ids[..126]);
    assert_eq!(model.logits(&rows).expect("logits"), want[125 * vocab..]);
}

#[test]
fn branches_take_the_frequencies_of_their_sequence() {
    let (model, ids) = model();
    let vocab = model.config().vocab_size;
    let mut record = Record::new(NoHook);
    let mut cache = KvCache::new(&model, 1);
    let part = [Part {
        sequence: 0,
        ids: &ids[..140],
    }];
    model
        .extend(&mut cache, &part, Keep::Last, &mut record, &Cancel::never())
        .expect("runs");
    let d = model.hidden_size();
    let x: Vec<f32> = (135..140)
        .flat_map(|p| record.row(0, 0, p, d).to_vec())
        .collect();
    let branch = |start, len| {
        [Branch {
            sequence: 0,
            start,
            len,
        }]
    };
    let after = Some(BlockIndex(0));
    let resume = |cache: &KvCache, branch: &[Branch], x: Vec<f32>| {
        let x = Rows::from_vec(x, d).expect("rows");
        model.resume(cache, after, branch, x, &mut NoHook, &Cancel::never())
    };
    let rows = resume(&cache, &branch(135, 5), x).expect("runs");
    let got = model.logits(&rows).expect("logits");
    assert_close(
        &got,
        &logits(&model, &ids[..140])[139 * vocab..],
        1e-6,
        "logits",
    );
    // A branch cannot make its sequence's keys those of a longer text.
    let mut cache = KvCache::new(&model, 1);
    extend(&model, &mut cache, &ids[..126], Keep::Nothing);
    let refused = resume(&cache, &branch(126, 5), vec![0.0; 5 * d]);
    assert_eq!(refused.expect_err("too long").id(), "context-length");
}
