//! What is kept of one unsteered prompt, and the hook that collects it.

use std::ops::Range;

use crate::engine::{Hook, Place};
use crate::measure::prepare::PreparedInput;
use crate::units::{BlockIndex, Mask};

/// Unsteered state of one prompt.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    /// Unsteered propensity.
    pub(super) baseline: f32,
    /// Residual row after the last block at position k − 1, width d.
    pub(super) last: Vec<f32>,
    /// Residual rows after every block but the last at positions P − 1 .. k, shape
    /// `(n_blocks − 1, rows, d)`.
    pub(super) tail: Vec<f32>,
    /// Residual rows after some neighbouring blocks at all positions.
    pub(super) whole: Option<Whole>,
}

impl Kept {
    /// Numbers held.
    pub(super) fn values(&self) -> usize {
        self.rows() + self.whole_rows()
    }

    /// Numbers of the rows at the last positions.
    pub(super) fn rows(&self) -> usize {
        self.last.len() + self.tail.len()
    }

    /// Numbers of the rows at all positions.
    pub(super) fn whole_rows(&self) -> usize {
        self.whole.as_ref().map_or(0, |w| w.rows.len())
    }

    /// Gives the rows at the last positions back; the unsteered propensity stays.
    pub(super) fn drop_rows(&mut self) {
        (self.last, self.tail) = (Vec::new(), Vec::new());
    }

    /// Rows after block `b` at positions `start..k`, from the tail kept at every block.
    pub(super) fn tail_from(
        &self,
        input: &PreparedInput,
        b: usize,
        start: usize,
        d: usize,
    ) -> &[f32] {
        let held = input.prefix.len() - tail_start(input);
        let skipped = b * held + (start - tail_start(input));
        &self.tail[skipped * d..(b + 1) * held * d]
    }

    /// Whether whole-prompt rows after block `b` are there.
    pub(super) fn has_whole(&self, input: &PreparedInput, b: usize, d: usize) -> bool {
        self.whole_at(input, b, d).is_some()
    }

    /// Rows after block `b` at positions `0..k`.
    pub(super) fn whole_at(&self, input: &PreparedInput, b: usize, d: usize) -> Option<&[f32]> {
        let whole = self.whole.as_ref()?;
        let size = input.prefix.len() * d;
        let index = b.checked_sub(whole.first)?;
        whole.rows.get(index * size..(index + 1) * size)
    }
}

/// Residual rows at positions 0..k after blocks `first..`, shape `(blocks, k, d)`.
#[derive(Debug, Clone, Default)]
pub(super) struct Whole {
    pub(super) first: usize,
    pub(super) rows: Vec<f32>,
}

/// First position whose residual rows are kept at every block.
pub(super) fn tail_start(input: &PreparedInput) -> usize {
    Mask::FromLastPrompt.first_position(input.prompt_len)
}

/// Copies residual rows of chosen blocks and positions, per sequence in the layout
/// `(blocks, positions, d)`.
pub(super) struct Reader {
    blocks: Range<usize>,
    width: usize,
    kept: Vec<(Range<usize>, Vec<f32>)>,
}

impl Reader {
    pub(super) fn new(sequences: usize, blocks: Range<usize>, width: usize) -> Self {
        Self {
            blocks,
            width,
            kept: vec![(0..0, Vec::new()); sequences],
        }
    }

    /// Asks for positions of a sequence.
    pub(super) fn keep(&mut self, sequence: usize, positions: Range<usize>) {
        let size = self.blocks.len() * positions.len() * self.width;
        if let Some(kept) = self.kept.get_mut(sequence) {
            *kept = (positions, vec![0.0; size]);
        }
    }

    /// What was collected of a sequence.
    pub(super) fn take(&mut self, sequence: usize) -> Vec<f32> {
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
