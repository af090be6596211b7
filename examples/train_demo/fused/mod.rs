//! Fused operations for the CPU, each with its backward pass, as custom operations of candle.
//!
//! The same model composed of candle's own differentiable operations (`plain.rs`, used on other devices) takes about
//! twice the time on a processor: every step there allocates, clears and adds buffers as large as the activations. A
//! fused operation spans a whole half of a block, keeps what its backward pass needs and hands autograd only the
//! gradients of its arguments. Each runs on the calling thread; a batch is split between threads instead.

pub(crate) mod adam;
mod attend;
mod heads;
mod kernels;
mod linalg;
mod loss;
mod mlp;
mod norm;

pub(crate) use attend::Attend;
pub(crate) use heads::Heads;
pub(crate) use loss::Loss;
pub(crate) use mlp::Mlp;
pub(crate) use norm::Norm;

use candle_core::{CpuStorage, Device, Layout, Result, Shape, Storage, Tensor, bail};

/// The numbers behind an argument of a forward pass.
fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let all = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((from, to)) => Ok(&all[from..to]),
        None => bail!("a fused operation wants contiguous arguments"),
    }
}

/// Calls `f` with the numbers behind contiguous tensors on the CPU.
fn with<const N: usize, R>(tensors: [&Tensor; N], f: impl FnOnce([&[f32]; N]) -> R) -> Result<R> {
    let held = tensors.map(Tensor::storage_and_layout);
    let mut slices = [&[][..]; N];
    for (slice, (storage, layout)) in slices.iter_mut().zip(&held) {
        match &**storage {
            Storage::Cpu(s) => *slice = floats(s, layout)?,
            _ => bail!("a fused operation wants tensors on the CPU"),
        }
    }
    Ok(f(slices))
}

/// A gradient with the shape of what it belongs to.
fn like(of: &Tensor, data: Vec<f32>) -> Result<Option<Tensor>> {
    Ok(Some(Tensor::from_vec(data, of.shape(), &Device::Cpu)?))
}

fn output(data: Vec<f32>, shape: impl Into<Shape>) -> (CpuStorage, Shape) {
    (CpuStorage::F32(data), shape.into())
}
