//! Access to storages that all operations share, and the activation between two matrices.

use candle_core::{CpuStorage, CustomOp1, Layout, Shape};
use rayon::prelude::*;

use super::kernel::{Isa, activate};
use super::spec::Activation;
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

/// Multiplies by a factor where there is one.
pub(super) fn times(values: &mut [f32], by: Option<f32>) {
    if let Some(by) = by {
        for v in values {
            *v *= by;
        }
    }
}

impl CustomOp1 for Activation {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let mut y = contiguous(x, layout)?.to_vec();
        let isa = Isa::best();
        if y.len() < ALONE || !in_pool_thread() {
            activate(isa, *self, &mut y);
        } else {
            y.par_chunks_mut(ALONE)
                .for_each(|y| activate(isa, *self, y));
        }
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }
}
