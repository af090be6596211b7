//! How much memory computed prompts may take, and what happens beyond it: they are computed again.

use std::ops::Range;

use super::PromptCache;
use super::checkpoint::{Kept, tail_start};
use crate::engine::{Cancel, Model, WorkingMemory};
use crate::measure::{MeasureError, PreparedInput};

/// A group of prompts takes at most this part of the memory for keys and values, so that what is
/// held stays near the budget while a group beyond it is under way.
const GROUP_SHARE: usize = 4;

/// Tokens of a group, in passes: prompts of a group are computed in several passes and measured in one.
const PASSES_PER_GROUP: usize = 8;

/// Positions that keys and values are kept by; a begun one counts as whole.
const PAGE: usize = 32;

/// Values of a head are kept in panels of this width.
const PANEL: usize = 32;

/// Limits of a [`PromptCache`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheOptions {
    /// Most tokens per forward pass.
    pub tokens_per_pass: usize,
    /// Most residual rows per resumed pass.
    pub rows_per_pass: usize,
    /// Memory for keys, values and the residual rows kept beside them, in bytes; prompts beyond it are
    /// computed again at every evaluation.
    pub kv_bytes: usize,
    /// Memory for whole-prompt residual checkpoints, in bytes; needed by the mask `all` only.
    pub checkpoint_bytes: usize,
}

impl CacheOptions {
    /// The default limits per pass and `bytes` of memory in all: four fifths for keys and values,
    /// one fifth for whole-prompt checkpoints. Any size works; a smaller one costs repeated prefills.
    pub fn within(bytes: usize) -> Self {
        let checkpoint_bytes = bytes / 5;
        Self {
            tokens_per_pass: 2048,
            rows_per_pass: 2048,
            kv_bytes: bytes - checkpoint_bytes,
            checkpoint_bytes,
        }
    }
}

impl Default for CacheOptions {
    /// 2.5 GiB.
    fn default() -> Self {
        Self::within(5 << 29)
    }
}

/// What a [`PromptCache`] holds and what its budget has cost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheFacts {
    /// Memory held now, in bytes.
    pub bytes: usize,
    /// Most that was held at a time, in bytes.
    pub peak: usize,
    /// Memory that may be held, in bytes. One group of prompts may go beyond it for a while.
    pub budget: usize,
    /// Prompts of the set.
    pub prompts: usize,
    /// Prompts that are computed and in memory.
    pub in_memory: usize,
    /// Prompts that were computed more than once, because the budget did not hold them.
    pub recomputed: usize,
    /// Computations beyond the first of each prompt.
    pub repeats: usize,
}

impl PromptCache {
    /// What is held, and what did not fit.
    pub fn facts(&self) -> CacheFacts {
        let repeats = |times: &u32| times.saturating_sub(1) as usize;
        CacheFacts {
            bytes: self.memory_bytes(),
            peak: self.peak,
            budget: (self.options.kv_bytes).saturating_add(self.options.checkpoint_bytes),
            prompts: self.len(),
            in_memory: self.ready(),
            recomputed: self.computed.iter().filter(|n| **n > 1).count(),
            repeats: self.computed.iter().map(repeats).sum(),
        }
    }

    /// Calls `work` for one group of the range's inputs after the other, with the prompts of the group
    /// in memory, and gives up after each group what goes beyond the budget.
    pub(super) fn in_groups<T>(
        &mut self,
        inputs: Range<usize>,
        cancel: &Cancel,
        mut work: impl FnMut(&mut Self, &[usize]) -> Result<T, MeasureError>,
    ) -> Result<Vec<T>, MeasureError> {
        self.check_range(&inputs)?;
        let _memory = WorkingMemory::keep();
        let all: Vec<usize> = inputs.collect();
        let per_pass = self.options.tokens_per_pass;
        let mut done = Vec::new();
        for group in self.groups(&all, PASSES_PER_GROUP * per_pass) {
            let first = (0..self.len()).all(|i| self.kv.len(i) == 0);
            let missing = group.iter().copied().filter(|i| !self.is_ready(*i));
            let fresh: Vec<usize> = missing.collect();
            let computed = (self.groups(&fresh, per_pass).iter())
                .try_for_each(|part| self.prefill_group(part, cancel));
            let result = computed.and_then(|()| work(self, &group));
            self.release(first, &group, &fresh);
            done.push(result?);
        }
        Ok(done)
    }

    /// Gives up again what went beyond the budget: prompts that were computed for this group, unless it
    /// is the first to be held, and the group's whole-prompt checkpoints.
    fn release(&mut self, first: bool, group: &[usize], fresh: &[usize]) {
        let sum = |kept: &[Option<Kept>], part: fn(&Kept) -> usize| {
            kept.iter().flatten().map(part).sum::<usize>() * size_of::<f32>()
        };
        let whole = sum(&self.kept, Kept::whole_rows);
        if fresh.is_empty() && whole == 0 {
            // Nothing is held that was not held before.
            return;
        }
        let prompts = self.kv.memory_bytes() + sum(&self.kept, Kept::rows);
        self.peak = self.peak.max(prompts + whole);
        if !first && prompts > self.options.kv_bytes {
            for &input in fresh {
                self.kv.truncate(input, 0);
                if let Some(kept) = &mut self.kept[input] {
                    kept.drop_rows();
                }
            }
        }
        if whole > self.options.checkpoint_bytes {
            for &input in group {
                if let Some(kept) = &mut self.kept[input] {
                    kept.whole = None;
                }
            }
        }
    }

    /// Cuts inputs into groups of at most `limit` tokens, at least one input each. Prompts that have yet
    /// to be computed take a part of the budget at most.
    pub(super) fn groups(&self, inputs: &[usize], limit: usize) -> Vec<Vec<usize>> {
        self.cut(inputs, limit, |i| {
            if self.is_ready(i) {
                0
            } else {
                prompt_bytes(&self.model, &self.set.inputs[i])
            }
        })
    }

    /// The same for prompts that are all computed anew, whether they are in memory or not.
    pub(super) fn groups_anew(&self, inputs: &[usize], limit: usize) -> Vec<Vec<usize>> {
        self.cut(inputs, limit, |i| {
            prompt_bytes(&self.model, &self.set.inputs[i])
        })
    }

    fn cut(
        &self,
        inputs: &[usize],
        limit: usize,
        size: impl Fn(usize) -> usize,
    ) -> Vec<Vec<usize>> {
        let affordable = self.options.kv_bytes / GROUP_SHARE;
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let (mut tokens, mut bytes) = (0, 0);
        for &i in inputs {
            let (n, size) = (self.set.inputs[i].prefix.len(), size(i));
            match groups.last_mut() {
                Some(group) if tokens + n <= limit && bytes + size <= affordable => {
                    group.push(i);
                    tokens += n;
                    bytes += size;
                }
                _ => {
                    groups.push(vec![i]);
                    (tokens, bytes) = (n, size);
                }
            }
        }
        groups
    }
}

/// About the bytes that one computed prompt takes: keys and values in single precision (a GPU may halve
/// them), and the residual rows at its last positions.
pub(in crate::measure) fn prompt_bytes(model: &Model, input: &PreparedInput) -> usize {
    let config = model.config();
    let n = input.prefix.len();
    let head = config.head_dim + config.head_dim.next_multiple_of(PANEL);
    let keys_values = config.n_kv_heads * head * n.next_multiple_of(PAGE);
    let rows = (n + 1).saturating_sub(tail_start(input)) * model.hidden_size();
    config.n_blocks * (keys_values + rows) * size_of::<f32>()
}
