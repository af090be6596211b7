//! What the decoder computes: extending cached sequences, resuming from residual checkpoints, logits.

use std::ops::Range;

use rayon::prelude::*;

use super::jobs::Store;
use super::kernel::{Isa, softcap};
use super::ops::times;
use super::{Cancel, EngineError, Hook, KvCache, Model, NoHook, Rows};
use crate::units::BlockIndex;

/// Logits below which one thread scales and caps them: a vocabulary or less.
const ALONE: usize = 1 << 18;

/// New tokens of one sequence.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Sequence of the cache; at most one part per sequence and call.
    pub sequence: usize,
    /// The tokens that follow what is cached; at least one.
    pub ids: &'a [u32],
}

/// Which rows of the last block [`Model::extend`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The last row of each part. The rest of the last block is skipped unless a hook wants that block.
    Last,
    /// The rows of each part from its token of this index on; of the others the last block is skipped likewise.
    From(usize),
    /// Every row.
    All,
    /// None: only keys and values are wanted.
    Nothing,
}

/// Rows that continue a cached sequence without entering the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Branch {
    /// Sequence whose keys and values before `start` are used.
    pub sequence: usize,
    /// Absolute position of the first row.
    pub start: usize,
    /// Number of rows; at least one.
    pub len: usize,
}

