//! Activations of the MLP and the soft cap, each compiled for every instruction set.

#![expect(
    clippy::inline_always,
    reason = "a body must be inlined to be compiled for the features of its caller"
)]

use std::f32::consts::FRAC_1_SQRT_2;

use super::Isa;
use super::row::{fma, per_isa, swiglu};
use crate::engine::spec::Activation;

/// `out = activation(gate) · up`.
pub(in crate::engine) fn gate(
    isa: Isa,
    activation: Activation,
    gate: &[f32],
    up: &[f32],
    out: &mut [f32],
) {
    match activation {
        Activation::Silu => swiglu(isa, gate, up, out),
        Activation::Gelu => geglu(isa, gate, up, out),
        Activation::GeluTanh => geglu_tanh(isa, gate, up, out),
    }
}

/// `x = activation(x)` in place.
pub(in crate::engine) fn activate(isa: Isa, activation: Activation, x: &mut [f32]) {
    match activation {
        Activation::Silu => silu_all(isa, x),
        Activation::Gelu => gelu_all(isa, x),
        Activation::GeluTanh => gelu_tanh_all(isa, x),
    }
}

per_isa! {
    /// `out = gelu(gate) · up`.
    fn geglu(gate: &[f32], up: &[f32], out: &mut [f32]) = geglu_body
}
per_isa! {
    /// The same by the tanh formula.
    fn geglu_tanh(gate: &[f32], up: &[f32], out: &mut [f32]) = geglu_tanh_body
}
per_isa! {
    fn silu_all(x: &mut [f32]) = silu_body
}
per_isa! {
    fn gelu_all(x: &mut [f32]) = gelu_body
}
per_isa! {
    fn gelu_tanh_all(x: &mut [f32]) = gelu_tanh_body
}
per_isa! {
    /// `x = cap · tanh(scale · x / cap)` in place.
    fn softcap(x: &mut [f32], scale: f32, cap: f32) = softcap_body
}

#[inline(always)]
fn geglu_body<const F: bool>(gate: &[f32], up: &[f32], out: &mut [f32]) {
    for ((out, g), u) in out.iter_mut().zip(gate).zip(up) {
        *out = gelu::<F>(*g) * u;
    }
}

#[inline(always)]
fn geglu_tanh_body<const F: bool>(gate: &[f32], up: &[f32], out: &mut [f32]) {
    for ((out, g), u) in out.iter_mut().zip(gate).zip(up) {
        *out = gelu_tanh::<F>(*g) * u;
    }
}

#[inline(always)]
fn silu_body<const F: bool>(x: &mut [f32]) {
    for v in x {
        *v /= 1.0 + super::row::exp::<F>(-*v);
    }
}

#[inline(always)]
fn gelu_body<const F: bool>(x: &mut [f32]) {
    for v in x {
        *v = gelu::<F>(*v);
    }
}

#[inline(always)]
fn gelu_tanh_body<const F: bool>(x: &mut [f32]) {
    for v in x {
        *v = gelu_tanh::<F>(*v);
    }
}

#[inline(always)]
fn softcap_body<const F: bool>(x: &mut [f32], scale: f32, cap: f32) {
    let inner = scale / cap;
    for v in x {
        *v = cap * tanh::<F>(*v * inner);
    }
}

#[inline(always)]
fn gelu<const F: bool>(x: f32) -> f32 {
    0.5 * x * (1.0 + erf::<F>(x * FRAC_1_SQRT_2))
}

#[inline(always)]
fn gelu_tanh<const F: bool>(x: f32) -> f32 {
    /// √(2/π).
    const ROOT: f32 = 0.797_884_6;
    let inner = ROOT * fma::<F>(0.044_715 * x * x, x, x);
    0.5 * x * (1.0 + tanh::<F>(inner))
}

/// Value of a polynomial, highest coefficient first.
#[inline(always)]
fn polynomial<const F: bool, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut p = 0.0;
    for c in coefficients {
        p = fma::<F>(p, x, c);
    }
    p
}

/// Rational function of Eigen, without branches; relative error below 5e-7. NaN stays NaN.
#[inline(always)]
fn tanh<const F: bool>(x: f32) -> f32 {
    let x = if x < -7.905_311 { -7.905_311 } else { x };
    let x = if x > 7.905_311 { 7.905_311 } else { x };
    let square = x * x;
    let p = polynomial::<F, 7>(
        square,
        [
            -2.760_768_5e-16,
            2.000_188e-13,
            -8.604_672e-11,
            5.122_297_3e-8,
            1.485_722_4e-5,
            6.372_619_4e-4,
            4.893_524_6e-3,
        ],
    );
    let q = polynomial::<F, 4>(
        square,
        [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3],
    );
    x * p / q
}

