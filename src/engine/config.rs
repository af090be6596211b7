//! Shape of a model, from its `config.json`; and the stop ids of `generation_config.json`.

use serde_json::Value;

use super::EngineError;
use super::family;
use super::fields::Fields;
use super::names::Names;
use super::rope::RopeSpec;
use super::spec::{Activation, Biases, LayerKind, NormKind, NormPlace, QkNorm, Spec};

/// More blocks than any model has.
const MOST_BLOCKS: usize = 1 << 12;

/// Shape of a decoder.
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
    /// Width of a head.
    pub head_dim: usize,
    /// Rows of embedding and head.
    pub vocab_size: usize,
    /// Longest context in tokens.
    pub max_positions: usize,
    /// The output head is the embedding.
    pub tied: bool,
    /// `eos_token_id` as a list.
    pub eos: Vec<u32>,
    /// What the blocks compute.
    pub(super) spec: Spec,
    /// What the tensors are called.
    pub(super) names: Names,
}

impl Config {
    /// Reads `config.json`; `file` names it in messages.
    ///
    /// # Errors
    /// [`EngineError::Config`] for malformed files, [`EngineError::Architecture`] for families,
    /// activations and the like that the engine does not compute.
    pub fn from_json(bytes: &[u8], file: &str) -> Result<Self, EngineError> {
        let value: Value = serde_json::from_slice(bytes).map_err(|e| EngineError::Config {
            file: file.to_owned(),
            reason: format!("not a model configuration ({e})"),
        })?;
        Self::from_value(&value, file)
    }

    /// The same from parsed JSON.
    pub(super) fn from_value(value: &Value, file: &str) -> Result<Self, EngineError> {
        let c = Fields::new(value, file)?;
        let architecture = c
            .text_if("model_type")?
            .ok_or_else(|| c.bad("model_type is missing"))?;
        let Some(family) = family::find(architecture) else {
            let class = value["architectures"][0].as_str();
            let class = class.map(|c| format!(" ({c})")).unwrap_or_default();
            return Err(c.unsupported(format!("model_type \"{architecture}\"{class}")));
        };
        if c.get("quantization_config").is_some() {
            return Err(c.unsupported("a quantized checkpoint (quantization_config)"));
        }
        let defaults = serde_json::from_str(family.defaults).unwrap_or(Value::Null);
        let c = c.of_family(family.aliases, &defaults);
        let mut config = Self::base(&c, architecture)?;
        (family.read)(&c, &mut config)?;
        config.check(&c)?;
        Ok(config)
    }

    /// What a Llama would be with these sizes.
    fn base(c: &Fields<'_>, architecture: &str) -> Result<Self, EngineError> {
        let hidden_size = c.size("hidden_size")?;
        let n_heads = c.size("num_attention_heads")?;
        let n_kv_heads = c.size_if("num_key_value_heads")?.unwrap_or(n_heads);
        let head_dim = match c.size_if("head_dim")? {
            Some(d) => d,
            None if hidden_size >= n_heads => hidden_size / n_heads,
            None => return Err(c.bad(format!("{n_heads} heads for a width of {hidden_size}"))),
        };
        let n_blocks = c.size("num_hidden_layers")?;
        if n_blocks > MOST_BLOCKS {
            return Err(c.bad(format!("num_hidden_layers is {n_blocks}")));
        }
        let eps = c.number_if("rms_norm_eps")?.unwrap_or(1e-6);
        if eps < 0.0 {
            return Err(c.bad(format!("the epsilon of the norms is {eps}")));
        }
        let act = c.text_if("hidden_act")?.unwrap_or("silu");
        let activation =
            Activation::parse(act).ok_or_else(|| c.unsupported(format!("hidden_act \"{act}\"")))?;
        let max_positions = c.size_if("max_position_embeddings")?.unwrap_or(2048);
        let spec = Spec {
            norm: NormKind::Rms,
            eps: eps as f32,
            norm_place: NormPlace::Before,
            parallel: false,
            qk_norm: QkNorm::Off,
            activation,
            gated: true,
            biases: Biases::default(),
            ropes: vec![RopeSpec::read(c, head_dim, max_positions)?],
            layers: vec![
                LayerKind {
                    rope: 0,
                    window: None
                };
                n_blocks
            ],
            attention_scale: 1.0 / (head_dim as f32).sqrt(),
            attention_cap: None,
            embedding_scale: None,
            residual_scale: None,
            logit_scale: None,
            logit_cap: None,
        };
        Ok(Self {
            architecture: architecture.to_owned(),
            hidden_size,
            intermediate_size: c.size_if("intermediate_size")?.unwrap_or(4 * hidden_size),
            n_blocks,
            n_heads,
            n_kv_heads,
            head_dim,
            vocab_size: c.size("vocab_size")?,
            max_positions,
            tied: c.flag("tie_word_embeddings", false)?,
            eos: token_ids(c.get("eos_token_id")).map_err(|e| c.bad(e))?,
            spec,
            names: Names::LLAMA,
        })
    }

    /// Refuses sizes that contradict each other.
    fn check(&mut self, c: &Fields<'_>) -> Result<(), EngineError> {
        let (heads, kv) = (self.n_heads, self.n_kv_heads);
        if !heads.is_multiple_of(kv) {
            return Err(c.bad(format!(
                "num_attention_heads {heads} is no multiple of num_key_value_heads {kv}"
            )));
        }
        for rope in &self.spec.ropes {
            if !rope.dims.is_multiple_of(2) || rope.dims > self.head_dim {
                return Err(c.bad(format!(
                    "{} of {} dimensions of a head would be rotated, positions need pairs",
                    rope.dims, self.head_dim
                )));
            }
            // Where only the frequencies of short texts are known.
            self.max_positions = self.max_positions.min(rope.longest);
        }
        Ok(())
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
