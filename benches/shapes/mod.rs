//! The model shapes that all benchmarks use, with random weights: one like the bundled model's and
//! that of SmolLM2-135M.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each benchmark uses its own part of this module"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use half::bf16;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use steerscope::engine::{Config, Model, Precision, Quant, TextTokenizer};

const TOKENIZER: &[u8] = include_bytes!("../../assets/model/tokenizer.json");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Bundled,
    Smol135,
    /// The same with weights in BF16.
    Smol135Bf16,
    /// The same with quantised weights: `Q8_0`.
    Smol135Q8,
    /// And `Q4_K`: as llama.cpp makes such files, rows of 576 values are `Q5_0`.
    Smol135Q4,
}

/// Those whose weights are not quantised.
pub const PLAIN: [Shape; 3] = [Shape::Bundled, Shape::Smol135, Shape::Smol135Bf16];

pub const SHAPES: [Shape; 5] = [
    Shape::Bundled,
    Shape::Smol135,
    Shape::Smol135Bf16,
    Shape::Smol135Q8,
    Shape::Smol135Q4,
];

impl Shape {
    fn config(self) -> Value {
        let [d, f, blocks, heads, kv, vocab] = match self {
            Self::Bundled => [160, 432, 7, 5, 5, 2048],
            _ => [576, 1536, 30, 9, 3, 49_152],
        };
        json!({
            "model_type": "llama", "hidden_size": d, "intermediate_size": f, "num_hidden_layers": blocks,
            "num_attention_heads": heads, "num_key_value_heads": kv, "head_dim": d / heads,
            "vocab_size": vocab, "max_position_embeddings": 512, "rms_norm_eps": 1e-5,
            "tie_word_embeddings": true,
        })
    }
}

/// The model of a shape, made once.
pub fn model(shape: Shape) -> &'static Arc<Model> {
    static BUNDLED: OnceLock<Arc<Model>> = OnceLock::new();
    static SMOL: OnceLock<Arc<Model>> = OnceLock::new();
    static SMOL_BF16: OnceLock<Arc<Model>> = OnceLock::new();
    static SMOL_Q8: OnceLock<Arc<Model>> = OnceLock::new();
    static SMOL_Q4: OnceLock<Arc<Model>> = OnceLock::new();
    let (cell, precision) = match shape {
        Shape::Bundled => (&BUNDLED, Precision::F16),
        Shape::Smol135 => (&SMOL, Precision::F32),
        Shape::Smol135Bf16 => (&SMOL_BF16, Precision::Bf16),
        Shape::Smol135Q8 => (&SMOL_Q8, Precision::Quantised(Quant::Q8_0)),
        Shape::Smol135Q4 => (&SMOL_Q4, Precision::Quantised(Quant::Q4K)),
    };
    cell.get_or_init(|| {
        let json = shape.config().to_string();
        let config = Config::from_json(json.as_bytes(), "bench").expect("a configuration");
        let tokenizer =
            TextTokenizer::from_bytes(TOKENIZER, "tokenizer.json").expect("a tokenizer");
        Arc::new(Model::random_in(config, tokenizer, 1, precision).expect("a model"))
    })
}

/// `n` token ids that differ from sequence to sequence; every vocabulary here has them.
pub fn tokens(n: usize, sequence: usize) -> Vec<u32> {
    (0..n)
        .map(|i| ((i * 7919 + sequence * 104_729 + 13) % 2048) as u32)
        .collect()
}

/// Writes a Hugging Face directory of a shape: BF16 weights, the bundled tokenizer filled up with
/// entries that no text contains.
pub fn write_directory(shape: Shape, dir: &Path) {
    let config = shape.config();
    let n = |key: &str| config[key].as_u64().expect("a number") as usize;
    let (d, f, vocab) = (n("hidden_size"), n("intermediate_size"), n("vocab_size"));
    let kv = n("num_key_value_heads") * n("head_dim");
    let mut shapes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    shapes.insert("model.embed_tokens.weight".to_owned(), vec![vocab, d]);
    shapes.insert("model.norm.weight".to_owned(), vec![d]);
    for b in 0..n("num_hidden_layers") {
        for (name, shape) in [
            ("input_layernorm", vec![d]),
            ("post_attention_layernorm", vec![d]),
            ("self_attn.q_proj", vec![d, d]),
            ("self_attn.k_proj", vec![kv, d]),
            ("self_attn.v_proj", vec![kv, d]),
            ("self_attn.o_proj", vec![d, d]),
            ("mlp.gate_proj", vec![f, d]),
            ("mlp.up_proj", vec![f, d]),
            ("mlp.down_proj", vec![d, f]),
        ] {
            shapes.insert(format!("model.layers.{b}.{name}.weight"), shape);
        }
    }
    let mut state = 1u64;
    let bytes: BTreeMap<&String, Vec<u8>> = shapes
        .iter()
        .map(|(name, shape)| {
            let scale = 1.0 / (*shape.last().expect("a shape") as f32).sqrt();
            let mut value = || {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
            };
            let one = shape.len() == 1;
            let data = (0..shape.iter().product::<usize>())
                .flat_map(|_| bf16::from_f32(if one { 1.0 } else { scale * value() }).to_le_bytes())
                .collect();
            (name, data)
        })
        .collect();
    let views = bytes.iter().map(|(name, data)| {
        let view = TensorView::new(Dtype::BF16, shapes[*name].clone(), data).expect("a tensor");
        (name.as_str(), view)
    });
    safetensors::serialize_to_file(views, None, &dir.join("model.safetensors")).expect("weights");
    std::fs::write(dir.join("config.json"), config.to_string()).expect("config.json");

    let mut tokenizer: Value = serde_json::from_slice(TOKENIZER).expect("a tokenizer");
    let entries = tokenizer["model"]["vocab"].as_object_mut().expect("a BPE");
    for id in entries.len()..vocab {
        entries.insert(format!("<unused {id}>"), json!(id));
    }
    std::fs::write(dir.join("tokenizer.json"), tokenizer.to_string()).expect("tokenizer.json");
}
