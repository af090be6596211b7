//! Residual rows of texts at the positions read, every block in one pass.

use std::ops::Range;

use super::position::Positions;
use crate::engine::{Cancel, EngineError, Hook, Keep, KvCache, Model, Part, Place};
use crate::units::BlockIndex;

/// Tokens per forward pass; large enough for the matrix products, small enough that progress and
/// cancellation stay smooth.
const BATCH_TOKENS: usize = 1024;
/// Bytes of the sums that one pass leaves.
const BATCH_BYTES: usize = 64 << 20;

/// A tokenised text and what is read of it: one sum of rows for each slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passage<'a> {
    pub(super) ids: &'a [u32],
    pub(super) slots: &'a [Positions],
}

impl Passage<'_> {
    /// First position that is read.
    fn first(&self) -> usize {
        self.slots
            .iter()
            .map(Positions::first)
            .min()
            .unwrap_or(usize::MAX)
    }
}

/// What was read at one slot of one text after one block.
pub(super) struct SlotSum<'a> {
    /// Index of the text in its batch.
    pub(super) text: usize,
    pub(super) slot: usize,
    pub(super) block: usize,
    /// Sum of the rows at the slot's positions, width d.
    pub(super) sum: &'a [f64],
    /// Number of positions.
    pub(super) tokens: usize,
}

/// Number of leading groups of texts that fill one pass; at least one where there is any.
pub(super) fn batch_len(
    model: &Model,
    blocks: usize,
    groups: impl Iterator<Item = (usize, usize)>,
) -> usize {
    let bytes_of_slot = blocks * model.hidden_size() * size_of::<f64>();
    let (mut tokens, mut bytes) = (0, 0);
    let fits = |(more, slots): &(usize, usize)| {
        tokens += more;
        bytes += slots * bytes_of_slot;
        tokens <= BATCH_TOKENS && bytes <= BATCH_BYTES
    };
    groups.take_while(fits).count().max(1)
}

/// Runs texts through the model and hands every slot's sum to `take`: for each of `blocks` in turn, texts
/// in their order. With `twins`, texts 2i and 2i + 1 share their first `twins[i]` tokens, which are
/// computed once.
pub(super) fn read(
    model: &Model,
    texts: &[Passage<'_>],
    twins: &[usize],
    blocks: Range<usize>,
    take: &mut dyn FnMut(SlotSum<'_>),
    cancel: &Cancel,
) -> Result<(), EngineError> {
    let width = model.hidden_size();
    let mut cache = KvCache::new(model, texts.len());
    let mut reader = Reader::new(texts, width, blocks.clone());
    let prefix = |i: usize| twins.get(i / 2).copied().unwrap_or(0);
    let prefixes: Vec<Part<'_>> = (texts.iter().enumerate().step_by(2))
        .filter(|(i, _)| prefix(*i) > 0)
        .map(|(sequence, text)| Part {
            sequence,
            ids: &text.ids[..prefix(sequence)],
        })
        .collect();
    if !prefixes.is_empty() {
        reader.twins = true;
        reader.active = (texts.iter().enumerate()).any(|(i, text)| text.first() < prefix(i));
        model.extend(&mut cache, &prefixes, Keep::Nothing, &mut reader, cancel)?;
        for i in (0..texts.len()).step_by(2).filter(|i| prefix(*i) > 0) {
            cache.clone_sequence(i, i + 1)?;
        }
    }
    let parts: Vec<Part<'_>> = (texts.iter().enumerate())
        .map(|(sequence, text)| Part {
            sequence,
            ids: &text.ids[prefix(sequence)..],
        })
        .collect();
    (reader.twins, reader.active) = (false, true);
    model.extend(&mut cache, &parts, Keep::Nothing, &mut reader, cancel)?;
    for (block, sums) in blocks.zip(
        reader
            .sums
            .chunks_exact((reader.slots.len() * width).max(1)),
    ) {
        for (slot, sum) in reader.slots.iter().zip(sums.chunks_exact(width)) {
            take(SlotSum {
                text: slot.text,
                slot: slot.index,
                block,
                sum,
                tokens: slot.positions.count(),
            });
        }
    }
    Ok(())
}

struct Slot<'a> {
    text: usize,
    index: usize,
    positions: &'a Positions,
}

/// Sums the rows of every slot, per block in the order of slots.
struct Reader<'a> {
    slots: Vec<Slot<'a>>,
    /// Slots of each sequence.
    of_sequence: Vec<Range<usize>>,
    width: usize,
    blocks: Range<usize>,
    /// `(blocks, slots, d)`
    sums: Vec<f64>,
    /// A row of sequence 2i belongs to sequence 2i + 1 too.
    twins: bool,
    /// Whether this pass has positions that are read.
    active: bool,
}

impl<'a> Reader<'a> {
    fn new(texts: &'a [Passage<'a>], width: usize, blocks: Range<usize>) -> Self {
        let mut slots = Vec::new();
        let mut of_sequence = Vec::with_capacity(texts.len());
        for (text, passage) in texts.iter().enumerate() {
            let start = slots.len();
            let all = passage.slots.iter().enumerate();
            slots.extend(all.map(|(index, positions)| Slot {
                text,
                index,
                positions,
            }));
            of_sequence.push(start..slots.len());
        }
        let sums = vec![0.0; blocks.len() * slots.len() * width];
        Self {
            slots,
            of_sequence,
            width,
            blocks,
            sums,
            twins: false,
            active: true,
        }
    }
}

impl Hook for Reader<'_> {
    fn wants(&self, block: BlockIndex) -> bool {
        self.active && self.blocks.contains(&block.0)
    }

    fn visit(&mut self, block: BlockIndex, places: &[Place], rows: &mut [f32], width: usize) {
        let Some(index) = block.0.checked_sub(self.blocks.start) else {
            return;
        };
        let len = self.slots.len() * self.width;
        let Some(sums) = self.sums.get_mut(index * len..(index + 1) * len) else {
            return;
        };
        for (place, row) in places.iter().zip(rows.chunks_exact(width)) {
            let sequences = place.sequence..place.sequence + 1 + usize::from(self.twins);
            let slots = sequences
                .filter_map(|s| self.of_sequence.get(s).cloned())
                .flatten();
            for slot in slots {
                if self.slots[slot].positions.contains(place.position) {
                    let sum = &mut sums[slot * width..][..width];
                    for (sum, x) in sum.iter_mut().zip(row) {
                        *sum += f64::from(*x);
                    }
                }
            }
        }
    }

    fn first_edit(&self, _: usize) -> usize {
        usize::MAX
    }
}
