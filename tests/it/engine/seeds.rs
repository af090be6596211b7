//! Valid files for the fuzz targets to begin with, small, because every byte is a place to mutate.
//!
//! `cargo test --test it seeds_of_the_fuzz_targets_are_written -- --ignored` writes them.

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use serde_json::{Value, json};

use super::gguf_file::{Gguf, Meta, convert, words};
use super::tiny::{Tiny, safetensors};
use super::{bodies, gguf};

type Body = fn(&[u8]) -> Option<&'static str>;

/// The targets, by the names of their programs, and their seeds.
fn seeds() -> Vec<(&'static str, Body, Vec<Vec<u8>>)> {
    vec![
        ("gguf", bodies::gguf, ggufs()),
        ("config", bodies::config, configs()),
        ("safetensors", bodies::safetensors, weights()),
        ("chat_template", bodies::chat_template, templates()),
        ("shards", bodies::shards, indices()),
    ]
}

fn data(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(folder);
    let entries = fs::read_dir(folder).expect("test data");
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn small() -> Tiny {
    let config = serde_json::from_slice(bodies::SMALL).expect("JSON");
    Tiny {
        config,
        ..Tiny::default()
    }
}

fn weights() -> Vec<Vec<u8>> {
    let tensors = small().tensors();
    ["F32", "F16", "BF16"]
        .map(|dtype| safetensors(&tensors, dtype))
        .into()
}

fn ggufs() -> Vec<Vec<u8>> {
    let pairs = |tiny: &Tiny| {
        let mut file = convert(&tiny.config, &tiny.tensors());
        words(
            &mut file,
            tiny.config["vocab_size"].as_u64().expect("a size") as usize,
        );
        file
    };
    let plain = pairs(&small());
    let mut files = vec![plain.clone()];

    let mut merged = plain.clone();
    let tokens = ["a", "b", "Ġ", "ab", "Ġab", "<|im_end|>", "<|begin|>", "1"];
    let texts = |list: &[&str]| Meta::Texts(list.iter().map(|&t| t.to_owned()).collect());
    merged.set("tokenizer.ggml.tokens", texts(&tokens));
    merged.set("tokenizer.ggml.merges", texts(&["a b", "Ġ ab"]));
    merged.set("tokenizer.ggml.pre", "llama-bpe");
    merged.set(
        "tokenizer.ggml.token_type",
        Meta::I32s(vec![1, 1, 1, 1, 1, 3, 3, 1]),
    );
    merged.set("tokenizer.ggml.bos_token_id", Meta::U32(6));
    merged.set("tokenizer.ggml.add_bos_token", Meta::Bool(true));
    merged.set(
        "tokenizer.chat_template",
        "{{ bos_token }}{{ messages[0].content }}",
    );
    files.push(merged);

    let mut scored = plain.clone();
    let tokens = ["<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "<0x0A>"];
    scored.set("tokenizer.ggml.model", "llama");
    scored.set("tokenizer.ggml.tokens", texts(&tokens));
    scored.set(
        "tokenizer.ggml.scores",
        Meta::F32s(vec![0.0, 0.0, 0.0, -3.0, -4.0, -5.0, -1.0, 0.0]),
    );
    scored.set(
        "tokenizer.ggml.token_type",
        Meta::I32s(vec![2, 3, 3, 1, 1, 1, 1, 6]),
    );
    scored.set("tokenizer.ggml.unknown_token_id", Meta::U32(0));
    files.push(scored);

    let mut divided = plain;
    divided.set("llama.rope.scaling.type", "yarn");
    divided.set("llama.rope.scaling.factor", Meta::F32(4.0));
    divided.set("llama.rope.scaling.original_context_length", Meta::U32(16));
    files.push(divided.clone());
    divided.set("llama.rope.scaling.type", "none");
    divided.f32_tensor("rope_freqs.weight", &[2], &[1.0, 8.0]);
    files.push(divided);

    for (width, kind, of) in [
        (32, 1, GgmlDType::F16),
        (32, 30, GgmlDType::BF16),
        (32, 2, GgmlDType::Q4_0),
        (32, 3, GgmlDType::Q4_1),
        (32, 6, GgmlDType::Q5_0),
        (32, 7, GgmlDType::Q5_1),
        (32, 8, GgmlDType::Q8_0),
        (256, 12, GgmlDType::Q4K),
        (256, 14, GgmlDType::Q6K),
    ] {
        let tiny = small()
            .with("hidden_size", json!(width))
            .with("intermediate_size", json!(width))
            .with("num_attention_heads", json!(width / 4))
            .with("num_key_value_heads", json!(1));
        let mut file = pairs(&tiny);
        for tensor in file.tensors.iter_mut().filter(|t| t.shape.len() == 2) {
            quantise(tensor, kind, of);
        }
        files.push(file);
    }
    let mut bytes: Vec<Vec<u8>> = files.iter().map(Gguf::bytes).collect();
    for name in ["gemma", "gemma3", "phi4_mini", "rope_longrope"] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/families");
        let (config, tensors) = gguf::read(&source.join(name));
        let mut file = convert(&config, &tensors);
        words(
            &mut file,
            config["vocab_size"].as_u64().expect("a size") as usize,
        );
        bytes.push(file.bytes());
    }
    bytes
}

fn quantise(tensor: &mut super::gguf_file::Block, kind: u32, of: GgmlDType) {
    let values: Vec<f32> = tensor
        .bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect();
    let dense = Tensor::from_vec(values, tensor.shape.as_slice(), &Device::Cpu).expect("a tensor");
    let packed = QTensor::quantize(&dense, of).expect("quantises");
    tensor.kind = kind;
    tensor.bytes = packed.data().expect("bytes").into_owned();
}

fn configs() -> Vec<Vec<u8>> {
    let mut all = vec![bodies::SMALL.to_vec()];
    for family in data("families") {
        all.push(fs::read(family.join("config.json")).expect("readable"));
    }
    // Both spell most of the keys their own way.
    let gpt2 = json!({"model_type": "gpt2", "n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 64, "vocab_size": 8,
        "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new"});
    let neox = json!({"model_type": "gpt_neox", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
        "num_attention_heads": 2, "vocab_size": 8, "max_position_embeddings": 64, "rotary_pct": 0.5,
        "use_parallel_residual": true, "layer_norm_eps": 1e-5, "hidden_act": "gelu"});
    all.extend([gpt2, neox].map(|config| config.to_string().into_bytes()));
    all
}

fn templates() -> Vec<Vec<u8>> {
    let paths = data("chat").into_iter();
    paths
        .filter(|path| path.extension().is_some_and(|e| e == "jinja"))
        .map(|path| fs::read(path).expect("readable"))
        .collect()
}

fn indices() -> Vec<Vec<u8>> {
    let one = |map: Value| {
        json!({ "metadata": {}, "weight_map": map })
            .to_string()
            .into_bytes()
    };
    vec![
        one(
            json!({"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}),
        ),
        one(json!({"a": "part/../model.safetensors"})),
        one(json!({"a": "/etc/model.safetensors", "b": "C:\\model.safetensors"})),
    ]
}

#[test]
fn seeds_of_every_fuzz_target_are_files_that_it_accepts() {
    for (target, body, seeds) in seeds() {
        assert!(seeds.len() > 1, "{target}");
        for (i, seed) in seeds.iter().enumerate() {
            let refusal = body(seed);
            // A template may refuse the conversation: roles that it does not know.
            let fine = refusal.is_none() || target == "chat_template";
            assert!(fine, "{target} {i}: {refusal:?}");
        }
    }
}

#[test]
#[ignore = "writes the folder fuzz/corpus"]
fn seeds_of_the_fuzz_targets_are_written() {
    for (target, _, seeds) in seeds() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(target);
        fs::create_dir_all(&folder).expect("a folder");
        for (i, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{i}")), seed).expect("written");
        }
    }
}
