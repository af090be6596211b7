//! GGUF files against the Hugging Face directories they were made from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use steerscope::engine::{Cancel, Generation, Model, NoHook, Rows, SamplerSettings};

use super::gguf_file::{Gguf, convert, words};
use super::oracle::directory;
use super::support::{forward, shared};
use super::tiny::{Tensors, Tiny, prompt, prompt_below};

/// Logits of a text at every position.
pub(super) fn logits(model: &Model, ids: &[u32]) -> Vec<f32> {
    let rows: Rows = forward(model, ids, &mut NoHook);
    model.logits(&rows).expect("logits")
}

pub(super) fn read(dir: &Path) -> (Json, Tensors) {
    let config = std::fs::read(dir.join("config.json")).expect("readable");
    let bytes = std::fs::read(dir.join("model.safetensors")).expect("readable");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let tensors = file.tensors().into_iter().map(|(name, view)| {
        let words = view.data().as_chunks::<4>().0;
        let values = words.iter().map(|b| f32::from_le_bytes(*b)).collect();
        (name, (view.shape().to_vec(), values))
    });
    let config = serde_json::from_slice(&config).expect("JSON");
    (config, tensors.collect::<BTreeMap<_, _>>())
}

/// A small model with a tokenizer of the words `w0`, `w1`, … as `model.gguf` in `dir`.
pub(crate) fn write_gguf(dir: &Path) -> PathBuf {
    let tiny = Tiny::default();
    std::fs::write(dir.join("tokenizer.json"), super::tiny::tokenizer(97)).expect("written");
    convert(&tiny.config, &tiny.tensors()).write(dir)
}

pub(super) fn open(gguf: &Gguf) -> Model {
    let dir = tempfile::tempdir().expect("a directory");
    Model::open(&gguf.write(dir.path())).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn published_file_equals_its_safetensors_twin() {
    let (Some(file), Some(dir)) = (
        shared("models/stories260K/stories260K-f32.gguf"),
        shared("models/stories260K"),
    ) else {
        return;
    };
    let gguf = Model::open(&file).expect("the file loads");
    let twin = Model::open(&dir).expect("the directory loads");
    for text in [
        "Once upon a time, there was a little girl named Lily.",
        "  two spaces, a tab\tand\na new line",
        "übergrößte 猫 🙂 bytes",
        "x",
        "",
    ] {
        let ids = twin.tokenizer().encode(text).expect("encodes");
        assert_eq!(
            gguf.tokenizer().encode(text).expect("encodes"),
            ids,
            "{text}"
        );
        let decoded = [&gguf, &twin].map(|m| m.tokenizer().decode(&ids).expect("decodes"));
        assert_eq!(decoded[0], decoded[1]);
        assert_eq!(logits(&gguf, &ids), logits(&twin, &ids), "{text}");
    }
    // The directory's generation_config.json names another one besides.
    assert!(
        gguf.stop_ids()
            .iter()
            .all(|id| twin.stop_ids().contains(id))
    );
    assert_eq!(gguf.hash().len(), 64);
    let stops = twin.stop_ids().to_vec();
    let greedy = |model: Model| {
        let start = vec![1];
        let settings = SamplerSettings::default();
        let model = std::sync::Arc::new(model);
        let mut run =
            Generation::start(model, start, 1, &settings, stops.clone(), Box::new(NoHook))
                .expect("starts")
                .limit(120);
        let mut ids = Vec::new();
        while !run.is_finished() {
            let steps = run.step(&Cancel::never()).expect("a step");
            ids.extend(steps.iter().filter_map(|s| s.token));
        }
        ids
    };
    assert_eq!(greedy(gguf), greedy(twin));
}

#[test]
fn converted_families_equal_their_directories() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/families");
    let own = [
        "gemma",
        "gemma3",
        "phi4_mini",
        "rope_linear",
        "rope_yarn",
        "rope_longrope",
    ]
    .map(|name| Some(own.join(name)));
    let oracle = ["gemma2", "mistral", "phi3", "qwen2", "qwen3"]
        .map(|name| shared(&format!("oracle/families/{name}")));
    let dirs: Vec<PathBuf> = own.into_iter().chain(oracle).flatten().collect();
    for source in dirs {
        let (mut config, tensors) = read(&source);
        let vocab = config["vocab_size"].as_u64().expect("a size") as usize;
        if config["model_type"] == "mistral" {
            // The conversion writes Mistral as a Llama, and llama.cpp has no window for it.
            config["model_type"] = json!("llama");
            config["sliding_window"] = Json::Null;
        }
        if config["model_type"] == "gemma2" || config["model_type"] == "gemma3_text" {
            // No key of the format: the head's width, and every sixth block of Gemma 3.
            config["query_pre_attn_scalar"] = config["head_dim"].clone();
            if config["model_type"] == "gemma3_text" {
                config["layer_types"] = json!(vec!["sliding_attention"; 3]);
            }
        }
        let mut gguf = convert(&config, &tensors);
        words(&mut gguf, vocab);
        let dir = directory(&source);
        std::fs::write(dir.path().join("config.json"), config.to_string()).expect("written");
        let (one, two) = (open(&gguf), Model::open(dir.path()).expect("loads"));
        let ids = prompt_below(vocab, 100, 1);
        let (got, want) = (logits(&one, &ids), logits(&two, &ids));
        let size = want.iter().fold(0.0f32, |a, b| a.max(b.abs()));
        let gap = got.iter().zip(&want).map(|(a, b)| (a - b).abs());
        let worst = gap.fold(0.0, f32::max) / size;
        println!("{}: {worst:.1e}", source.display());
        // Numbers of the metadata are f32.
        assert!(worst < 2e-6, "{}: {worst}", source.display());
        assert_eq!(one.parameters(), two.parameters());
    }
}

