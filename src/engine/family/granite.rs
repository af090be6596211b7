//! Granite 3: a Llama with four factors.

use super::Family;
use crate::engine::EngineError;
use crate::engine::spec::Biases;

pub(super) const FAMILY: Family = Family {
    types: &["granite"],
    aliases: &[],
    defaults: "{}",
    read: |c, config| {
        let factor = |name| Ok::<_, EngineError>(c.positive_if(name)?.map(|v| v as f32));
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
        spec.attention_scale = factor("attention_multiplier")?.unwrap_or(1.0);
        spec.logit_scale = factor("logits_scaling")?.map(|v| 1.0 / v);
        Ok(())
    },
};
