//! Quantised weights in panels: the blocks of 32 rows side by side, so that one load brings the same
//! step of 16 rows.
//!
//! A panel block holds, for 32 columns (rows of the matrix): the scales `d` (and `dmin`) as f16;
//! then for every 32 steps the scales and minima of these steps, the integers, and the bits above
//! the fourth. Integers of 8 bits stand step by step; those of 4 bits as words of eight steps per
//! column, low bits first.

use half::f16;

use super::block::Parts;
use super::{Quant, decode};
use crate::engine::kernel::{Isa, PANEL};

/// Steps that are decoded at once.
pub(in crate::engine) const RUN: usize = 32;

/// Sizes of a panel block in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// `d`, and `dmin` behind it.
    pub(super) header: usize,
    /// Scales and minima of 32 steps.
    pub(super) scales: usize,
    /// The integers of 32 steps, or their low 4 bits.
    pub(super) low: usize,
    /// The bits above.
    pub(super) high: usize,
    /// Runs of 32 steps in a block.
    pub(super) runs: usize,
}

impl Layout {
    pub(super) const fn of(kind: Quant) -> Self {
        let (header, scales, low, high, runs) = match kind {
            Quant::Q8_0 => (64, 0, 1024, 0, 1),
            Quant::Q5_0 => (64, 0, 512, 128, 1),
            Quant::Q5_1 => (128, 0, 512, 128, 1),
            Quant::Q4_0 => (64, 0, 512, 0, 1),
            Quant::Q4_1 => (128, 0, 512, 0, 1),
            Quant::Q4K => (128, 64, 512, 0, 8),
            Quant::Q5K => (128, 64, 512, 128, 8),
            Quant::Q6K => (64, 64, 512, 256, 8),
        };
        Self {
            header,
            scales,
            low,
            high,
            runs,
        }
    }

    pub(super) const fn run(self) -> usize {
        self.scales + self.low + self.high
    }

    pub(super) const fn bytes(self) -> usize {
        self.header + self.runs * self.run()
    }
}

/// One or more panels of quantised weights, each of `k` steps.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Blocks<'a> {
    pub(in crate::engine) kind: Quant,
    pub(in crate::engine) data: &'a [u8],
    pub(in crate::engine) k: usize,
}

impl Blocks<'_> {
    /// Bytes of one panel.
    pub(in crate::engine) fn panel_bytes(kind: Quant, k: usize) -> usize {
        k / kind.steps() * Layout::of(kind).bytes()
    }

    /// Panel `i` alone.
    pub(in crate::engine) fn panel(self, i: usize) -> Self {
        let size = Self::panel_bytes(self.kind, self.k);
        Self {
            data: &self.data[i * size..][..size],
            ..self
        }
    }

    /// Runs of [`RUN`] steps in a panel.
    pub(in crate::engine) fn runs(self) -> usize {
        self.k / RUN
    }

    /// Steps `32 · run ..` of the first panel as f32, `(32, 32)`.
    pub(in crate::engine) fn decode(self, isa: Isa, run: usize, out: &mut [f32; RUN * PANEL]) {
        let layout = Layout::of(self.kind);
        let block = &self.data[run / layout.runs * layout.bytes()..][..layout.bytes()];
        decode::run(isa, self.kind, block, run % layout.runs, out);
    }
}

/// Writes blocks of up to 32 rows, each `k` values, into one panel; rows that are `None` become 0.
/// Returns whether all scales are finite.
pub(in crate::engine) fn pack(kind: Quant, rows: &[Option<&[u8]>], panel: &mut [u8]) -> bool {
    let layout = Layout::of(kind);
    panel.fill(0);
    let mut finite = true;
    for (i, block) in panel.chunks_exact_mut(layout.bytes()).enumerate() {
        for (column, row) in rows.iter().enumerate().take(PANEL) {
            let Some(bytes) = row.and_then(|r| r.get(i * kind.bytes()..(i + 1) * kind.bytes()))
            else {
                continue;
            };
            let parts = Parts::read(kind, bytes);
            finite &= parts.d.is_finite() && parts.dmin.is_finite();
            put(kind, layout, &parts, column, block);
        }
    }
    finite
}

