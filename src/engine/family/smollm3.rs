//! `SmolLM3`: a Llama with some blocks that do not rotate.

use super::Family;
use crate::engine::rope::RopeSpec;
use crate::engine::spec::Biases;

pub(super) const FAMILY: Family = Family {
    types: &["smollm3"],
    aliases: &[],
    defaults: r#"{"tie_word_embeddings": true, "rope_theta": 2000000, "no_rope_layer_interval": 4}"#,
    read: |c, config| {
        let attention = c.flag("attention_bias", false)?;
        let mlp = c.flag("mlp_bias", false)?;
        let every = c.size("no_rope_layer_interval")?;
        let rotates: Vec<bool> = match c.get("no_rope_layers") {
            None => (0..config.n_blocks)
                .map(|b| !(b + 1).is_multiple_of(every))
                .collect(),
            // Despite its name the list holds 1 where a block rotates.
            Some(value) => value
                .as_array()
                .filter(|list| list.len() >= config.n_blocks)
                .ok_or_else(|| c.bad("no_rope_layers is shorter than the model"))?
                .iter()
                .map(|v| *v != 0 && *v != false)
                .collect(),
        };
        let windows = c.flag("use_sliding_window", false)?;
        let local = c.local_layers(config.n_blocks, |b| !rotates[b])?;
        let spec = &mut config.spec;
        if windows {
            spec.window(c.size_if("sliding_window")?, &local);
        }
        spec.ropes.push(RopeSpec::none());
        for (layer, rotates) in spec.layers.iter_mut().zip(&rotates) {
            layer.rope = usize::from(!rotates);
        }
        spec.biases = Biases {
            qkv: attention,
            output: attention,
            mlp_in: mlp,
            mlp_out: mlp,
        };
        Ok(())
    },
};
