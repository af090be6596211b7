//! Linear layers: packed weights multiplied by our own kernel.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Shape, Tensor};
use rayon::prelude::*;

use super::EngineError;
use super::kernel::{self, Isa, Left, MANY, PANEL, PANELS, Right, Shared};
use super::ops::contiguous;
use super::packed::{Packed, Product};
use super::precision::Precision;
use super::threads::{STREAM, in_pool_thread};
use super::weights::RowSource;

/// Most rows of a tile that is worked on at once.
pub(super) const ROWS: usize = 96;
/// Values of the left side that may stay in the second-level cache while the panels pass; each
/// further block of rows streams all weights once more.
const RESIDENT: usize = 280_000;
/// Multiply-adds below which one thread is faster than waking the others.
pub(super) const ALONE: usize = 1 << 19;
/// Tasks per thread: enough that threads which another process delays do not hold up the rest.
const TASKS: usize = 8;

/// `y = x Wᵀ (+ bias)` with W of shape `(n, k)`.
#[derive(Debug)]
pub(super) struct Linear {
    packed: Packed,
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
        let packed = Packed::stack(parts, k)?;
        Ok(Self { packed, bias, n, k })
    }

    /// The weights.
    pub(super) fn packed(&self) -> &Packed {
        &self.packed
    }

    /// `x (m, k) → (m, n)`.
    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        x.apply_op1_no_bwd(&MatMul(self))
    }

    /// `x (m, k), residual (m, n) → residual + x Wᵀ`.
    pub(super) fn forward_add(&self, x: &Tensor, residual: &Tensor) -> candle_core::Result<Tensor> {
        x.apply_op2_no_bwd(residual, &MatMul(self))
    }

    /// The rows `ids` of W, one below the other.
    pub(super) fn gather(&self, ids: &[u32]) -> Vec<f32> {
        self.packed.gather(ids)
    }

    /// A layer of the rows `ids` alone; a product with it equals those columns of the whole product.
    pub(super) fn select(&self, ids: &[u32]) -> Result<Self, EngineError> {
        let k = self.k;
        let rows = Dense {
            rows: self.gather(ids),
            k,
        };
        let packed = Packed::new(ids.len(), k, Precision::F32, &|r| Some((&rows, r)), &|| ())?;
        Ok(Self {
            packed,
            bias: None,
            n: ids.len(),
            k,
        })
    }
}

/// One product under way.
struct Run<'a> {
    layer: &'a Linear,
    x: &'a [f32],
    out: Shared,
    /// Onto what stands there.
    add: bool,
}

/// Rows that were read already.
struct Dense {
    rows: Vec<f32>,
    k: usize,
}

impl RowSource for Dense {
    fn rows(&self) -> usize {
        self.rows.len() / self.k
    }

    fn fill(&self, i: usize, row: &mut [f32]) -> Result<(), EngineError> {
        row.copy_from_slice(&self.rows[i * self.k..][..self.k]);
        Ok(())
    }
}

impl Product for Run<'_> {
    fn tile(&self, rows: Range<usize>, panels: Range<usize>, w: Right<'_>) {
        let Linear { n, k, ref bias, .. } = *self.layer;
        let (isa, out, add) = (Isa::best(), self.out, self.add);
        let x = left(self.x, k, &rows);
        let (column, full) = (panels.start * PANEL, panels.len() * PANEL);
        let width = full.min(n - column);
        let first = rows.start * n + column;
        if width == full {
            #[expect(unsafe_code, reason = "tasks write disjoint row and column ranges")]
            // SAFETY: these rows and columns exist in the result and belong to this task alone.
            unsafe {
                kernel::multiply(isa, x, w, panels.len(), out.at(first), n, add);
            }
        } else {
            let mut tile = [0.0; ROWS * PANEL];
            product(isa, x, w, panels.len(), &mut tile);
            for (i, tile) in tile.chunks_exact(full).take(x.m).enumerate() {
                #[expect(unsafe_code, reason = "tasks write disjoint row and column ranges")]
                // SAFETY: these columns of this row exist in the result and belong to this task alone.
                let row = unsafe { out.slice(first + i * n, width) };
                for (to, v) in row.iter_mut().zip(tile) {
                    *to = if add { *to + v } else { *v };
                }
            }
        }
        if let Some(bias) = bias {
            for i in 0..x.m {
                #[expect(unsafe_code, reason = "tasks write disjoint row and column ranges")]
                // SAFETY: as above.
                let row = unsafe { out.slice(first + i * n, width) };
                for (to, b) in row.iter_mut().zip(&bias[column..]) {
                    *to += b;
                }
            }
        }
    }
}

