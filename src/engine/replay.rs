//! The last positions of a cached text through the upper blocks once more, from other residual rows.
//!
//! An edit of the residual stream after a block leaves everything below it and everything before it as it is. So a text under
//! an edit costs the blocks above for the positions from the edit on, and nothing else: either with keys and values of its own
//! ([`Model::rewrite`]) or, with attention frozen, with those of the text without the edit ([`Model::reread`]).

use super::batch::Batch;
use super::cache::Span;
use super::jobs::Store;
use super::{Branch, Cancel, EngineError, Hook, KvCache, Model, Rows};
use crate::units::BlockIndex;

impl Model {
    /// Takes the last positions of cached sequences through the blocks above `after` (`None`: all) again and puts their
    /// keys and values there in place of the cached ones. `x` holds the residual rows that stand after block `after`
    /// (`None`: the embeddings), tail below tail. Returns all rows after the last block, `(n, d)`.
    ///
    /// On our kernel the result is bit-identical to that of one pass over the whole text with that edit. In the hook,
    /// [`Place::sequence`](super::Place::sequence) is the index of the tail. On an error, cancellation included,
    /// the cache holds what it held before.
    ///
    /// # Errors
    /// [`EngineError::Request`] for a tail that does not end where its sequence ends, for two of one sequence, or rows that do
    /// not fit; [`EngineError::Cancelled`].
    pub fn rewrite(
        &self,
        cache: &mut KvCache,
        after: Option<BlockIndex>,
        tails: &[Branch],
        x: Rows,
        hook: &mut dyn Hook,
        cancel: &Cancel,
    ) -> Result<Rows, EngineError> {
        let (spans, batch) = self.pack_tails(cache, after, tails, &x)?;
        for (i, tail) in tails.iter().enumerate() {
            let repeated = tails[..i].iter().any(|t| t.sequence == tail.sequence);
            let n = cache.len(tail.sequence);
            if repeated || tail.start + tail.len != n {
                return Err(EngineError::Request(format!(
                    "{tail:?} as the only tail of a sequence of {n} tokens"
                )));
            }
        }
        if tails.is_empty() {
            return Ok(x);
        }
        // The old keys and values are kept until the pass is through; untouched pages are shared.
        let mut fresh = cache.clone();
        let mut store = Store::Append(&mut fresh, &spans);
        let rows = self.upward(after, x, &batch, &mut store, hook, cancel)?;
        *cache = fresh;
        Ok(rows)
    }

    /// The same with frozen attention: queries, MLP and residual stream are those of `x`, while keys and values, those
    /// of a row's own position included, are read from the cache, which stays as it is. Rows may stand anywhere within their
    /// sequence, and several groups of rows of one sequence may be given.
    ///
    /// # Errors
    /// [`EngineError::Request`] for rows beyond the end of their sequence or that do not fit; [`EngineError::Cancelled`].
    pub fn reread(
        &self,
        cache: &KvCache,
        after: Option<BlockIndex>,
        tails: &[Branch],
        x: Rows,
        hook: &mut dyn Hook,
        cancel: &Cancel,
    ) -> Result<Rows, EngineError> {
        let (spans, batch) = self.pack_tails(cache, after, tails, &x)?;
        if tails.is_empty() {
            return Ok(x);
        }
        let mut store = Store::Frozen(cache, &spans);
        self.upward(after, x, &batch, &mut store, hook, cancel)
    }

    fn pack_tails(
        &self,
        cache: &KvCache,
        after: Option<BlockIndex>,
        tails: &[Branch],
        x: &Rows,
    ) -> Result<(Vec<Span>, Batch), EngineError> {
        self.check_width(x)?;
        let mut batch = self.pack_branches(cache, after, tails, x.n())?;
        batch.kept = (0..batch.places.len()).collect();
        let (mut spans, mut row) = (Vec::with_capacity(tails.len()), 0);
        for tail in tails {
            let n = cache.len(tail.sequence);
            if tail.start + tail.len > n {
                return Err(EngineError::Request(format!(
                    "{tail:?} of a sequence of {n} tokens"
                )));
            }
            spans.push(Span {
                sequence: tail.sequence,
                start: tail.start,
                len: tail.len,
                row,
                long: cache.is_long(tail.sequence),
            });
            row += tail.len;
        }
        Ok((spans, batch))
    }

    fn upward(
        &self,
        after: Option<BlockIndex>,
        x: Rows,
        batch: &Batch,
        store: &mut Store<'_>,
        hook: &mut dyn Hook,
        cancel: &Cancel,
    ) -> Result<Rows, EngineError> {
        let blocks = after.map_or(0, |b| b.0 + 1)..self.n_blocks();
        if blocks.is_empty() {
            return Ok(x);
        }
        self.decoder.resume(x, blocks, batch, store, hook, cancel)
    }
}
