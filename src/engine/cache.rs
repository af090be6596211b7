//! Keys and values of every block and sequence: in pages of 32 positions shared between sequences, or
//! as tensors of a device.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::kernel::PANEL;
use super::linear::with_f32;
use super::rope::Rope;
use super::tensor::Kept;
use super::threads::in_pool_thread;
use super::{Config, EngineError, Model};

/// Values below which one thread is faster than waking the others.
const ALONE: usize = 1 << 16;

/// Sizes of the key/value pages of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) head_dim: usize,
}

impl Geometry {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            heads: config.n_heads,
            kv_heads: config.n_kv_heads,
            head_dim: config.head_dim,
        }
    }

    /// Row width of the values of a page: whole panels.
    pub(super) fn value_width(self) -> usize {
        self.head_dim.next_multiple_of(PANEL)
    }

    /// Keys of head `h` in a page: a panel, `(head_dim, 32 positions)`.
    pub(super) fn keys(self, h: usize) -> usize {
        h * self.head_dim * PANEL
    }

    /// Values of head `h` in a page: `(32 positions, value_width)`.
    pub(super) fn values(self, h: usize) -> usize {
        self.keys(self.kv_heads) + h * PANEL * self.value_width()
    }

    fn page(self) -> usize {
        self.values(self.kv_heads)
    }

    /// Width of a row of stacked queries, keys and values.
    pub(super) fn qkv(self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_dim
    }
}

/// 32 positions of all heads of one block.
pub(super) type Page = Arc<[f32]>;

/// Keys and values of one sequence, block by block.
#[derive(Debug, Clone)]
pub(super) enum Blocks {
    /// For our kernel.
    Pages(Vec<Vec<Page>>),
    /// For the tensor decoder.
    Tensors(Vec<Kept>),
}

impl Blocks {
    fn pages(&self, block: usize) -> &[Page] {
        match self {
            Self::Pages(blocks) => blocks.get(block).map_or(&[], Vec::as_slice),
            Self::Tensors(_) => &[],
        }
    }
}

#[derive(Debug, Clone)]
struct Sequence {
    len: usize,
    /// The tokens, for computing them anew.
    ids: Vec<u32>,
    /// Its keys are rotated by the frequencies of long texts.
    long: bool,
    blocks: Blocks,
}

/// Consecutive new rows of one sequence in a packed batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) sequence: usize,
    /// Absolute position of the first row.
    pub(super) start: usize,
    pub(super) len: usize,
    /// Its row in the batch.
    pub(super) row: usize,
    /// The frequencies of long texts apply.
    pub(super) long: bool,
}

/// Keys and values per sequence and block. Sequences may share pages: a copy costs nothing until
/// one of the two grows within the last page.
#[derive(Debug, Clone)]
pub struct KvCache {
    geometry: Geometry,
    n_blocks: usize,
    /// A new sequence.
    empty: Blocks,
    sequences: Vec<Sequence>,
}

impl KvCache {
    /// An empty cache of `n_sequences` sequences for `model`.
    pub fn new(model: &Model, n_sequences: usize) -> Self {
        Self::of(
            Geometry::new(model.config()),
            model.n_blocks(),
            model.decoder.empty(),
            n_sequences,
        )
    }

    pub(super) fn of(
        geometry: Geometry,
        n_blocks: usize,
        empty: Blocks,
        n_sequences: usize,
    ) -> Self {
        let sequence = Sequence {
            len: 0,
            ids: Vec::new(),
            long: false,
            blocks: empty.clone(),
        };
        Self {
            geometry,
            n_blocks,
            empty,
            sequences: vec![sequence; n_sequences],
        }
    }

    /// Number of sequences.
    pub fn n_sequences(&self) -> usize {
        self.sequences.len()
    }

    /// Tokens cached for `sequence`; 0 when there is none of this number.
    pub fn len(&self, sequence: usize) -> usize {
        self.sequences.get(sequence).map_or(0, |s| s.len)
    }

    /// The cached tokens of `sequence`.
    pub(super) fn ids(&self, sequence: usize) -> &[u32] {
        self.sequences.get(sequence).map_or(&[], |s| &s.ids)
    }

