//! Qwen 2 and 2.5 (biases on queries, keys and values) and Qwen 3 (norms on queries and keys).

use super::Family;
use crate::engine::fields::Fields;
use crate::engine::spec::QkNorm;
use crate::engine::{Config, EngineError};

pub(super) const QWEN2: Family = Family {
    types: &["qwen2"],
    aliases: &[],
    defaults: "{}",
    read: |c, config| {
        config.spec.biases.qkv = true;
        windows(c, config)
    },
};

pub(super) const QWEN3: Family = Family {
    types: &["qwen3"],
    aliases: &[],
    defaults: "{}",
    read: |c, config| {
        config.spec.qk_norm = QkNorm::Head;
        let bias = c.flag("attention_bias", false)?;
        config.spec.biases.qkv = bias;
        config.spec.biases.output = bias;
        windows(c, config)
    },
};

/// The files name a window even where it is not used; where it is, the lower blocks go without.
fn windows(c: &Fields<'_>, config: &mut Config) -> Result<(), EngineError> {
    if !c.flag("use_sliding_window", false)? {
        return Ok(());
    }
    let from = c.number_if("max_window_layers")?.unwrap_or(28.0);
    let local = c.local_layers(config.n_blocks, |b| b as f64 >= from)?;
    config.spec.window(c.size_if("sliding_window")?, &local);
    Ok(())
}