impl Model {
    /// Appends tokens to sequences of `cache`; prefill and decode are the same call. Returns rows of
    /// the residual stream after the last block, `(n, d)`, in the order of `parts`.
    ///
    /// On an error, cancellation included, the cache holds what it held before.
    ///
    /// # Errors
    /// [`EngineError::Context`], [`EngineError::TokenId`], [`EngineError::Request`],
    /// [`EngineError::Cancelled`].
    pub fn extend(
        &self,
        cache: &mut KvCache,
        parts: &[Part<'_>],
        keep: Keep,
        hook: &mut dyn Hook,
        cancel: &Cancel,
    ) -> Result<Rows, EngineError> {
        if parts.iter().any(|part| self.is_outgrown(cache, part)) {
            return self.extend_anew(cache, parts, keep, hook, cancel);
        }
        let (spans, batch) = self.pack(cache, parts, keep)?;
        if parts.is_empty() {
            return Ok(Rows::empty(self.hidden_size()));
        }
        let ids: Vec<u32> = parts.iter().flat_map(|p| p.ids).copied().collect();
        let mut store = Store::Append(cache, &spans);
        let rows = self
            .decoder
            .tokens(&ids, &batch, &mut store, hook, cancel)?;
        cache.commit(&spans, &ids);
        Ok(rows)
    }

    /// Runs the blocks above `after` for branches of cached sequences. `x` holds the residual rows
    /// that stand after block `after` (`None`: the embeddings), branch below branch; a branch's
    /// rows see the sequence's cached positions before its `start` and its own rows. Several
    /// branches of one sequence (one per multiplier, say) share the cached part; put them side by side.
    ///
    /// Returns the residual after the last block at each branch's last row. In the hook,
    /// [`Place::sequence`](super::Place::sequence) is the index of the branch.
    ///
    /// # Errors
    /// [`EngineError::Context`], [`EngineError::Request`], [`EngineError::Cancelled`].
    pub fn resume(
        &self,
        cache: &KvCache,
        after: Option<BlockIndex>,
        branches: &[Branch],
        x: Rows,
        hook: &mut dyn Hook,
        cancel: &Cancel,
    ) -> Result<Rows, EngineError> {
        self.check_width(&x)?;
        let batch = self.pack_branches(cache, after, branches, x.n())?;
        if branches.is_empty() {
            return Ok(Rows::empty(self.hidden_size()));
        }
        let blocks = after.map_or(0, |b| b.0 + 1)..self.n_blocks();
        let mut store = Store::Branches(cache, branches);
        self.decoder
            .resume(x, blocks, &batch, &mut store, hook, cancel)
    }

    /// Takes branches as for [`resume`](Self::resume) from after block `after` to after block `to`:
    /// all their rows, `(n, d)`. Branches that begin at different blocks are joined on the way up, so
    /// that each block runs once for all of them.
    ///
    /// # Errors
    /// [`EngineError::Context`], [`EngineError::Request`], [`EngineError::Cancelled`].
    pub fn climb(
        &self,
        cache: &KvCache,
        after: BlockIndex,
        to: BlockIndex,
        branches: &[Branch],
        x: Rows,
        cancel: &Cancel,
    ) -> Result<Rows, EngineError> {
        self.check_width(&x)?;
        let mut batch = self.pack_branches(cache, Some(after), branches, x.n())?;
        if to.0 >= self.n_blocks() || to < after {
            return Err(EngineError::Request(format!(
                "from block {after} to block {to} of {}",
                self.n_blocks()
            )));
        }
        if branches.is_empty() || to == after {
            return Ok(x);
        }
        batch.kept = (0..batch.places.len()).collect();
        let mut store = Store::Branches(cache, branches);
        let blocks = after.0 + 1..to.0 + 1;
        self.decoder
            .resume(x, blocks, &batch, &mut store, &mut NoHook, cancel)
    }

    /// Logits `(n, vocabulary)`, row-major, of rows of the residual stream after the last block;
    /// applies the final norm.
    ///
    /// # Errors
    /// [`EngineError::Request`] for rows of another width.
    pub fn logits(&self, rows: &Rows) -> Result<Vec<f32>, EngineError> {
        self.check_width(rows)?;
        if rows.n() == 0 {
            return Ok(Vec::new());
        }
        let mut logits = self.decoder.logits(rows, None)?;
        self.finish(&mut logits);
        Ok(logits)
    }

    /// The same logits, a part of the vocabulary at a time: `see(ids, logits (n, ids))` in order of ids, which are all of them
    /// at once on a GPU and where there are few. What looks at every logit once needs no memory for all of them, and finds
    /// them in the caches.
    ///
    /// # Errors
    /// [`EngineError::Request`] for rows of another width, [`EngineError::Cancelled`].
    pub fn logits_in_parts(
        &self,
        rows: &Rows,
        cancel: &Cancel,
        mut see: impl FnMut(Range<usize>, &[f32]) + Send,
    ) -> Result<(), EngineError> {
        self.check_width(rows)?;
        if rows.n() == 0 {
            return Ok(());
        }
        self.decoder.logits_in_parts(rows, &mut |ids, logits| {
            cancel.check()?;
            self.finish(logits);
            see(ids, logits);
            Ok(())
        })
    }

    /// Ids that [`logits_in_parts`](Self::logits_in_parts) shows at once for `n` rows, at most.
    pub fn vocabulary_part(&self, n: usize) -> usize {
        let part = self.decoder.vocabulary_part(n);
        part.min(self.config.vocab_size)
    }

    /// Two logits per row, of its own two token ids `[positive, negative]`: the same numbers as
    /// [`logits`](Self::logits) gives, without the rest of the vocabulary.
    ///
    /// # Errors
    /// [`EngineError::Request`] when counts or widths differ, [`EngineError::TokenId`].
    pub fn answer_logits(
        &self,
        rows: &Rows,
        ids: &[[u32; 2]],
    ) -> Result<Vec<[f32; 2]>, EngineError> {
        if ids.len() != rows.n() {
            return Err(EngineError::Request(format!(
                "{} answer pairs for {} rows",
                ids.len(),
                rows.n()
            )));
        }
        self.check_width(rows)?;
        if rows.n() == 0 {
            return Ok(Vec::new());
        }
        let mut wanted: Vec<u32> = ids.iter().flatten().copied().collect();
        self.check_ids(&wanted)?;
        wanted.sort_unstable();
        wanted.dedup();
        let mut logits = self.decoder.logits(rows, Some(&wanted))?;
        self.finish(&mut logits);
        let column = |id: u32| wanted.partition_point(|w| *w < id);
        let rows = logits.chunks_exact(wanted.len()).zip(ids);
        Ok(rows
            .map(|(row, pair)| pair.map(|id| row[column(id)]))
            .collect())
    }

    /// Scale and cap of logits, in place.
    fn finish(&self, logits: &mut [f32]) {
        let spec = &self.config.spec;
        let one = |logits: &mut [f32]| {
            times(logits, spec.logit_scale);
            if let Some(cap) = spec.logit_cap {
                softcap(Isa::best(), logits, 1.0, cap);
            }
        };
        if logits.len() < ALONE {
            one(logits);
        } else if spec.logit_scale.is_some() || spec.logit_cap.is_some() {
            logits.par_chunks_mut(ALONE / 4).for_each(one);
        }
    }
}
