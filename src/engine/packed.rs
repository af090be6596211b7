//! Weights in panel layout, kept as exactly as their file has them: BF16, F16 and quantised values
//! stay what they are, and every value enters the arithmetic as the same f32 that widening at load
//! would give.

use std::cell::RefCell;
use std::ops::Range;

use half::{bf16, f16};
use rayon::prelude::*;

use super::EngineError;
use super::buffer::{Buffer, Plain};
use super::kernel::{Element, Isa, MANY, PANEL, PANELS, Right};
use super::linear::{ALONE, ROWS, grid};
use super::precision::Precision;
use super::quant::{self, Blocks, Quant};
use super::threads::in_pool_thread;
use super::transpose;
use super::weights::RowSource;

/// Where row `i` of a matrix comes from: a source and its row there, or nothing for a row of zeros.
pub(super) type Pick<'a> = dyn Fn(usize) -> Option<(&'a dyn RowSource, usize)> + Sync + 'a;

/// Rows of `k` values as panels of `(k, 32)`; missing columns are 0.
#[derive(Debug)]
pub(super) struct Packed {
    /// One below the other; all but the last fill whole panels.
    segments: Vec<Segment>,
    k: usize,
}

/// Panels whose values are kept in one way.
#[derive(Debug)]
struct Segment {
    panels: Range<usize>,
    data: Kept,
}

#[derive(Debug)]
enum Kept {
    F32(Buffer<f32>),
    F16(Buffer<f16>),
    Bf16(Buffer<bf16>),
    Blocks(Quant, Buffer<u8>),
}

/// Bytes of panels between two times that mapped pages are given back.
const CHUNK: usize = 32 << 20;

/// Gathered values below which one thread is faster than waking the others.
const SCATTERED: usize = 1 << 14;

/// What is done with panels of a product.
pub(super) trait Product: Sync {
    /// Rows `rows` of the left side, at most [`ROWS`], against the panels `panels`, which `w` begins
    /// with; at most [`PANELS`], and rows times panels at most [`ROWS`].
    fn tile(&self, rows: Range<usize>, panels: Range<usize>, w: Right<'_>);
}

impl Packed {
    /// Packs `n` rows in one precision; `read` is called now and then, when nothing that was read is
    /// needed any more, and at the end.
    pub(super) fn new(
        n: usize,
        k: usize,
        precision: Precision,
        pick: &Pick<'_>,
        read: &(dyn Fn() + Sync),
    ) -> Result<Self, EngineError> {
        let segment = Segment {
            panels: 0..n.div_ceil(PANEL),
            data: Kept::pack(n, k, precision, pick, read)?,
        };
        Ok(Self {
            segments: vec![segment],
            k,
        })
    }

