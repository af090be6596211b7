//! `config.json` and `generation_config.json` of a Llama-architecture model.

use serde::Deserialize;
use serde_json::Value;

use super::EngineError;

/// Change of the rotary frequencies for longer contexts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RopeScaling {
    /// Frequencies as in the original (Su et al. 2104.09864).
    Default,
    /// Llama 3.1's: low frequencies divided by `factor`, a smooth passage between.
    Llama3 {
        /// Divisor of low frequencies.
        factor: f64,
        /// Wavelengths above `original / low` are divided in full.
        low: f64,
        /// Wavelengths below `original / high` stay.
        high: f64,
        /// Context length before scaling.
        original: f64,
    },
}

/// Shape of a Llama-architecture decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `model_type`.
    pub architecture: String,
    /// Residual width d.
    pub hidden_size: usize,
    /// Width of the MLP.
    pub intermediate_size: usize,
    /// Number of decoder blocks.
    pub n_blocks: usize,
    /// Query heads.
    pub n_heads: usize,
    /// Key/value heads; divides `n_heads`.
    pub n_kv_heads: usize,
    /// Width of a head; even.
    pub head_dim: usize,
    /// Rows of embedding and head.
    pub vocab_size: usize,
    /// Longest context in tokens.
    pub max_positions: usize,
    /// Epsilon of the RMS norms.
    pub rms_norm_eps: f32,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Scaling of the rotary frequencies.
    pub rope_scaling: RopeScaling,
    /// The output head is the embedding.
    pub tied: bool,
    /// Query, key, value and output projections have biases.
    pub attention_bias: bool,
    /// Gate, up and down projections have biases.
    pub mlp_bias: bool,
    /// `eos_token_id` as a list.
    pub eos: Vec<u32>,
}

#[derive(Deserialize)]
struct Raw {
    model_type: Option<String>,
    architectures: Option<Vec<String>>,
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    vocab_size: Option<usize>,
    max_position_embeddings: Option<usize>,
    rms_norm_eps: Option<f64>,
    rope_theta: Option<f64>,
    rope_scaling: Option<Value>,
    rope_parameters: Option<Value>,
    tie_word_embeddings: Option<bool>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    hidden_act: Option<String>,
    eos_token_id: Option<Value>,
    quantization_config: Option<Value>,
}

/// No size of a real model comes near; keeps products far from overflow.
const LARGEST: usize = 1 << 24;

impl Config {
    /// Reads `config.json`; `file` names it in messages.
    ///
    /// # Errors
    /// [`EngineError::Config`] for malformed files, [`EngineError::Architecture`] for other families.
    pub fn from_json(bytes: &[u8], file: &str) -> Result<Self, EngineError> {
        let bad = |reason: String| EngineError::Config {
            file: file.to_owned(),
            reason,
        };
        let other = |what: String| EngineError::Architecture {
            file: file.to_owned(),
            what,
        };
        let raw: Raw = serde_json::from_slice(bytes)
            .map_err(|e| bad(format!("not a model configuration ({e})")))?;

        let architecture = raw
            .model_type
            .ok_or_else(|| bad("model_type is missing".to_owned()))?;
        if architecture != "llama" {
            let class = raw.architectures.as_deref().and_then(<[String]>::first);
            let class = class.map(|c| format!(" ({c})")).unwrap_or_default();
            return Err(other(format!("model_type \"{architecture}\"{class}")));
        }
        let act = raw.hidden_act.as_deref().unwrap_or("silu");
        if !matches!(act, "silu" | "swish") {
            return Err(other(format!("hidden_act \"{act}\"")));
        }
        if raw.quantization_config.is_some_and(|q| !q.is_null()) {
            return Err(other(
                "a quantized checkpoint (quantization_config)".to_owned(),
            ));
        }

        let size = |name: &str, value: Option<usize>| match value {
            Some(v) if (1..=LARGEST).contains(&v) => Ok(v),
            Some(v) => Err(bad(format!("{name} is {v}"))),
            None => Err(bad(format!("{name} is missing"))),
        };
        let hidden_size = size("hidden_size", raw.hidden_size)?;
        let n_heads = size("num_attention_heads", raw.num_attention_heads)?;
        let n_kv_heads = size(
            "num_key_value_heads",
            raw.num_key_value_heads.or(Some(n_heads)),
        )?;
        let head_dim = size("head_dim", raw.head_dim.or(Some(hidden_size / n_heads)))?;
        if !n_heads.is_multiple_of(n_kv_heads) {
            return Err(bad(format!(
                "num_attention_heads {n_heads} is no multiple of num_key_value_heads {n_kv_heads}"
            )));
        }
        if !head_dim.is_multiple_of(2) {
            return Err(bad(format!(
                "head_dim {head_dim} is odd, rotary positions need pairs"
            )));
        }
        let eps = raw.rms_norm_eps.unwrap_or(1e-6);
        if !(eps.is_finite() && eps >= 0.0) {
            return Err(bad(format!("rms_norm_eps is {eps}")));
        }

        let (rope_theta, rope_scaling) = rope(
            raw.rope_theta,
            [raw.rope_parameters.as_ref(), raw.rope_scaling.as_ref()],
            &bad,
            &other,
        )?;
        Ok(Self {
            architecture,
            hidden_size,
            intermediate_size: size("intermediate_size", raw.intermediate_size)?,
            n_blocks: size("num_hidden_layers", raw.num_hidden_layers)?,
            n_heads,
            n_kv_heads,
            head_dim,
            vocab_size: size("vocab_size", raw.vocab_size)?,
            max_positions: size(
                "max_position_embeddings",
                raw.max_position_embeddings.or(Some(2048)),
            )?,
            rms_norm_eps: eps as f32,
            rope_theta,
            rope_scaling,
            tied: raw.tie_word_embeddings.unwrap_or(false),
            attention_bias: raw.attention_bias.unwrap_or(false),
            mlp_bias: raw.mlp_bias.unwrap_or(false),
            eos: token_ids(raw.eos_token_id.as_ref()).map_err(&bad)?,
        })
    }
}

