//! Texts that outgrow the original context of a `LongRoPE` model.
//!
//! Such a model has two sets of rotary frequencies: one for whole texts up to its original length,
//! one for longer texts, from their first position on. So a text is not the same before and after it
//! grows beyond that length: everything cached under the other set is computed anew, once, as
//! `Phi3ForCausalLM.prepare_inputs_for_generation` of transformers does. A sequence's numbers are thus
//! those of one pass over its whole text, however it came into the cache; unlike there, the length
//! that counts is the sequence's own and not that of the longest in a batch.

use super::{Branch, Cancel, EngineError, Hook, Keep, KvCache, Model, Part, Rows};

impl Model {
    /// Whether a text of `len` tokens takes the frequencies of long texts.
    pub(super) fn is_long(&self, len: usize) -> bool {
        let ropes = &self.config.spec.ropes;
        ropes
            .iter()
            .filter_map(|rope| rope.long.as_ref())
            .any(|long| len > long.beyond)
    }

    /// Whether what is cached for a part cannot serve the text that it becomes.
    pub(super) fn is_outgrown(&self, cache: &KvCache, part: &Part<'_>) -> bool {
        let cached = cache.len(part.sequence);
        cached > 0 && cache.is_long(part.sequence) != self.is_long(cached + part.ids.len())
    }

    /// [`extend`](Self::extend) where some sequences are outgrown: those are computed from their first
    /// token on, the hook sees all their places.
    pub(super) fn extend_anew(
        &self,
        cache: &mut KvCache,
        parts: &[Part<'_>],
        keep: Keep,
        hook: &mut dyn Hook,
        cancel: &Cancel,
    ) -> Result<Rows, EngineError> {
        // The old one is kept until the pass is through.
        let mut fresh = cache.clone();
        let mut whole: Vec<(Vec<u32>, usize)> = Vec::with_capacity(parts.len());
        for part in parts {
            let before = if self.is_outgrown(&fresh, part) {
                let ids = fresh.ids(part.sequence).to_vec();
                fresh.truncate(part.sequence, 0);
                ids
            } else {
                Vec::new()
            };
            let old = before.len();
            whole.push(([&before, part.ids].concat(), old));
        }
        let grown: Vec<Part<'_>> = parts
            .iter()
            .zip(&whole)
            .map(|(part, (ids, _))| Part {
                sequence: part.sequence,
                ids,
            })
            .collect();
        let first = match keep {
            Keep::All => 0,
            Keep::From(first) => first,
            Keep::Last | Keep::Nothing => {
                let rows = self.extend(&mut fresh, &grown, keep, hook, cancel)?;
                *cache = fresh;
                return Ok(rows);
            }
        };
        let rows = self.extend(&mut fresh, &grown, Keep::All, hook, cancel)?;
        *cache = fresh;
        let (d, mut kept, mut row) = (rows.width(), Vec::new(), 0);
        for (ids, old) in &whole {
            let from = row + (old + first).min(ids.len());
            kept.extend_from_slice(&rows.as_slice()[from * d..(row + ids.len()) * d]);
            row += ids.len();
        }
        Rows::from_vec(kept, d)
    }

    /// Refuses a branch that makes a text longer than the frequencies of its cached part serve. A
    /// branch that ends earlier is taken for a part of the longer text.
    pub(super) fn check_branch(&self, cache: &KvCache, branch: &Branch) -> Result<(), EngineError> {
        let needed = branch.start + branch.len;
        if self.is_long(needed) && !cache.is_long(branch.sequence) {
            let ropes = self.config.spec.ropes.iter();
            let beyond = ropes.filter_map(|rope| rope.long.as_ref().map(|long| long.beyond));
            return Err(EngineError::Context {
                needed,
                max: beyond.min().unwrap_or(0),
            });
        }
        Ok(())
    }
}
