//! The model being trained: a Llama decoder (`RMSNorm`, rotary positions, `SwiGLU`, tied embeddings) on candle tensors,
//! differentiated by candle's autograd.

use std::sync::Arc;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use rayon::prelude::*;

use crate::Result;
use crate::corpus::{Batch, CONTEXT};
use crate::fused::{Attend, Heads, Loss, Mlp, Norm};
use crate::params::{PER_BLOCK, Shape, size};
use crate::plain;

pub(crate) const EPS: f32 = 1e-5;
pub(crate) const THETA: f32 = 10_000.0;

pub(crate) struct Model {
    pub(crate) shape: Shape,
    /// In the order of `Shape::tensors`.
    pub(crate) vars: Vec<Var>,
    device: Device,
    /// The fused operations of the CPU; None: the plain ones.
    heads: Option<Arc<Heads>>,
}

/// The weights for one pass: tracked by autograd, or not.
struct Pass<'a> {
    model: &'a Model,
    weights: Vec<Tensor>,
    starts: Arc<[u32]>,
    rows: Option<plain::Rows>,
    train: bool,
}

impl Model {
    /// `params`: all parameters in the order of `Shape::tensors`.
    pub(crate) fn new(shape: Shape, params: &[f32], device: &Device) -> Result<Self> {
        if params.len() != shape.parameters() {
            return Err(format!(
                "{} parameters instead of {}",
                params.len(),
                shape.parameters()
            )
            .into());
        }
        let heads = Heads::new(shape.heads, shape.width / shape.heads, CONTEXT + 1, THETA);
        Ok(Self {
            shape,
            vars: cut(shape, params, device)?
                .iter()
                .map(|t| Ok(Var::from_tensor(t)?))
                .collect::<Result<_>>()?,
            device: device.clone(),
            heads: device.is_cpu().then(|| Arc::new(heads)),
        })
    }

    /// A copy on the CPU, where evaluation and export happen.
    pub(crate) fn on_cpu(&self) -> Result<Self> {
        Self::new(self.shape, &flat(&self.vars)?, &Device::Cpu)
    }

    /// What another device would run, for comparison.
    #[cfg(test)]
    pub(crate) fn use_plain_operations(&mut self) {
        self.heads = None;
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    fn pass(&self, starts: &[u32], t: usize, train: bool) -> Result<Pass<'_>> {
        let weight = |v: &Var| {
            if train {
                v.as_tensor().clone()
            } else {
                v.as_detached_tensor()
            }
        };
        let dim = self.shape.width / self.shape.heads;
        let plain = || plain::Rows::new(starts, t, dim, THETA, &self.device);
        Ok(Pass {
            model: self,
            weights: self.vars.iter().map(weight).collect(),
            starts: starts.into(),
            rows: match self.heads {
                Some(_) => None,
                None => Some(plain()?),
            },
            train,
        })
    }

    /// Normalised output of the last block, (n, width) row by row; rows of t tokens.
    pub(crate) fn hidden(&self, inputs: &[u32], starts: &[u32], t: usize) -> Result<Tensor> {
        let hidden = self.pass(starts, t, false)?.hidden(inputs, t)?;
        Ok(hidden.reshape((inputs.len(), self.shape.width))?)
    }

    /// Logits of (n, width) normalised hidden states, one row each.
    pub(crate) fn unembed(&self, hidden: &Tensor) -> Result<Vec<Vec<f32>>> {
        let embed = self.vars[0].as_detached_tensor();
        Ok(hidden.matmul(&embed.t()?)?.to_vec2()?)
    }

    /// Loss of a part of a batch, divided by `count`, and its gradients.
    fn shard(
        &self,
        b: &Batch,
        r: std::ops::Range<usize>,
        count: usize,
    ) -> Result<(f64, GradStore)> {
        let pass = self.pass(&b.starts[r.clone()], CONTEXT, true)?;
        let hidden = pass.hidden(&b.inputs[r.clone()], CONTEXT)?;
        let (targets, weights) = (&b.targets[r.clone()], &b.weights[r]);
        let loss = pass.loss(&hidden, targets, weights)?;
        let loss = (loss * (1.0 / count as f64))?;
        Ok((f64::from(loss.to_scalar::<f32>()?), loss.backward()?))
    }

