//! Metadata of a GGUF file as the `config.json` that it came from, and the tensor names of the format.

use serde_json::{Map, Value, json};

use super::split::Parts;
use crate::engine::names::{MlpIn, Names, Qkv};
use crate::engine::spec::{Biases, NormKind};
use crate::engine::{Config, EngineError};

/// Supported `general.architecture`s and the `model_type`s they are read as.
const ARCHITECTURES: &[(&str, &str)] = &[
    ("llama", "llama"),
    ("qwen2", "qwen2"),
    ("qwen3", "qwen3"),
    ("gemma", "gemma"),
    ("gemma2", "gemma2"),
    ("gemma3", "gemma3_text"),
    ("phi3", "phi3"),
];

/// Keys after `{architecture}.` and their names in `config.json`.
const KEYS: &[(&str, &str)] = &[
    ("embedding_length", "hidden_size"),
    ("block_count", "num_hidden_layers"),
    ("attention.head_count", "num_attention_heads"),
    ("attention.head_count_kv", "num_key_value_heads"),
    ("attention.key_length", "head_dim"),
    ("feed_forward_length", "intermediate_size"),
    ("context_length", "max_position_embeddings"),
    ("attention.layer_norm_rms_epsilon", "rms_norm_eps"),
    ("attention.sliding_window", "sliding_window"),
    ("rope.freq_base", "rope_theta"),
    ("rope.freq_base_swa", "rope_local_base_freq"),
    ("attn_logit_softcapping", "attn_logit_softcapping"),
    ("final_logit_softcapping", "final_logit_softcapping"),
];

/// Names of the format.
const NAMES: Names = Names {
    bases: &[""],
    embedding: "token_embd",
    final_norm: "output_norm",
    heads: &["output"],
    block: "blk.",
    attention_norm: "attn_norm",
    attention_post: "post_attention_norm",
    qkv: Qkv::Separate(["attn_q", "attn_k", "attn_v"]),
    query_norm: "attn_q_norm",
    key_norm: "attn_k_norm",
    output: "attn_output",
    mlp_norm: "ffn_norm",
    mlp_post: "post_ffw_norm",
    mlp_in: MlpIn::Separate(["ffn_gate", "ffn_up"]),
    mlp_out: "ffn_down",
    ..Names::LLAMA
};

fn supported() -> String {
    let known: Vec<&str> = ARCHITECTURES.iter().map(|(arch, _)| *arch).collect();
    known.join(", ")
}

/// The configuration as JSON in the words of `config.json`.
pub(super) fn json(parts: &Parts<'_>) -> Result<Value, EngineError> {
    let (metadata, file) = (parts.metadata(), parts.file());
    let key = "general.architecture";
    let name = metadata
        .text(key)?
        .ok_or_else(|| metadata.bad(key, "missing"))?;
    let unsupported = |what: String| EngineError::Gguf {
        file: file.to_owned(),
        what,
        known: supported(),
    };
    let Some((_, model_type)) = ARCHITECTURES.iter().find(|(arch, _)| *arch == name) else {
        return Err(unsupported(format!("architecture \"{name}\"")));
    };
    let number = |part: &str| metadata.number(&format!("{name}.{part}"));
    if number("expert_count")?.is_some_and(|n| n > 0.0) {
        return Err(unsupported("a mixture of experts".to_owned()));
    }
    if number("attention.value_length")? != number("attention.key_length")? {
        return Err(unsupported("values narrower or wider than keys".to_owned()));
    }
    let mut c = Map::new();
    c.insert("model_type".to_owned(), json!(model_type));
    for (part, to) in KEYS {
        // A window of 0 means none.
        if let Some(v) = number(part)?.filter(|v| *v != 0.0) {
            c.insert((*to).to_owned(), whole(v));
        }
    }
    let embedding = parts.tensor("token_embd.weight");
    if let Some(vocab) = embedding.and_then(|t| t.shape.first()) {
        c.insert("vocab_size".to_owned(), json!(vocab));
    }
    let tied = parts.tensor("output.weight").is_none();
    c.insert("tie_word_embeddings".to_owned(), json!(tied));
    let (heads, hidden) = (number("attention.head_count")?, number("embedding_length")?);
    let (heads, hidden) = (heads.unwrap_or(1.0).max(1.0), hidden.unwrap_or(1.0));
    let head_dim = number("attention.key_length")?.unwrap_or((hidden / heads).floor());
    // The 27 B models divide by another width than their heads'.
    let blocks = number("block_count")?;
    let large = matches!(
        (name, blocks),
        ("gemma2", Some(46.0)) | ("gemma3", Some(62.0))
    );
    let scalar = if large { hidden / heads } else { head_dim };
    c.insert("query_pre_attn_scalar".to_owned(), json!(scalar));
    if let Some(rotated) = number("rope.dimension_count")? {
        c.insert(
            "partial_rotary_factor".to_owned(),
            json!(rotated / head_dim),
        );
    }
    if let Some(scaling) = scaling(parts, name)? {
        c.insert("rope_scaling".to_owned(), scaling);
    }
    if c.contains_key("sliding_window") && name.starts_with("qwen") {
        c.remove("sliding_window");
    }
    Ok(Value::Object(c))
}

