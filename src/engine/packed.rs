//! Weights in panel layout, kept as exactly as their file has them: BF16 and F16 stay 2 bytes, and
//! every value enters the arithmetic as the same f32 that widening at load would give.

use std::cell::RefCell;
use std::ops::Range;

use candle_core::{CpuStorage, Device, Storage, Tensor};
use half::{bf16, f16};
use rayon::prelude::*;

use super::EngineError;
use super::kernel::{self, Element, Isa, PANEL, Panel};
use super::linear::{ALONE, ROWS, grid};
use super::precision::Precision;

/// Rows from which a narrow panel is widened once for all of them: below, widening it in registers
/// costs less than a second pass over it.
const MANY: usize = 16;

/// `n` rows of `k` values as `(⌈n/32⌉, k, 32)`; missing columns are 0.
#[derive(Debug)]
pub(super) struct Packed {
    data: Tensor,
    k: usize,
}

/// What is done with each panel of a product.
pub(super) trait Product: Sync {
    /// Rows `rows` of the left side, at most [`ROWS`], against panel number `panel`.
    fn tile<T: Element>(&self, rows: Range<usize>, panel: usize, w: Panel<'_, T>);
}

impl Packed {
    /// Packs rows given by `fill` as f32; they must be exact in `precision`.
    pub(super) fn new(
        n: usize,
        k: usize,
        precision: Precision,
        fill: impl Fn(usize, &mut [f32]) -> Result<(), EngineError> + Sync,
    ) -> Result<Self, EngineError> {
        let shape = (n.div_ceil(PANEL), k, PANEL);
        let device = &Device::Cpu;
        let data = match precision {
            Precision::F32 => Tensor::from_vec(pack(n, k, |v| v, fill)?, shape, device),
            Precision::F16 => Tensor::from_vec(pack(n, k, f16::from_f32, fill)?, shape, device),
            Precision::Bf16 => Tensor::from_vec(pack(n, k, bf16::from_f32, fill)?, shape, device),
        }?;
        Ok(Self { data, k })
    }

    /// How the values are kept.
    pub(super) fn precision(&self) -> Precision {
        match self.data.dtype() {
            candle_core::DType::F16 => Precision::F16,
            candle_core::DType::BF16 => Precision::Bf16,
            _ => Precision::F32,
        }
    }

    /// Memory held.
    pub(super) fn bytes(&self) -> usize {
        self.data.elem_count() * self.precision().size()
    }

    /// Runs `product` on `m` rows and all panels, on all threads where that pays.
    pub(super) fn sweep(&self, m: usize, product: &impl Product) -> candle_core::Result<()> {
        let (storage, _) = self.data.storage_and_layout();
        match &*storage {
            Storage::Cpu(CpuStorage::F32(w)) => self.sweep_in(m, w, product),
            Storage::Cpu(CpuStorage::F16(w)) => self.sweep_in(m, w, product),
            Storage::Cpu(CpuStorage::BF16(w)) => self.sweep_in(m, w, product),
            _ => candle_core::bail!("weights on the CPU in F32, F16 or BF16 were expected"),
        }
        Ok(())
    }

    fn sweep_in<T: Element>(&self, m: usize, w: &[T], product: &impl Product) {
        let (size, k) = (self.k * PANEL, self.k);
        grid(m, w.len() / size, k, |rows, panel| {
            let narrow = Panel {
                data: &w[panel * size..][..size],
                stride: PANEL,
            };
            if T::WIDE || rows.len() < MANY {
                return pieces(&rows, |part| product.tile(part, panel, narrow));
            }
            WIDENED.with_borrow_mut(|wide| {
                wide.resize(size, 0.0);
                kernel::widen(Isa::best(), narrow, k, wide);
                let wide = Panel {
                    data: wide.as_slice(),
                    stride: PANEL,
                };
                pieces(&rows, |part| product.tile(part, panel, wide));
            });
        });
    }

    /// The rows `ids`, one below the other, as f32.
    pub(super) fn gather(&self, ids: &[u32]) -> candle_core::Result<Vec<f32>> {
        let (storage, _) = self.data.storage_and_layout();
        match &*storage {
            Storage::Cpu(CpuStorage::F32(w)) => Ok(self.gather_in(w, ids)),
            Storage::Cpu(CpuStorage::F16(w)) => Ok(self.gather_in(w, ids)),
            Storage::Cpu(CpuStorage::BF16(w)) => Ok(self.gather_in(w, ids)),
            _ => candle_core::bail!("weights on the CPU in F32, F16 or BF16 were expected"),
        }
    }

    fn gather_in<T: Element>(&self, w: &[T], ids: &[u32]) -> Vec<f32> {
        let mut out = vec![0.0; ids.len() * self.k];
        for (row, id) in out.chunks_exact_mut(self.k).zip(ids) {
            let (panel, column) = (*id as usize / PANEL, *id as usize % PANEL);
            let from = &w[panel * self.k * PANEL..][..self.k * PANEL];
            for (v, w) in row.iter_mut().zip(from.iter().skip(column).step_by(PANEL)) {
                *v = w.widen();
            }
        }
        out
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

fn pack<T: Copy + Default + Send>(
    n: usize,
    k: usize,
    narrow: impl Fn(f32) -> T + Sync,
    fill: impl Fn(usize, &mut [f32]) -> Result<(), EngineError> + Sync,
) -> Result<Vec<T>, EngineError> {
    let mut data = vec![T::default(); n.div_ceil(PANEL) * k * PANEL];
    let pack = |(i, panel): (usize, &mut [T])| {
        let mut rows = vec![0.0; PANEL * k];
        for (column, row) in rows.chunks_exact_mut(k).enumerate().take(n - i * PANEL) {
            fill(i * PANEL + column, row)?;
        }
        for (j, to) in panel.chunks_exact_mut(PANEL).enumerate() {
            for (to, row) in to.iter_mut().zip(rows.chunks_exact(k)) {
                *to = narrow(row[j]);
            }
        }
        Ok::<(), EngineError>(())
    };
    if n * k < ALONE {
        data.chunks_mut(k * PANEL).enumerate().try_for_each(pack)?;
    } else {
        data.par_chunks_mut(k * PANEL)
            .enumerate()
            .try_for_each(pack)?;
    }
    Ok(data)
}
