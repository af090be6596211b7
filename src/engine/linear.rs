//! Linear layers: weights as candle tensors in panel layout, multiplied by our own kernel.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Device, Layout, Shape, Tensor};
use rayon::prelude::*;

use super::EngineError;
use super::kernel::{self, Isa, Left, PANEL, Panel, Shared, Store};
use super::ops::contiguous;
use super::weights::RowSource;

/// Rows of the left side that stay in the second-level cache while the panels pass.
const ROW_BLOCK: usize = 96;
/// Multiply-adds below which one thread is faster than waking the others.
const ALONE: usize = 1 << 19;

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
        let mut data = vec![0.0; usize::div_ceil(n, PANEL) * k * PANEL];
        data.par_chunks_mut(k * PANEL)
            .enumerate()
            .try_for_each(|(i, panel)| {
                let mut row = vec![0.0; k];
                for column in 0..PANEL.min(n - i * PANEL) {
                    let mut r = i * PANEL + column;
                    for part in parts {
                        if r < part.rows() {
                            part.fill(r, &mut row)?;
                            break;
                        }
                        r -= part.rows();
                    }
                    for (v, to) in row.iter().zip(panel.iter_mut().skip(column).step_by(PANEL)) {
                        *to = *v;
                    }
                }
                Ok::<_, EngineError>(())
            })?;
        let packed = Tensor::from_vec(data, (n.div_ceil(PANEL), k, PANEL), &Device::Cpu)?;
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
                for (v, w) in row.iter_mut().zip(
                    w[panel * self.k * PANEL..]
                        .iter()
                        .skip(column)
                        .step_by(PANEL),
                ) {
                    *v = *w;
                }
            }
            out
        })
    }

    /// A layer of the rows `ids` alone; a product with it equals those columns of the whole product.
    pub(super) fn select(&self, ids: &[u32]) -> candle_core::Result<Self> {
        let rows = self.gather(ids)?;
        let n = ids.len();
        let mut data = vec![0.0; n.div_ceil(PANEL) * self.k * PANEL];
        for (i, row) in rows.chunks_exact(self.k).enumerate() {
            let panel = &mut data[i / PANEL * self.k * PANEL..];
            for (v, to) in row
                .iter()
                .zip(panel.iter_mut().skip(i % PANEL).step_by(PANEL))
            {
                *to = *v;
            }
        }
        let packed = Tensor::from_vec(data, (n.div_ceil(PANEL), self.k, PANEL), &Device::Cpu)?;
        Ok(Self {
            packed,
            bias: None,
            n,
            k: self.k,
        })
    }

    fn multiply(&self, x: &[f32], w: &[f32], y: &mut [f32], store: Store) {
        let (n, k) = (self.n, self.k);
        let m = x.len() / k;
        let isa = Isa::best();
        let panels = n.div_ceil(PANEL);
        let work = m.max(4) * n * k;
        let alone = work < ALONE;
        // Few rows: pieces of the weights. Many rows: blocks of rows times pieces of the weights.
        let blocks = m.div_ceil(ROW_BLOCK);
        let pieces = if alone {
            1
        } else {
            (16 * rayon::current_num_threads())
                .div_ceil(blocks)
                .min(panels)
        };
        let per_piece = panels.div_ceil(pieces);
        let out = Shared::new(y);
        let task = |i: usize| {
            let (block, piece) = (i / pieces, i % pieces);
            let rows = block * ROW_BLOCK..m.min((block + 1) * ROW_BLOCK);
            for panel in piece * per_piece..panels.min((piece + 1) * per_piece) {
                let left = Left {
                    data: &x[rows.start * k..rows.end * k],
                    stride: k,
                    m: rows.len(),
                    k,
                };
                let right = Panel {
                    data: &w[panel * k * PANEL..(panel + 1) * k * PANEL],
                    stride: PANEL,
                };
                self.panel(isa, left, right, (rows.start, panel * PANEL), out, store);
            }
        };
        if alone {
            (0..blocks * pieces).for_each(task);
        } else {
            (0..blocks * pieces)
                .into_par_iter()
                .with_max_len(1)
                .for_each(task);
        }
    }

    /// One panel of the result: rows from `at.0`, columns from `at.1`.
    fn panel(
        &self,
        isa: Isa,
        x: Left<'_>,
        w: Panel<'_>,
        at: (usize, usize),
        out: Shared,
        store: Store,
    ) {
        let width = PANEL.min(self.n - at.1);
        let first = at.0 * self.n + at.1;
        if width == PANEL {
            #[expect(unsafe_code, reason = "tasks write disjoint row and column ranges")]
            // SAFETY: rows at.0.. and columns at.1..at.1 + PANEL exist in the result and belong to this task alone.
            unsafe {
                kernel::product_at(isa, x, w, out.at(first), self.n, store);
            }
        } else {
            let mut tile = vec![0.0; x.m * PANEL];
            kernel::product(
                isa,
                x,
                w,
                kernel::Target {
                    data: &mut tile,
                    stride: PANEL,
                },
                Store::Set,
            );
            for (i, tile) in tile.chunks_exact(PANEL).enumerate() {
                let row = self.columns(out, first + i * self.n, width);
                for (to, v) in row.iter_mut().zip(tile) {
                    *to = if store == Store::Add { *to + v } else { *v };
                }
            }
        }
        if let Some(bias) = &self.bias {
            for i in 0..x.m {
                let row = self.columns(out, first + i * self.n, width);
                for (to, b) in row.iter_mut().zip(&bias[at.1..]) {
                    *to += b;
                }
            }
        }
    }

    #[expect(
        clippy::mut_from_ref,
        clippy::unused_self,
        reason = "the slice comes from the shared result, not from self"
    )]
    fn columns(&self, out: Shared, first: usize, width: usize) -> &mut [f32] {
        #[expect(unsafe_code, reason = "tasks write disjoint row and column ranges")]
        // SAFETY: these columns of this row belong to the calling task alone.
        unsafe {
            std::slice::from_raw_parts_mut(out.at(first), width)
        }
    }
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