    /// Packs all rows of `parts`, one below the other: each in its own precision if they fill whole
    /// panels, else all in one that holds them exactly.
    pub(super) fn stack(parts: &[Box<dyn RowSource + '_>], k: usize) -> Result<Self, EngineError> {
        let mut runs: Vec<(Precision, &[Box<dyn RowSource + '_>])> = Vec::new();
        let mut from = 0;
        for run in parts.chunk_by(|a, b| a.precision() == b.precision()) {
            runs.push((run[0].precision(), &parts[from..from + run.len()]));
            from += run.len();
        }
        let rows =
            |parts: &[Box<dyn RowSource + '_>]| parts.iter().map(|p| p.rows()).sum::<usize>();
        let inner = runs.split_last().map_or(&[][..], |(_, inner)| inner);
        if !inner.iter().all(|(_, p)| rows(p).is_multiple_of(PANEL)) {
            runs = vec![(Precision::of(parts.iter().map(|p| p.precision())), parts)];
        }
        let (mut segments, mut first) = (Vec::new(), 0);
        for (precision, parts) in runs {
            let n = rows(parts);
            let pick = move |mut r: usize| {
                parts.iter().find_map(|part| {
                    let found = (r < part.rows()).then_some((&**part, r));
                    r = r.wrapping_sub(part.rows());
                    found
                })
            };
            let panels = first..first + n.div_ceil(PANEL);
            first = panels.end;
            let read = || parts.iter().for_each(|part| part.release());
            let data = Kept::pack(n, k, precision, &pick, &read)?;
            segments.push(Segment { panels, data });
        }
        Ok(Self { segments, k })
    }

    /// How the values are kept, those of the first rows if they differ.
    pub(super) fn precision(&self) -> Precision {
        match self.segments.first().map(|s| &s.data) {
            Some(Kept::F16(_)) => Precision::F16,
            Some(Kept::Bf16(_)) => Precision::Bf16,
            Some(Kept::Blocks(kind, _)) => Precision::Quantised(*kind),
            Some(Kept::F32(_)) | None => Precision::F32,
        }
    }

    /// Memory held.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |s: &Segment| match &s.data {
            Kept::F32(w) => 4 * w.len(),
            Kept::F16(w) => 2 * w.len(),
            Kept::Bf16(w) => 2 * w.len(),
            Kept::Blocks(_, w) => w.len(),
        };
        self.segments.iter().map(bytes).sum()
    }

    /// Their number.
    pub(super) fn panels(&self) -> usize {
        self.segments.last().map_or(0, |s| s.panels.end)
    }

    /// Runs `product` on `m` rows and the panels `these`, on all threads where that pays.
    pub(super) fn sweep(&self, m: usize, these: Range<usize>, product: &impl Product) {
        grid(m, these.len(), self.k, |rows, panels| {
            let panels = these.start + panels.start..these.start + panels.end;
            for segment in &self.segments {
                let from = panels.start.max(segment.panels.start);
                let to = panels.end.min(segment.panels.end);
                self.part(segment, rows.clone(), from..to.max(from), product);
            }
        });
    }

    fn part(
        &self,
        segment: &Segment,
        rows: Range<usize>,
        mut panels: Range<usize>,
        product: &impl Product,
    ) {
        let widened = rows.len() >= MANY && !matches!(segment.data, Kept::F32(_));
        while !panels.is_empty() {
            let w = segment
                .data
                .right(panels.start - segment.panels.start, self.k);
            let take = w.together(rows.len()).min(PANELS).min(panels.len());
            let these = panels.start..panels.start + take;
            panels.start += take;
            if !widened {
                pieces(&rows, |part| product.tile(part, these.clone(), w));
                continue;
            }
            WIDENED.with_borrow_mut(|wide| {
                wide.resize(self.k * PANEL, 0.0);
                w.widen(Isa::best(), self.k, wide);
                let wide = Right::Widened(wide, w.address(take, self.k));
                pieces(&rows, |part| product.tile(part, these.clone(), wide));
            });
        }
    }

    /// The rows `ids`, one below the other, as f32.
    pub(super) fn gather(&self, ids: &[u32]) -> Vec<f32> {
        let mut out = vec![0.0; ids.len() * self.k];
        let one = |(row, id): (&mut [f32], &u32)| {
            let (panel, column) = (*id as usize / PANEL, *id as usize % PANEL);
            let segment = self.segments.iter().find(|s| s.panels.contains(&panel));
            if let Some(segment) = segment {
                let w = segment.data.right(panel - segment.panels.start, self.k);
                column_of(w, column, row);
            }
        };
        // A value of a row stands alone in its line of memory: gathering waits for memory.
        if out.len() < SCATTERED || !in_pool_thread() {
            out.chunks_exact_mut(self.k).zip(ids).for_each(one);
        } else {
            let rows = out.par_chunks_exact_mut(self.k).zip(ids).with_min_len(8);
            rows.for_each(one);
        }
        out
    }
}

impl Kept {
    fn pack(
        n: usize,
        k: usize,
        precision: Precision,
        pick: &Pick<'_>,
        read: &(dyn Fn() + Sync),
    ) -> Result<Self, EngineError> {
        let size = k * PANEL;
        Ok(match precision {
            Precision::F32 => Self::F32(panels(n, size, plain(n, k, precision, pick), read)?),
            Precision::F16 => Self::F16(panels(n, size, plain(n, k, precision, pick), read)?),
            Precision::Bf16 => Self::Bf16(panels(n, size, plain(n, k, precision, pick), read)?),
            Precision::Quantised(kind) => {
                let size = Blocks::panel_bytes(kind, k);
                Self::Blocks(kind, panels(n, size, blocks(n, k, kind, pick), read)?)
            }
        })
    }

    /// From panel `i` on.
    fn right(&self, i: usize, k: usize) -> Right<'_> {
        let from = i * k * PANEL;
        match self {
            Self::F32(w) => Right::F32(&w[from..]),
            Self::F16(w) => Right::F16(&w[from..]),
            Self::Bf16(w) => Right::Bf16(&w[from..]),
            Self::Blocks(kind, w) => Right::Blocks(Blocks {
                kind: *kind,
                data: &w[i * Blocks::panel_bytes(*kind, k)..],
                k,
            }),
        }
    }
}

thread_local! {
    /// A widened panel: it stays in the second-level cache while its rows pass.
    static WIDENED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

fn pieces(rows: &Range<usize>, task: impl Fn(Range<usize>)) {
    for from in rows.clone().step_by(ROWS) {
        task(from..rows.end.min(from + ROWS));
    }
}

fn column_of(w: Right<'_>, column: usize, row: &mut [f32]) {
    fn widen<T: Element>(w: &[T], column: usize, row: &mut [f32]) {
        for (v, w) in row.iter_mut().zip(w.iter().skip(column).step_by(PANEL)) {
            *v = w.widen();
        }
    }
    match w {
        Right::F32(w) | Right::Widened(w, _) => widen(w, column, row),
        Right::F16(w) => widen(w, column, row),
        Right::Bf16(w) => widen(w, column, row),
        Right::Blocks(w) => quant::decode_column(w.panel(0), column, row),
    }
}

/// Fills the panels of `n` columns, each of `size` elements, on all threads where that pays; `read` as
/// in [`Packed::new`].
fn panels<T: Plain>(
    n: usize,
    size: usize,
    fill: impl Fn(usize, &mut [T]) -> Result<(), EngineError> + Sync,
    read: &(dyn Fn() + Sync),
) -> Result<Buffer<T>, EngineError> {
    let mut data = Buffer::zeros(n.div_ceil(PANEL) * size)?;
    let size = size.max(1);
    if data.len() < ALONE {
        let mut panels = data.chunks_mut(size).enumerate();
        panels.try_for_each(|(i, panel)| fill(i, panel))?;
        read();
        return Ok(data);
    }
    let many = (CHUNK / (size * size_of::<T>())).max(1);
    for (c, chunk) in data.chunks_mut(many * size).enumerate() {
        let panels = chunk.par_chunks_mut(size).enumerate();
        panels.try_for_each(|(i, panel)| fill(c * many + i, panel))?;
        read();
    }
    Ok(data)
}

/// Fills a panel with numbers of a plain type, kept in `precision`.
fn plain<'a, T: Element + Plain>(
    n: usize,
    k: usize,
    precision: Precision,
    pick: &Pick<'a>,
) -> impl Fn(usize, &mut [T]) -> Result<(), EngineError> + Sync {
    move |i, panel| {
        let picked: Vec<_> = (i * PANEL..n.min((i + 1) * PANEL)).map(pick).collect();
        if !transpose::copied(&picked, k, precision, panel) {
            let mut rows = vec![0.0; PANEL * k];
            for (row, picked) in rows.chunks_exact_mut(k).zip(picked) {
                if let Some((source, r)) = picked {
                    source.fill(r, row)?;
                }
            }
            transpose::narrowed(&rows, k, panel);
        }
        Ok(())
    }
}

/// Fills a panel with quantised blocks.
fn blocks<'a>(
    n: usize,
    k: usize,
    kind: Quant,
    pick: &Pick<'a>,
) -> impl Fn(usize, &mut [u8]) -> Result<(), EngineError> + Sync {
    move |i, panel| {
        let picked: Vec<_> = (i * PANEL..n.min((i + 1) * PANEL)).map(pick).collect();
        let rows: Vec<_> = picked
            .iter()
            .map(|p| p.and_then(|(source, r)| source.bytes(r)))
            .collect();
        let slices: Vec<_> = rows.iter().map(|r| r.as_deref()).collect();
        if !quant::pack(kind, &slices, panel) {
            // The sources name the tensor in their errors.
            let mut row = vec![0.0; k];
            for (source, r) in picked.into_iter().flatten() {
                source.fill(r, &mut row)?;
            }
        }
        Ok(())
    }
}
