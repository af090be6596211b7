//! `AdamW` with global gradient clipping, its moments candle tensors beside the parameters.
//!
//! candle's own has no clipping, no way to leave norm weights without decay, and a state that cannot be saved.

use candle_core::{Tensor, Var};
use rayon::prelude::*;

use crate::Result;
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
        let lr = f64::from(lr);
        let moments = self.m.par_iter().zip(&self.v).zip(&self.decay);
        params
            .par_iter()
            .zip(grads)
            .zip(moments)
            .try_for_each(|((p, g), ((m, v), decay))| {
                m.set(&((m.as_tensor() * BETA1)? + (g * ((1.0 - BETA1) * clip))?)?)?;
                v.set(&((v.as_tensor() * BETA2)? + (g.sqr()? * ((1.0 - BETA2) * clip * clip))?)?)?;
                let root = ((v.as_tensor() * c2)?.sqrt()? + 1e-8)?;
                let update = ((m.as_tensor() * (lr * c1))? / root)?;
                p.set(&((p.as_tensor() * (1.0 - lr * decay))? - update)?)
            })?;
        Ok(norm)
    }
}
