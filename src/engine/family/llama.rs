//! Llama 2 and 3.x, `TinyLlama`, `SmolLM2` and whatever else calls itself a Llama.

use super::Family;
use crate::engine::spec::Biases;

pub(super) const FAMILY: Family = Family {
    types: &["llama"],
    aliases: &[],
    defaults: "{}",
    read: |c, config| {
        let attention = c.flag("attention_bias", false)?;
        let mlp = c.flag("mlp_bias", false)?;
        config.spec.biases = Biases {
            qkv: attention,
            output: attention,
            mlp_in: mlp,
            mlp_out: mlp,
        };
        Ok(())
    },
};
