//! Rotation of queries and keys by operations that carry gradients.

use candle_core::{Device, Tensor};

use crate::engine::rope::Rope;

/// Cosines and sines of a pass, `(rows, 1, pairs)` each.
#[derive(Debug)]
pub(super) struct Rotary(Option<(Tensor, Tensor)>);

impl Rotary {
    /// For rows at absolute `positions`; `long` says which take the frequencies of long texts, none
    /// where it is empty.
    pub(super) fn new(
        rope: &Rope,
        positions: &[usize],
        long: &[bool],
        device: &Device,
    ) -> candle_core::Result<Self> {
        let half = rope.pairs();
        if half == 0 {
            return Ok(Self(None));
        }
        let (mut cos, mut sin) = (Vec::new(), Vec::new());
        for (row, position) in positions.iter().enumerate() {
            let side = rope.side(long.get(row) == Some(&true));
            let (c, s) = side.at(*position);
            cos.extend_from_slice(c);
            sin.extend_from_slice(s);
        }
        let table = |v| Tensor::from_vec(v, (positions.len(), 1, half), device);
        Ok(Self(Some((table(cos)?, table(sin)?))))
    }

    /// `x (rows, heads, head_dim)`: the first dimensions are rotated, the rest stays.
    pub(super) fn apply(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let Some((cos, sin)) = &self.0 else {
            return Ok(x.clone());
        };
        let (half, d) = (cos.dim(2)?, x.dim(2)?);
        let (a, b) = (x.narrow(2, 0, half)?, x.narrow(2, half, half)?);
        let turned = (a.broadcast_mul(cos)? - b.broadcast_mul(sin)?)?;
        let other = (a.broadcast_mul(sin)? + b.broadcast_mul(cos)?)?;
        if 2 * half == d {
            return Tensor::cat(&[turned, other], 2);
        }
        let rest = x.narrow(2, 2 * half, d - 2 * half)?;
        Tensor::cat(&[turned, other, rest], 2)
    }
}
