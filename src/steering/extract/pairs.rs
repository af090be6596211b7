//! Methods made from the differences of pairs.

use std::collections::BTreeMap;
use std::ops::Range;

use rayon::prelude::*;

use super::super::pair::PairSet;
use super::component::{self, Degenerate};
use super::error::ExtractError;
use super::family::{BlockOutcome, Family, Outcome, degenerate};
use super::linear::Matrix;
use super::mean::{MeanDifference, PairActivations, read_some};
use super::method::Method;
use crate::engine::{Cancel, Model};
use crate::units::BlockIndex;

/// Pairs under way. `mean` needs sums only. The others keep (pairs × blocks × d) differences as f32; where
/// that exceeds the memory allowed, blocks are done in groups, and every group reads all pairs again.
pub(super) struct Pairs {
    method: Method,
    seed: u64,
    set: PairSet,
    width: usize,
    /// Blocks of each pass.
    groups: Vec<Range<usize>>,
    /// Pass under way.
    group: usize,
    /// Pairs read in this pass.
    next: usize,
    sums: MeanDifference,
    /// Differences of the blocks of this pass, `(pairs, d)` each.
    kept: Vec<Vec<f32>>,
    /// Blocks of earlier passes.
    solved: BTreeMap<usize, BlockOutcome>,
    watch: Option<BlockIndex>,
    watched: PairActivations,
}

impl Pairs {
    pub(super) fn new(
        method: Method,
        set: PairSet,
        model: &Model,
        seed: u64,
        memory: usize,
        watch: Option<BlockIndex>,
    ) -> Self {
        let (blocks, width) = (model.n_blocks(), model.hidden_size());
        let at_once = if method.keeps_differences() {
            let of_block = set.pairs.len() * width * size_of::<f32>();
            (memory / of_block.max(1)).clamp(1, blocks.max(1))
        } else {
            blocks.max(1)
        };
        let groups: Vec<Range<usize>> = (0..blocks)
            .step_by(at_once)
            .map(|start| start..(start + at_once).min(blocks))
            .collect();
        let first = groups.first().map_or(0, Range::len);
        Self {
            method,
            seed,
            width,
            groups,
            group: 0,
            next: 0,
            sums: MeanDifference::new(blocks, width),
            kept: vec![Vec::new(); first],
            solved: BTreeMap::new(),
            watch,
            watched: PairActivations {
                width,
                ..PairActivations::default()
            },
            set,
        }
    }

    /// Blocks of the pass under way, each from the differences kept so far.
    fn solve(&self, cancel: &Cancel) -> Result<Vec<(usize, BlockOutcome)>, ExtractError> {
        let Some(blocks) = self.groups.get(self.group).filter(|_| self.next > 0) else {
            return Ok(Vec::new());
        };
        let solve = |block: usize| {
            cancel.check()?;
            let (mean, n) = self.sums.at(block).ok_or(ExtractError::NothingRead)?;
            if self.method == Method::Mean {
                return Ok((block, BlockOutcome::of_mean(self.method, block, mean, n)?));
            }
            let kept = &self.kept[block - blocks.start];
            let rows = Matrix::from_rows(self.width, kept.iter().map(|x| f64::from(*x)));
            let direction = component::of_matrix(self.method, &rows, self.seed)
                .map_err(|why: Degenerate| degenerate(why, self.method, block, n))?;
            Ok((block, BlockOutcome { direction, mean, n }))
        };
        blocks.clone().into_par_iter().map(solve).collect()
    }
}

impl Family for Pairs {
    fn total(&self) -> usize {
        self.set.pairs.len() * self.groups.len()
    }

    fn step(&mut self, model: &Model, cancel: &Cancel) -> Result<usize, ExtractError> {
        let n = self.set.pairs.len();
        let Some(blocks) = self.groups.get(self.group).cloned() else {
            return Ok(self.total());
        };
        let keeps = self.method.keeps_differences();
        let (sums, kept) = (&mut self.sums, &mut self.kept);
        let (watch, watched) = (self.watch, &mut self.watched);
        let mut take = |read: super::mean::PairRead<'_>| {
            sums.add_difference(read.block, read.difference());
            if let Some(kept) = kept.get_mut(read.block.0 - blocks.start).filter(|_| keeps) {
                kept.extend(read.difference().map(|x| x as f32));
            }
            if watch == Some(read.block) {
                watched.push(&read);
            }
        };
        let rest = self.set.pairs.get(self.next..).unwrap_or_default();
        self.next += read_some(model, rest, blocks.clone(), &mut take, cancel)?;
        if self.next < n {
            return Ok(self.group * n + self.next);
        }
        // The last pass is solved where its result is asked for.
        if self.group + 1 < self.groups.len() {
            let solved = self.solve(cancel)?;
            self.solved.extend(solved);
            self.group += 1;
            self.next = 0;
            let len = self.groups.get(self.group).map_or(0, Range::len);
            self.kept = vec![Vec::new(); len];
        }
        Ok(self.group * n + self.next)
    }

    fn outcome(&self) -> Result<Outcome, ExtractError> {
        let mut blocks = self.solved.clone();
        blocks.extend(self.solve(&Cancel::never())?);
        let n = blocks
            .values()
            .map(|b| b.n)
            .min()
            .ok_or(ExtractError::NothingRead)?;
        let mut facts = BTreeMap::new();
        if self.method == Method::Lat {
            facts.insert("seed".to_owned(), self.seed.to_string());
        }
        Ok(Outcome {
            blocks,
            counts: [n, n],
            read: self.set.read.to_string(),
            dataset_id: self.set.dataset_id.clone(),
            facts,
            ..Outcome::default()
        })
    }

    fn passes(&self) -> usize {
        self.groups.len()
    }

    fn watched(&self) -> Option<&PairActivations> {
        self.watch.map(|_| &self.watched)
    }
}
