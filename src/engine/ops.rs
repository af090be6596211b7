//! Row-wise custom operations that candle lacks or runs on one core.

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};
use rayon::prelude::*;

use super::kernel::{Isa, row};

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

fn each_row(
    src: &[f32],
    from: usize,
    dst: &mut [f32],
    to: usize,
    f: impl Fn(&[f32], &mut [f32]) + Sync,
) {
    if src.len() < ALONE {
        for (s, d) in src.chunks_exact(from).zip(dst.chunks_exact_mut(to)) {
            f(s, d);
        }
    } else {
        let rows = (ALONE / from).max(1);
        src.par_chunks(from * rows)
            .zip(dst.par_chunks_mut(to * rows))
            .for_each(|(s, d)| {
                for (s, d) in s.chunks_exact(from).zip(d.chunks_exact_mut(to)) {
                    f(s, d);
                }
            });
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
        each_row(x, d, &mut y, d, |x, y| {
            row::rms_norm(isa, x, self.weight, self.eps, y)
        });
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }
}

/// `(m, 2f) → (m, f)`: silu of the left half times the right half.
struct SwiGlu;

impl CustomOp1 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let x = contiguous(x, layout)?;
        let (m, width) = layout.shape().dims2()?;
        let f = width / 2;
        let mut y = vec![0.0; m * f];
        let isa = Isa::best();
        each_row(x, width, &mut y, f, |x, y| {
            let (gate, up) = x.split_at(f);
            row::swiglu(isa, gate, up, y);
        });
        Ok((CpuStorage::F32(y), Shape::from((m, f))))
    }
}

/// SwiGLU over the stacked gate-up output.
pub(super) fn swiglu(x: &Tensor) -> candle_core::Result<Tensor> {
    x.apply_op1_no_bwd(&SwiGlu)
}
