//! GPT-2: layer norms, learned positions, two-matrix MLP, everything with biases.

use super::Family;
use crate::engine::names::{MlpIn, Names, Qkv};
use crate::engine::rope::RopeSpec;
use crate::engine::spec::{Biases, NormKind};

pub(super) const FAMILY: Family = Family {
    types: &["gpt2"],
    aliases: &[
        ("hidden_size", "n_embd"),
        ("intermediate_size", "n_inner"),
        ("num_hidden_layers", "n_layer"),
        ("num_attention_heads", "n_head"),
        ("max_position_embeddings", "n_positions"),
        ("rms_norm_eps", "layer_norm_epsilon"),
        ("hidden_act", "activation_function"),
    ],
    defaults: r#"{"hidden_act": "gelu_new", "rms_norm_eps": 1e-5, "tie_word_embeddings": true}"#,
    read: |c, config| {
        if c.flag("scale_attn_by_inverse_layer_idx", false)? {
            return Err(c.unsupported("scale_attn_by_inverse_layer_idx"));
        }
        if !c.flag("scale_attn_weights", true)? {
            config.spec.attention_scale = 1.0;
        }
        let spec = &mut config.spec;
        spec.norm = NormKind::Layer;
        spec.gated = false;
        spec.ropes = vec![RopeSpec::none()];
        spec.biases = Biases {
            qkv: true,
            output: true,
            mlp_in: true,
            mlp_out: true,
        };
        config.names = Names {
            // Files of the original release go without the prefix.
            bases: &["transformer.", ""],
            embedding: "wte",
            positions: Some("wpe"),
            final_norm: "ln_f",
            block: "h.",
            attention_norm: "ln_1",
            qkv: Qkv::Packed("attn.c_attn"),
            output: "attn.c_proj",
            mlp_norm: "ln_2",
            mlp_in: MlpIn::Plain("mlp.c_fc"),
            mlp_out: "mlp.c_proj",
            transposed: true,
            ..Names::LLAMA
        };
        Ok(())
    },
};
