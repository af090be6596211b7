//! Gemma: norm weights less 1 and a scaled embedding. From Gemma 2 on also norms after, and blocks
//! with a window between blocks without. Gemma 2 caps scores and logits; Gemma 3 norms queries and keys
//! and gives the blocks with a window frequencies of their own. Of a model that sees images it is the
//! text part.

use super::Family;
use crate::engine::fields::Fields;
use crate::engine::names::Names;
use crate::engine::rope::RopeSpec;
use crate::engine::spec::{Activation, NormKind, NormPlace, QkNorm};
use crate::engine::{Config, EngineError};

/// Older files name an activation that the model never had under `hidden_act`.
const ALIASES: &[(&str, &str)] = &[("hidden_act", "hidden_activation")];

pub(super) const GEMMA: Family = Family {
    types: &["gemma"],
    aliases: ALIASES,
    defaults: r#"{"tie_word_embeddings": true, "max_position_embeddings": 8192, "head_dim": 256}"#,
    read: common,
};

pub(super) const GEMMA2: Family = Family {
    types: &["gemma2"],
    aliases: ALIASES,
    defaults: r#"{"tie_word_embeddings": true, "max_position_embeddings": 8192, "sliding_window": 4096,
        "query_pre_attn_scalar": 256, "attn_logit_softcapping": 50, "final_logit_softcapping": 30}"#,
    read: |c, config| {
        common(c, config)?;
        four_norms(c, config)?;
        let local = c.local_layers(config.n_blocks, |b| b.is_multiple_of(2))?;
        config.spec.window(c.size_if("sliding_window")?, &local);
        config.spec.attention_cap = c.positive_if("attn_logit_softcapping")?.map(|v| v as f32);
        config.spec.logit_cap = c.positive_if("final_logit_softcapping")?.map(|v| v as f32);
        Ok(())
    },
};

pub(super) const GEMMA3: Family = Family {
    types: &["gemma3", "gemma3_text"],
    aliases: ALIASES,
    defaults: r#"{"tie_word_embeddings": true, "max_position_embeddings": 131072, "sliding_window": 4096,
        "query_pre_attn_scalar": 256, "vocab_size": 262208, "num_attention_heads": 8,
        "num_key_value_heads": 4, "head_dim": 256, "rope_theta": 1000000,
        "rope_local_base_freq": 10000, "sliding_window_pattern": 6}"#,
    read: |c, config| {
        common(c, config)?;
        four_norms(c, config)?;
        let pattern = c.size("sliding_window_pattern")?;
        let local = c.local_layers(config.n_blocks, |b| !(b + 1).is_multiple_of(pattern))?;
        config.spec.window(c.size_if("sliding_window")?, &local);
        config.spec.qk_norm = QkNorm::Head;
        config.spec.logit_cap = c.positive_if("final_logit_softcapping")?.map(|v| v as f32);
        config.spec.attention_cap = c.positive_if("attn_logit_softcapping")?.map(|v| v as f32);
        let rope = RopeSpec::read_local(c, config.head_dim, config.max_positions)?;
        config.spec.ropes.push(rope);
        for (layer, local) in config.spec.layers.iter_mut().zip(local) {
            layer.rope = usize::from(local);
        }
        Ok(())
    },
};

fn common(c: &Fields<'_>, config: &mut Config) -> Result<(), EngineError> {
    if c.get("use_bidirectional_attention")
        .is_some_and(|v| v != false)
    {
        return Err(c.unsupported("bidirectional attention"));
    }
    let bias = c.flag("attention_bias", false)?;
    let spec = &mut config.spec;
    spec.norm = NormKind::RmsPlusOne;
    if c.get("hidden_activation").is_none() {
        spec.activation = Activation::GeluTanh;
    }
    spec.biases.qkv = bias;
    spec.biases.output = bias;
    spec.embedding_scale = Some((config.hidden_size as f32).sqrt());
    Ok(())
}

fn four_norms(c: &Fields<'_>, config: &mut Config) -> Result<(), EngineError> {
    let scalar = c.positive_if("query_pre_attn_scalar")?;
    config.spec.attention_scale = scalar.unwrap_or(256.0).powf(-0.5) as f32;
    config.spec.norm_place = NormPlace::Both;
    config.names = Names::FOUR_NORMS;
    Ok(())
}
