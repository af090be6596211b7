//! Granite 3: a Llama with four factors.

use super::Family;
use crate::engine::EngineError;
use crate::engine::spec::Biases;

pub(super) const FAMILY: Family = Family {
    types: &["granite"],
    aliases: &[],
    defaults: r#"{"embedding_multiplier": 1, "residual_multiplier": 1, "attention_multiplier": 1,
        "logits_scaling": 1}"#,
    read: |c, config| {
        let factor = |name| Ok::<f32, EngineError>(c.positive_if(name)?.unwrap_or(1.0) as f32);
        let attention = c.flag("attention_bias", false)?;
        let mlp = c.flag("mlp_bias", false)?;
        let spec = &mut config.spec;
        spec.biases = Biases {
            qkv: attention,
            output: attention,
            mlp_in: mlp,
            mlp_out: mlp,
        };
        spec.embedding_scale = factor("embedding_multiplier")?;
        spec.residual_scale = factor("residual_multiplier")?;
        spec.attention_scale = factor("attention_multiplier")?;
        spec.logit_scale = 1.0 / factor("logits_scaling")?;
        Ok(())
    },
};
