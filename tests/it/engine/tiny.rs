//! Small random models written as Hugging Face directories: nothing beyond this repository is needed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use steerscope::engine::Model;
use tempfile::TempDir;

/// A model to be written; change what a test is about.
#[derive(Clone)]
pub(crate) struct Tiny {
    pub(crate) config: Value,
    pub(crate) seed: u64,
    /// `F32`, `F16` or `BF16`.
    pub(crate) dtype: &'static str,
    /// Number of weight files.
    pub(crate) shards: usize,
    /// Tokens of the tokenizer.
    pub(crate) tokens: usize,
}

impl Default for Tiny {
    fn default() -> Self {
        // Sizes that are no multiple of any register or panel, and grouped heads.
        let config = json!({
            "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_act": "silu",
            "hidden_size": 44, "intermediate_size": 70, "num_hidden_layers": 4,
            "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 10,
            "vocab_size": 97, "max_position_embeddings": 160, "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0, "tie_word_embeddings": true, "eos_token_id": 2,
        });
        Self {
            config,
            seed: 1,
            dtype: "F32",
            shards: 1,
            tokens: 97,
        }
    }
}

pub(crate) type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

impl Tiny {
    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.config[key] = value;
        self
    }

    fn size(&self, key: &str) -> usize {
        self.config[key].as_u64().expect("a size") as usize
    }

    /// All tensors of the configuration, random.
    pub(crate) fn tensors(&self) -> Tensors {
        let (d, f) = (self.size("hidden_size"), self.size("intermediate_size"));
        let head = self.size("head_dim");
        let (q, kv) = (
            self.size("num_attention_heads") * head,
            self.size("num_key_value_heads") * head,
        );
        let vocab = self.size("vocab_size");
        let mut shapes: Vec<(String, Vec<usize>)> = vec![
            ("model.embed_tokens.weight".into(), vec![vocab, d]),
            ("model.norm.weight".into(), vec![d]),
        ];
        if self.config["tie_word_embeddings"] == false {
            shapes.push(("lm_head.weight".into(), vec![vocab, d]));
        }
        for b in 0..self.size("num_hidden_layers") {
            let p = format!("model.layers.{b}.");
            let attention = self.config["attention_bias"] == true;
            let mlp = self.config["mlp_bias"] == true;
            let linear = [
                ("self_attn.q_proj", q, d, attention),
                ("self_attn.k_proj", kv, d, attention),
                ("self_attn.v_proj", kv, d, attention),
                ("self_attn.o_proj", d, q, attention),
                ("mlp.gate_proj", f, d, mlp),
                ("mlp.up_proj", f, d, mlp),
                ("mlp.down_proj", d, f, mlp),
            ];
            for (name, n, k, bias) in linear {
                shapes.push((format!("{p}{name}.weight"), vec![n, k]));
                if bias {
                    shapes.push((format!("{p}{name}.bias"), vec![n]));
                }
            }
            shapes.push((format!("{p}input_layernorm.weight"), vec![d]));
            shapes.push((format!("{p}post_attention_layernorm.weight"), vec![d]));
        }
        let mut state = self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / 8_388_608.0 - 1.0
        };
        let tensor = |(name, shape): (String, Vec<usize>)| {
            let n = shape.iter().product();
            // Large enough that attention and gates leave their linear range.
            let (centre, spread) = if name.ends_with("norm.weight") {
                (1.0, 0.3)
            } else {
                (0.0, 0.35)
            };
            let values = (0..n).map(|_| centre + spread * random()).collect();
            (name, (shape, values))
        };
        shapes.into_iter().map(tensor).collect()
    }

    /// Writes the directory.
    pub(crate) fn write(&self) -> TempDir {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::write(dir.path().join("config.json"), self.config.to_string()).expect("written");
        fs::write(dir.path().join("tokenizer.json"), tokenizer(self.tokens)).expect("written");
        let tensors = self.tensors();
        if self.shards == 1 {
            fs::write(
                dir.path().join("model.safetensors"),
                safetensors(&tensors, self.dtype),
            )
            .expect("written");
            return dir;
        }
        let mut map = serde_json::Map::new();
        let mut parts = vec![Tensors::new(); self.shards];
        for (i, (name, tensor)) in tensors.into_iter().enumerate() {
            let shard = i % self.shards;
            map.insert(name.clone(), json!(format!("model-{shard}.safetensors")));
            parts[shard].insert(name, tensor);
        }
        for (i, part) in parts.iter().enumerate() {
            let path = dir.path().join(format!("model-{i}.safetensors"));
            fs::write(path, safetensors(part, self.dtype)).expect("written");
        }
        let index = json!({ "weight_map": map }).to_string();
        fs::write(dir.path().join("model.safetensors.index.json"), index).expect("written");
        dir
    }

    pub(crate) fn model(&self) -> Arc<Model> {
        Arc::new(Model::from_dir(self.write().path()).expect("the model loads"))
    }
}

/// A tokenizer whose words are `w0`, `w1`, …
pub(crate) fn tokenizer(n: usize) -> String {
    let vocab: serde_json::Map<String, Value> =
        (0..n).map(|i| (format!("w{i}"), json!(i))).collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "w0"},
    })
    .to_string()
}

pub(crate) fn safetensors(tensors: &Tensors, dtype: &str) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, (shape, values)) in tensors {
        let from = data.len();
        for v in values {
            match dtype {
                "F16" => data.extend(half::f16::from_f32(*v).to_le_bytes()),
                "BF16" => data.extend(half::bf16::from_f32(*v).to_le_bytes()),
                _ => data.extend(v.to_le_bytes()),
            }
        }
        header.insert(
            name.clone(),
            json!({"dtype": dtype, "shape": shape, "data_offsets": [from, data.len()]}),
        );
    }
    with_header(&Value::Object(header).to_string(), &data)
}

pub(crate) fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// Replaces a weight file of a directory written by [`Tiny::write`].
pub(crate) fn rewrite(dir: &Path, tensors: &Tensors) {
    fs::write(dir.join("model.safetensors"), safetensors(tensors, "F32")).expect("written");
}

/// Some token ids below 97.
pub(crate) fn prompt(n: usize, salt: usize) -> Vec<u32> {
    prompt_below(97, n, salt)
}

/// Some token ids below `vocab`.
pub(crate) fn prompt_below(vocab: usize, n: usize, salt: usize) -> Vec<u32> {
    (0..n)
        .map(|i| ((i * 31 + salt * 17 + 5) % vocab) as u32)
        .collect()
}

/// A vector of the hidden size of [`Tiny::default`].
pub(crate) fn direction(salt: usize) -> Vec<f32> {
    direction_of(44, salt)
}

pub(crate) fn direction_of(width: usize, salt: usize) -> Vec<f32> {
    (0..width)
        .map(|i| (((i * 13 + salt * 7) % 29) as f32 - 14.0) / 10.0)
        .collect()
}
