//! Prompts computed once, multipliers evaluated from their checkpoints.

mod budget;
mod checkpoint;
mod evaluate;
mod inside;
mod share;
mod sweep;

use std::ops::Range;
use std::sync::Arc;

pub(in crate::measure) use self::budget::prompt_bytes;
pub use self::budget::{CacheFacts, CacheOptions};
use self::checkpoint::{Kept, Reader, tail_start};
use self::share::Cluster;
pub use self::sweep::SweepCell;
use super::error::MeasureError;
use super::prepare::PreparedSet;
use super::protocol::Propensity;
use crate::engine::{Cancel, Keep, KvCache, Model, NoHook, Part};
use crate::steering::fits;
use crate::units::{BlockIndex, Edit, Mask};

/// Where and what is added.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// What is done with it.
    pub edit: Edit,
    /// v, width d; `(rank, d)` where the operator takes several directions.
    pub direction: &'a [f32],
    /// Output of this block.
    pub block: BlockIndex,
    /// Steered positions.
    pub mask: Mask,
}

impl Site<'_> {
    /// Refuses a block that the model does not have and a direction of another width.
    pub(in crate::measure) fn check(&self, model: &Model) -> Result<(), MeasureError> {
        let (n_blocks, expected) = (model.n_blocks(), model.hidden_size());
        if self.block.0 >= n_blocks {
            let last = n_blocks.saturating_sub(1);
            return Err(MeasureError::Block {
                block: self.block,
                last,
            });
        }
        let got = self.direction.len();
        if fits(self.edit, got, expected) {
            Ok(())
        } else {
            Err(MeasureError::Width { got, expected })
        }
    }
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
    /// How often each prompt was computed.
    computed: Vec<u32>,
    /// Most bytes held at a time.
    peak: usize,
}

impl PromptCache {
    /// An empty cache for the inputs of `set`.
    pub fn new(model: Arc<Model>, set: Arc<PreparedSet>, options: CacheOptions) -> Self {
        let n = set.inputs.len();
        Self {
            kv: KvCache::new(&model, n),
            kept: vec![None; n],
            computed: vec![0; n],
            peak: 0,
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

    /// Inputs that are ready.
    pub fn ready(&self) -> usize {
        (0..self.len()).filter(|i| self.is_ready(*i)).count()
    }

    /// Whether nothing has to be computed before an input's multipliers: its prompt is in memory, or
    /// no prompt is of use.
    pub fn is_ready(&self, input: usize) -> bool {
        if self.is_summed() {
            return input < self.len();
        }
        self.kv.len(input) > 0 && self.kept.get(input).is_some_and(Option::is_some)
    }

    pub(super) fn is_summed(&self) -> bool {
        self.set.propensity == Propensity::SumLogits
    }

    /// Propensity without any vector, once the input was computed.
    pub fn baseline(&self, input: usize) -> Option<f32> {
        self.kept.get(input)?.as_ref().map(|kept| kept.baseline)
    }

    /// Memory held, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let checkpoints: usize = self.kept.iter().flatten().map(Kept::values).sum();
        self.kv.memory_bytes() + checkpoints * size_of::<f32>()
    }

    /// Forgets everything computed.
    pub fn clear(&mut self) {
        self.kv = KvCache::new(&self.model, self.len());
        self.kept.fill(None);
        self.computed.fill(0);
        self.peak = 0;
    }

    /// Computes the prompts of a range that are not in memory yet. Beyond the memory budget only
    /// their unsteered figures are kept.
    pub fn prefill(&mut self, inputs: Range<usize>, cancel: &Cancel) -> Result<(), MeasureError> {
        self.in_groups(inputs, cancel, |_, _| Ok(()))?;
        Ok(())
    }

    fn prefill_group(&mut self, group: &[usize], cancel: &Cancel) -> Result<(), MeasureError> {
        let done = self.fill(group, cancel);
        if done.is_err() {
            // Never leave half a prompt behind.
            for &input in group {
                self.kv.truncate(input, 0);
            }
        }
        done
    }

    fn fill(&mut self, group: &[usize], cancel: &Cancel) -> Result<(), MeasureError> {
        for &input in group {
            self.kv.truncate(input, 0);
        }
        let set = Arc::clone(&self.set);
        let inputs = &set.inputs;
        self.fill_shared(group, cancel)?;
        // The last block is left to the engine, which then computes the rows that are read alone.
        let blocks = 0..self.model.n_blocks() - 1;
        let mut reader = Reader::new(self.len(), blocks, self.model.hidden_size());
        let mut parts = Vec::with_capacity(group.len());
        for &i in group {
            reader.keep(i, tail_start(&inputs[i])..inputs[i].prefix.len());
            parts.push(Part {
                sequence: i,
                ids: &inputs[i].prefix[self.kv.len(i)..],
            });
        }
        let last = self
            .model
            .extend(&mut self.kv, &parts, Keep::Last, &mut reader, cancel)?;
        let answers: Vec<[u32; 2]> = group.iter().map(|&i| inputs[i].answers).collect();
        let logits = self.model.answer_logits(&last, &answers)?;
        for (row, (&input, [positive, negative])) in group.iter().zip(logits).enumerate() {
            self.computed[input] += 1;
            self.kept[input] = Some(Kept {
                baseline: positive - negative,
                last: last.row(row).unwrap_or_default().to_vec(),
                tail: reader.take(input),
                whole: self.kept[input].take().and_then(|kept| kept.whole),
            });
        }
        Ok(())
    }

    /// Puts into the cache what prompts of a group have in common with prompts that are there or
    /// with one another, each such beginning computed once. It ends before the first checkpoint.
    fn fill_shared(&mut self, group: &[usize], cancel: &Cancel) -> Result<(), MeasureError> {
        let set = Arc::clone(&self.set);
        let head = |i: usize| &set.inputs[i].prefix[..tail_start(&set.inputs[i])];
        // Members of the group may look ready while only their beginning is there.
        let mut sources: Vec<bool> = (0..self.len()).map(|j| self.is_ready(j)).collect();
        for &i in group {
            sources[i] = false;
        }
        let mut fresh = Vec::with_capacity(group.len());
        for &input in group {
            let ids = head(input);
            let there = (0..self.len()).filter(|&j| sources[j]);
            let best = there
                .map(|j| (share::common(ids, &set.inputs[j].prefix), j))
                .max();
            match best {
                Some((shared, source)) if shared >= share::SHORTEST => {
                    self.kv.clone_sequence(source, input)?;
                    self.kv.truncate(input, shared);
                }
                _ => fresh.push(share::Head { input, ids }),
            }
        }
        let clusters = share::clusters(fresh);
        let part = |c: &Cluster| Part {
            sequence: c.members[0],
            ids: &head(c.members[0])[..c.shared],
        };
        let parts: Vec<Part<'_>> = clusters.iter().map(part).collect();
        self.model
            .extend(&mut self.kv, &parts, Keep::Nothing, &mut NoHook, cancel)?;
        for cluster in &clusters {
            for &member in &cluster.members[1..] {
                self.kv.clone_sequence(cluster.members[0], member)?;
            }
        }
        Ok(())
    }

    fn check_range(&self, inputs: &Range<usize>) -> Result<(), MeasureError> {
        let n = self.len();
        if inputs.start <= inputs.end && inputs.end <= n {
            Ok(())
        } else {
            Err(MeasureError::Range {
                start: inputs.start,
                end: inputs.end,
                n,
            })
        }
    }
}