fn put(kind: Quant, layout: Layout, parts: &Parts, column: usize, block: &mut [u8]) {
    let (header, runs) = block.split_at_mut(layout.header);
    header[2 * column..][..2].copy_from_slice(&parts.d.to_le_bytes());
    if layout.header == 128 {
        header[64 + 2 * column..][..2].copy_from_slice(&parts.dmin.to_le_bytes());
    }
    for (r, run) in runs.chunks_exact_mut(layout.run()).enumerate() {
        let (scales, rest) = run.split_at_mut(layout.scales);
        let (low, high) = rest.split_at_mut(layout.low);
        match kind {
            Quant::Q4K | Quant::Q5K => {
                scales[column] = parts.scales[2 * r].cast_unsigned();
                scales[PANEL + column] = parts.mins[r];
            }
            Quant::Q6K => {
                scales[column] = parts.scales[2 * r].cast_unsigned();
                scales[PANEL + column] = parts.scales[2 * r + 1].cast_unsigned();
            }
            _ => {}
        }
        for (step, q) in parts.values[RUN * r..][..RUN].iter().enumerate() {
            if kind == Quant::Q8_0 {
                low[step * PANEL + column] = *q;
                continue;
            }
            let word = step / 8 * PANEL + column;
            low[4 * word + step % 8 / 2] |= (q & 15) << (step % 2 * 4);
            match kind {
                Quant::Q5K | Quant::Q5_0 | Quant::Q5_1 => {
                    high[4 * column + step / 8] |= (q >> 4) << (step % 8);
                }
                Quant::Q6K => {
                    let word = step / 16 * PANEL + column;
                    high[4 * word + step % 16 / 4] |= (q >> 4) << (step % 4 * 2);
                }
                _ => {}
            }
        }
    }
}

/// Column `column` of one panel as f32.
pub(in crate::engine) fn decode_column(panel: Blocks<'_>, column: usize, row: &mut [f32]) {
    let (kind, layout) = (panel.kind, Layout::of(panel.kind));
    let blocks = panel.data.chunks_exact(layout.bytes());
    for (row, block) in row.chunks_exact_mut(kind.steps()).zip(blocks) {
        parts(kind, layout, block, column).fill(kind, row);
    }
}

/// What [`put`] wrote for one column.
fn parts(kind: Quant, layout: Layout, block: &[u8], column: usize) -> Parts {
    let half = |at: usize| f16::from_le_bytes([block[at], block[at + 1]]);
    let mut parts = Parts {
        d: half(2 * column),
        dmin: f16::ZERO,
        scales: [1; 16],
        mins: [0; 8],
        values: [0; 256],
    };
    if layout.header == 128 {
        parts.dmin = half(64 + 2 * column);
    }
    for (r, run) in block[layout.header..]
        .chunks_exact(layout.run())
        .enumerate()
    {
        let (scales, rest) = run.split_at(layout.scales);
        let (low, high) = rest.split_at(layout.low);
        if let (Some(first), Some(second)) = (scales.get(column), scales.get(PANEL + column)) {
            parts.scales[2 * r] = first.cast_signed();
            parts.scales[2 * r + 1] = first.cast_signed();
            if kind == Quant::Q6K {
                parts.scales[2 * r + 1] = second.cast_signed();
            } else {
                parts.mins[r] = *second;
            }
        }
        for (step, q) in parts.values[RUN * r..][..RUN].iter_mut().enumerate() {
            if kind == Quant::Q8_0 {
                *q = low[step * PANEL + column];
                continue;
            }
            let word = step / 8 * PANEL + column;
            *q = low[4 * word + step % 8 / 2] >> (step % 2 * 4) & 15;
            *q |= match kind {
                Quant::Q5K | Quant::Q5_0 | Quant::Q5_1 => {
                    (high[4 * column + step / 8] >> (step % 8) & 1) << 4
                }
                Quant::Q6K => {
                    let word = step / 16 * PANEL + column;
                    (high[4 * word + step % 16 / 4] >> (step % 4 * 2) & 3) << 4
                }
                _ => 0,
            };
        }
    }
    parts
}