/// A product of a few panels into `tile`, rows one behind the other.
pub(super) fn product(
    isa: Isa,
    x: Left<'_>,
    w: Right<'_>,
    panels: usize,
    tile: &mut [f32; ROWS * PANEL],
) {
    let stride = panels * PANEL;
    assert!(x.m * stride <= tile.len(), "a tile of a product");
    #[expect(unsafe_code, reason = "the length was checked just above")]
    // SAFETY: the tile is exclusively borrowed and long enough.
    unsafe {
        kernel::multiply(isa, x, w, panels, tile.as_mut_ptr(), stride, false);
    }
}

/// Calls `task(rows, panels)` for all `m` rows and all panels, on all threads where that pays. The
/// rows of one call stay in the second-level cache.
pub(super) fn grid(
    m: usize,
    panels: usize,
    k: usize,
    task: impl Fn(Range<usize>, Range<usize>) + Sync,
) {
    if m == 0 || panels == 0 {
        return;
    }
    let alone = m.max(STREAM) * panels * PANEL * k < ALONE || !in_pool_thread();
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
    let together = if m < MANY { PANELS } else { 1 };
    let per_piece = panels.div_ceil(pieces).next_multiple_of(together);
    let run = |i: usize| {
        let (rows, piece) = (i / pieces * block, i % pieces);
        // Rounding up to whole tiles may leave the last block without rows.
        let end = m.min(rows + block);
        let these = piece * per_piece..panels.min((piece + 1) * per_piece);
        if rows < end && !these.is_empty() {
            task(rows..end, these);
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

/// The left side of one product of the grid.
pub(super) fn left<'a>(x: &'a [f32], k: usize, rows: &Range<usize>) -> Left<'a> {
    Left {
        data: &x[rows.start * k..rows.end * k],
        stride: k,
        m: rows.len(),
        k,
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
    fn run(&self, x: &[f32], residual: Option<&[f32]>) -> candle_core::Result<(CpuStorage, Shape)> {
        let layer = self.0;
        let Linear { n, k, .. } = *layer;
        if !x.len().is_multiple_of(k) {
            candle_core::bail!("{} values as rows of {k}", x.len());
        }
        let m = x.len() / k;
        let (mut y, add) = match residual {
            Some(r) if r.len() == m * n => (r.to_vec(), true),
            Some(r) => candle_core::bail!("residual of {} values for {m} rows of {n}", r.len()),
            None => (vec![0.0; m * n], false),
        };
        let out = Shared::new(&mut y);
        let run = Run { layer, x, out, add };
        layer.packed.sweep(m, &run);
        Ok((CpuStorage::F32(y), Shape::from((m, n))))
    }
}

impl CustomOp1 for MatMul<'_> {
    fn name(&self) -> &'static str {
        "panel-matmul"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        self.run(contiguous(x, lx)?, None)
    }
}

impl CustomOp2 for MatMul<'_> {
    fn name(&self) -> &'static str {
        "panel-matmul-add"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        r: &CpuStorage,
        lr: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        self.run(contiguous(x, lx)?, Some(contiguous(r, lr)?))
    }
}
