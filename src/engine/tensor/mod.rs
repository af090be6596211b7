//! The decoder on candle's tensors: on GPUs, and differentiable on any device.
//!
//! The same spec, names and passes as on our kernel, computed by plain tensor operations that carry
//! gradients. Weights keep the number type of the file where that is F16 or BF16 and the device is a
//! GPU, and so do keys, values and what goes into a product; norms, rotations, softmax and the residual
//! stream are f32. Unlike on our kernel, rounding may depend on what else is in a call.

mod attention;
mod block;
mod dense;
mod kept;
mod norm;
mod plan;
mod rotary;
mod stack;
mod suffix;

use std::ops::Range;
use std::sync::Arc;

use candle_core::{DType, Tensor};

use super::assemble::Loader;
use super::batch::Batch;
use super::cache::Blocks;
use super::decoder::Decoder;
use super::device::Target;
use super::jobs::Store;
use super::{Cancel, Config, EngineError, Hook, Precision, Rows};
use dense::Dense;
use plan::Plan;
use stack::Stack;

pub(super) use kept::Kept;
pub use suffix::{Suffix, SuffixInputs};

/// A model as tensors.
#[derive(Debug)]
pub(super) struct Tensors {
    stack: Stack,
    /// Token embedding `(vocabulary, d)`.
    embedding: Tensor,
    /// Learned positions `(max_positions, d)`.
    positions: Option<Tensor>,
    head: Dense,
}

impl Tensors {
    pub(super) fn build(
        config: &Arc<Config>,
        loader: &Loader<'_>,
        target: &Target,
    ) -> Result<Self, EngineError> {
        Self::read(config, loader, target).map_err(|e| target.explain(e))
    }

    fn read(
        config: &Arc<Config>,
        loader: &Loader<'_>,
        target: &Target,
    ) -> Result<Self, EngineError> {
        let d = config.hidden_size;
        let table = Dense::read(&[loader.embedding()?], d, None, target)?;
        let embedding = table.weight().clone();
        let head = if config.tied {
            table
        } else {
            Dense::read(&[loader.head()?], d, None, target)?
        };
        let positions = loader
            .positions()?
            .map(|values| Tensor::from_vec(values, (config.max_positions, d), &target.device))
            .transpose()?;
        Ok(Self {
            stack: Stack::read(config, loader, target, 0)?,
            embedding,
            positions,
            head,
        })
    }

    fn target(&self) -> &Target {
        self.stack.target()
    }

    /// What enters the first block.
    fn embed(&self, ids: &[u32], positions: &[usize]) -> candle_core::Result<Tensor> {
        let ids = Tensor::new(ids, &self.target().device)?;
        let mut x = self.embedding.index_select(&ids, 0)?.to_dtype(DType::F32)?;
        if let Some(scale) = self.stack.config().spec.embedding_scale {
            x = (x * f64::from(scale))?;
        }
        if let Some(table) = &self.positions {
            x = (x + table.index_select(&stack::indices(positions, &self.target().device)?, 0)?)?;
        }
        Ok(x)
    }

    fn run(
        &self,
        x: &Tensor,
        blocks: Range<usize>,
        batch: &Batch,
        store: &mut Store<'_>,
        hook: &mut dyn Hook,
        cancel: &Cancel,
    ) -> Result<Rows, EngineError> {
        let plan = Plan::new(&self.stack, batch, store)?;
        let rows = self
            .stack
            .run(x, blocks, &plan, batch, store, hook, cancel)?;
        let d = self.stack.config().hidden_size;
        match rows {
            Some(rows) => Rows::from_vec(stack::values(&rows)?, d),
            None => Ok(Rows::empty(d)),
        }
    }

    fn products(&self, rows: &Rows, ids: Option<&[u32]>) -> Result<Vec<f32>, EngineError> {
        let device = &self.target().device;
        let x = Tensor::from_slice(rows.as_slice(), (rows.n(), rows.width()), device)?;
        let x = self.stack.final_norm(&x)?;
        let logits = match ids {
            Some(ids) => self.head.select(ids)?.forward(&x)?,
            None => self.head.forward(&x)?,
        };
        Ok(stack::values(&logits)?)
    }
}

impl Decoder for Tensors {
    fn tokens(
        &self,
        ids: &[u32],
        batch: &Batch,
        store: &mut Store<'_>,
        hook: &mut dyn Hook,
        cancel: &Cancel,
    ) -> Result<Rows, EngineError> {
        self.embed(ids, &batch.positions)
            .map_err(EngineError::from)
            .and_then(|x| {
                self.run(
                    &x,
                    0..self.stack.config().n_blocks,
                    batch,
                    store,
                    hook,
                    cancel,
                )
            })
            .map_err(|e| self.target().explain(e))
    }

    fn resume(
        &self,
        x: Rows,
        blocks: Range<usize>,
        batch: &Batch,
        store: &mut Store<'_>,
        hook: &mut dyn Hook,
        cancel: &Cancel,
    ) -> Result<Rows, EngineError> {
        let shape = (x.n(), x.width());
        Tensor::from_vec(x.into_vec(), shape, &self.target().device)
            .map_err(EngineError::from)
            .and_then(|x| self.run(&x, blocks, batch, store, hook, cancel))
            .map_err(|e| self.target().explain(e))
    }

    fn logits(&self, rows: &Rows, ids: Option<&[u32]>) -> Result<Vec<f32>, EngineError> {
        self.products(rows, ids)
            .map_err(|e| self.target().explain(e))
    }

    fn vocabulary_part(&self, _: usize) -> usize {
        self.stack.config().vocab_size
    }

    fn head_rows(&self, ids: &[u32]) -> Result<Vec<f32>, EngineError> {
        Ok(stack::values(self.head.select(ids)?.weight())?)
    }

    fn empty(&self) -> Blocks {
        Blocks::Tensors(vec![Kept::default(); self.stack.config().n_blocks])
    }

    fn precision(&self) -> Precision {
        match self.head.weight().dtype() {
            DType::F16 => Precision::F16,
            DType::BF16 => Precision::Bf16,
            _ => Precision::F32,
        }
    }

    fn weight_bytes(&self) -> usize {
        let tables = if self.stack.config().tied { 1 } else { 2 };
        tables * self.head.bytes() + self.stack.bytes()
    }

    fn device(&self) -> String {
        self.target().choice.to_string()
    }

    fn tensors(&self) -> Option<&Tensors> {
        Some(self)
    }
}