/// Rational function of Eigen, without branches; error below 5e-7. NaN stays NaN.
#[inline(always)]
fn erf<const F: bool>(x: f32) -> f32 {
    let x = if x < -4.0 { -4.0 } else { x };
    let x = if x > 4.0 { 4.0 } else { x };
    let square = x * x;
    let p = polynomial::<F, 7>(
        square,
        [
            -2.726_142e-10,
            2.770_681_4e-8,
            -2.101_024e-6,
            -5.692_506_4e-5,
            -7.349_906_4e-4,
            -2.954_6e-3,
            -1.609_603_3e-2,
        ],
    );
    let q = polynomial::<F, 5>(
        square,
        [
            -1.456_607_2e-5,
            -2.133_740_6e-4,
            -1.682_827e-3,
            -7.373_329_3e-3,
            -1.426_473_9e-2,
        ],
    );
    let y = x * p / q;
    // Beyond 1 the tails of GELU would not vanish.
    let y = if y < -1.0 { -1.0 } else { y };
    if y > 1.0 { 1.0 } else { y }
}

#[cfg(test)]
mod tests {
    use super::super::layer_norm::layer_norm;
    use super::{Activation, Isa, activate, gate, softcap};

    /// Φ by its power series, which converges everywhere.
    fn erf(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        (sum * 2.0 / std::f64::consts::PI.sqrt()).clamp(-1.0, 1.0)
    }

    fn wanted(activation: Activation, x: f64) -> f64 {
        match activation {
            Activation::Silu => x / (1.0 + (-x).exp()),
            Activation::Gelu => 0.5 * x * (1.0 + erf(x / 2f64.sqrt())),
            Activation::GeluTanh => {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
                0.5 * x * (1.0 + inner.tanh())
            }
        }
    }

    fn isas() -> [Isa; 2] {
        [Isa::Portable, Isa::best()]
    }

    #[test]
    fn activations_equal_f64_from_tail_to_tail() {
        let x: Vec<f32> = (-700..=700).map(|i| i as f32 / 100.0).collect();
        let up: Vec<f32> = x.iter().map(|v| 1.5 - v / 10.0).collect();
        for isa in isas() {
            for activation in [Activation::Silu, Activation::Gelu, Activation::GeluTanh] {
                let (mut one, mut both) = (x.clone(), vec![0.0; x.len()]);
                activate(isa, activation, &mut one);
                gate(isa, activation, &x, &up, &mut both);
                for i in 0..x.len() {
                    let want = wanted(activation, f64::from(x[i]));
                    let gap = (f64::from(one[i]) - want).abs();
                    assert!(gap < 2e-6, "{isa:?} {activation:?} {}: {gap}", x[i]);
                    let gap = (f64::from(both[i]) - want * f64::from(up[i])).abs();
                    assert!(gap < 4e-6, "{isa:?} gated {activation:?} {}: {gap}", x[i]);
                }
            }
        }
    }

    #[test]
    fn soft_cap_equals_f64_and_hands_nan_on() {
        let x: Vec<f32> = (-500..=500).map(|i| i as f32 / 2.0).collect();
        for isa in isas() {
            let mut y = x.clone();
            softcap(isa, &mut y, 0.3, 50.0);
            for (x, y) in x.iter().zip(&y) {
                let want = 50.0 * (0.3 * f64::from(*x) / 50.0).tanh();
                assert!(
                    (f64::from(*y) - want).abs() < 1e-6 * (1.0 + want.abs()),
                    "{isa:?} {x}"
                );
            }
            let mut nan = [f32::NAN, f32::INFINITY];
            softcap(isa, &mut nan, 1.0, 30.0);
            assert!(nan[0].is_nan() && (nan[1] - 30.0).abs() < 1e-3);
        }
    }

    #[test]
    fn layer_norm_equals_f64() {
        for isa in isas() {
            for n in [1usize, 15, 16, 17, 100] {
                let value = |i: usize, by: usize| ((i * by) % 23) as f32 / 7.0 - 1.0;
                let x: Vec<f32> = (0..n).map(|i| value(i, 5)).collect();
                let w: Vec<f32> = (0..n).map(|i| value(i, 7)).collect();
                let b: Vec<f32> = (0..n).map(|i| value(i, 11)).collect();
                let mut y = vec![0.0; n];
                layer_norm(isa, &x, &w, &b, 1e-5, &mut y);
                let mean = x.iter().map(|v| f64::from(*v)).sum::<f64>() / n as f64;
                let gaps = x.iter().map(|v| (f64::from(*v) - mean).powi(2));
                let scale = 1.0 / (gaps.sum::<f64>() / n as f64 + 1e-5).sqrt();
                for i in 0..n {
                    let want = (f64::from(x[i]) - mean) * scale * f64::from(w[i]) + f64::from(b[i]);
                    assert!((f64::from(y[i]) - want).abs() < 1e-5, "{isa:?} {n}");
                }
            }
        }
    }
}
