//! What the decoder computes: extending cached sequences, resuming from residual checkpoints, logits.

use candle_core::{Device, Tensor};

use super::jobs::Store;
use super::kernel::{Isa, softcap};
use super::linear::with_f32;
use super::ops::times;
use super::pass::select;
use super::threads::in_pool;
use super::{Cancel, EngineError, Hook, KvCache, Model, Rows};
use crate::units::BlockIndex;

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
        let rows = in_pool(ids.len(), self.parameters(), || {
            let x = self.embed(&ids, &batch.positions)?;
            self.run(
                x,
                0,
                &batch,
                &mut Store::Append(cache, &spans),
                hook,
                cancel,
            )
        })?;
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
        let batch = self.pack_branches(cache, after, branches, &x)?;
        if branches.is_empty() {
            return Ok(Rows::empty(self.hidden_size()));
        }
        let first = after.map_or(0, |b| b.0 + 1);
        let weights = self.parameters() / self.n_blocks() * (self.n_blocks() - first);
        in_pool(x.n(), weights, || {
            let shape = (x.n(), x.width());
            let x = Tensor::from_vec(x.into_vec(), shape, &Device::Cpu)?;
            if first == self.n_blocks() {
                return self.rows(&select(&x, &batch.kept)?);
            }
            self.run(
                x,
                first,
                &batch,
                &mut Store::Branches(cache, branches),
                hook,
                cancel,
            )
        })
    }

    /// Logits `(n, vocabulary)`, row-major, of rows of the residual stream after the last block;
    /// applies the final norm.
    ///
    /// # Errors
    /// [`EngineError::Request`] for rows of another width.
    pub fn logits(&self, rows: &Rows) -> Result<Vec<f32>, EngineError> {
        let Some(x) = self.normed(rows)? else {
            return Ok(Vec::new());
        };
        let weights = self.hidden_size() * self.config.vocab_size;
        in_pool(rows.n(), weights, || {
            let mut logits = with_f32(&self.head.forward(&x)?, <[f32]>::to_vec)?;
            self.finish(&mut logits);
            Ok(logits)
        })
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
        let Some(x) = self.normed(rows)? else {
            return Ok(Vec::new());
        };
        let mut wanted: Vec<u32> = ids.iter().flatten().copied().collect();
        self.check_ids(&wanted)?;
        wanted.sort_unstable();
        wanted.dedup();
        in_pool(rows.n(), self.hidden_size() * wanted.len(), || {
            let logits = self.head.select(&wanted)?.forward(&x)?;
            let mut logits = with_f32(&logits, <[f32]>::to_vec)?;
            self.finish(&mut logits);
            let column = |id: u32| wanted.partition_point(|w| *w < id);
            let rows = logits.chunks_exact(wanted.len()).zip(ids);
            Ok(rows
                .map(|(row, pair)| pair.map(|id| row[column(id)]))
                .collect())
        })
    }

    fn normed(&self, rows: &Rows) -> Result<Option<Tensor>, EngineError> {
        if rows.n() == 0 {
            return Ok(None);
        }
        self.check_width(rows)?;
        let x = Tensor::from_slice(rows.as_slice(), (rows.n(), rows.width()), &Device::Cpu)?;
        Ok(Some(self.final_norm.forward(&x)?))
    }

    /// Scale and cap of logits, in place.
    fn finish(&self, logits: &mut [f32]) {
        let spec = &self.config.spec;
        times(logits, spec.logit_scale);
        if let Some(cap) = spec.logit_cap {
            softcap(Isa::best(), logits, 1.0, cap);
        }
    }
}
