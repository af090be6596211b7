//! The upper blocks of a model with the final norm: all blocks, or those above a site.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::attention::attend;
use super::block::Block;
use super::kept::Kept;
use super::norm::Norm;
use super::plan::Plan;
use crate::engine::assemble::Loader;
use crate::engine::batch::Batch;
use crate::engine::cache::{Geometry, Span};
use crate::engine::device::Target;
use crate::engine::jobs::Store;
use crate::engine::pass::{self, Layers};
use crate::engine::rope::Rope;
use crate::engine::spec::Spec;
use crate::engine::{Cancel, Config, EngineError, Hook, KvCache};

/// Rows from which a pass waits for the GPU at every block: what is queued there cannot be revoked, and
/// a cancelled pass should end within one block.
const LONG: usize = 256;

/// Blocks from `first` on.
#[derive(Debug, Clone)]
pub(super) struct Stack {
    config: Arc<Config>,
    target: Target,
    first: usize,
    blocks: Vec<Arc<Block>>,
    final_norm: Arc<Norm>,
    ropes: Arc<Vec<Rope>>,
}

impl Stack {
    /// Reads the blocks from `first` on.
    pub(super) fn read(
        config: &Arc<Config>,
        loader: &Loader<'_>,
        target: &Target,
        first: usize,
    ) -> Result<Self, EngineError> {
        let block = |b| Block::read(loader.block(b)?, target).map(Arc::new);
        let rope = |spec| Rope::new(spec, config.max_positions);
        Ok(Self {
            config: Arc::clone(config),
            target: target.clone(),
            first,
            blocks: (first..config.n_blocks)
                .map(block)
                .collect::<Result<_, EngineError>>()?,
            final_norm: Arc::new(Norm::new(&loader.final_norm()?, &target.device)?),
            ropes: Arc::new(config.spec.ropes.iter().map(rope).collect()),
        })
    }

    /// The same weights without the blocks below `first`.
    pub(super) fn above(&self, first: usize) -> Self {
        Self {
            first,
            blocks: self.blocks[first - self.first..].to_vec(),
            ..self.clone()
        }
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// First block there is.
    pub(super) fn first(&self) -> usize {
        self.first
    }

    pub(super) fn ropes(&self) -> &[Rope] {
        &self.ropes
    }

    /// Memory of the matrices.
    pub(super) fn bytes(&self) -> usize {
        self.blocks.iter().map(|b| b.bytes()).sum()
    }

    pub(super) fn final_norm(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.final_norm.forward(x)
    }

    /// Runs some of its blocks; the rows that the batch keeps.
    #[expect(clippy::too_many_arguments, reason = "a pass has these inputs")]
    pub(super) fn run(
        &self,
        x: &Tensor,
        blocks: Range<usize>,
        plan: &Plan,
        batch: &Batch,
        store: &mut Store<'_>,
        hook: &mut dyn Hook,
        cancel: &Cancel,
    ) -> Result<Option<Tensor>, EngineError> {
        let run = Run { stack: self, plan };
        pass::run(&run, x.clone(), blocks, batch, store, hook, cancel)
    }

    fn block(&self, b: usize) -> &Block {
        &self.blocks[b - self.first]
    }
}

/// Queries, keys (both rotated) and values, `(n, heads · head_dim)` each, in the number type of attention.
/// Queries have the factor of the scores.
pub(super) struct Qkv {
    pub(super) queries: Tensor,
    pub(super) keys: Tensor,
    pub(super) values: Tensor,
}

/// One pass.
struct Run<'a> {
    stack: &'a Stack,
    plan: &'a Plan,
}

