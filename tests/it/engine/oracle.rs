//! Every model family against transformers on small random weights: residuals after every block,
//! logits, greedy tokens.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use steerscope::engine::{Cancel, Generation, Keep, KvCache, Model, NoHook, Part, SamplerSettings};
use steerscope::units::DeviceChoice;

use super::resume::check;
use super::support::{Edit, Record, forward, shared};
use super::tiny::{direction_of, prompt_below};

/// Families of the reference data.
const SHARED: [&str; 8] = [
    "gemma2", "gpt2", "gpt_neox", "llama3", "mistral", "phi3", "qwen2", "qwen3",
];

/// A model with what transformers computes for it.
pub(super) struct Oracle {
    pub(super) name: String,
    pub(super) model: Arc<Model>,
    /// Token ids of every text, all of one length.
    pub(super) texts: Vec<Vec<u32>>,
    /// `res.{block}` of shape (texts, kept, d), `logits` of shape (texts, kept, vocabulary): all
    /// tokens or the last ones.
    values: BTreeMap<String, Vec<f32>>,
}

/// Models of all families that are at hand.
pub(super) fn oracles() -> Vec<Oracle> {
    oracles_on(DeviceChoice::Cpu)
}

/// The same on a device.
pub(super) fn oracles_on(device: DeviceChoice) -> Vec<Oracle> {
    sources().iter().map(|dir| open(dir, device)).collect()
}

/// Every family twice: on our kernel and on tensors.
pub(super) fn both() -> impl Iterator<Item = (Oracle, Oracle)> {
    oracles()
        .into_iter()
        .zip(oracles_on(DeviceChoice::TensorCpu))
}

/// The same as directories with tokenizers of the words `w0`, `w1`, ….
pub(crate) fn family_directories() -> Vec<tempfile::TempDir> {
    sources().iter().map(|dir| directory(dir)).collect()
}

fn sources() -> Vec<PathBuf> {
    // Made by `make_families.py`, which stands beside them.
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/families");
    let own = std::fs::read_dir(own).expect("the families of the repository");
    let mut own: Vec<PathBuf> = own.map(|e| e.expect("an entry").path()).collect();
    own.sort();
    let dirs = SHARED
        .iter()
        .filter_map(|name| shared(&format!("oracle/families/{name}")));
    dirs.chain(own).collect()
}

fn open(source: &Path, device: DeviceChoice) -> Oracle {
    let name = source
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let model = load_on(source, device);
    let bytes = std::fs::read(source.join("ref.safetensors")).expect("readable");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let (mut values, mut texts) = (BTreeMap::new(), Vec::new());
    for (name, view) in file.tensors() {
        let words = view.data().as_chunks::<4>().0;
        if name == "ids" {
            let ids: Vec<u32> = words.iter().map(|b| u32::from_le_bytes(*b)).collect();
            texts = ids.chunks(view.shape()[1]).map(<[u32]>::to_vec).collect();
        } else {
            let floats = words.iter().map(|b| f32::from_le_bytes(*b)).collect();
            values.insert(name, floats);
        }
    }
    Oracle {
        name,
        model: Arc::new(model),
        texts,
        values,
    }
}

/// The reference has no tokenizers; any of the right size will do.
pub(super) fn load(source: &Path) -> Model {
    load_on(source, DeviceChoice::Cpu)
}

/// The same on a device.
pub(super) fn load_on(source: &Path, device: DeviceChoice) -> Model {
    let dir = directory(source);
    Model::open_on(dir.path(), device).unwrap_or_else(|e| panic!("{}: {e}", source.display()))
}

/// A directory with the files of `source` and a tokenizer.
pub(super) fn directory(source: &Path) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let files: Vec<PathBuf> = std::fs::read_dir(source)
        .expect("readable")
        .map(|e| e.expect("an entry").path())
        .collect();
    for path in files {
        let to = dir.path().join(path.file_name().expect("a name"));
        std::fs::copy(&path, to).expect("copied");
    }
    let config = std::fs::read(source.join("config.json")).expect("readable");
    let config: serde_json::Value = serde_json::from_slice(&config).expect("JSON");
    let size = |config: &serde_json::Value| config["vocab_size"].as_u64();
    let vocab = size(&config).or_else(|| size(&config["text_config"]));
    let words = super::tiny::tokenizer(vocab.expect("a vocabulary") as usize);
    std::fs::write(dir.path().join("tokenizer.json"), words).expect("written");
    dir
}

/// Largest difference in units of the largest value.
pub(super) fn relative(got: &[f32], want: &[f32]) -> f32 {
    assert_eq!(got.len(), want.len());
    let size = want.iter().fold(0.0f32, |a, b| a.max(b.abs()));
    let gap = got.iter().zip(want).map(|(a, b)| (a - b).abs());
    gap.fold(0.0, f32::max) / size
}

fn argmax(row: &[f32]) -> usize {
    (0..row.len())
        .max_by(|a, b| row[*a].total_cmp(&row[*b]))
        .expect("a row")
}

#[test]
fn residuals_logits_and_greedy_tokens_equal_the_reference() {
    equal_the_reference(oracles());
}

#[test]
fn tensors_give_residuals_logits_and_greedy_tokens_of_the_reference() {
    equal_the_reference(oracles_on(DeviceChoice::TensorCpu));
}

