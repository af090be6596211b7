//! Row kernels of the model, forward and backward, compiled for AVX2 and AVX-512 where the machine has them.
#![allow(unsafe_code, clippy::inline_always, clippy::too_many_arguments)] // the helpers must be inlined into each version; calling a function compiled for more than the base instruction set is unsafe

/// exp(x) without branches, so that loops around it vectorise; relative error about 2e-7.
#[inline(always)]
fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    // adding and subtracting 1.5 * 2^23 rounds to the nearest integer
    let n = (x * std::f32::consts::LOG2_E + 12_582_912.0) - 12_582_912.0;
    let r = (x - n * 0.693_145_75) - n * 1.428_606_8e-6;
    let p = 1.987_569_2e-4f32;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 0.166_666_66;
    let p = p * r + 0.5;
    let p = p * r * r + r + 1.0;
    p * f32::from_bits(((n as i32 + 127) << 23) as u32)
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 16];
    let (mut ca, mut cb) = (a.chunks_exact(16), b.chunks_exact(16));
    for (x, y) in (&mut ca).zip(&mut cb) {
        for j in 0..16 {
            lanes[j] += x[j] * y[j];
        }
    }
    lanes.iter().sum::<f32>()
        + ca.remainder()
            .iter()
            .zip(cb.remainder())
            .map(|(a, b)| a * b)
            .sum::<f32>()
}

/// Defines a function whose body is compiled twice, plainly and for AVX2 + FMA, and chosen at run time.
macro_rules! simd {
    ($(#[$doc:meta])* $name:ident($($arg:ident : $ty:ty),*) $(-> $ret:ty)? $body:block) => {
        $(#[$doc])*
        pub(super) fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn wide($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn widest($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
                if is_x86_feature_detected!("avx512dq") && is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vl") {
                    // SAFETY: the features were detected on this machine just above (AVX-512 implies AVX2 and FMA).
                    return unsafe { widest($($arg),*) };
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: both features were detected on this machine just above.
                    return unsafe { wide($($arg),*) };
                }
            }
            body($($arg),*)
        }
    };
}

simd!(
    /// y = x / rms(x) * w
    rms_forward(x: &[f32], w: &[f32], eps: f32, y: &mut [f32]) {
        let r = 1.0 / (dot(x, x) / x.len() as f32 + eps).sqrt();
        for ((y, x), w) in y.iter_mut().zip(x).zip(w) { *y = x * r * w; }
    }
);
simd!(
    /// Gradient of `rms_forward` in x.
    rms_backward(x: &[f32], w: &[f32], dy: &[f32], eps: f32, dx: &mut [f32]) {
        let n = x.len() as f32;
        let r = 1.0 / (dot(x, x) / n + eps).sqrt();
        for ((d, g), w) in dx.iter_mut().zip(dy).zip(w) { *d = g * w; }
        let c = dot(dx, x) * r * r * r / n;
        for (d, x) in dx.iter_mut().zip(x) { *d = *d * r - x * c; }
    }
);
simd!(
    /// Adds one row's share of the gradient of `rms_forward` in w.
    rms_backward_weight(x: &[f32], dy: &[f32], eps: f32, dw: &mut [f32]) {
        let r = 1.0 / (dot(x, x) / x.len() as f32 + eps).sqrt();
        for ((d, x), g) in dw.iter_mut().zip(x).zip(dy) { *d += x * g * r; }
    }
);
simd!(
    /// y = silu(g) * u
    swiglu_forward(g: &[f32], u: &[f32], y: &mut [f32]) {
        for ((y, g), u) in y.iter_mut().zip(g).zip(u) { *y = g / (1.0 + exp(-g)) * u; }
    }
);
simd!(
    swiglu_backward(g: &[f32], u: &[f32], dy: &[f32], dg: &mut [f32], du: &mut [f32]) {
        for i in 0..g.len() {
            let s = 1.0 / (1.0 + exp(-g[i]));
            du[i] = dy[i] * g[i] * s;
            dg[i] = dy[i] * u[i] * (s + g[i] * s * (1.0 - s));
        }
    }
);
simd!(
    /// In place softmax(scale * x).
    softmax(x: &mut [f32], scale: f32) {
        let max = x.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        for x in x.iter_mut() { *x = exp((*x - max) * scale); }
        let mut lanes = [0f32; 16];
        let mut chunks = x.chunks_exact(16);
        for c in &mut chunks { for j in 0..16 { lanes[j] += c[j]; } }
        let total = lanes.iter().sum::<f32>() + chunks.remainder().iter().sum::<f32>();
        let inv = 1.0 / total;
        for x in x.iter_mut() { *x *= inv; }
    }
);
simd!(
    /// Turns dp into the gradient before softmax(scale * x) = p.
    softmax_backward(p: &[f32], dp: &mut [f32], scale: f32) {
        let c = dot(p, dp);
        for (d, p) in dp.iter_mut().zip(p) { *d = scale * p * (*d - c); }
    }
);
simd!(
    adam_mean(m: &mut [f32], g: &[f32], beta: f32, clip: f32) {
        for (m, g) in m.iter_mut().zip(g) { *m = beta * *m + (1.0 - beta) * (clip * g); }
    }
);
simd!(
    adam_square(v: &mut [f32], g: &[f32], beta: f32, clip: f32) {
        for (v, g) in v.iter_mut().zip(g) { let g = clip * g; *v = beta * *v + (1.0 - beta) * g * g; }
    }
);
simd!(
    adam_step(p: &mut [f32], m: &[f32], v: &[f32], lr: f32, c1: f32, c2: f32, decay: f32) {
        for ((p, m), v) in p.iter_mut().zip(m).zip(v) {
            *p -= lr * (m * c1 / ((v * c2).sqrt() + 1e-8) + decay * *p);
        }
    }
);