impl Layers for Run<'_> {
    type Qkv = Qkv;

    fn spec(&self) -> &Spec {
        &self.stack.config.spec
    }

    fn project(&self, b: usize, x: &Tensor) -> candle_core::Result<Qkv> {
        let (block, g) = (self.stack.block(b), Geometry::new(&self.stack.config));
        let (n, dtype) = (x.dim(0)?, self.stack.target.dtype);
        if n >= LONG {
            self.stack.target.device.synchronize()?;
        }
        let (d, q, kv) = (g.head_dim, g.heads * g.head_dim, g.kv_heads * g.head_dim);
        let qkv = block.qkv(x)?;
        let both = (n, g.heads + g.kv_heads, d);
        let heads = match &block.qk_norms {
            None => qkv.narrow(1, 0, q + kv)?.contiguous()?.reshape(both)?,
            Some(norms) => {
                let parts = [(0, q, &norms[0]), (q, kv, &norms[1])];
                let parts = parts.map(|(from, len, norm)| {
                    let shape = (n, len / norm.width(), norm.width());
                    let x = qkv.narrow(1, from, len)?.contiguous()?.reshape(shape)?;
                    norm.forward(&x)?.reshape((n, len / d, d))
                });
                let [queries, keys] = parts;
                Tensor::cat(&[queries?, keys?], 1)?
            }
        };
        let heads = self.plan.rotary(block.kind.rope).apply(&heads)?;
        let scale = f64::from(self.stack.config.spec.attention_scale);
        let part = |x: Tensor, width: usize| x.to_dtype(dtype)?.contiguous()?.reshape((n, width));
        Ok(Qkv {
            queries: part((heads.narrow(1, 0, g.heads)? * scale)?, q)?,
            keys: part(heads.narrow(1, g.heads, g.kv_heads)?, kv)?,
            values: part(qkv.narrow(1, q + kv, kv)?, kv)?,
        })
    }

    fn remember(
        &self,
        b: usize,
        qkv: &Qkv,
        cache: &mut KvCache,
        spans: &[Span],
    ) -> candle_core::Result<()> {
        for span in spans {
            let Some(kept) = cache.kept_mut(b, span.sequence) else {
                candle_core::bail!("a cache of tensors was expected");
            };
            // Views: the sequences of one call share its tensors.
            let keys = qkv.keys.narrow(0, span.row, span.len)?;
            let values = qkv.values.narrow(0, span.row, span.len)?;
            kept.append(span.start, keys, values)?;
        }
        Ok(())
    }

    fn attend(
        &self,
        b: usize,
        qkv: Qkv,
        batch: &Batch,
        store: &Store<'_>,
        trim: bool,
    ) -> candle_core::Result<Tensor> {
        let tiles = self
            .plan
            .tiles(self.stack.block(b).kind.window, trim, batch)?;
        let cap = self.stack.config.spec.attention_cap;
        let kept = |sequence: usize| store.cache().kept(b, sequence);
        attend(tiles, &qkv, &kept, Geometry::new(&self.stack.config), cap)
    }

    fn attention_out(
        &self,
        b: usize,
        mixed: Tensor,
        residual: Option<Tensor>,
    ) -> candle_core::Result<Tensor> {
        plus(
            self.stack.block(b).attention_out(&mixed)?,
            residual.as_ref(),
        )
    }

    fn mlp_inner(&self, b: usize, x: &Tensor) -> candle_core::Result<Tensor> {
        let activation = self.stack.config.spec.activation;
        self.stack.block(b).mlp_inner(x, activation)
    }

    fn mlp_out(
        &self,
        b: usize,
        inner: Tensor,
        residual: Option<Tensor>,
    ) -> candle_core::Result<Tensor> {
        plus(self.stack.block(b).mlp_out(&inner)?, residual.as_ref())
    }

    fn select(&self, x: &Tensor, rows: &[usize]) -> candle_core::Result<Tensor> {
        if rows.len() == x.dim(0)? {
            return Ok(x.clone());
        }
        x.index_select(&indices(rows, x.device())?, 0)
    }

    fn values(&self, x: Tensor) -> candle_core::Result<Vec<f32>> {
        values(&x)
    }

    fn rows(&self, values: Vec<f32>, shape: (usize, usize)) -> candle_core::Result<Tensor> {
        Tensor::from_vec(values, shape, &self.stack.target.device)
    }
}

fn plus(x: Tensor, residual: Option<&Tensor>) -> candle_core::Result<Tensor> {
    match residual {
        Some(residual) => x + residual,
        None => Ok(x),
    }
}

/// Row numbers on a device.
pub(super) fn indices(rows: &[usize], device: &Device) -> candle_core::Result<Tensor> {
    let rows: Vec<u32> = rows.iter().map(|r| *r as u32).collect();
    Tensor::new(rows, device)
}

/// All values of a tensor.
pub(super) fn values(x: &Tensor) -> candle_core::Result<Vec<f32>> {
    x.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}

/// Converts what an engine's cache holds of `positions` of one sequence and block.
pub(super) fn convert(
    cache: &KvCache,
    block: usize,
    sequence: usize,
    positions: Range<usize>,
    target: &Target,
    width: usize,
) -> candle_core::Result<Kept> {
    let n = positions.len();
    let Some((keys, values)) = cache.rows(block, sequence, positions) else {
        candle_core::bail!("sequence {sequence} has fewer positions");
    };
    let rows = |v| Tensor::from_vec(v, (n, width), &target.device)?.to_dtype(target.dtype);
    Ok(Kept::new(rows(keys)?, rows(values)?))
}
