//! Prompts computed once, multipliers evaluated from their checkpoints.

use std::ops::Range;
use std::sync::Arc;

use super::error::MeasureError;
use super::prepare::{PreparedInput, PreparedSet};
use crate::engine::{Branch, Cancel, Hook, Keep, KvCache, Model, NoHook, Part, Place, Rows};
use crate::steering::add_scaled;
use crate::units::{BlockIndex, Mask};

/// Where and what is added.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// v, width d.
    pub direction: &'a [f32],
    /// Output of this block.
    pub block: BlockIndex,
    /// Steered positions.
    pub mask: Mask,
}

/// Limits of a [`PromptCache`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheOptions {
    /// Most tokens per forward pass.
    pub tokens_per_pass: usize,
    /// Most residual rows per resumed pass.
    pub rows_per_pass: usize,
    /// Memory for keys and values; prompts beyond it are computed again at every evaluation.
    pub kv_bytes: usize,
    /// Memory for whole-prompt residual checkpoints, needed by the mask `all` only.
    pub checkpoint_bytes: usize,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            tokens_per_pass: 2048,
            rows_per_pass: 2048,
            kv_bytes: 2 << 30,
            checkpoint_bytes: 512 << 20,
        }
    }
}

/// Unsteered state of one prompt.
#[derive(Debug, Clone, Default)]
struct Kept {
    /// Unsteered propensity.
    baseline: f32,
    /// Residual rows after every block at positions P − 1 .. k, shape `(n_blocks, rows, d)`.
    tail: Vec<f32>,
    /// Residual rows after some neighbouring blocks at all positions.
    whole: Option<Whole>,
}

/// Residual rows at positions 0..k after blocks `first..`, shape `(blocks, k, d)`.
#[derive(Debug, Clone, Default)]
struct Whole {
    first: usize,
    rows: Vec<f32>,
}

/// Keys, values and residual checkpoints of the prompts of a data set.
///
/// Nothing is computed before it is asked for; [`PromptCache::prefill`] and
/// [`PromptCache::evaluate`] work on ranges of inputs, so that a caller can report results and take
/// new requests between them. After a cancelled call everything kept before is still valid.
#[derive(Debug)]
pub struct PromptCache {
    model: Arc<Model>,
    set: Arc<PreparedSet>,
    options: CacheOptions,
    /// Sequence i belongs to input i; empty where nothing is kept.
    kv: KvCache,
    kept: Vec<Option<Kept>>,
}

impl PromptCache {
    /// An empty cache for the inputs of `set`.
    pub fn new(model: Arc<Model>, set: Arc<PreparedSet>, options: CacheOptions) -> Self {
        let n = set.inputs.len();
        Self {
            kv: KvCache::new(&model, n),
            kept: vec![None; n],
            model,
            set,
            options,
        }
    }

    /// Number of inputs.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there are no inputs.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The inputs.
    pub fn set(&self) -> &Arc<PreparedSet> {
        &self.set
    }

    /// Inputs computed so far.
    pub fn ready(&self) -> usize {
        (0..self.len()).filter(|i| self.is_ready(*i)).count()
    }

    /// Whether an input is computed and in memory.
    pub fn is_ready(&self, input: usize) -> bool {
        self.kv.len(input) > 0 && self.kept.get(input).is_some_and(Option::is_some)
    }

    /// Propensity without any vector, once the input was computed.
    pub fn baseline(&self, input: usize) -> Option<f32> {
        self.kept.get(input)?.as_ref().map(|kept| kept.baseline)
    }

