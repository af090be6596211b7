//! Norms of operations that carry gradients; candle's fused ones do not.

use candle_core::{D, Device, Tensor};

use crate::engine::norm;

/// A norm over the last dimension, in f32.
#[derive(Debug)]
pub(super) struct Norm {
    weight: Tensor,
    /// With a bias it is a layer norm, without one an RMS norm.
    bias: Option<Tensor>,
    eps: f64,
}

impl Norm {
    pub(super) fn new(norm: &norm::Norm, device: &Device) -> candle_core::Result<Self> {
        let on = |values: &Vec<f32>| Tensor::new(values.as_slice(), device);
        Ok(Self {
            weight: on(&norm.weight)?,
            bias: norm.bias.as_ref().map(on).transpose()?,
            eps: f64::from(norm.eps),
        })
    }

    /// Values that it norms together.
    pub(super) fn width(&self) -> usize {
        self.weight.elem_count()
    }

    /// `x (…, width)` → the same shape.
    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let Some(bias) = &self.bias else {
            return self.scaled(x);
        };
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        self.scaled(&centred)?.broadcast_add(bias)
    }

    fn scaled(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let size = (x.sqr()?.mean_keepdim(D::Minus1)? + self.eps)?.sqrt()?;
        x.broadcast_div(&size)?.broadcast_mul(&self.weight)
    }
}