    /// Whether the keys of `sequence` are rotated by the frequencies of long texts.
    pub(super) fn is_long(&self, sequence: usize) -> bool {
        self.sequences.get(sequence).is_some_and(|s| s.long)
    }

    /// Whether no sequence holds a token.
    pub fn is_empty(&self) -> bool {
        self.sequences.iter().all(|s| s.len == 0)
    }

    /// Forgets the tokens of `sequence` from position `len` on.
    pub fn truncate(&mut self, sequence: usize, len: usize) {
        if let Some(s) = self.sequences.get_mut(sequence) {
            s.len = s.len.min(len);
            s.ids.truncate(s.len);
            match &mut s.blocks {
                Blocks::Pages(blocks) => blocks
                    .iter_mut()
                    .for_each(|pages| pages.truncate(s.len.div_ceil(PANEL))),
                Blocks::Tensors(blocks) if s.len == 0 => blocks.fill(Kept::default()),
                // A shorter tensor would be a copy; readers stop at the length.
                Blocks::Tensors(_) => {}
            }
        }
    }

    /// Makes sequence `to` a copy of `from`, without copying memory.
    ///
    /// # Errors
    /// [`EngineError::Request`] when either does not exist.
    pub fn clone_sequence(&mut self, from: usize, to: usize) -> Result<(), EngineError> {
        let n = self.sequences.len();
        match self.sequences.get(from).cloned() {
            Some(copy) if to < n => {
                self.sequences[to] = copy;
                Ok(())
            }
            _ => Err(EngineError::Request(format!(
                "a copy of sequence {from} to {to} of {n}"
            ))),
        }
    }

    /// Appends an empty sequence; returns its number.
    pub fn push_sequence(&mut self) -> usize {
        self.sequences.push(Sequence {
            len: 0,
            ids: Vec::new(),
            long: false,
            blocks: self.empty.clone(),
        });
        self.sequences.len() - 1
    }

    /// Bytes of all keys and values; what sequences share counts once per sequence.
    pub fn memory_bytes(&self) -> usize {
        let bytes = |s: &Sequence| -> usize {
            match &s.blocks {
                Blocks::Pages(blocks) => {
                    let pages: usize = blocks.iter().map(Vec::len).sum();
                    pages * self.geometry.page() * size_of::<f32>()
                }
                Blocks::Tensors(blocks) => blocks.iter().map(Kept::bytes).sum(),
            }
        };
        self.sequences.iter().map(bytes).sum()
    }

    /// The key (rotated) and value rows of one position: `(kv_heads · head_dim)` values each.
    /// For inspection; `None` where nothing is cached.
    pub fn keys_values(
        &self,
        block: usize,
        sequence: usize,
        position: usize,
    ) -> Option<(Vec<f32>, Vec<f32>)> {
        let s = self.sequences.get(sequence).filter(|s| position < s.len)?;
        match &s.blocks {
            Blocks::Pages(_) => self.rows(block, sequence, position..position + 1),
            Blocks::Tensors(blocks) => blocks.get(block)?.row(position),
        }
    }

    /// Keys (rotated) and values of `positions`, row by row, from pages.
    pub(super) fn rows(
        &self,
        block: usize,
        sequence: usize,
        positions: Range<usize>,
    ) -> Option<(Vec<f32>, Vec<f32>)> {
        let (pages, g) = (self.pages(block, sequence), self.geometry);
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for position in positions {
            let (page, column) = (pages.get(position / PANEL)?, position % PANEL);
            for h in 0..g.kv_heads {
                keys.extend((0..g.head_dim).map(|j| page[g.keys(h) + j * PANEL + column]));
                let from = g.values(h) + column * g.value_width();
                values.extend_from_slice(&page[from..][..g.head_dim]);
            }
        }
        Some((keys, values))
    }

    /// Keys and values of a block as the tensor decoder keeps them.
    pub(super) fn kept(&self, block: usize, sequence: usize) -> Option<&Kept> {
        match &self.sequences.get(sequence)?.blocks {
            Blocks::Tensors(blocks) => blocks.get(block),
            Blocks::Pages(_) => None,
        }
    }

