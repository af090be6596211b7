//! The RMS norm as a custom operation on all cores, and the access to storages that all operations share.

use candle_core::{CpuStorage, CustomOp1, Layout, Shape};
use rayon::prelude::*;

use super::kernel::{Isa, row};
use super::threads::in_pool_thread;

/// Values below which one thread is faster than waking the others.
const ALONE: usize = 1 << 14;

/// The values of a contiguous f32 storage.
pub(super) fn contiguous<'a>(
    storage: &'a CpuStorage,
    layout: &Layout,
) -> candle_core::Result<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((from, to)) => Ok(&values[from..to]),
        None => candle_core::bail!("a contiguous tensor was expected"),
    }
}

/// RMS norm of every row.
pub(super) struct RmsNorm<'a> {
    pub(super) weight: &'a [f32],
    pub(super) eps: f32,
}

impl CustomOp1 for RmsNorm<'_> {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let x = contiguous(x, layout)?;
        let d = self.weight.len();
        let mut y = vec![0.0; x.len()];
        let isa = Isa::best();
        let norm = |(x, y): (&[f32], &mut [f32])| {
            for (x, y) in x.chunks_exact(d).zip(y.chunks_exact_mut(d)) {
                row::rms_norm(isa, x, self.weight, self.eps, y);
            }
        };
        if x.len() < ALONE || !in_pool_thread() {
            norm((x, &mut y));
        } else {
            let piece = (ALONE / d).max(1) * d;
            x.par_chunks(piece)
                .zip(y.par_chunks_mut(piece))
                .for_each(norm);
        }
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }
}
