//! Linear layers: packed weights multiplied by our own kernel.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};
use rayon::prelude::*;

use super::EngineError;
use super::kernel::{self, Isa, Left, MANY, PANEL, PANELS, Right, Shared};
use super::ops::contiguous;
use super::packed::{Packed, Product};
use super::precision::Precision;
use super::scratch;
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
const TASKS: usize = 16;

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

    /// `x (m, k), residual (m, n) → residual + x Wᵀ`, in the residual's place: nobody else looks at it.
    pub(super) fn forward_onto(&self, x: &Tensor, residual: Tensor) -> candle_core::Result<Tensor> {
        let shape = residual.dims2()?;
        let mut y = scratch::taken(residual)?;
        with_f32(x, |x| self.multiply(x, 0..self.n, &mut y, true))??;
        Tensor::from_vec(y, shape, x.device())
    }

    /// The columns `columns` of `x (m, k) → (m, n)` into `y (m, columns)`; they begin with a panel.
    pub(super) fn columns(
        &self,
        x: &Tensor,
        columns: Range<usize>,
        y: &mut [f32],
    ) -> candle_core::Result<()> {
        with_f32(x, |x| self.multiply(x, columns, y, false))?
    }

    /// Columns of `x Wᵀ` into `y`, or onto what stands there.
    fn multiply(
        &self,
        x: &[f32],
        columns: Range<usize>,
        y: &mut [f32],
        add: bool,
    ) -> candle_core::Result<()> {
        let (m, Self { n, k, .. }) = (x.len() / self.k, self);
        if x.len() != m * k || y.len() != m * columns.len() {
            let (x, y, width) = (x.len(), y.len(), columns.len());
            candle_core::bail!("{x} values as rows of {k}, {y} as rows of {width}");
        }
        if columns.end > *n || !columns.start.is_multiple_of(PANEL) {
            candle_core::bail!("columns {columns:?} of {n}, {PANEL} to a panel");
        }
        let panels = columns.start / PANEL..columns.end.div_ceil(PANEL);
        let run = Run {
            layer: self,
            x,
            columns,
            out: Shared::new(y),
            add,
        };
        self.packed.sweep(m, panels, &run);
        Ok(())
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
    /// Those that are computed.
    columns: Range<usize>,
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
        let Linear { k, ref bias, .. } = *self.layer;
        let (n, end) = (self.columns.len(), self.columns.end);
        let (isa, out, add) = (Isa::best(), self.out, self.add);
        let x = left(self.x, k, &rows);
        let (column, full) = (panels.start * PANEL, panels.len() * PANEL);
        let width = full.min(end - column);
        let first = rows.start * n + column - self.columns.start;
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

impl CustomOp1 for MatMul<'_> {
    fn name(&self) -> &'static str {
        "panel-matmul"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let Linear { n, k, .. } = *self.0;
        let x = contiguous(x, lx)?;
        let m = x.len() / k;
        let mut y = scratch::values(m * n);
        self.0.multiply(x, 0..n, &mut y, false)?;
        Ok((CpuStorage::F32(y), Shape::from((m, n))))
    }
}
