//! Row functions: RMS norm, softmax, `SwiGLU`, scaled addition. Each is compiled for every
//! instruction set and sums in a fixed order of 16 lanes, so a row's result depends on the row alone.

#![expect(
    clippy::inline_always,
    reason = "a body must be inlined to be compiled for the features of its caller"
)]

use super::Isa;

pub(super) const LANES: usize = 16;

#[inline(always)]
pub(super) fn fma<const F: bool>(a: f32, b: f32, c: f32) -> f32 {
    if F { a.mul_add(b, c) } else { a * b + c }
}

/// Compiles a body once per instruction set and picks one at the call.
macro_rules! per_isa {
    ($(#[$meta:meta])* fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)? = $body:ident) => {
        $(#[$meta])*
        pub(in crate::engine) fn $name(isa: Isa, $($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx2,fma")]
                fn wide($($arg: $ty),*) $(-> $ret)? { $body::<true>($($arg),*) }
                #[target_feature(enable = "avx2,fma")]
                fn narrow($($arg: $ty),*) $(-> $ret)? { $body::<true>($($arg),*) }
                #[expect(unsafe_code, reason = "calls into functions compiled for detected features")]
                // SAFETY: an `Isa` other than Portable only comes from run-time detection.
                match isa {
                    Isa::Avx512 => return unsafe { wide($($arg),*) },
                    Isa::Avx2 => return unsafe { narrow($($arg),*) },
                    Isa::Portable => {}
                }
            }
            let _ = isa;
            $body::<{ cfg!(target_arch = "aarch64") }>($($arg),*)
        }
    };
}

pub(super) use per_isa;

per_isa! {
    /// `out = x / sqrt(mean(x²) + eps) · weight` (Zhang & Sennrich 1910.07467).
    fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) = rms_norm_body
}
per_isa! {
    /// `x = softmax(scale · x)` in place.
    fn softmax(x: &mut [f32], scale: f32) = softmax_body
}
per_isa! {
    /// `out = silu(gate) · up` (Shazeer 2002.05202).
    fn swiglu(gate: &[f32], up: &[f32], out: &mut [f32]) = swiglu_body
}
per_isa! {
    /// `y = a · x + y`.
    fn axpy(a: f32, x: &[f32], y: &mut [f32]) = axpy_body
}

#[inline(always)]
pub(super) fn fold(lanes: [f32; LANES]) -> f32 {
    let mut v = lanes;
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            v[i] += v[i + half];
        }
        half /= 2;
    }
    v[0]
}

#[inline(always)]
fn rms_norm_body<const F: bool>(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let mut lanes = [0.0; LANES];
    let chunks = x.chunks_exact(LANES);
    let mut tail = 0.0;
    for v in chunks.remainder() {
        tail = fma::<F>(*v, *v, tail);
    }
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane = fma::<F>(*v, *v, *lane);
        }
    }
    let mean = (fold(lanes) + tail) / x.len() as f32;
    let scale = 1.0 / (mean + eps).sqrt();
    for ((out, x), w) in out.iter_mut().zip(x).zip(weight) {
        *out = x * scale * w;
    }
}

#[inline(always)]
fn softmax_body<const F: bool>(x: &mut [f32], scale: f32) {
    let mut top = [f32::NEG_INFINITY; LANES];
    let chunks = x.chunks_exact(LANES);
    let mut highest = chunks
        .remainder()
        .iter()
        .copied()
        .fold(f32::NEG_INFINITY, f32::max);
    for chunk in chunks {
        for (top, v) in top.iter_mut().zip(chunk) {
            *top = if *v > *top { *v } else { *top };
        }
    }
    for v in top {
        highest = highest.max(v);
    }
    let shift = highest * scale;
    let mut lanes = [0.0; LANES];
    let mut chunks = x.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *v = exp::<F>(fma::<F>(*v, scale, -shift));
            *lane += *v;
        }
    }
    let mut total = 0.0;
    for v in chunks.into_remainder() {
        *v = exp::<F>(fma::<F>(*v, scale, -shift));
        total += *v;
    }
    let inverse = 1.0 / (fold(lanes) + total);
    for v in x {
        *v *= inverse;
    }
}

#[inline(always)]
fn swiglu_body<const F: bool>(gate: &[f32], up: &[f32], out: &mut [f32]) {
    for ((out, g), u) in out.iter_mut().zip(gate).zip(up) {
        *out = g / (1.0 + exp::<F>(-g)) * u;
    }
}

#[inline(always)]
fn axpy_body<const F: bool>(a: f32, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = fma::<F>(a, *x, *y);
    }
}

/// e^x without branches, so that it vectorises; relative error below 3e-7 where the result is normal
/// (Cephes polynomial after reduction to |r| ≤ ln 2 / 2). NaN stays NaN.
#[inline(always)]
pub(super) fn exp<const F: bool>(x: f32) -> f32 {
    /// 1.5 · 2^23: adding it rounds to the nearest integer, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = fma::<F>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fma::<F>(n, -0.693_145_75, x);
    let r = fma::<F>(n, -1.428_606_8e-6, r);
    let p = 1.987_569_1e-4;
    let p = fma::<F>(p, r, 1.398_2e-3);
    let p = fma::<F>(p, r, 8.333_452e-3);
    let p = fma::<F>(p, r, 4.166_579_6e-2);
    let p = fma::<F>(p, r, 1.666_666_5e-1);
    let p = fma::<F>(p, r, 0.5);
    let p = fma::<F>(p * r, r, r) + 1.0;
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3F80_0000))
}