    /// Memory held, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let rows = |k: &Kept| k.tail.len() + k.whole.as_ref().map_or(0, |w| w.rows.len());
        self.kv.memory_bytes()
            + self.kept.iter().flatten().map(rows).sum::<usize>() * size_of::<f32>()
    }

    /// Forgets everything computed.
    pub fn clear(&mut self) {
        self.kv = KvCache::new(&self.model, self.len());
        self.kept.fill(None);
    }

    /// Computes the prompts of a range that are not in memory yet.
    pub fn prefill(&mut self, inputs: Range<usize>, cancel: &Cancel) -> Result<(), MeasureError> {
        self.check_range(&inputs)?;
        let missing: Vec<usize> = inputs.filter(|i| !self.is_ready(*i)).collect();
        for group in self.groups(
            &missing,
            |input| input.prefix.len(),
            self.options.tokens_per_pass,
        ) {
            self.prefill_group(&group, cancel)?;
        }
        Ok(())
    }

    /// Propensity of each input of a range at each multiplier, shape `(inputs, multipliers)`.
    ///
    /// Multiplier 0 is the unsteered figure itself; an input none of whose read positions is
    /// masked has it at every multiplier.
    pub fn evaluate(
        &mut self,
        site: &Site<'_>,
        multipliers: &[f32],
        inputs: Range<usize>,
        cancel: &Cancel,
    ) -> Result<Vec<Vec<f32>>, MeasureError> {
        self.check_site(site)?;
        self.check_range(&inputs)?;
        if let Some(bad) = multipliers.iter().find(|m| !m.is_finite()) {
            return Err(MeasureError::Multiplier { value: *bad });
        }
        let all: Vec<usize> = inputs.collect();
        let mut results = Vec::with_capacity(all.len());
        // Groups bound the memory of prompts that will not be kept.
        for group in self.groups(
            &all,
            |input| input.prefix.len(),
            8 * self.options.tokens_per_pass,
        ) {
            let held = self.kv.memory_bytes();
            let fresh: Vec<usize> = group
                .iter()
                .copied()
                .filter(|i| !self.is_ready(*i))
                .collect();
            for part in self.groups(
                &fresh,
                |input| input.prefix.len(),
                self.options.tokens_per_pass,
            ) {
                self.prefill_group(&part, cancel)?;
            }
            let rows = self.evaluate_group(site, multipliers, &group, cancel);
            if held > 0 && self.kv.memory_bytes() > self.options.kv_bytes {
                for input in fresh {
                    self.kv.truncate(input, 0);
                }
            }
            results.extend(rows?);
        }
        Ok(results)
    }

    fn evaluate_group(
        &mut self,
        site: &Site<'_>,
        multipliers: &[f32],
        group: &[usize],
        cancel: &Cancel,
    ) -> Result<Vec<Vec<f32>>, MeasureError> {
        let baseline =
            |kept: &[Option<Kept>], i: usize| kept[i].as_ref().map_or(f32::NAN, |k| k.baseline);
        let mut results: Vec<Vec<f32>> = group
            .iter()
            .map(|&i| vec![baseline(&self.kept, i); multipliers.len()])
            .collect();
        let steered: Vec<usize> = (0..multipliers.len())
            .filter(|&j| multipliers[j] != 0.0)
            .collect();
        let touched: Vec<usize> = (0..group.len())
            .filter(|&g| first_row(site.mask, &self.set.inputs[group[g]]).is_some())
            .collect();
        if steered.is_empty() || touched.is_empty() {
            return Ok(results);
        }
        if site.mask == Mask::All {
            let inputs: Vec<usize> = touched.iter().map(|&g| group[g]).collect();
            self.ensure_whole(&inputs, site.block, cancel)?;
        }
        let width = self.model.hidden_size();
        let mut work: Vec<(usize, usize)> = Vec::new();
        let mut branches: Vec<Branch> = Vec::new();
        let mut x: Vec<f32> = Vec::new();
        for (order, &g) in touched.iter().enumerate() {
            let input = &self.set.inputs[group[g]];
            let start = first_row(site.mask, input).unwrap_or_default();
            let len = input.prefix.len() - start;
            for (next, &j) in steered.iter().enumerate() {
                let from = x.len();
                x.extend_from_slice(self.checkpoint(group[g], site, start));
                for row in x[from..].chunks_exact_mut(width) {
                    add_scaled(row, site.direction, multipliers[j]);
                }
                branches.push(Branch {
                    sequence: group[g],
                    start,
                    len,
                });
                work.push((g, j));
                let finished = order + 1 == touched.len() && next + 1 == steered.len();
                if finished || x.len() / width >= self.options.rows_per_pass {
                    let rows = Rows::from_vec(std::mem::take(&mut x), width)?;
                    let after = Some(site.block);
                    let last =
                        self.model
                            .resume(&self.kv, after, &branches, rows, &mut NoHook, cancel)?;
                    let answers: Vec<[u32; 2]> = work
                        .iter()
                        .map(|(g, _)| self.set.inputs[group[*g]].answers)
                        .collect();
                    let logits = self.model.answer_logits(&last, &answers)?;
                    for ((g, j), [positive, negative]) in work.drain(..).zip(logits) {
                        results[g][j] = positive - negative;
                    }
                    branches.clear();
                }
            }
        }
        Ok(results)
    }

    /// Unsteered residual rows after the site's block at positions `start..k` of an input.
    fn checkpoint(&self, input: usize, site: &Site<'_>, start: usize) -> &[f32] {
        let prepared = &self.set.inputs[input];
        let width = self.model.hidden_size();
        let Some(kept) = &self.kept[input] else {
            return &[];
        };
        let (rows, block, first, held) = match (&kept.whole, site.mask) {
            (Some(whole), Mask::All) => (
                &whole.rows,
                site.block.0 - whole.first,
                0,
                prepared.prefix.len(),
            ),
            _ => (
                &kept.tail,
                site.block.0,
                tail_start(prepared),
                tail_rows(prepared),
            ),
        };
        let skipped = block * held + (start - first);
        &rows[skipped * width..(block + 1) * held * width]
    }

    fn prefill_group(&mut self, group: &[usize], cancel: &Cancel) -> Result<(), MeasureError> {
        for &input in group {
            self.kv.truncate(input, 0);
        }
        let width = self.model.hidden_size();
        let inputs = &self.set.inputs;
        let mut reader = Reader::new(self.len(), 0..self.model.n_blocks(), width);
        for &i in group {
            reader.keep(i, tail_start(&inputs[i])..inputs[i].prefix.len());
        }
        let parts: Vec<Part<'_>> = group
            .iter()
            .map(|&i| Part {
                sequence: i,
                ids: &inputs[i].prefix,
            })
            .collect();
        let last = self
            .model
            .extend(&mut self.kv, &parts, Keep::Last, &mut reader, cancel)?;
        let answers: Vec<[u32; 2]> = group.iter().map(|&i| inputs[i].answers).collect();
        for (&input, [positive, negative]) in
            group.iter().zip(self.model.answer_logits(&last, &answers)?)
        {
            let whole = self.kept[input].take().and_then(|kept| kept.whole);
            let tail = reader.take(input);
            self.kept[input] = Some(Kept {
                baseline: positive - negative,
                tail,
                whole,
            });
        }
        Ok(())
    }

    /// Makes whole-prompt checkpoints at `block` available: one unsteered pass that keeps as many
    /// neighbouring blocks as the budget allows, so that moving the site costs nothing next time.
    fn ensure_whole(
        &mut self,
        inputs: &[usize],
        block: BlockIndex,
        cancel: &Cancel,
    ) -> Result<(), MeasureError> {
        let width = self.model.hidden_size();
        let tokens: usize = self.set.inputs.iter().map(|input| input.prefix.len()).sum();
        let n_blocks = self.model.n_blocks();
        let affordable = self.options.checkpoint_bytes / (tokens * width * size_of::<f32>()).max(1);
        let count = affordable.clamp(1, n_blocks);
        let first = block.0.saturating_sub(count / 2).min(n_blocks - count);
        let lacking = |kept: &Option<Kept>, input: &PreparedInput| {
            let rows_of_block = input.prefix.len() * width;
            kept.as_ref()
                .and_then(|k| k.whole.as_ref())
                .is_none_or(|whole| {
                    block.0 < whole.first
                        || block.0 >= whole.first + whole.rows.len() / rows_of_block
                })
        };
        let missing: Vec<usize> = inputs
            .iter()
            .copied()
            .filter(|&i| lacking(&self.kept[i], &self.set.inputs[i]))
            .collect();
        for group in self.groups(
            &missing,
            |input| input.prefix.len(),
            self.options.tokens_per_pass,
        ) {
            let mut reader = Reader::new(self.len(), first..first + count, width);
            let mut kv = KvCache::new(&self.model, self.len());
            let mut parts = Vec::with_capacity(group.len());
            for &i in &group {
                let ids = &self.set.inputs[i].prefix;
                reader.keep(i, 0..ids.len());
                parts.push(Part { sequence: i, ids });
            }
            self.model
                .extend(&mut kv, &parts, Keep::Nothing, &mut reader, cancel)?;
            for &i in &group {
                if let Some(kept) = &mut self.kept[i] {
                    kept.whole = Some(Whole {
                        first,
                        rows: reader.take(i),
                    });
                }
            }
        }
        Ok(())
    }

    /// Cuts inputs into groups of at most `limit` tokens, at least one input each.
    fn groups(
        &self,
        inputs: &[usize],
        size: impl Fn(&PreparedInput) -> usize,
        limit: usize,
    ) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut filled = usize::MAX;
        for &i in inputs {
            let n = size(&self.set.inputs[i]);
            match groups.last_mut() {
                Some(group) if filled + n <= limit => {
                    group.push(i);
                    filled += n;
                }
                _ => {
                    groups.push(vec![i]);
                    filled = n;
                }
            }
        }
        groups
    }

    fn check_range(&self, inputs: &Range<usize>) -> Result<(), MeasureError> {
        let n = self.len();
        match inputs.start <= inputs.end && inputs.end <= n {
            true => Ok(()),
            false => Err(MeasureError::Range {
                start: inputs.start,
                end: inputs.end,
                n,
            }),
        }
    }

    fn check_site(&self, site: &Site<'_>) -> Result<(), MeasureError> {
        let (n_blocks, expected) = (self.model.n_blocks(), self.model.hidden_size());
        if site.block.0 >= n_blocks {
            return Err(MeasureError::Block {
                block: site.block,
                last: n_blocks.saturating_sub(1),
            });
        }
        match site.direction.len() {
            got if got != expected => Err(MeasureError::Width { got, expected }),
            _ => Ok(()),
        }
    }
}

