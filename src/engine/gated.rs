//! The first half of a gated MLP in one pass: gate and up projections and their activation, such as
//! `SwiGLU` (Shazeer 2002.05202).

use candle_core::{CpuStorage, CustomOp2, Layout, Shape, Tensor};

use super::EngineError;
use super::kernel::{self, Isa, PANEL, Shared, Store};
use super::linear::{ROWS, grid, operands, panels};
use super::ops::contiguous;
use super::spec::Activation;
use super::weights::RowSource;

/// Columns of a panel that belong to one projection.
const HALF: usize = PANEL / 2;

/// `activation(x Gᵀ + g) · (x Uᵀ + u)`. A panel holds 16 rows of G beside the same 16 rows of U, so that
/// the product's tile is folded while it is in the first-level cache and the wide intermediate
/// matrix never exists.
#[derive(Debug)]
pub(super) struct Gated {
    packed: Tensor,
    activation: Activation,
    /// Biases of gate and up.
    bias: Option<[Vec<f32>; 2]>,
    f: usize,
    k: usize,
}

impl Gated {
    /// Packs two matrices of shape `(f, k)`.
    pub(super) fn pack(
        gate: &dyn RowSource,
        up: &dyn RowSource,
        k: usize,
        bias: Option<[Vec<f32>; 2]>,
        activation: Activation,
    ) -> Result<Self, EngineError> {
        let f = gate.rows();
        let packed = panels(f.div_ceil(HALF) * PANEL, k, |r, row| {
            let (source, i) = if r % PANEL < HALF {
                (gate, r % PANEL)
            } else {
                (up, r % PANEL - HALF)
            };
            let i = r / PANEL * HALF + i;
            if i < f { source.fill(i, row) } else { Ok(()) }
        })?;
        Ok(Self {
            packed,
            activation,
            bias,
            f,
            k,
        })
    }

    /// `x (m, k) → (m, f)`.
    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        x.apply_op2_no_bwd(&self.packed, self)
    }
}

impl CustomOp2 for Gated {
    fn name(&self) -> &'static str {
        "panel-gated"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (x, w) = (contiguous(x, lx)?, contiguous(w, lw)?);
        let Self { f, k, .. } = *self;
        let m = x.len() / k;
        let mut y = vec![0.0; m * f];
        let out = Shared::new(&mut y);
        let isa = Isa::best();
        grid(m, f.div_ceil(HALF), k, |rows, panel| {
            let mut tile = [0.0; ROWS * PANEL];
            let (x, w) = operands(x, w, k, &rows, panel);
            let target = kernel::Target {
                data: &mut tile,
                stride: PANEL,
            };
            kernel::product(isa, x, w, target, Store::Set);
            let from = panel * HALF;
            let width = HALF.min(f - from);
            for (r, tile) in rows.zip(tile.chunks_exact_mut(PANEL)) {
                let (gate, up) = tile.split_at_mut(HALF);
                if let Some([g, u]) = &self.bias {
                    gate.iter_mut().zip(&g[from..]).for_each(|(v, b)| *v += b);
                    up.iter_mut().zip(&u[from..]).for_each(|(v, b)| *v += b);
                }
                #[expect(unsafe_code, reason = "tasks write disjoint row and column ranges")]
                // SAFETY: these columns of this row exist in the result and belong to this task alone.
                let to = unsafe { out.slice(r * f + from, width) };
                kernel::gate(isa, self.activation, gate, up, to);
            }
        });
        Ok((CpuStorage::F32(y), Shape::from((m, f))))
    }
}
