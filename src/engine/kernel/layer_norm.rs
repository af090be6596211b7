//! Layer norm of a row, summed like every row function in a fixed order of lanes.

#![expect(
    clippy::inline_always,
    reason = "a body must be inlined to be compiled for the features of its caller"
)]

use super::Isa;
use super::row::{LANES, fma, fold, per_isa};

per_isa! {
    /// `out = (x − mean) / sqrt(variance + eps) · weight + bias` (Ba et al. 1607.06450).
    fn layer_norm(x: &[f32], weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) = layer_norm_body
}

#[inline(always)]
fn layer_norm_body<const F: bool>(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    eps: f32,
    out: &mut [f32],
) {
    let n = x.len() as f32;
    let mut lanes = [0.0; LANES];
    let chunks = x.chunks_exact(LANES);
    let mut total: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane += *v;
        }
    }
    total += fold(lanes);
    let mean = total / n;
    let mut lanes = [0.0; LANES];
    let chunks = x.chunks_exact(LANES);
    let mut rest = 0.0;
    for v in chunks.remainder() {
        rest = fma::<F>(*v - mean, *v - mean, rest);
    }
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane = fma::<F>(*v - mean, *v - mean, *lane);
        }
    }
    let scale = 1.0 / ((fold(lanes) + rest) / n + eps).sqrt();
    for (((out, x), w), b) in out.iter_mut().zip(x).zip(weight).zip(bias) {
        *out = fma::<F>((x - mean) * scale, *w, *b);
    }
}
