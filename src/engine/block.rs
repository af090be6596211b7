//! The weights of a block, packed for our kernel.

use super::EngineError;
use super::assemble::{self, BlockParts, Matrix};
use super::cache::Geometry;
use super::gated::Gated;
use super::linear::Linear;
use super::norm::{Norm, QkNorms};
use super::spec::{Activation, LayerKind};

/// One decoder block.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) kind: LayerKind,
    pub(super) attention_norm: Option<Norm>,
    /// Stacked query, key and value projections.
    pub(super) qkv: Linear,
    pub(super) qk_norms: Option<QkNorms>,
    pub(super) output: Linear,
    /// Norm of what attention adds.
    pub(super) attention_post: Option<Norm>,
    pub(super) mlp_norm: Option<Norm>,
    pub(super) mlp_in: MlpIn,
    pub(super) mlp_out: Linear,
    /// Norm of what the MLP adds.
    pub(super) mlp_post: Option<Norm>,
}

impl Block {
    /// Packs what was found for a block.
    pub(super) fn pack(
        parts: BlockParts<'_>,
        geometry: Geometry,
        activation: Activation,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            kind: parts.kind,
            attention_norm: parts.attention_norm,
            qkv: linear(parts.qkv)?,
            qk_norms: parts.qk_norms.map(|[query, key]| QkNorms {
                query,
                key,
                geometry,
            }),
            output: linear(parts.output)?,
            attention_post: parts.attention_post,
            mlp_norm: parts.mlp_norm,
            mlp_in: match parts.mlp_in {
                assemble::MlpIn::Gated { gate, up, k, bias } => {
                    MlpIn::Gated(Gated::pack(&*gate, &*up, k, bias, activation)?)
                }
                assemble::MlpIn::Plain(first) => MlpIn::Plain(linear(first)?, activation),
            },
            mlp_out: linear(parts.mlp_out)?,
            mlp_post: parts.mlp_post,
        })
    }

    /// Memory that its matrices hold.
    pub(super) fn bytes(&self) -> usize {
        let first = match &self.mlp_in {
            MlpIn::Gated(both) => both.packed(),
            MlpIn::Plain(first, _) => first.packed(),
        };
        let others = [&self.qkv, &self.output, &self.mlp_out];
        first.bytes() + others.map(|l| l.packed().bytes()).iter().sum::<usize>()
    }
}

/// First half of an MLP.
#[derive(Debug)]
pub(super) enum MlpIn {
    /// Gate and up projections with their activation.
    Gated(Gated),
    /// One projection and its activation.
    Plain(Linear, Activation),
}

fn linear(matrix: Matrix<'_>) -> Result<Linear, EngineError> {
    Linear::pack(&matrix.parts, matrix.k, matrix.bias)
}
