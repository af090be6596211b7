//! Phi-3, Phi-3.5 and Phi-4-mini: packed projections, sometimes part of a head rotated.

use super::Family;
use crate::engine::names::{MlpIn, Names, Qkv};

pub(super) const FAMILY: Family = Family {
    types: &["phi3"],
    aliases: &[],
    defaults: r#"{"original_max_position_embeddings": 4096}"#,
    read: |c, config| {
        let local = c.local_layers(config.n_blocks, |_| true)?;
        config.spec.window(c.size_if("sliding_window")?, &local);
        config.names = Names {
            qkv: Qkv::Packed("self_attn.qkv_proj"),
            mlp_in: MlpIn::Packed("mlp.gate_up_proj"),
            ..Names::LLAMA
        };
        Ok(())
    },
};
