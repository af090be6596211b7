//! The weights of a block as tensors, and all of it but attention.

use candle_core::Tensor;

use super::dense::Dense;
use super::norm::Norm;
use crate::engine::EngineError;
use crate::engine::assemble::{self, BlockParts};
use crate::engine::device::Target;
use crate::engine::norm;
use crate::engine::spec::{Activation, LayerKind};

/// One decoder block.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) kind: LayerKind,
    attention_norm: Option<Norm>,
    /// Stacked query, key and value projections.
    qkv: Dense,
    /// Of queries and of keys.
    pub(super) qk_norms: Option<[Norm; 2]>,
    output: Dense,
    attention_post: Option<Norm>,
    mlp_norm: Option<Norm>,
    /// Gate above up, or one projection.
    mlp_in: Dense,
    gated: bool,
    mlp_out: Dense,
    mlp_post: Option<Norm>,
}

impl Block {
    pub(super) fn read(parts: BlockParts<'_>, target: &Target) -> Result<Self, EngineError> {
        let norm =
            |norm: Option<norm::Norm>| norm.map(|n| Norm::new(&n, &target.device)).transpose();
        let qk_norms = match parts.qk_norms {
            Some([query, key]) => Some([
                Norm::new(&query, &target.device)?,
                Norm::new(&key, &target.device)?,
            ]),
            None => None,
        };
        let (mlp_in, gated) = match parts.mlp_in {
            assemble::MlpIn::Gated { gate, up, k, bias } => {
                let bias = bias.map(|both| both.concat());
                (Dense::read(&[gate, up], k, bias, target)?, true)
            }
            assemble::MlpIn::Plain(first) => (Dense::of(first, target)?, false),
        };
        Ok(Self {
            kind: parts.kind,
            attention_norm: norm(parts.attention_norm)?,
            qkv: Dense::of(parts.qkv, target)?,
            qk_norms,
            output: Dense::of(parts.output, target)?,
            attention_post: norm(parts.attention_post)?,
            mlp_norm: norm(parts.mlp_norm)?,
            mlp_in,
            gated,
            mlp_out: Dense::of(parts.mlp_out, target)?,
            mlp_post: norm(parts.mlp_post)?,
        })
    }

    /// Memory that its matrices hold.
    pub(super) fn bytes(&self) -> usize {
        let all = [&self.qkv, &self.output, &self.mlp_in, &self.mlp_out];
        all.map(Dense::bytes).iter().sum()
    }

    /// `x (n, d)` → stacked queries, keys and values, not rotated yet.
    pub(super) fn qkv(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.qkv.forward(&normed(self.attention_norm.as_ref(), x)?)
    }

    /// What attention adds.
    pub(super) fn attention_out(&self, mixed: &Tensor) -> candle_core::Result<Tensor> {
        normed(self.attention_post.as_ref(), &self.output.forward(mixed)?)
    }

    /// The MLP up to its second matrix.
    pub(super) fn mlp_inner(
        &self,
        x: &Tensor,
        activation: Activation,
    ) -> candle_core::Result<Tensor> {
        let y = self.mlp_in.forward(&normed(self.mlp_norm.as_ref(), x)?)?;
        if !self.gated {
            return activate(activation, &y);
        }
        let f = y.dim(1)? / 2;
        activate(activation, &y.narrow(1, 0, f)?)? * y.narrow(1, f, f)?
    }

    /// What the MLP adds.
    pub(super) fn mlp_out(&self, inner: &Tensor) -> candle_core::Result<Tensor> {
        normed(self.mlp_post.as_ref(), &self.mlp_out.forward(inner)?)
    }
}

fn activate(activation: Activation, x: &Tensor) -> candle_core::Result<Tensor> {
    match activation {
        Activation::Silu => x.silu(),
        Activation::Gelu => x.gelu_erf(),
        Activation::GeluTanh => x.gelu(),
    }
}

fn normed(norm: Option<&Norm>, x: &Tensor) -> candle_core::Result<Tensor> {
    norm.map_or_else(|| Ok(x.clone()), |norm| norm.forward(x))
}
