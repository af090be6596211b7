//! The right side of a product in whichever form the weights are kept.

use half::{bf16, f16};

use super::few::{self, PANELS};
use super::{Address, Isa, Left, PANEL, Panel, Store, Target, product, product_at, widen};
use crate::engine::quant::{Blocks, RUN};

/// Rows from which a panel that is not f32 is widened once for all of them: below, widening it on the
/// way costs less than a second pass over it.
pub(in crate::engine) const MANY: usize = 16;

/// Panels one behind the other, as they are kept.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) enum Right<'a> {
    F32(&'a [f32]),
    F16(&'a [f16]),
    Bf16(&'a [bf16]),
    Blocks(Blocks<'a>),
    /// A panel that was widened, and the one that will be next.
    Widened(&'a [f32], Address),
}

impl Right<'_> {
    /// How many panels to work on at once for `m` rows.
    pub(in crate::engine) fn together(self, m: usize) -> usize {
        match self {
            Self::Blocks(_) => 1,
            _ => few::together(m),
        }
    }

    /// Where panel `i` of `k` steps begins.
    pub(in crate::engine) fn address(self, i: usize, k: usize) -> Address {
        fn of<T>(data: &[T], from: usize) -> Address {
            Address::of(&data[from.min(data.len())..])
        }
        let from = i * k * PANEL;
        match self {
            Self::F32(data) | Self::Widened(data, _) => of(data, from),
            Self::F16(data) => of(data, from),
            Self::Bf16(data) => of(data, from),
            Self::Blocks(blocks) => of(blocks.data, i * Blocks::panel_bytes(blocks.kind, k)),
        }
    }

    /// The first panel of `k` steps as f32.
    pub(in crate::engine) fn widen(self, isa: Isa, k: usize, out: &mut [f32]) {
        match self {
            Self::F32(data) | Self::Widened(data, _) => widen(isa, Panel::packed(data), k, out),
            Self::F16(data) => widen(isa, Panel::packed(data), k, out),
            Self::Bf16(data) => widen(isa, Panel::packed(data), k, out),
            Self::Blocks(blocks) => {
                let (out, _) = out.as_chunks_mut::<{ RUN * PANEL }>();
                for (run, out) in out.iter_mut().enumerate().take(blocks.runs()) {
                    blocks.decode(isa, run, out);
                }
            }
        }
    }
}

/// `Y (m, 32·panels) = X·P` (or `Y + X·P`), each element one chain of multiply-adds in the order of
/// `k`.
///
/// # Safety
/// `y` must be valid for `m` rows of `32 · panels` floats `ys` apart, and nobody else may touch those.
#[expect(
    unsafe_code,
    reason = "parallel tasks write disjoint column ranges of one matrix"
)]
pub(in crate::engine) unsafe fn multiply(
    isa: Isa,
    x: Left<'_>,
    w: Right<'_>,
    panels: usize,
    y: *mut f32,
    ys: usize,
    add: bool,
) {
    assert!(panels <= PANELS, "panels of a product");
    let store = if add { Store::Add } else { Store::Set };
    // SAFETY: the caller's promise about `y`; the panels are checked against `k` further down.
    unsafe {
        match w {
            Right::F32(data) => few::product_at(isa, x, data, panels, y, ys, store),
            Right::F16(data) => few::product_at(isa, x, data, panels, y, ys, store),
            Right::Bf16(data) => few::product_at(isa, x, data, panels, y, ys, store),
            Right::Widened(data, next) => {
                assert!(panels == 1, "one panel is widened at a time");
                let panel = Panel {
                    next: Some(next),
                    ..Panel::packed(data)
                };
                product_at(isa, x, panel, y, ys, store);
            }
            Right::Blocks(blocks) => {
                for i in 0..panels {
                    decoded(isa, x, blocks.panel(i), y.add(i * PANEL), ys, add);
                }
            }
        }
    }
}

/// Runs of a panel are decoded into the first-level cache, one after the other.
///
/// # Safety
/// As for [`multiply`], with one panel.
#[expect(
    unsafe_code,
    reason = "parallel tasks write disjoint column ranges of one matrix"
)]
unsafe fn decoded(isa: Isa, x: Left<'_>, w: Blocks<'_>, y: *mut f32, ys: usize, add: bool) {
    assert!(x.k == w.k, "steps of a product");
    let mut run = [0.0; RUN * PANEL];
    let mut sums = [0.0; MANY * PANEL];
    for from in (0..x.m).step_by(MANY) {
        let m = MANY.min(x.m - from);
        for i in 0..w.runs() {
            w.decode(isa, i, &mut run);
            let left = Left {
                data: &x.data[from * x.stride + i * RUN..],
                m,
                k: RUN,
                ..x
            };
            let store = if i == 0 { Store::Set } else { Store::Continue };
            let target = Target {
                data: &mut sums,
                stride: PANEL,
            };
            product(isa, left, Panel::packed(&run), target, store);
        }
        for (i, sums) in sums.chunks_exact(PANEL).enumerate().take(m) {
            // SAFETY: row `from + i` of the target, by the caller's promise.
            let to = unsafe { std::slice::from_raw_parts_mut(y.add((from + i) * ys), PANEL) };
            for (to, v) in to.iter_mut().zip(sums) {
                *to = if add { *to + v } else { *v };
            }
        }
    }
}
