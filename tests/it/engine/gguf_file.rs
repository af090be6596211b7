//! Writes GGUF files: bytes for the tests, and models of Hugging Face directories.

use std::path::Path;

use serde_json::Value as Json;

use super::tiny::Tensors;

/// A metadata value.
#[derive(Clone)]
pub(super) enum Meta {
    U16(u16),
    I32(i32),
    U32(u32),
    F32(f32),
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
    I32s(Vec<i32>),
    F32s(Vec<f32>),
}

impl From<&str> for Meta {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A tensor: rows first.
#[derive(Clone)]
pub(super) struct Block {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) kind: u32,
    pub(super) bytes: Vec<u8>,
}

#[derive(Clone, Default)]
pub(super) struct Gguf {
    pub(super) metadata: Vec<(String, Meta)>,
    pub(super) tensors: Vec<Block>,
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

impl Gguf {
    pub(super) fn set(&mut self, key: &str, value: impl Into<Meta>) {
        self.metadata.retain(|(k, _)| k != key);
        self.metadata.push((key.to_owned(), value.into()));
    }

    pub(super) fn f32_tensor(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        self.tensors.push(Block {
            name: name.to_owned(),
            shape: shape.to_vec(),
            kind: 0,
            bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        });
    }

    /// Bytes of the file, version 3.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3u32.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value) in &self.metadata {
            text(&mut out, key);
            meta(&mut out, value);
        }
        let mut offset = 0;
        for t in &self.tensors {
            text(&mut out, &t.name);
            out.extend((t.shape.len() as u32).to_le_bytes());
            for n in t.shape.iter().rev() {
                out.extend((*n as u64).to_le_bytes());
            }
            out.extend(t.kind.to_le_bytes());
            out.extend((offset as u64).to_le_bytes());
            offset += t.bytes.len().next_multiple_of(32);
        }
        for t in &self.tensors {
            out.resize(out.len().next_multiple_of(32), 0);
            out.extend(&t.bytes);
        }
        out
    }

    pub(super) fn write(&self, dir: &Path) -> std::path::PathBuf {
        let path = dir.join("model.gguf");
        std::fs::write(&path, self.bytes()).expect("written");
        path
    }
}

fn meta(out: &mut Vec<u8>, value: &Meta) {
    let kind = |out: &mut Vec<u8>, kind: u32| out.extend(kind.to_le_bytes());
    let list = |out: &mut Vec<u8>, of: u32, n: usize| {
        kind(out, 9);
        kind(out, of);
        out.extend((n as u64).to_le_bytes());
    };
    match value {
        Meta::U16(v) => {
            kind(out, 2);
            out.extend(v.to_le_bytes());
        }
        Meta::I32(v) => {
            kind(out, 5);
            out.extend(v.to_le_bytes());
        }
        Meta::U32(v) => {
            kind(out, 4);
            out.extend(v.to_le_bytes());
        }
        Meta::F32(v) => {
            kind(out, 6);
            out.extend(v.to_le_bytes());
        }
        Meta::Bool(v) => {
            kind(out, 7);
            out.push(u8::from(*v));
        }
        Meta::Text(v) => {
            kind(out, 8);
            text(out, v);
        }
        Meta::Texts(v) => {
            list(out, 8, v.len());
            for v in v {
                text(out, v);
            }
        }
        Meta::I32s(v) => {
            list(out, 5, v.len());
            for v in v {
                out.extend(v.to_le_bytes());
            }
        }
        Meta::F32s(v) => {
            list(out, 6, v.len());
            for v in v {
                out.extend(v.to_le_bytes());
            }
        }
    }
}

/// Architecture names by `model_type`.
const ARCHITECTURES: [(&str, &str); 7] = [
    ("llama", "llama"),
    ("qwen2", "qwen2"),
    ("qwen3", "qwen3"),
    ("gemma", "gemma"),
    ("gemma2", "gemma2"),
    ("gemma3_text", "gemma3"),
    ("phi3", "phi3"),
];