/// The change of the rotary frequencies in the words of `rope_scaling`.
fn scaling(parts: &Parts<'_>, name: &str) -> Result<Option<Value>, EngineError> {
    let metadata = parts.metadata();
    let number = |part: &str| metadata.number(&format!("{name}.rope.scaling.{part}"));
    let original = number("original_context_length")?;
    let attention = number("attn_factor")?;
    // Llama 3.1 and later come with one divisor per frequency instead of the formula's numbers.
    if let Some(divisors) = parts.vector("rope_freqs.weight")? {
        return Ok(Some(json!({
            "rope_type": "longrope", "short_factor": divisors, "attention_factor": 1.0,
            "original_max_position_embeddings": metadata.number(&format!("{name}.context_length"))?,
        })));
    }
    if let Some(divisors) = parts.vector("rope_factors_short.weight")? {
        return Ok(Some(json!({
            "rope_type": "longrope", "short_factor": divisors, "attention_factor": attention,
            "long_factor": parts.vector("rope_factors_long.weight")?,
            "original_max_position_embeddings": original,
        })));
    }
    let kind = metadata.text(&format!("{name}.rope.scaling.type"))?;
    let (Some(kind), Some(factor)) = (kind, number("factor")?) else {
        return Ok(None);
    };
    Ok(match kind {
        "none" => None,
        "yarn" => {
            let usual = 0.1 * factor.max(1.0).ln() + 1.0;
            Some(json!({
                "rope_type": "yarn", "factor": factor,
                "original_max_position_embeddings": original,
                "attention_factor": attention.map(|a| a * usual),
                "beta_fast": number("yarn_beta_fast")?, "beta_slow": number("yarn_beta_slow")?,
            }))
        }
        other => Some(json!({ "rope_type": other, "factor": factor })),
    })
}

/// The number as JSON, whole where it is.
fn whole(v: f64) -> Value {
    if v.fract() == 0.0 && (0.0..9e15).contains(&v) {
        json!(v as u64)
    } else {
        json!(v)
    }
}

/// The shape of the model, with the format's names.
pub(super) fn read(value: &Value, parts: &Parts<'_>) -> Result<Config, EngineError> {
    let mut config = Config::from_value(value, parts.file())?;
    let packed = matches!(config.names.qkv, Qkv::Packed(_));
    config.names = NAMES;
    if packed {
        config.names.qkv = Qkv::Packed("attn_qkv");
        config.names.mlp_in = MlpIn::Packed("ffn_up");
    }
    let has = |part: &str| parts.tensor(&format!("blk.0.{part}.bias")).is_some();
    config.spec.biases = Biases {
        qkv: has("attn_q") || has("attn_qkv"),
        output: has("attn_output"),
        mlp_in: has("ffn_up"),
        mlp_out: has("ffn_down"),
    };
    // The conversion adds Gemma's 1 to the weights.
    if config.spec.norm == NormKind::RmsPlusOne {
        config.spec.norm = NormKind::Rms;
    }
    Ok(config)
}