#[test]
fn llama_with_biases_equals_its_directory_bit_for_bit() {
    let tiny = Tiny::default()
        .with("tie_word_embeddings", json!(false))
        .with("attention_bias", json!(true))
        .with("mlp_bias", json!(true));
    let mut gguf = convert(&tiny.config, &tiny.tensors());
    words(&mut gguf, 97);
    let ids = prompt(50, 1);
    assert_eq!(logits(&open(&gguf), &ids), logits(&tiny.model(), &ids));
}

#[test]
fn divisors_of_the_frequencies_take_the_place_of_llama_3_scaling() {
    let scaling = json!({
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32,
    });
    let tiny = Tiny::default().with("rope_scaling", scaling);
    let mut gguf = convert(&tiny.config, &tiny.tensors());
    words(&mut gguf, 97);
    // As the conversion computes them.
    let divisors: Vec<f32> = (0..5)
        .map(|i| {
            let wavelength = 2.0 * std::f64::consts::PI * 10_000f64.powf(2.0 * i as f64 / 10.0);
            if wavelength < 8.0 {
                1.0
            } else if wavelength > 32.0 {
                8.0
            } else {
                let smooth = (32.0 / wavelength - 1.0) / 3.0;
                (1.0 / ((1.0 - smooth) / 8.0 + smooth)) as f32
            }
        })
        .collect();
    gguf.f32_tensor("rope_freqs.weight", &[5], &divisors);
    let ids = prompt(120, 1);
    let (got, want) = (logits(&open(&gguf), &ids), logits(&tiny.model(), &ids));
    for (got, want) in got.iter().zip(&want) {
        assert!(
            (got - want).abs() < 1e-3 * (1.0 + want.abs()),
            "{got} {want}"
        );
    }
}

