//! One pass of a packed batch through the blocks.

use candle_core::{Device, Tensor};

use super::attention::Attention;
use super::batch::Batch;
use super::block::{Block, MlpIn};
use super::jobs::Store;
use super::linear::{Linear, with_f32};
use super::model::Embedding;
use super::norm::Norm;
use super::ops::times;
use super::{Cancel, EngineError, Hook, HookPoint, Model, Place, Rows};
use crate::units::BlockIndex;

impl Model {
    /// What enters the first block: `(n, d)` for `n` tokens at their absolute `positions`.
    pub(super) fn embed(&self, ids: &[u32], positions: &[usize]) -> candle_core::Result<Tensor> {
        let d = self.hidden_size();
        let mut rows = match &self.embedding {
            Embedding::Tied => self.head.gather(ids),
            Embedding::Table(table) => table.gather(ids),
        };
        times(&mut rows, self.config.spec.embedding_scale);
        if let Some(table) = &self.positions {
            for (row, position) in rows.chunks_exact_mut(d).zip(positions) {
                let learned = &table[position * d..][..d];
                row.iter_mut().zip(learned).for_each(|(v, p)| *v += p);
            }
        }
        Tensor::from_vec(rows, (ids.len(), d), &Device::Cpu)
    }

    /// Runs the blocks from `first` on; returns the rows that the batch keeps, after the last block.
    pub(super) fn run(
        &self,
        mut x: Tensor,
        first: usize,
        batch: &Batch,
        store: &mut Store<'_>,
        hook: &mut dyn Hook,
        cancel: &Cancel,
    ) -> Result<Rows, EngineError> {
        for b in first..self.n_blocks() {
            cancel.check()?;
            let block = &self.blocks[b];
            let points = HookPoint::ALL.map(|point| hook.wants_at(BlockIndex(b), point));
            let wanted = points.contains(&true);
            let mut visit = |point: HookPoint, x: Tensor| {
                if points[point as usize] {
                    self.visited(hook, BlockIndex(b), point, &batch.places, &x)
                } else {
                    Ok(x)
                }
            };
            let last = b + 1 == self.n_blocks();
            let trim = last && !wanted && batch.kept.len() < batch.places.len();
            x = visit(HookPoint::ResidPre, x)?;
            let mut qkv = block
                .qkv
                .forward(&normed(block.attention_norm.as_ref(), &x)?)?;
            if let Some(norms) = &block.qk_norms {
                qkv = norms.forward(&qkv)?;
            }
            if let Store::Append(cache, spans) = store {
                cache.write(b, spans, &qkv, &self.ropes[block.kind.rope])?;
            }
            if trim {
                if batch.kept.is_empty() {
                    return Ok(Rows::empty(self.hidden_size()));
                }
                x = select(&x, &batch.kept)?;
            }
            let mixed = self.attend(&qkv, b, batch, store, trim)?;
            let [_, attention, _, mlp, _] = points;
            let after = if attention {
                let out = visit(
                    HookPoint::AttnOut,
                    alone(&block.output, block.attention_post.as_ref(), &mixed)?,
                )?;
                (out + &x)?
            } else {
                add(&block.output, block.attention_post.as_ref(), &mixed, &x)?
            };
            let after = visit(HookPoint::ResidMid, after)?;
            let inner = mlp_inner(
                block,
                if self.config.spec.parallel {
                    &x
                } else {
                    &after
                },
            )?;
            x = if mlp {
                let out = visit(
                    HookPoint::MlpOut,
                    alone(&block.mlp_out, block.mlp_post.as_ref(), &inner)?,
                )?;
                (out + &after)?
            } else {
                add(&block.mlp_out, block.mlp_post.as_ref(), &inner, &after)?
            };
            x = visit(HookPoint::ResidPost, x)?;
            if trim {
                return self.rows(&x);
            }
        }
        self.rows(&select(&x, &batch.kept)?)
    }

    /// `x` as a hook leaves it.
    fn visited(
        &self,
        hook: &mut dyn Hook,
        block: BlockIndex,
        point: HookPoint,
        places: &[Place],
        x: &Tensor,
    ) -> Result<Tensor, EngineError> {
        let mut rows = self.rows(x)?.into_vec();
        hook.visit_at(block, point, places, &mut rows, self.hidden_size());
        Ok(Tensor::from_vec(rows, x.dims2()?, &Device::Cpu)?)
    }

    fn attend(
        &self,
        qkv: &Tensor,
        block: usize,
        batch: &Batch,
        store: &Store<'_>,
        trim: bool,
    ) -> candle_core::Result<Tensor> {
        let kind = self.blocks[block].kind;
        let (queries, jobs) = store.jobs(block, batch, trim, kind.window);
        qkv.apply_op1_no_bwd(&Attention {
            geometry: self.geometry,
            rope: &self.ropes[kind.rope],
            positions: &batch.positions,
            long: &batch.long,
            queries: &queries,
            jobs: &jobs,
            scale: self.config.spec.attention_scale,
            cap: self.config.spec.attention_cap,
        })
    }

    pub(super) fn rows(&self, x: &Tensor) -> Result<Rows, EngineError> {
        Rows::from_vec(with_f32(x, <[f32]>::to_vec)?, self.hidden_size())
    }
}

/// `norm(x)`, or `x` itself where there is no norm.
fn normed(norm: Option<&Norm>, x: &Tensor) -> candle_core::Result<Tensor> {
    norm.map_or_else(|| Ok(x.clone()), |norm| norm.forward(x))
}

/// `residual + x Wᵀ`, the product normed where there is a norm.
fn add(
    layer: &Linear,
    norm: Option<&Norm>,
    x: &Tensor,
    residual: &Tensor,
) -> candle_core::Result<Tensor> {
    match norm {
        None => layer.forward_add(x, residual),
        Some(norm) => norm.forward_add(&layer.forward(x)?, residual),
    }
}

/// What goes into the MLP's second matrix.
fn mlp_inner(block: &Block, read: &Tensor) -> candle_core::Result<Tensor> {
    let read = normed(block.mlp_norm.as_ref(), read)?;
    match &block.mlp_in {
        MlpIn::Gated(both) => both.forward(&read),
        MlpIn::Plain(first, activation) => first.forward(&read)?.apply_op1_no_bwd(activation),
    }
}

/// The contribution that [`add`] adds.
fn alone(layer: &Linear, norm: Option<&Norm>, x: &Tensor) -> candle_core::Result<Tensor> {
    normed(norm, &layer.forward(x)?)
}

/// The rows `kept`, the tensor itself when that is all of them.
pub(super) fn select(x: &Tensor, kept: &[usize]) -> candle_core::Result<Tensor> {
    let (n, d) = x.dims2()?;
    if kept.len() == n {
        return Ok(x.clone());
    }
    let rows = with_f32(x, |v| {
        kept.iter()
            .flat_map(|r| &v[r * d..(r + 1) * d])
            .copied()
            .collect::<Vec<f32>>()
    })?;
    Tensor::from_vec(rows, (kept.len(), d), &Device::Cpu)
}
