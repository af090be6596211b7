//! The norms of a model as custom operations on all cores.

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};
use rayon::prelude::*;

use super::cache::Geometry;
use super::kernel::{Isa, layer_norm, row};
use super::linear::with_f32;
use super::ops::contiguous;
use super::scratch;
use super::threads::in_pool_thread;

/// Values below which one thread is faster than waking the others.
const ALONE: usize = 1 << 14;

/// A norm with its weights.
#[derive(Debug)]
pub(super) struct Norm {
    /// As multiplied: Gemma's 1 is added already.
    pub(super) weight: Vec<f32>,
    pub(super) eps: f32,
    /// With a bias it is a layer norm, without one an RMS norm.
    pub(super) bias: Option<Vec<f32>>,
}

impl Norm {
    /// `x (n, d) → (n, d)`.
    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        x.apply_op1_no_bwd(self)
    }

    /// `x, residual (n, d) → residual + norm(x)`.
    ///
    /// Nobody else looks at the residual.
    pub(super) fn forward_onto(&self, x: &Tensor, residual: Tensor) -> candle_core::Result<Tensor> {
        let shape = residual.dims2()?;
        let mut y = scratch::taken(residual)?;
        let normed = with_f32(x, |x| self.rows(x))?;
        y.iter_mut().zip(&normed).for_each(|(y, v)| *y += v);
        scratch::keep(normed);
        Tensor::from_vec(y, shape, x.device())
    }

    /// All rows.
    fn rows(&self, x: &[f32]) -> Vec<f32> {
        let isa = Isa::best();
        by_rows(x, self.weight.len(), |x, y| self.row(isa, x, y))
    }

    /// One row.
    fn row(&self, isa: Isa, x: &[f32], y: &mut [f32]) {
        match &self.bias {
            None => row::rms_norm(isa, x, &self.weight, self.eps, y),
            Some(bias) => layer_norm(isa, x, &self.weight, bias, self.eps, y),
        }
    }
}

impl CustomOp1 for Norm {
    fn name(&self) -> &'static str {
        "norm"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let y = self.rows(contiguous(x, layout)?);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }
}

/// Norms of queries and keys within stacked rows of queries, keys and values.
#[derive(Debug)]
pub(super) struct QkNorms {
    pub(super) query: Norm,
    pub(super) key: Norm,
    pub(super) geometry: Geometry,
}

impl QkNorms {
    /// `qkv (n, (h + 2 h_kv) d)` → the same with queries and keys normed, values as they are. A norm
    /// covers as many values as it has weights: one head, or all.
    pub(super) fn forward(&self, qkv: &Tensor) -> candle_core::Result<Tensor> {
        qkv.apply_op1_no_bwd(self)
    }
}

impl CustomOp1 for QkNorms {
    fn name(&self) -> &'static str {
        "qk-norm"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let g = self.geometry;
        let (queries, keys) = (g.heads * g.head_dim, g.kv_heads * g.head_dim);
        let isa = Isa::best();
        let y = by_rows(contiguous(x, layout)?, g.qkv(), |x, y| {
            y.copy_from_slice(x);
            let parts = [(0, queries, &self.query), (queries, keys, &self.key)];
            for (from, len, norm) in parts {
                let d = norm.weight.len();
                let (x, y) = (&x[from..from + len], &mut y[from..from + len]);
                for (x, y) in x.chunks_exact(d).zip(y.chunks_exact_mut(d)) {
                    norm.row(isa, x, y);
                }
            }
        });
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }
}

/// Runs `f(row, result row)` for all rows of `d` values, on all threads where that pays.
fn by_rows(x: &[f32], d: usize, f: impl Fn(&[f32], &mut [f32]) + Sync) -> Vec<f32> {
    let mut y = scratch::values(x.len());
    let rows = |(x, y): (&[f32], &mut [f32])| {
        for (x, y) in x.chunks_exact(d).zip(y.chunks_exact_mut(d)) {
            f(x, y);
        }
    };
    if x.len() < ALONE || !in_pool_thread() {
        rows((x, &mut y));
    } else {
        let piece = (ALONE / d).max(1) * d;
        x.par_chunks(piece)
            .zip(y.par_chunks_mut(piece))
            .for_each(rows);
    }
    y
}
