//! The logit lens: what the residual stream after every block would make of the next token, read through the final norm and
//! the output head (nostalgebraist, "interpreting GPT: the logit lens", 2020).

use serde::{Deserialize, Serialize};

use super::distribution::Side;
use super::passage::{Candidate, candidates};
use super::side_by_side::{rows_at_once, side_by_side};
use super::{SteeredRun, TextToken, TokensError, UnsteeredRun};
use crate::engine::{Branch, Cancel, Hook, KvCache, Place, Rows, TextTokenizer};
use crate::units::{BlockIndex, Mask};

/// One position of a text, block by block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogitLens {
    /// Absolute position.
    pub position: usize,
    /// Steered block.
    pub block: BlockIndex,
    /// c.
    pub coefficient: f32,
    /// Steered positions.
    pub mask: Mask,
    /// Whether the steered side attends to the unsteered run's keys and values.
    pub frozen: bool,
    /// The token at the position.
    pub token: TextToken,
    /// The one that follows in the text.
    pub next: Option<TextToken>,
    /// After every block, from the first on; the last row is what the model says.
    pub rows: Vec<LensRow>,
}

/// What stands after one block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LensRow {
    /// Block.
    pub block: BlockIndex,
    /// KL(steered‖unsteered), nats.
    pub kl: f64,
    /// Without the vector.
    pub unsteered: LensReading,
    /// With it.
    pub steered: LensReading,
}

/// One side after one block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LensReading {
    /// ln p of the token that follows.
    pub log_probability: Option<f64>,
    /// Its place among all tokens, 1 for the most likely.
    pub rank: Option<usize>,
    /// Most likely tokens, most likely first.
    pub top: Vec<Candidate>,
}

impl UnsteeredRun {
    /// The logit lens at `position` of both sides with `top` tokens each (at least 1). Costs one token's pass per side: keys
    /// and values of both are there.
    ///
    /// # Errors
    /// [`TokensError::OtherRun`], [`TokensError::Position`], [`TokensError::NotFinite`], cancellation.
    pub fn lens(
        &self,
        steered: &SteeredRun,
        position: usize,
        top: usize,
        cancel: &Cancel,
    ) -> Result<LogitLens, TokensError> {
        self.check(steered)?;
        let tokenizer = self.model.tokenizer();
        let tokens = &self.tokens;
        let (Some(token), Some(start)) = (tokens.get(position), self.embeddings.row(position))
        else {
            let last = self.embeddings.n().saturating_sub(1);
            return Err(TokensError::Position { position, last });
        };
        let ours = self.climb(&self.cache, None, position, start, cancel)?;
        // Up to the site the two are the same, and everywhere before the first edited position.
        let theirs = match steered.row(&steered.site, position) {
            None => Vec::new(),
            Some(edited) => {
                let cache = steered.cache.as_ref().unwrap_or(&self.cache);
                let above = self.climb(cache, Some(self.block), position, edited, cancel)?;
                [edited.to_vec(), above].concat()
            }
        };
        let (d, n_blocks) = (self.model.hidden_size(), self.model.n_blocks());
        let next = [self.passage.next(position)];
        let (first, chunk) = (n_blocks - theirs.len() / d, rows_at_once(&self.model));
        let mut rows = Vec::with_capacity(n_blocks);
        for begin in (0..n_blocks).step_by(chunk) {
            let end = n_blocks.min(begin + chunk);
            let edited = begin.max(first).min(end);
            let ours = &ours[begin * d..end * d];
            let theirs = &theirs[edited.saturating_sub(first) * d..end.saturating_sub(first) * d];
            let next = next.repeat(end - begin);
            let figures = side_by_side(&self.model, ours, theirs, &next, top.max(1), cancel)?;
            for (b, figures) in (begin..end).zip(figures) {
                let figures = figures.ok_or(TokensError::NotFinite {
                    position,
                    coefficient: steered.coefficient,
                })?;
                let [ours, theirs] = figures.sides;
                rows.push(LensRow {
                    block: BlockIndex(b),
                    kl: figures.kl,
                    unsteered: reading(ours, tokenizer)?,
                    steered: reading(theirs, tokenizer)?,
                });
            }
        }
        Ok(LogitLens {
            position,
            block: self.block,
            coefficient: steered.coefficient,
            mask: steered.mask,
            frozen: steered.frozen,
            token: token.clone(),
            next: tokens.get(position + 1).cloned(),
            rows,
        })
    }

    /// The row of one position after every block above `after`, block below block. Its own key and value stand in
    /// the cache already.
    fn climb(
        &self,
        cache: &KvCache,
        after: Option<BlockIndex>,
        position: usize,
        row: &[f32],
        cancel: &Cancel,
    ) -> Result<Vec<f32>, TokensError> {
        let tail = [Branch {
            sequence: 0,
            start: position,
            len: 1,
        }];
        let x = Rows::from_vec(row.to_vec(), row.len())?;
        let mut seen = EveryBlock(Vec::new());
        self.model
            .reread(cache, after, &tail, x, &mut seen, cancel)?;
        Ok(seen.0)
    }
}

fn reading(side: Side, tokenizer: &TextTokenizer) -> Result<LensReading, TokensError> {
    Ok(LensReading {
        log_probability: side.next.map(|next| next.log_probability),
        rank: side.next.map(|next| next.rank),
        top: candidates(tokenizer, side.top)?,
    })
}

/// Keeps the residual stream after every block.
struct EveryBlock(Vec<f32>);

impl Hook for EveryBlock {
    fn wants(&self, _: BlockIndex) -> bool {
        true
    }

    fn visit(&mut self, _: BlockIndex, _: &[Place], rows: &mut [f32], _: usize) {
        self.0.extend_from_slice(rows);
    }

    fn first_edit(&self, _: usize) -> usize {
        usize::MAX
    }
}
