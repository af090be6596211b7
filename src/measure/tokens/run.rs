//! The two runs: the text as it is, and from the first steered position on under the vector.

use std::sync::Arc;

use super::{Passage, TextToken, TokensError};
use crate::engine::{
    Branch, Cancel, Hook, HookPoint, Keep, KvCache, Model, NoHook, Part, Place, Rows,
};
use crate::measure::{MeasureError, Site};
use crate::steering::{LaneSteering, SteerHook, apply};
use crate::units::{BlockIndex, Mask};

/// One unsteered pass over a text, kept for comparisons at one block: keys and values of all blocks, and the residual
/// stream before the first block, before and after the site's and after the last (up to `4 · n · d` values of 4 bytes).
#[derive(Debug)]
pub struct UnsteeredRun {
    pub(super) model: Arc<Model>,
    pub(super) passage: Passage,
    /// The text's tokens, spelled out.
    pub(super) tokens: Vec<TextToken>,
    pub(super) block: BlockIndex,
    /// Sequence 0.
    pub(super) cache: KvCache,
    /// Before the first block, `(n, d)`.
    pub(super) embeddings: Rows,
    /// Before the site's block, `(n, d)`.
    entering: Rows,
    /// After the site's block, `(n, d)`.
    pub(super) site: Rows,
    /// After the last block, of the [shown](Passage::shown) positions.
    pub(super) last: Rows,
}

/// What an intervention makes of an [`UnsteeredRun`]: rows and keys from the first edited position on.
#[derive(Debug)]
pub struct SteeredRun {
    pub(super) block: BlockIndex,
    pub(super) direction: Vec<f32>,
    pub(super) coefficient: f32,
    pub(super) mask: Mask,
    pub(super) frozen: bool,
    pub(super) passage: Passage,
    /// First edited position; `n` where there is none.
    pub(super) first: usize,
    /// Sequence 0: the steered keys and values; `None` where they are those of the unsteered run.
    pub(super) cache: Option<KvCache>,
    /// After the site's block, edited: `(n − first, d)`.
    pub(super) site: Rows,
    /// After the last block, `(n − first, d)`.
    pub(super) last: Rows,
}

impl UnsteeredRun {
    /// Reads the text once, for sites at and in `block`.
    ///
    /// # Errors
    /// A block that is not there; what [`Model::extend`] refuses; cancellation.
    pub fn new(
        model: Arc<Model>,
        passage: Passage,
        block: BlockIndex,
        cancel: &Cancel,
    ) -> Result<Self, TokensError> {
        if block.0 >= model.n_blocks() {
            let last = model.n_blocks().saturating_sub(1);
            return Err(MeasureError::Block { block, last }.into());
        }
        let mut cache = KvCache::new(&model, 1);
        let d = model.hidden_size();
        let mut seen = Ends {
            block,
            embeddings: Vec::new(),
            entering: Vec::new(),
            site: Vec::new(),
        };
        let part = [Part {
            sequence: 0,
            ids: passage.read(),
        }];
        let keep = Keep::From(passage.shown().start);
        let last = model.extend(&mut cache, &part, keep, &mut seen, cancel)?;
        Ok(Self {
            embeddings: Rows::from_vec(seen.embeddings, d)?,
            entering: Rows::from_vec(seen.entering, d)?,
            site: Rows::from_vec(seen.site, d)?,
            tokens: passage.pieces(model.tokenizer())?,
            model,
            passage,
            block,
            cache,
            last,
        })
    }

    /// The text.
    pub fn passage(&self) -> &Passage {
        &self.passage
    }

    /// The site's block.
    pub fn block(&self) -> BlockIndex {
        self.block
    }

    /// Bytes of keys, values and rows.
    pub fn memory_bytes(&self) -> usize {
        let rows = [&self.embeddings, &self.entering, &self.site, &self.last];
        let values: usize = rows.map(|r| r.as_slice().len()).iter().sum();
        self.cache.memory_bytes() + values * size_of::<f32>()
    }

    /// The same text with the site's operator applied at its point of the block, at the positions of its mask. With `frozen` every
    /// steered position attends to the unsteered run's keys and values, at all blocks and positions (its own included);
    /// queries, MLP and residual stream are the steered ones.
    ///
    /// Costs the blocks above the site, and those of a point inside a block that block too, for the positions from the first
    /// steered one on; nothing for a coefficient of 0.
    ///
    /// # Errors
    /// [`TokensError::OtherBlock`], [`TokensError::ZeroDirection`], [`TokensError::NotFinite`], a direction of another width, cancellation.
    pub fn steer(
        &self,
        site: &Site<'_>,
        coefficient: f32,
        frozen: bool,
        cancel: &Cancel,
    ) -> Result<SteeredRun, TokensError> {
        site.check(&self.model)?;
        if site.block != self.block {
            return Err(TokensError::OtherBlock {
                read: self.block.0,
                asked: site.block.0,
            });
        }
        if site.direction.iter().all(|v| *v == 0.0) {
            return Err(TokensError::ZeroDirection);
        }
        let (n, d) = (self.passage.read().len(), self.model.hidden_size());
        let lane = LaneSteering::new(site.mask, self.passage.prompt_len(), coefficient);
        let off = site.edit.operator.is_off(coefficient) || !lane.covers(lane.first_position);
        let first = if off { n } else { lane.first_position.min(n) };
        let mut run = SteeredRun {
            block: site.block,
            direction: site.direction.to_vec(),
            coefficient,
            mask: site.mask,
            frozen,
            passage: self.passage.clone(),
            first,
            cache: None,
            site: Rows::empty(d),
            last: Rows::empty(d),
        };
        if first == n {
            return Ok(run);
        }
        let steer = SteerHook::new(site.block, site.edit, site.direction, vec![lane]);
        if site.edit.point.is_canonical() {
            let mut x = self.site.as_slice()[first * d..].to_vec();
            for (i, row) in x.chunks_exact_mut(d).enumerate() {
                if lane.covers(first + i) {
                    apply(site.edit.operator, row, site.direction, coefficient);
                }
            }
            run.site = Rows::from_vec(x, d)?;
            run.check_finite()?;
            let (after, x) = (Some(site.block), run.site.clone());
            self.upward(&mut run, after, x, &mut NoHook, cancel)?;
        } else {
            let after = site.block.0.checked_sub(1).map(BlockIndex);
            let x = self.entering.as_slice()[first * d..].to_vec();
            let mut hook = Within {
                steer,
                block: site.block,
                site: Vec::new(),
            };
            self.upward(&mut run, after, Rows::from_vec(x, d)?, &mut hook, cancel)?;
            run.site = Rows::from_vec(hook.site, d)?;
            run.check_finite()?;
        }
        Ok(run)
    }