/// First steered position that the read position can see; `None` when all masked positions come
/// after k − 1 and the intervention cannot reach the logits read.
fn first_row(mask: Mask, input: &PreparedInput) -> Option<usize> {
    let first = mask.first_position(input.prompt_len);
    (first < input.prefix.len()).then_some(first)
}

/// First position whose residual rows are kept at every block.
fn tail_start(input: &PreparedInput) -> usize {
    Mask::FromLastPrompt.first_position(input.prompt_len)
}

fn tail_rows(input: &PreparedInput) -> usize {
    input.prefix.len() - tail_start(input)
}

/// Copies residual rows of chosen blocks and positions, per sequence in the layout
/// `(blocks, positions, d)`.
struct Reader {
    blocks: Range<usize>,
    width: usize,
    kept: Vec<(Range<usize>, Vec<f32>)>,
}

impl Reader {
    fn new(sequences: usize, blocks: Range<usize>, width: usize) -> Self {
        Self {
            blocks,
            width,
            kept: vec![(0..0, Vec::new()); sequences],
        }
    }

    fn keep(&mut self, sequence: usize, positions: Range<usize>) {
        let size = self.blocks.len() * positions.len() * self.width;
        if let Some(kept) = self.kept.get_mut(sequence) {
            *kept = (positions, vec![0.0; size]);
        }
    }

    fn take(&mut self, sequence: usize) -> Vec<f32> {
        self.kept
            .get_mut(sequence)
            .map(|(_, rows)| std::mem::take(rows))
            .unwrap_or_default()
    }
}

impl Hook for Reader {
    fn wants(&self, block: BlockIndex) -> bool {
        self.blocks.contains(&block.0)
    }

    fn visit(&mut self, block: BlockIndex, places: &[Place], rows: &mut [f32], width: usize) {
        let index = block.0 - self.blocks.start;
        for (place, row) in places.iter().zip(rows.chunks_exact(width)) {
            let Some((positions, kept)) = self.kept.get_mut(place.sequence) else {
                continue;
            };
            if positions.contains(&place.position) {
                let at = index * positions.len() + (place.position - positions.start);
                kept[at * width..][..width].copy_from_slice(row);
            }
        }
    }

    fn first_edit(&self, _: usize) -> usize {
        usize::MAX
    }
}
