//! `AdamW` with global gradient clipping, its moments candle tensors beside the parameters.
//!
//! candle's own has no clipping, no way to leave norm weights without decay, and a state that cannot be saved.

use candle_core::{Tensor, Var};
use rayon::prelude::*;

use crate::Result;
use crate::fused::adam;
use crate::model::{Model, cut};
use crate::params::Kind;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.98;
const DECAY: f64 = 0.05;
const CLIP: f64 = 1.0;

/// First and second moments of every parameter, in the order of `Model::vars`.
pub(crate) struct AdamW {
    pub(crate) m: Vec<Var>,
    pub(crate) v: Vec<Var>,
    /// Weight decay: none on norm weights.
    decay: Vec<f64>,
}

impl AdamW {
    pub(crate) fn new(model: &Model) -> Result<Self> {
        let zeros = vec![0f32; model.shape.parameters()];
        Self::with_moments(model, &zeros, &zeros)
    }

    pub(crate) fn with_moments(model: &Model, m: &[f32], v: &[f32]) -> Result<Self> {
        let vars = |data| -> Result<Vec<Var>> {
            cut(model.shape, data, model.device())?
                .iter()
                .map(|t| Ok(Var::from_tensor(t)?))
                .collect()
        };
        let decay = |(kind, _)| if kind == Kind::Norm { 0.0 } else { DECAY };
        Ok(Self {
            m: vars(m)?,
            v: vars(v)?,
            decay: model.shape.tensors().into_iter().map(decay).collect(),
        })
    }

    /// One update; returns the gradient norm before clipping. A non-finite gradient changes nothing.
    pub(crate) fn step(
        &self,
        params: &[Var],
        grads: &[Tensor],
        lr: f32,
        step: usize,
    ) -> Result<f32> {
        let squares = grads
            .par_iter()
            .map(|g| g.sqr()?.sum_all())
            .collect::<candle_core::Result<Vec<_>>>()?;
        let norm = Tensor::stack(&squares, 0)?
            .sum_all()?
            .to_scalar::<f32>()?
            .sqrt();
        if !norm.is_finite() {
            return Ok(norm);
        }
        let clip = (CLIP / f64::from(norm).max(1e-12)).min(1.0);
        let t = step as i32 + 1;
        let (c1, c2) = (1.0 / (1.0 - BETA1.powi(t)), 1.0 / (1.0 - BETA2.powi(t)));
        let moments = self.m.par_iter().zip(&self.v).zip(&self.decay);
        params
            .par_iter()
            .zip(grads)
            .zip(moments)
            .try_for_each(|((p, g), ((m, v), &decay))| {
                let rates = Rates {
                    clip,
                    c1,
                    c2,
                    lr: f64::from(lr),
                    decay,
                };
                if p.device().is_cpu() {
                    update_in_place(p, g, m, v, &rates)
                } else {
                    update(p, g, m, v, &rates)
                }
            })?;
        Ok(norm)
    }
}

/// What one update needs beside the tensors; `c1`, `c2` are the bias corrections.
struct Rates {
    clip: f64,
    c1: f64,
    c2: f64,
    lr: f64,
    decay: f64,
}

fn update_in_place(p: &Var, g: &Tensor, m: &Var, v: &Var, r: &Rates) -> candle_core::Result<()> {
    let (clip, g) = (r.clip as f32, &g.contiguous()?);
    let beta = BETA1 as f32;
    m.inplace_op2(g, &adam::Mean { beta, clip })?;
    let beta = BETA2 as f32;
    v.inplace_op2(g, &adam::Square { beta, clip })?;
    let step = adam::Step {
        lr: r.lr as f32,
        c1: r.c1 as f32,
        c2: r.c2 as f32,
        decay: r.decay as f32,
    };
    p.inplace_op3(m, v, &step)
}

fn update(p: &Var, g: &Tensor, m: &Var, v: &Var, r: &Rates) -> candle_core::Result<()> {
    let [old_p, old_m, old_v] = [p, m, v].map(Var::as_detached_tensor);
    let g = (g * r.clip)?;
    let new_m = ((old_m * BETA1)? + (&g * (1.0 - BETA1))?)?;
    let new_v = ((old_v * BETA2)? + (g.sqr()? * (1.0 - BETA2))?)?;
    let root = ((&new_v * r.c2)?.sqrt()? + 1e-8)?;
    let change = ((&new_m * (r.lr * r.c1))? / root)?;
    p.set(&((old_p * (1.0 - r.lr * r.decay))? - change)?)?;
    m.set(&new_m)?;
    v.set(&new_v)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn the_update_in_place_is_the_update() {
        let var = |data: [f32; 3]| Var::new(&data, &Device::Cpu).unwrap();
        let start = || {
            [
                var([1.0, -2.0, 0.5]),
                var([0.1, 0.2, -0.3]),
                var([0.01, 0.02, 0.03]),
            ]
        };
        let g = Tensor::new(&[0.4f32, -0.1, 3.0], &Device::Cpu).unwrap();
        let rates = Rates {
            clip: 0.5,
            c1: 1.5,
            c2: 2.5,
            lr: 0.01,
            decay: 0.05,
        };
        let ([a, am, av], [b, bm, bv]) = (start(), start());
        update_in_place(&a, &g, &am, &av, &rates).unwrap();
        update(&b, &g, &bm, &bv, &rates).unwrap();
        for (a, b) in [(a, b), (am, bm), (av, bv)] {
            let off = (a.as_tensor() - b.as_tensor()).unwrap().abs().unwrap();
            assert!(off.max(0).unwrap().to_scalar::<f32>().unwrap() < 1e-6);
        }
    }
}