    /// The run's positions through the blocks above `after`.
    fn upward(
        &self,
        run: &mut SteeredRun,
        after: Option<BlockIndex>,
        x: Rows,
        hook: &mut dyn Hook,
        cancel: &Cancel,
    ) -> Result<(), TokensError> {
        let tail = [Branch {
            sequence: 0,
            start: run.first,
            len: x.n(),
        }];
        run.last = if run.frozen {
            (self.model).reread(&self.cache, after, &tail, x, hook, cancel)?
        } else {
            let mut cache = self.cache.clone();
            let rows = (self.model).rewrite(&mut cache, after, &tail, x, hook, cancel)?;
            run.cache = Some(cache);
            rows
        };
        Ok(())
    }

    /// Refuses a run of another text or site.
    pub(super) fn check(&self, steered: &SteeredRun) -> Result<(), TokensError> {
        if steered.passage == self.passage && steered.block == self.block {
            Ok(())
        } else {
            Err(TokensError::OtherRun)
        }
    }
}

impl SteeredRun {
    /// c.
    pub fn coefficient(&self) -> f32 {
        self.coefficient
    }

    /// Whether it attends to the unsteered run's keys and values.
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// First position whose residual stream is edited; the number of positions where none is.
    pub fn first_edited(&self) -> usize {
        self.first
    }

    /// Refuses rows after the site's block that are not finite. A norm would make zeros of a row whose square is infinite,
    /// and the logits would look like numbers.
    fn check_finite(&self) -> Result<(), TokensError> {
        let finite = |row: &[f32]| row.iter().map(|h| h * h).sum::<f32>().is_finite();
        match (0..self.site.n()).find(|i| !self.site.row(*i).is_some_and(finite)) {
            Some(i) => Err(TokensError::NotFinite {
                position: self.first + i,
                coefficient: self.coefficient,
            }),
            None => Ok(()),
        }
    }

    /// The row of `position`, where it is not that of the unsteered run.
    pub(super) fn row<'a>(&self, rows: &'a Rows, position: usize) -> Option<&'a [f32]> {
        rows.row(position.checked_sub(self.first)?)
    }
}

/// Keeps the residual stream before the first block, and before and after the site's.
struct Ends {
    block: BlockIndex,
    embeddings: Vec<f32>,
    entering: Vec<f32>,
    site: Vec<f32>,
}

impl Hook for Ends {
    fn wants(&self, block: BlockIndex) -> bool {
        block == self.block
    }

    fn wants_at(&self, block: BlockIndex, point: HookPoint) -> bool {
        match point {
            HookPoint::ResidPre => block.0 == 0 || block == self.block,
            HookPoint::ResidPost => self.wants(block),
            _ => false,
        }
    }

    fn visit_at(
        &mut self,
        block: BlockIndex,
        point: HookPoint,
        _: &[Place],
        rows: &mut [f32],
        _: usize,
    ) {
        if point != HookPoint::ResidPre {
            self.site.extend_from_slice(rows);
            return;
        }
        if block.0 == 0 {
            self.embeddings.extend_from_slice(rows);
        }
        if block == self.block {
            self.entering.extend_from_slice(rows);
        }
    }

    fn visit(&mut self, _: BlockIndex, _: &[Place], rows: &mut [f32], _: usize) {
        self.site.extend_from_slice(rows);
    }

    fn first_edit(&self, _: usize) -> usize {
        usize::MAX
    }
}

/// Steers inside a block and keeps the residual stream after it.
struct Within {
    steer: SteerHook,
    block: BlockIndex,
    site: Vec<f32>,
}

impl Hook for Within {
    fn wants(&self, block: BlockIndex) -> bool {
        block == self.block
    }

    fn wants_at(&self, block: BlockIndex, point: HookPoint) -> bool {
        self.steer.wants_at(block, point) || (point == HookPoint::ResidPost && self.wants(block))
    }

    fn visit_at(
        &mut self,
        block: BlockIndex,
        point: HookPoint,
        places: &[Place],
        rows: &mut [f32],
        width: usize,
    ) {
        if self.steer.wants_at(block, point) {
            self.steer.visit_at(block, point, places, rows, width);
        }
        if point == HookPoint::ResidPost {
            self.site.extend_from_slice(rows);
        }
    }

    fn visit(&mut self, _: BlockIndex, _: &[Place], rows: &mut [f32], _: usize) {
        self.site.extend_from_slice(rows);
    }

    fn first_edit(&self, sequence: usize) -> usize {
        self.steer.first_edit(sequence)
    }
}