/// Names of a block's parts, the way llama.cpp's conversion translates them.
const PARTS: [(&str, &str); 15] = [
    ("input_layernorm", "attn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.qkv_proj", "attn_qkv"),
    ("self_attn.o_proj", "attn_output"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.gate_up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
    ("pre_feedforward_layernorm", "ffn_norm"),
    ("post_feedforward_layernorm", "post_ffw_norm"),
    // What this is depends on the family.
    ("post_attention_layernorm", ""),
];

fn name(hf: &str, four_norms: bool) -> String {
    let Some(rest) = hf.strip_prefix("model.layers.") else {
        return hf
            .replace("model.embed_tokens", "token_embd")
            .replace("model.norm", "output_norm")
            .replace("lm_head", "output");
    };
    let (b, rest) = rest.split_once('.').expect("a block");
    let (part, ending) = rest.rsplit_once('.').expect("an ending");
    let found = PARTS.iter().find(|(hf, _)| *hf == part).expect("a part");
    let own = match found.1 {
        "" if four_norms => "post_attention_norm",
        "" => "ffn_norm",
        own => own,
    };
    format!("blk.{b}.{own}.{ending}")
}

/// The metadata and F32 tensors that llama.cpp's conversion makes of a Hugging Face model.
pub(super) fn convert(config: &Json, tensors: &Tensors) -> Gguf {
    let kind = config["model_type"].as_str().expect("a type");
    let arch = ARCHITECTURES
        .iter()
        .find(|(hf, _)| *hf == kind)
        .expect("known")
        .1;
    let gemma = kind.starts_with("gemma");
    let rope = [&config["rope_parameters"], &config["rope_scaling"]];
    let rope = rope
        .into_iter()
        .find(|r| r.is_object())
        .unwrap_or(&Json::Null);
    let by_layer = rope.get("full_attention").unwrap_or(rope);
    let mut g = Gguf::default();
    g.set("general.architecture", arch);
    let size = |key: &str| config[key].as_u64().map(|v| v as u32);
    let float = |key: &str| config[key].as_f64().map(|v| v as f32);
    let heads = size("num_attention_heads").expect("heads");
    let head = size("head_dim").unwrap_or(size("hidden_size").expect("a width") / heads);
    for (key, value) in [
        ("embedding_length", size("hidden_size")),
        ("block_count", size("num_hidden_layers")),
        ("attention.head_count", Some(heads)),
        ("attention.head_count_kv", size("num_key_value_heads")),
        ("attention.key_length", Some(head)),
        ("attention.value_length", Some(head)),
        ("feed_forward_length", size("intermediate_size")),
        ("context_length", size("max_position_embeddings")),
        ("attention.sliding_window", size("sliding_window")),
    ] {
        if let Some(v) = value {
            g.set(&format!("{arch}.{key}"), Meta::U32(v));
        }
    }
    let partial = by_layer["partial_rotary_factor"].as_f64().unwrap_or(1.0);
    let rotated = (f64::from(head) * partial) as u32;
    g.set(&format!("{arch}.rope.dimension_count"), Meta::U32(rotated));
    let theta = by_layer["rope_theta"].as_f64().map(|v| v as f32);
    for (key, value) in [
        ("attention.layer_norm_rms_epsilon", float("rms_norm_eps")),
        ("rope.freq_base", theta.or(float("rope_theta"))),
        ("attn_logit_softcapping", float("attn_logit_softcapping")),
        ("final_logit_softcapping", float("final_logit_softcapping")),
    ] {
        if let Some(v) = value {
            g.set(&format!("{arch}.{key}"), Meta::F32(v));
        }
    }
    scaling(&mut g, arch, by_layer);
    for (hf, (shape, values)) in tensors {
        let name = name(hf, gemma && kind != "gemma");
        let mut values = values.clone();
        if gemma && name.ends_with("norm.weight") {
            for v in &mut values {
                *v += 1.0;
            }
        }
        if kind == "llama" && (name.contains("attn_q.") || name.contains("attn_k.")) {
            values = interleave(&values, shape, head as usize);
        }
        g.f32_tensor(&name, shape, &values);
    }
    g
}

fn scaling(g: &mut Gguf, arch: &str, rope: &Json) {
    let factors = |key: &str| -> Option<Vec<f32>> {
        let list = rope[key].as_array()?;
        list.iter().map(|v| v.as_f64().map(|v| v as f32)).collect()
    };
    match rope["rope_type"].as_str() {
        Some(kind @ ("linear" | "yarn")) => {
            g.set(&format!("{arch}.rope.scaling.type"), kind);
            let factor = rope["factor"].as_f64().expect("a factor") as f32;
            g.set(&format!("{arch}.rope.scaling.factor"), Meta::F32(factor));
        }
        Some("longrope") => {
            let (short, long) = (factors("short_factor"), factors("long_factor"));
            for (name, list) in [("short", short), ("long", long)] {
                let list = list.expect("factors");
                let name = format!("rope_factors_{name}.weight");
                g.f32_tensor(&name, &[list.len()], &list);
            }
        }
        _ => {}
    }
    if let Some(n) = rope["original_max_position_embeddings"].as_u64() {
        let key = format!("{arch}.rope.scaling.original_context_length");
        g.set(&key, Meta::U32(n as u32));
    }
}

/// Rotated pairs from half a head apart to side by side.
fn interleave(values: &[f32], shape: &[usize], d: usize) -> Vec<f32> {
    let k = if shape.len() == 2 { shape[1] } else { 1 };
    let rows: Vec<&[f32]> = values.chunks(k).collect();
    let mut out = Vec::new();
    for r in 0..shape[0] {
        let (head, j) = (r / d * d, r % d);
        out.extend_from_slice(rows[head + j / 2 + j % 2 * (d / 2)]);
    }
    out
}

/// A vocabulary of `n` byte-pair tokens without merges.
pub(super) fn words(g: &mut Gguf, n: usize) {
    g.set("tokenizer.ggml.model", "gpt2");
    g.set("tokenizer.ggml.pre", "gpt-2");
    let tokens = (0..n).map(|i| format!("w{i}")).collect();
    g.set("tokenizer.ggml.tokens", Meta::Texts(tokens));
    g.set("tokenizer.ggml.merges", Meta::Texts(vec![]));
    g.set("tokenizer.ggml.eos_token_id", Meta::U32(2));
}
