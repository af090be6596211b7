//! GPT-NeoX and Pythia: attention and MLP side by side, part of a head rotated.

use super::Family;
use crate::engine::names::{MlpIn, Names, Qkv};
use crate::engine::spec::{Biases, NormKind};

pub(super) const FAMILY: Family = Family {
    types: &["gpt_neox"],
    aliases: &[
        ("rms_norm_eps", "layer_norm_eps"),
        ("partial_rotary_factor", "rotary_pct"),
        ("rope_theta", "rotary_emb_base"),
    ],
    defaults: r#"{"hidden_act": "gelu", "rms_norm_eps": 1e-5, "partial_rotary_factor": 0.25}"#,
    read: |c, config| {
        if config.n_kv_heads != config.n_heads {
            return Err(c.bad("num_key_value_heads differs from num_attention_heads"));
        }
        let bias = c.flag("attention_bias", true)?;
        let spec = &mut config.spec;
        spec.norm = NormKind::Layer;
        spec.parallel = c.flag("use_parallel_residual", true)?;
        spec.gated = false;
        spec.biases = Biases {
            qkv: bias,
            output: bias,
            mlp_in: true,
            mlp_out: true,
        };
        config.names = Names {
            bases: &["gpt_neox."],
            embedding: "embed_in",
            final_norm: "final_layer_norm",
            heads: &["embed_out", "lm_head"],
            qkv: Qkv::PerHead("attention.query_key_value"),
            output: "attention.dense",
            mlp_in: MlpIn::Plain("mlp.dense_h_to_4h"),
            mlp_out: "mlp.dense_4h_to_h",
            ..Names::LLAMA
        };
        Ok(())
    },
};
