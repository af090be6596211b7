//! The parts of the model composed of candle's differentiable operations: what runs on devices other than the CPU, and
//! what the fused operations are tested against. candle's own fused norm, softmax and rotary embedding are avoided:
//! they run, but have no backward pass, and gradients end there without a word.

use candle_core::{D, Result, Tensor};
use candle_nn::ops::{rms_norm_slow, silu, softmax};
use candle_nn::rotary_emb::rope_slow;

/// Tables and mask of a batch of packed rows.
pub(crate) struct Rows {
    /// (t, d/2)
    cos: Tensor,
    sin: Tensor,
    /// (rows, 1, t, t): 0 where a position is seen, minus infinity elsewhere.
    mask: Tensor,
}

impl Rows {
    /// `starts`: first position that each position sees, rows of `t`.
    pub(crate) fn new(
        starts: &[u32],
        t: usize,
        dim: usize,
        theta: f32,
        device: &candle_core::Device,
    ) -> Result<Self> {
        let angle = |p: usize, j: usize| p as f32 / theta.powf(2.0 * j as f32 / dim as f32);
        let table = |f: fn(f32) -> f32| {
            let data: Vec<f32> = (0..t)
                .flat_map(|p| (0..dim / 2).map(move |j| f(angle(p, j))))
                .collect();
            Tensor::from_vec(data, (t, dim / 2), device)
        };
        let mask: Vec<f32> = starts
            .iter()
            .enumerate()
            .flat_map(|(i, &from)| {
                (0..t).map(move |j| {
                    if j >= from as usize && j <= i % t {
                        0.0
                    } else {
                        f32::NEG_INFINITY
                    }
                })
            })
            .collect();
        Ok(Self {
            cos: table(f32::cos)?,
            sin: table(f32::sin)?,
            mask: Tensor::from_vec(mask, (starts.len() / t, 1, t, t), device)?,
        })
    }
}

pub(crate) fn norm(x: &Tensor, w: &Tensor, eps: f32) -> Result<Tensor> {
    rms_norm_slow(x, w, eps)
}

/// x (rows, t, c), qkv (3c, c), out (c, c)
pub(crate) fn attend(
    x: &Tensor,
    qkv: &Tensor,
    out: &Tensor,
    heads: usize,
    rows: &Rows,
) -> Result<Tensor> {
    let (b, t, c) = x.dims3()?;
    let y = x.reshape((b * t, c))?.matmul(&qkv.t()?)?;
    let part = |i: usize| -> Result<Tensor> {
        y.narrow(1, i * c, c)?
            .reshape((b, t, heads, c / heads))?
            .transpose(1, 2)?
            .contiguous()
    };
    let q = rope_slow(&part(0)?, &rows.cos, &rows.sin)?;
    let k = rope_slow(&part(1)?, &rows.cos, &rows.sin)?;
    let scores = (q.matmul(&k.t()?)? * (1.0 / ((c / heads) as f64).sqrt()))?;
    let p = softmax(&scores.broadcast_add(&rows.mask)?, D::Minus1)?;
    let mixed = p
        .matmul(&part(2)?)?
        .transpose(1, 2)?
        .reshape((b * t, c))?
        .matmul(&out.t()?)?;
    mixed.reshape((b, t, c))
}

/// x (rows, t, c), gate and up stacked (2f, c), down (c, f)
pub(crate) fn mlp(x: &Tensor, gate_up: &Tensor, down: &Tensor) -> Result<Tensor> {
    let (b, t, c) = x.dims3()?;
    let f = down.dim(1)?;
    let y = x.reshape((b * t, c))?.matmul(&gate_up.t()?)?;
    let act = (silu(&y.narrow(1, 0, f)?)? * y.narrow(1, f, f)?)?;
    act.matmul(&down.t()?)?.reshape((b, t, c))
}

/// Sum of weight times cross entropy: normalised hidden states (rows, t, c), embedding (v, c).
pub(crate) fn loss(x: &Tensor, embed: &Tensor, targets: &[u32], weights: &[f32]) -> Result<Tensor> {
    let n = targets.len();
    let logits = x.reshape((n, embed.dim(1)?))?.matmul(&embed.t()?)?;
    let targets = Tensor::from_slice(targets, (n, 1), x.device())?;
    let weights = Tensor::from_slice(weights, (n, 1), x.device())?;
    let log_p = candle_nn::ops::log_softmax(&logits, D::Minus1)?.gather(&targets, 1)?;
    (log_p * weights)?.sum_all()?.neg()
}
