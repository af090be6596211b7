//! Linear layers: weights as candle tensors in panel layout, multiplied by our own kernel.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Device, Layout, Shape, Tensor};
use rayon::prelude::*;

use super::EngineError;
use super::kernel::{self, Isa, Left, PANEL, Panel, Shared, Store};
use super::ops::contiguous;
use super::threads::in_pool_thread;
use super::weights::RowSource;

/// Most rows that a task of [`grid`] is given.
pub(super) const ROWS: usize = 96;
/// Values of the left side that may stay in the second-level cache while the panels pass; each
/// further block of rows streams all weights once more.
const RESIDENT: usize = 280_000;
/// Multiply-adds below which one thread is faster than waking the others.
const ALONE: usize = 1 << 19;
/// Tasks per thread: enough that threads which another process delays do not hold up the rest.
const TASKS: usize = 8;

/// `y = x Wᵀ (+ bias)` with W of shape `(n, k)` kept as `(⌈n/32⌉, k, 32)`.
#[derive(Debug)]
pub(super) struct Linear {
    packed: Tensor,
    bias: Option<Vec<f32>>,
    n: usize,
    k: usize,
}

impl Linear {
    /// Stacks the rows of `parts` and packs them; `bias` has one value per stacked row.
    pub(super) fn pack(
        parts: &[Box<dyn RowSource + '_>],
        k: usize,
        bias: Option<Vec<f32>>,
    ) -> Result<Self, EngineError> {
        let n = parts.iter().map(|p| p.rows()).sum();
        let packed = panels(n, k, |mut r, row| {
            for part in parts {
                if r < part.rows() {
                    return part.fill(r, row);
                }
                r -= part.rows();
            }
            Ok(())
        })?;
        Ok(Self { packed, bias, n, k })
    }

    /// `x (m, k) → (m, n)`.
    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        x.apply_op2_no_bwd(&self.packed, &MatMul(self))
    }

    /// `x (m, k), residual (m, n) → residual + x Wᵀ`.
    pub(super) fn forward_add(&self, x: &Tensor, residual: &Tensor) -> candle_core::Result<Tensor> {
        x.apply_op3_no_bwd(&self.packed, residual, &MatMul(self))
    }

    /// The rows `ids` of W, one below the other.
    pub(super) fn gather(&self, ids: &[u32]) -> candle_core::Result<Vec<f32>> {
        with_f32(&self.packed, |w| {
            let mut out = vec![0.0; ids.len() * self.k];
            for (row, id) in out.chunks_exact_mut(self.k).zip(ids) {
                let (panel, column) = (*id as usize / PANEL, *id as usize % PANEL);
                let from = &w[panel * self.k * PANEL..][..self.k * PANEL];
                for (v, w) in row.iter_mut().zip(from.iter().skip(column).step_by(PANEL)) {
                    *v = *w;
                }
            }
            out
        })
    }

    /// A layer of the rows `ids` alone; a product with it equals those columns of the whole product.
    pub(super) fn select(&self, ids: &[u32]) -> Result<Self, EngineError> {
        let rows = self.gather(ids)?;
        let k = self.k;
        let packed = panels(ids.len(), k, |r, row| {
            row.copy_from_slice(&rows[r * k..(r + 1) * k]);
            Ok(())
        })?;
        Ok(Self {
            packed,
            bias: None,
            n: ids.len(),
            k,
        })
    }

    fn multiply(&self, x: &[f32], w: &[f32], y: &mut [f32], store: Store) {
        let (n, k) = (self.n, self.k);
        let out = Shared::new(y);
        grid(x.len() / k, n.div_ceil(PANEL), k, |rows, panel| {
            let (x, w) = operands(x, w, k, &rows, panel);
            self.panel(x, w, (rows.start, panel * PANEL), out, store);
        });
    }

    /// One panel of the result: rows from `at.0`, columns from `at.1`.
    fn panel(&self, x: Left<'_>, w: Panel<'_>, at: (usize, usize), out: Shared, store: Store) {
        let isa = Isa::best();
        let width = PANEL.min(self.n - at.1);
        let first = at.0 * self.n + at.1;
        if width == PANEL {
            #[expect(unsafe_code, reason = "tasks write disjoint row and column ranges")]
            // SAFETY: these rows and columns exist in the result and belong to this task alone.
            unsafe {
                kernel::product_at(isa, x, w, out.at(first), self.n, store);
            }
        } else {
            let mut tile = [0.0; ROWS * PANEL];
            let target = kernel::Target {
                data: &mut tile,
                stride: PANEL,
            };
            kernel::product(isa, x, w, target, Store::Set);
            for (i, tile) in tile.chunks_exact(PANEL).take(x.m).enumerate() {
                #[expect(unsafe_code, reason = "tasks write disjoint row and column ranges")]
                // SAFETY: these columns of this row exist in the result and belong to this task alone.
                let row = unsafe { out.slice(first + i * self.n, width) };
                for (to, v) in row.iter_mut().zip(tile) {
                    *to = if store == Store::Add { *to + v } else { *v };
                }
            }
        }
        if let Some(bias) = &self.bias {
            for i in 0..x.m {
                #[expect(unsafe_code, reason = "tasks write disjoint row and column ranges")]
                // SAFETY: as above.
                let row = unsafe { out.slice(first + i * self.n, width) };
                for (to, b) in row.iter_mut().zip(&bias[at.1..]) {
                    *to += b;
                }
            }
        }
    }
}