#[test]
fn half_and_quantised_tensors_give_the_model_of_their_widened_values() {
    use candle_core::quantized::{GgmlDType, QTensor};
    use candle_core::{Device, Tensor};
    let sizes = [
        ("hidden_size", 256),
        ("intermediate_size", 256),
        ("head_dim", 64),
        ("num_attention_heads", 4),
        ("num_key_value_heads", 2),
        ("num_hidden_layers", 1),
    ];
    let tiny = sizes
        .iter()
        .fold(Tiny::default(), |t, (key, value)| t.with(key, json!(value)));
    // Values of one type, all else of the other: a projection may be stacked from both.
    for (all, of_v) in [
        ((1, GgmlDType::F16), (1, GgmlDType::F16)),
        ((30, GgmlDType::BF16), (30, GgmlDType::BF16)),
        ((2, GgmlDType::Q4_0), (2, GgmlDType::Q4_0)),
        ((3, GgmlDType::Q4_1), (3, GgmlDType::Q4_1)),
        ((6, GgmlDType::Q5_0), (6, GgmlDType::Q5_0)),
        ((7, GgmlDType::Q5_1), (7, GgmlDType::Q5_1)),
        ((8, GgmlDType::Q8_0), (8, GgmlDType::Q8_0)),
        ((10, GgmlDType::Q2K), (11, GgmlDType::Q3K)),
        ((12, GgmlDType::Q4K), (14, GgmlDType::Q6K)),
        ((13, GgmlDType::Q5K), (1, GgmlDType::F16)),
        ((14, GgmlDType::Q6K), (14, GgmlDType::Q6K)),
    ] {
        let of = |name: &str| {
            let v = name.contains("attn_v") || name.contains("v_proj");
            if v { of_v } else { all }
        };
        let mut tensors = tiny.tensors();
        let mut bytes = BTreeMap::new();
        let plain = convert(&tiny.config, &tensors);
        for t in plain.tensors.iter().filter(|t| t.shape.len() == 2) {
            let values: Vec<f32> = t
                .bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b))
                .collect();
            let dense =
                Tensor::from_vec(values, t.shape.as_slice(), &Device::Cpu).expect("a tensor");
            let packed = QTensor::quantize(&dense, of(&t.name).1).expect("quantises");
            bytes.insert(t.name.clone(), packed.data().expect("bytes").into_owned());
        }
        let mut gguf = plain.clone();
        words(&mut gguf, 97);
        for t in &mut gguf.tensors {
            if let Some(bytes) = bytes.remove(&t.name) {
                (t.kind, t.bytes) = (of(&t.name).0, bytes);
            }
        }
        // The same values through a directory. Queries and keys are quantised row by row, so that
        // their order does not matter.
        for (name, (shape, values)) in tensors.iter_mut().filter(|(_, t)| t.0.len() == 2) {
            let dense =
                Tensor::from_vec(values.clone(), shape.as_slice(), &Device::Cpu).expect("a tensor");
            let packed = QTensor::quantize(&dense, of(name).1).expect("quantises");
            let wide = packed.dequantize(&Device::Cpu).expect("dequantises");
            *values = wide
                .flatten_all()
                .and_then(|t| t.to_vec1())
                .expect("values");
        }
        let dir = tiny.write();
        super::tiny::rewrite(dir.path(), &tensors);
        let (twin, model) = (Model::from_dir(dir.path()).expect("loads"), open(&gguf));
        // One row, few rows, and enough to widen whole panels.
        for n in [1, 3, 12, 40] {
            let ids = prompt(n, 1);
            assert_eq!(
                logits(&model, &ids),
                logits(&twin, &ids),
                "{all:?} {n} rows"
            );
        }
        if all.0 == 12 {
            assert!(model.weight_bytes() * 5 < twin.weight_bytes());
        }
    }
}

#[test]
fn blocks_of_every_type_widen_to_what_the_reference_reads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/gguf/blocks.json");
    let blocks: Json =
        serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("JSON");
    let hex = |value: &Json| -> Vec<u8> {
        let digits = value.as_str().expect("text").as_bytes();
        let pair =
            |p: &[u8]| u8::from_str_radix(std::str::from_utf8(p).expect("hex"), 16).expect("hex");
        digits.chunks(2).map(pair).collect()
    };
    // Blocks that add nothing: the residual stream is the row of the embedding.
    let tiny = [
        ("hidden_size", 256),
        ("num_hidden_layers", 1),
        ("vocab_size", 1),
    ]
    .iter()
    .fold(Tiny::default(), |t, (key, value)| t.with(key, json!(value)));
    let mut tensors = tiny.tensors();
    for (name, (_, values)) in &mut tensors {
        if name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight") {
            values.fill(0.0);
        }
    }
    for block in blocks.as_array().expect("a list") {
        let mut gguf = convert(&tiny.config, &tensors);
        words(&mut gguf, 1);
        for t in gguf
            .tensors
            .iter_mut()
            .filter(|t| t.name == "token_embd.weight")
        {
            t.kind = block["kind"].as_u64().expect("a number") as u32;
            t.bytes = hex(&block["bytes"]);
        }
        let rows = forward(&open(&gguf), &[0], &mut NoHook);
        let want = hex(&block["values"]);
        for (got, want) in rows.as_slice().iter().zip(want.as_chunks::<4>().0) {
            let want = f32::from_le_bytes(*want);
            assert!(
                (got - want).abs() <= 1e-6 * want.abs().max(0.01),
                "{block}: {got} {want}"
            );
        }
    }
}