fn equal_the_reference(oracles: Vec<Oracle>) {
    for oracle in oracles {
        let model = &oracle.model;
        let vocab = model.config().vocab_size;
        let (mut worst_residual, mut worst_logit) = (0.0f32, 0.0f32);
        for (i, ids) in oracle.texts.iter().enumerate() {
            let mut record = Record::new(NoHook);
            let rows = forward(model, ids, &mut record);
            assert_eq!(record.seen.len(), model.n_blocks());
            let text = |name: &str| {
                let all = &oracle.values[name];
                let n = all.len() / oracle.texts.len();
                &all[i * n..(i + 1) * n]
            };
            for (b, _, seen) in &record.seen {
                let want = text(&format!("res.{b}"));
                let got = &seen[seen.len() - want.len()..];
                worst_residual = worst_residual.max(relative(got, want));
            }
            let logits = model.logits(&rows).expect("logits");
            let want = text("logits");
            let got = &logits[logits.len() - want.len()..];
            worst_logit = worst_logit.max(relative(got, want));
            for (got, want) in got.chunks(vocab).zip(want.chunks(vocab)) {
                assert_eq!(argmax(got), argmax(want), "{}", oracle.name);
            }
        }
        println!(
            "{}: residuals {worst_residual:.1e}, logits {worst_logit:.1e}",
            oracle.name
        );
        assert!(worst_residual < 1e-5, "{}: {worst_residual}", oracle.name);
        assert!(worst_logit < 1e-5, "{}: {worst_logit}", oracle.name);
    }
}

#[test]
fn rows_are_bit_identical_batched_cached_and_alone_in_every_family() {
    for oracle in oracles() {
        let (model, d) = (&oracle.model, oracle.model.hidden_size());
        let texts: Vec<Vec<u32>> = [5, 40, 1, 33]
            .iter()
            .map(|n| prompt_below(40, *n, *n))
            .collect();
        let parts = |from: usize, to: usize| -> Vec<Part<'_>> {
            let part = |(sequence, ids): (usize, &'_ Vec<u32>)| {
                let ids = texts[sequence].get(from.min(ids.len())..to.min(ids.len()));
                let ids = ids.filter(|ids| !ids.is_empty())?;
                Some(Part { sequence, ids })
            };
            texts.iter().enumerate().filter_map(part).collect()
        };
        // At once, and in pieces that end within a page, within a window and at single tokens.
        let mut last = vec![Vec::new(); texts.len()];
        for cuts in [vec![0, 40], vec![0, 3, 4, 20, 37, 38, 40]] {
            let mut cache = KvCache::new(model, texts.len());
            for cut in cuts.windows(2) {
                let parts = parts(cut[0], cut[1]);
                let rows = model
                    .extend(
                        &mut cache,
                        &parts,
                        Keep::Last,
                        &mut NoHook,
                        &Cancel::never(),
                    )
                    .expect("a pass");
                for (part, row) in parts.iter().zip(rows.as_slice().chunks(d)) {
                    last[part.sequence] = row.to_vec();
                }
            }
            for (ids, last) in texts.iter().zip(&last) {
                let alone = forward(model, ids, &mut NoHook);
                assert_eq!(
                    alone.row(ids.len() - 1).expect("a row"),
                    last,
                    "{}",
                    oracle.name
                );
            }
        }
    }
}

#[test]
fn branches_resume_to_the_numbers_of_full_passes_in_every_family() {
    for oracle in oracles() {
        println!("{}", oracle.name);
        check(&oracle.model, &[40, 33, 32, 9], &[39, 20, 31, 0]);
    }
}

#[test]
fn coefficient_zero_changes_no_bit_beside_a_steered_lane_in_every_family() {
    for oracle in oracles() {
        let (model, ids) = (&oracle.model, prompt_below(40, 40, 3));
        let plain = forward(model, &ids, &mut NoHook);
        let mut hook = Edit {
            block: 1,
            vector: direction_of(model.hidden_size(), 2),
            coefficients: vec![0.0, 2.5],
            from: vec![0, 10],
        };
        let mut cache = KvCache::new(model, 2);
        let parts = [0, 1].map(|sequence| Part {
            sequence,
            ids: &ids,
        });
        let both = model
            .extend(&mut cache, &parts, Keep::All, &mut hook, &Cancel::never())
            .expect("a pass");
        let (zero, steered) = both.as_slice().split_at(plain.as_slice().len());
        assert_eq!(zero, plain.as_slice(), "{}", oracle.name);
        assert_ne!(steered, plain.as_slice(), "{}", oracle.name);
        // What stands before the first edited position is the same in both lanes.
        let before = 10 * model.hidden_size();
        assert_eq!(
            steered[..before],
            plain.as_slice()[..before],
            "{}",
            oracle.name
        );
    }
}

#[test]
fn paired_lanes_write_what_full_passes_write_in_every_family() {
    for oracle in oracles() {
        let model = &oracle.model;
        let prompt = prompt_below(40, 30, 4);
        let hook = |coefficients: Vec<f32>| Edit {
            block: 1,
            vector: direction_of(model.hidden_size(), 2),
            from: vec![25; coefficients.len()],
            coefficients,
        };
        let settings = SamplerSettings::default();
        let (lanes, both) = (2, Box::new(hook(vec![0.0, 1.5])));
        let mut run = Generation::start(
            Arc::clone(model),
            prompt.clone(),
            lanes,
            &settings,
            vec![],
            both,
        )
        .expect("starts")
        .limit(10);
        let mut got = vec![prompt.clone(); lanes];
        while !run.is_finished() {
            for step in run.step(&Cancel::never()).expect("a step") {
                got[step.lane].extend(step.token);
            }
        }
        for (lane, got) in got.iter().enumerate() {
            let mut ids = prompt.clone();
            for _ in 0..10 {
                let mut hook = hook(vec![[0.0, 1.5][lane]]);
                let rows = forward(model, &ids, &mut hook);
                let logits = model.logits(&rows).expect("logits");
                let vocab = model.config().vocab_size;
                ids.push(argmax(&logits[logits.len() - vocab..]) as u32);
            }
            assert_eq!(*got, ids, "{} lane {lane}", oracle.name);
        }
    }
}
