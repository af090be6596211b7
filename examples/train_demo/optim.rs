//! `AdamW` with global gradient clipping, and the learning-rate schedule.

use rayon::prelude::*;

use crate::kernels::{adamw, sum_squares};
use crate::params::Layout;

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.98;
const DECAY: f32 = 0.05;
const CLIP: f32 = 1.0;
const CHUNK: usize = 1 << 16;

/// Warm-up, constant, then linear decay over the last part: the end can be moved while a run is under way
/// without changing what came before.
pub(crate) fn learning_rate(peak: f32, step: usize, steps: usize) -> f32 {
    let (warm, decay) = (200.0, 0.3);
    let up = (step as f32 + 1.0) / warm;
    let left = (steps.saturating_sub(step)) as f32 / (decay * steps as f32);
    peak * up.min(left).clamp(0.01, 1.0)
}

/// First and second moments of every parameter.
pub(crate) struct AdamW {
    pub(crate) m: Vec<f32>,
    pub(crate) v: Vec<f32>,
    /// Weight decay: none on norm weights.
    decay: Vec<f32>,
}

impl AdamW {
    pub(crate) fn new(layout: &Layout) -> Self {
        let mut decay = vec![DECAY; layout.total];
        for b in &layout.blocks {
            decay[b.norm1.clone()].fill(0.0);
            decay[b.norm2.clone()].fill(0.0);
        }
        decay[layout.norm.clone()].fill(0.0);
        Self {
            m: vec![0.0; layout.total],
            v: vec![0.0; layout.total],
            decay,
        }
    }

    /// One update; returns the gradient norm before clipping. A non-finite gradient changes nothing.
    pub(crate) fn step(&mut self, params: &mut [f32], grad: &[f32], lr: f32, step: usize) -> f32 {
        let norm = grad
            .chunks(CHUNK)
            .map(|g| f64::from(sum_squares(g)))
            .sum::<f64>()
            .sqrt() as f32;
        if !norm.is_finite() {
            return norm;
        }
        let clip = (CLIP / norm.max(1e-12)).min(1.0);
        let t = step as i32 + 1;
        let (c1, c2) = (1.0 / (1.0 - BETA1.powi(t)), 1.0 / (1.0 - BETA2.powi(t)));
        let state = self
            .m
            .par_chunks_mut(CHUNK)
            .zip(self.v.par_chunks_mut(CHUNK))
            .zip(self.decay.par_chunks(CHUNK));
        params
            .par_chunks_mut(CHUNK)
            .zip(grad.par_chunks(CHUNK))
            .zip(state)
            .for_each(|((p, g), ((m, v), d))| {
                adamw(p, g, m, v, d, clip, lr, BETA1, BETA2, c1, c2);
            });
        norm
    }
}