fn rope(
    theta: Option<f64>,
    tables: [Option<&Value>; 2],
    bad: &dyn Fn(String) -> EngineError,
    other: &dyn Fn(String) -> EngineError,
) -> Result<(f64, RopeScaling), EngineError> {
    let table = tables.into_iter().flatten().find(|v| !v.is_null());
    let number = |name: &str| table.and_then(|t| t.get(name)).and_then(Value::as_f64);
    let theta = theta.or_else(|| number("rope_theta")).unwrap_or(10_000.0);
    if !(theta.is_finite() && theta > 0.0) {
        return Err(bad(format!("rope_theta is {theta}")));
    }
    let kind = table
        .and_then(|t| t.get("rope_type").or_else(|| t.get("type")))
        .and_then(Value::as_str);
    match kind.unwrap_or("default") {
        "default" => Ok((theta, RopeScaling::Default)),
        "llama3" => {
            let need = |name: &str| match number(name) {
                Some(v) if v.is_finite() && v > 0.0 => Ok(v),
                _ => Err(bad(format!("the llama3 rope needs a positive {name}"))),
            };
            let (low, high) = (need("low_freq_factor")?, need("high_freq_factor")?);
            if high <= low {
                return Err(bad(
                    "high_freq_factor must exceed low_freq_factor".to_owned()
                ));
            }
            let original = need("original_max_position_embeddings")?;
            Ok((
                theta,
                RopeScaling::Llama3 {
                    factor: need("factor")?,
                    low,
                    high,
                    original,
                },
            ))
        }
        kind => Err(other(format!("rope type \"{kind}\""))),
    }
}

/// Stop ids of `generation_config.json`; `None` when it names none.
pub(super) fn generation_stops(bytes: &[u8], file: &str) -> Result<Option<Vec<u32>>, EngineError> {
    let bad = |reason: String| EngineError::Config {
        file: file.to_owned(),
        reason,
    };
    let value: Value =
        serde_json::from_slice(bytes).map_err(|e| bad(format!("not valid JSON ({e})")))?;
    let ids = token_ids(value.get("eos_token_id")).map_err(bad)?;
    Ok((!ids.is_empty()).then_some(ids))
}

fn token_ids(value: Option<&Value>) -> Result<Vec<u32>, String> {
    let id = |v: &Value| {
        v.as_u64()
            .and_then(|v| u32::try_from(v).ok())
            .ok_or_else(|| format!("eos_token_id {v} is no token id"))
    };
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(id).collect(),
        Some(one) => Ok(vec![id(one)?]),
    }
}
