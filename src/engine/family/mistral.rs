//! Mistral: a Llama whose blocks may all see a sliding window only.

use super::Family;

pub(super) const FAMILY: Family = Family {
    types: &["mistral"],
    aliases: &[],
    defaults: "{}",
    read: |c, config| {
        let local = c.local_layers(config.n_blocks, |_| true)?;
        config.spec.window(c.size_if("sliding_window")?, &local);
        Ok(())
    },
};