    /// Loss and gradients of a batch, in the order of `vars`; `shards` equal parts in parallel, added up in a fixed
    /// order.
    pub(crate) fn gradient(&self, b: &Batch, shards: usize) -> Result<(f64, Vec<Tensor>)> {
        let count = b.inputs.len();
        let per = b.rows.div_ceil(shards) * CONTEXT;
        let parts: Vec<(f64, GradStore)> = (0..count.div_ceil(per))
            .into_par_iter()
            .map(|i| self.shard(b, i * per..((i + 1) * per).min(count), count))
            .collect::<Result<_>>()?;
        let grads = self
            .vars
            .par_iter()
            .map(|v| {
                let mut parts = parts.iter().filter_map(|(_, g)| g.get(v));
                let first = parts.next().ok_or("a parameter without a gradient")?;
                let sum = parts.try_fold(first.clone(), |a, b| a + b)?;
                Ok(sum)
            })
            .collect::<Result<_>>()?;
        Ok((parts.iter().map(|(l, _)| l).sum(), grads))
    }
}

impl Pass<'_> {
    fn norm(&self, x: &Tensor, w: &Tensor) -> candle_core::Result<Tensor> {
        match self.rows {
            None => x.apply_op2(w, Norm { eps: EPS }),
            Some(_) => plain::norm(x, w, EPS),
        }
    }

    fn attend(&self, x: &Tensor, qkv: &Tensor, out: &Tensor) -> candle_core::Result<Tensor> {
        match (&self.model.heads, &self.rows) {
            (Some(heads), None) => {
                let op = Attend::new(Arc::clone(heads), Arc::clone(&self.starts), self.train);
                x.apply_op3(qkv, out, op)
            }
            (_, Some(rows)) => plain::attend(x, qkv, out, self.model.shape.heads, rows),
            (None, None) => candle_core::bail!("a pass without tables"),
        }
    }

    fn mlp(&self, x: &Tensor, gate_up: &Tensor, down: &Tensor) -> candle_core::Result<Tensor> {
        match self.rows {
            None => x.apply_op3(gate_up, down, Mlp::new(self.train)),
            Some(_) => plain::mlp(x, gate_up, down),
        }
    }

    fn loss(
        &self,
        hidden: &Tensor,
        targets: &[u32],
        weights: &[f32],
    ) -> candle_core::Result<Tensor> {
        let embed = &self.weights[0];
        match self.rows {
            None => hidden.apply_op2(embed, Loss::new(targets, weights)),
            Some(_) => plain::loss(hidden, embed, targets, weights),
        }
    }

    /// (rows, t, width)
    fn hidden(&self, inputs: &[u32], t: usize) -> Result<Tensor> {
        let c = self.model.shape.width;
        let ids = Tensor::from_slice(inputs, inputs.len(), &self.model.device)?;
        let mut x = self.weights[0]
            .index_select(&ids, 0)?
            .reshape((inputs.len() / t, t, c))?;
        let blocks = self.weights[1..].chunks_exact(PER_BLOCK);
        for block in blocks.take(self.model.shape.blocks) {
            let n = self.norm(&x, &block[0])?;
            x = (x + self.attend(&n, &block[1], &block[2])?)?;
            let n = self.norm(&x, &block[3])?;
            x = (x + self.mlp(&n, &block[4], &block[5])?)?;
        }
        let last = &self.weights[self.weights.len() - 1];
        Ok(self.norm(&x, last)?)
    }
}

/// Numbers in the order of `Shape::tensors` as tensors.
pub(crate) fn cut(shape: Shape, data: &[f32], device: &Device) -> Result<Vec<Tensor>> {
    let mut rest = data;
    shape
        .tensors()
        .into_iter()
        .map(|(_, dims)| {
            let (head, tail) = rest.split_at(size(&dims));
            rest = tail;
            Ok(Tensor::from_slice(head, dims, device)?)
        })
        .collect()
}

/// The reverse of `cut`.
pub(crate) fn flat<T: std::ops::Deref<Target = Tensor>>(tensors: &[T]) -> Result<Vec<f32>> {
    let mut out = Vec::new();
    for t in tensors {
        out.extend(t.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?);
    }
    Ok(out)
}

/// Negative log-likelihood of one target in nats.
pub(crate) fn nll(row: &[f32], target: usize) -> f32 {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = row.iter().map(|l| (l - max).exp()).sum();
    max + sum.ln() - row[target]
}