/// Packs `n` rows of `k` values, given by `fill`, into panels `(⌈n/32⌉, k, 32)`; missing columns are 0.
pub(super) fn panels(
    n: usize,
    k: usize,
    fill: impl Fn(usize, &mut [f32]) -> Result<(), EngineError> + Sync,
) -> Result<Tensor, EngineError> {
    let mut data = vec![0.0; n.div_ceil(PANEL) * k * PANEL];
    let pack = |(i, panel): (usize, &mut [f32])| {
        let mut rows = vec![0.0; PANEL * k];
        for (column, row) in rows.chunks_exact_mut(k).enumerate().take(n - i * PANEL) {
            fill(i * PANEL + column, row)?;
        }
        for (j, to) in panel.chunks_exact_mut(PANEL).enumerate() {
            for (to, row) in to.iter_mut().zip(rows.chunks_exact(k)) {
                *to = row[j];
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
    Ok(Tensor::from_vec(
        data,
        (n.div_ceil(PANEL), k, PANEL),
        &Device::Cpu,
    )?)
}

/// Calls `task(rows, panel)` for all `m` rows, at most [`ROWS`] at a time, and all panels, on all
/// threads where that pays.
pub(super) fn grid(m: usize, panels: usize, k: usize, task: impl Fn(Range<usize>, usize) + Sync) {
    if m == 0 || panels == 0 {
        return;
    }
    // Few rows cost what streaming the weights costs, hence at least 4.
    let alone = m.max(4) * panels * PANEL * k < ALONE || !in_pool_thread();
    // Blocks of equal size, in whole tiles.
    let blocks = m.div_ceil((RESIDENT / k).clamp(ROWS, 5 * ROWS));
    let block = m.div_ceil(blocks).next_multiple_of(12);
    let pieces = if alone {
        1
    } else {
        (TASKS * rayon::current_num_threads())
            .div_ceil(blocks)
            .min(panels)
    };
    let per_piece = panels.div_ceil(pieces);
    let run = |i: usize| {
        let (rows, piece) = (i / pieces * block, i % pieces);
        let end = m.min(rows + block);
        for panel in piece * per_piece..panels.min((piece + 1) * per_piece) {
            for from in (rows..end).step_by(ROWS) {
                task(from..end.min(from + ROWS), panel);
            }
        }
    };
    if alone {
        (0..blocks).for_each(run);
    } else {
        (0..blocks * pieces)
            .into_par_iter()
            .with_max_len(1)
            .for_each(run);
    }
}

/// Both sides of one product of the grid.
pub(super) fn operands<'a>(
    x: &'a [f32],
    w: &'a [f32],
    k: usize,
    rows: &Range<usize>,
    panel: usize,
) -> (Left<'a>, Panel<'a>) {
    let x = Left {
        data: &x[rows.start * k..rows.end * k],
        stride: k,
        m: rows.len(),
        k,
    };
    let w = Panel {
        data: &w[panel * k * PANEL..(panel + 1) * k * PANEL],
        stride: PANEL,
    };
    (x, w)
}

/// Runs `f` on the values of a contiguous f32 tensor.
pub(super) fn with_f32<T>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> T) -> candle_core::Result<T> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        candle_core::Storage::Cpu(cpu) => Ok(f(contiguous(cpu, layout)?)),
        _ => candle_core::bail!("a tensor on the CPU was expected"),
    }
}

struct MatMul<'a>(&'a Linear);

impl MatMul<'_> {
    fn run(
        &self,
        x: &[f32],
        w: &[f32],
        residual: Option<&[f32]>,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let Linear { n, k, .. } = *self.0;
        if !x.len().is_multiple_of(k) {
            candle_core::bail!("{} values as rows of {k}", x.len());
        }
        let m = x.len() / k;
        let (mut y, store) = match residual {
            Some(r) if r.len() == m * n => (r.to_vec(), Store::Add),
            Some(r) => candle_core::bail!("residual of {} values for {m} rows of {n}", r.len()),
            None => (vec![0.0; m * n], Store::Set),
        };
        self.0.multiply(x, w, &mut y, store);
        Ok((CpuStorage::F32(y), Shape::from((m, n))))
    }
}

impl CustomOp2 for MatMul<'_> {
    fn name(&self) -> &'static str {
        "panel-matmul"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        self.run(contiguous(x, lx)?, contiguous(w, lw)?, None)
    }
}

impl CustomOp3 for MatMul<'_> {
    fn name(&self) -> &'static str {
        "panel-matmul-add"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
        r: &CpuStorage,
        lr: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        self.run(
            contiguous(x, lx)?,
            contiguous(w, lw)?,
            Some(contiguous(r, lr)?),
        )
    }
}