    /// The same to be replaced.
    pub(super) fn kept_mut(&mut self, block: usize, sequence: usize) -> Option<&mut Kept> {
        match &mut self.sequences.get_mut(sequence)?.blocks {
            Blocks::Tensors(blocks) => blocks.get_mut(block),
            Blocks::Pages(_) => None,
        }
    }

    /// Sets the number of tokens of a sequence.
    pub(super) fn set_len(&mut self, sequence: usize, len: usize) {
        if let Some(s) = self.sequences.get_mut(sequence) {
            s.len = len;
        }
    }

    /// Refuses a cache made for a model of another shape.
    pub(super) fn check(&self, model: &Model) -> Result<(), EngineError> {
        let kind = |blocks: &Blocks| std::mem::discriminant(blocks);
        if self.geometry == Geometry::new(model.config())
            && self.n_blocks == model.n_blocks()
            && kind(&self.empty) == kind(&model.decoder.empty())
        {
            Ok(())
        } else {
            Err(EngineError::Request("a cache of another model".to_owned()))
        }
    }

    pub(super) fn pages(&self, block: usize, sequence: usize) -> &[Page] {
        self.sequences
            .get(sequence)
            .map_or(&[], |s| s.blocks.pages(block))
    }

    /// Writes the keys (rotated here) and values of `spans` from packed rows of queries, keys and values.
    /// Lengths stay as they are until [`commit`](Self::commit): a cancelled pass leaves the cache valid.
    pub(super) fn write(
        &mut self,
        block: usize,
        spans: &[Span],
        qkv: &candle_core::Tensor,
        rope: &Rope,
    ) -> candle_core::Result<()> {
        let g = self.geometry;
        let mut targets: Vec<Option<&mut Vec<Page>>> = self
            .sequences
            .iter_mut()
            .map(|s| match &mut s.blocks {
                Blocks::Pages(blocks) => blocks.get_mut(block),
                Blocks::Tensors(_) => None,
            })
            .collect();
        let mut work: Vec<(&mut Vec<Page>, Span)> = spans
            .iter()
            .filter_map(|span| Some((targets.get_mut(span.sequence)?.take()?, *span)))
            .collect();
        with_f32(qkv, |rows| {
            if rows.len() < ALONE || !in_pool_thread() {
                for (pages, span) in &mut work {
                    write_span(g, pages, *span, rows, rope);
                }
            } else {
                work.par_iter_mut()
                    .for_each(|(pages, span)| write_span(g, pages, *span, rows, rope));
            }
        })
    }

    /// Counts the rows of a finished pass in; `ids` are the batch's tokens.
    pub(super) fn commit(&mut self, spans: &[Span], ids: &[u32]) {
        for span in spans {
            let s = &mut self.sequences[span.sequence];
            s.len = span.start + span.len;
            s.ids.extend_from_slice(&ids[span.row..][..span.len]);
            s.long = span.long;
        }
    }
}

fn write_span(g: Geometry, pages: &mut Vec<Page>, span: Span, rows: &[f32], rope: &Rope) {
    let (d, rope) = (g.head_dim, rope.side(span.long));
    let mut key = vec![0.0; d];
    while pages.len() < (span.start + span.len).div_ceil(PANEL) {
        pages.push(std::iter::repeat_n(0.0, g.page()).collect());
    }
    for i in 0..span.len {
        let position = span.start + i;
        let row = &rows[(span.row + i) * g.qkv()..][..g.qkv()];
        let column = position % PANEL;
        let page = Arc::make_mut(&mut pages[position / PANEL]);
        for h in 0..g.kv_heads {
            rope.rotate(position, &row[(g.heads + h) * d..][..d], &mut key);
            let keys = &mut page[g.keys(h)..][..d * PANEL];
            for (v, to) in key.iter().zip(keys.iter_mut().skip(column).step_by(PANEL)) {
                *to = *v;
            }
            let value = &row[(g.heads + g.kv_heads + h) * d..][..d];
            page[g.values(h) + column * g.value_width()..][..d].copy_from_slice(value);
        }
    }
}
