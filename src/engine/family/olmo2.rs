//! `OLMo` 2: norms on what attention and MLP add, and on queries and keys over all heads.

use super::Family;
use crate::engine::names::Names;
use crate::engine::spec::{NormPlace, QkNorm};

pub(super) const FAMILY: Family = Family {
    types: &["olmo2"],
    aliases: &[],
    defaults: r#"{"rms_norm_eps": 1e-5}"#,
    read: |c, config| {
        let bias = c.flag("attention_bias", false)?;
        config.spec.biases.qkv = bias;
        config.spec.biases.output = bias;
        config.spec.norm_place = NormPlace::After;
        config.spec.qk_norm = QkNorm::Whole;
        config.names = Names::FOUR_NORMS;
        Ok(())
    },
};
