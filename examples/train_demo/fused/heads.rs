//! The heads of causal self-attention over packed documents: rotary embedding, scores, softmax, mixing, and back.
//!
//! A position sees only positions of its own document, so documents packed into a row never leak into each other
//! (rotary positions are relative, hence a document in mid-row equals one at the start of a row).

use super::kernels::{softmax, softmax_backward};
use super::linalg::gemm;

/// Queries handled at once: small enough to skip most masked scores, large enough for gemm.
const BLOCK: usize = 64;

pub(crate) struct Heads {
    count: usize,
    dim: usize,
    /// cos and sin, (t, dim/2) each
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Heads {
    pub(crate) fn new(count: usize, dim: usize, t: usize, theta: f32) -> Self {
        let angle = |p: usize, j: usize| p as f32 / theta.powf(2.0 * j as f32 / dim as f32);
        let table = |f: fn(f32) -> f32| {
            (0..t)
                .flat_map(|p| (0..dim / 2).map(move |j| f(angle(p, j))))
                .collect()
        };
        Self {
            count,
            dim,
            cos: table(f32::cos),
            sin: table(f32::sin),
        }
    }

    /// Rotates (t, dim) rows in place; `back` turns the other way.
    fn rotate(&self, x: &mut [f32], back: bool) {
        let half = self.dim / 2;
        for (t, row) in x.chunks_mut(self.dim).enumerate() {
            let (a, b) = row.split_at_mut(half);
            for j in 0..half {
                let (c, s) = (self.cos[t * half + j], self.sin[t * half + j]);
                let s = if back { -s } else { s };
                (a[j], b[j]) = (a[j] * c - b[j] * s, a[j] * s + b[j] * c);
            }
        }
    }

    /// Columns `from..from+dim` of a (t, width) matrix.
    fn take(&self, x: &[f32], width: usize, from: usize) -> Vec<f32> {
        x.chunks(width)
            .flat_map(|r| &r[from..from + self.dim])
            .copied()
            .collect()
    }

    /// Query, key (both rotated) and value of one head.
    fn qkv(&self, y: &[f32], head: usize) -> [Vec<f32>; 3] {
        let (c, d) = (self.count * self.dim, self.dim);
        let mut out = [0, 1, 2].map(|i| self.take(y, 3 * c, i * c + head * d));
        self.rotate(&mut out[0], false);
        self.rotate(&mut out[1], false);
        out
    }

    /// Attention weights of queries t0..t1 over keys lo..t1, masked.
    fn weights(
        &self,
        q: &[f32],
        k: &[f32],
        starts: &[u32],
        (t0, t1, lo): (usize, usize, usize),
    ) -> Vec<f32> {
        let (d, w) = (self.dim, t1 - lo);
        let mut p = vec![0f32; (t1 - t0) * w];
        gemm(
            &mut p,
            w,
            false,
            (t1 - t0, w, d),
            &q[t0 * d..],
            (d, 1),
            &k[lo * d..],
            (1, d),
        );
        for (i, row) in p.chunks_mut(w).enumerate() {
            let (a, b) = (starts[t0 + i] as usize - lo, t0 + i + 1 - lo);
            softmax(&mut row[a..b], 1.0 / (d as f32).sqrt());
            row[..a].fill(0.0);
            row[b..].fill(0.0);
        }
        p
    }

    /// One row: y (t, 3c) to out (t, c). `starts[p]` is the first position that p sees.
    pub(crate) fn forward(&self, y: &[f32], starts: &[u32], out: &mut [f32]) {
        let (c, d, t) = (self.count * self.dim, self.dim, starts.len());
        for head in 0..self.count {
            let [q, k, v] = self.qkv(y, head);
            for t0 in (0..t).step_by(BLOCK) {
                let (t1, lo) = ((t0 + BLOCK).min(t), starts[t0] as usize);
                let p = self.weights(&q, &k, starts, (t0, t1, lo));
                gemm(
                    &mut out[t0 * c + head * d..],
                    c,
                    false,
                    (t1 - t0, d, t1 - lo),
                    &p,
                    (t1 - lo, 1),
                    &v[lo * d..],
                    (d, 1),
                );
            }
        }
    }

    /// Gradient of `forward` in y.
    pub(crate) fn backward(&self, y: &[f32], starts: &[u32], dout: &[f32], dy: &mut [f32]) {
        let (c, d, t) = (self.count * self.dim, self.dim, starts.len());
        let scale = 1.0 / (d as f32).sqrt();
        for head in 0..self.count {
            let [q, k, v] = self.qkv(y, head);
            let g = self.take(dout, c, head * d);
            let (mut dq, mut dk, mut dv) =
                (vec![0f32; t * d], vec![0f32; t * d], vec![0f32; t * d]);
            for t0 in (0..t).step_by(BLOCK) {
                let (t1, lo) = ((t0 + BLOCK).min(t), starts[t0] as usize);
                let (n, w) = (t1 - t0, t1 - lo);
                let p = self.weights(&q, &k, starts, (t0, t1, lo));
                let mut ds = vec![0f32; n * w];
                gemm(
                    &mut ds,
                    w,
                    false,
                    (n, w, d),
                    &g[t0 * d..],
                    (d, 1),
                    &v[lo * d..],
                    (1, d),
                );
                gemm(
                    &mut dv[lo * d..],
                    d,
                    true,
                    (w, d, n),
                    &p,
                    (1, w),
                    &g[t0 * d..],
                    (d, 1),
                );
                for (ds, p) in ds.chunks_mut(w).zip(p.chunks(w)) {
                    softmax_backward(p, ds, scale);
                }
                gemm(
                    &mut dq[t0 * d..],
                    d,
                    false,
                    (n, d, w),
                    &ds,
                    (w, 1),
                    &k[lo * d..],
                    (d, 1),
                );
                gemm(
                    &mut dk[lo * d..],
                    d,
                    true,
                    (w, d, n),
                    &ds,
                    (1, w),
                    &q[t0 * d..],
                    (d, 1),
                );
            }
            self.rotate(&mut dq, true);
            self.rotate(&mut dk, true);
            for (i, row) in dy.chunks_mut(3 * c).enumerate() {
                for (j, part) in [&dq, &dk, &dv].into_iter().enumerate() {
                    row[j * c + head * d..][..d].copy_from_slice(&part[i * d..][..d]);
                }
            }
        }
    }
}
