//! The first half of a gated MLP in one pass: gate and up projections and their activation, such as
//! `SwiGLU` (Shazeer 2002.05202).

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};

use super::EngineError;
use super::kernel::{self, Isa, PANEL, Right, Shared};
use super::linear::{ROWS, left, product};
use super::ops::contiguous;
use super::packed::{Packed, Product};
use super::precision::Precision;
use super::scratch;
use super::spec::Activation;
use super::weights::RowSource;

/// Columns of a panel that belong to one projection.
const HALF: usize = PANEL / 2;

/// `activation(x Gᵀ + g) · (x Uᵀ + u)`. A panel holds 16 rows of G beside the same 16 rows of U, so that
/// the product's tile is folded while it is in the first-level cache and the wide intermediate
/// matrix never exists.
#[derive(Debug)]
pub(super) struct Gated {
    packed: Packed,
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
        let precision = Precision::of([gate.precision(), up.precision()]);
        let pick = |r: usize| {
            let (source, i) = if r % PANEL < HALF {
                (gate, r % PANEL)
            } else {
                (up, r % PANEL - HALF)
            };
            let i = r / PANEL * HALF + i;
            (i < f).then_some((source, i))
        };
        let read = || [gate, up].iter().for_each(|source| source.release());
        let packed = Packed::new(f.div_ceil(HALF) * PANEL, k, precision, &pick, &read)?;
        Ok(Self {
            packed,
            activation,
            bias,
            f,
            k,
        })
    }

    /// The weights.
    pub(super) fn packed(&self) -> &Packed {
        &self.packed
    }

    /// `x (m, k) → (m, f)`.
    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        x.apply_op1_no_bwd(self)
    }
}

/// One product under way.
struct Run<'a> {
    layer: &'a Gated,
    x: &'a [f32],
    out: Shared,
}

impl Product for Run<'_> {
    fn tile(&self, rows: Range<usize>, panels: Range<usize>, w: Right<'_>) {
        let Gated { f, k, .. } = *self.layer;
        let isa = Isa::best();
        let mut tile = [0.0; ROWS * PANEL];
        product(isa, left(self.x, k, &rows), w, panels.len(), &mut tile);
        let mut tiles = tile.chunks_exact_mut(PANEL);
        for r in rows {
            for (panel, tile) in panels.clone().zip(&mut tiles) {
                let from = panel * HALF;
                let width = HALF.min(f - from);
                let (gate, up) = tile.split_at_mut(HALF);
                if let Some([g, u]) = &self.layer.bias {
                    gate.iter_mut().zip(&g[from..]).for_each(|(v, b)| *v += b);
                    up.iter_mut().zip(&u[from..]).for_each(|(v, b)| *v += b);
                }
                #[expect(unsafe_code, reason = "tasks write disjoint row and column ranges")]
                // SAFETY: these columns of this row exist in the result and belong to this task alone.
                let to = unsafe { self.out.slice(r * f + from, width) };
                kernel::gate(isa, self.layer.activation, gate, up, to);
            }
        }
    }
}

impl CustomOp1 for Gated {
    fn name(&self) -> &'static str {
        "panel-gated"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let x = contiguous(x, lx)?;
        let m = x.len() / self.k;
        let mut y = scratch::values(m * self.f);
        let out = Shared::new(&mut y);
        let layer = self;
        let panels = 0..self.packed.panels();
        self.packed.sweep(m, panels, &Run { layer, x, out });
        Ok((CpuStorage::F32(y), Shape::from((m, self.f))))
    }
}
