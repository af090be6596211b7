//! The blocks above a site as a differentiable function of the residual stream there.

use std::sync::{Arc, OnceLock};

use candle_core::{DType, Device, Tensor};

use super::dense::Dense;
use super::plan::Plan;
use super::stack::{Stack, convert};
use crate::engine::assemble::Loader;
use crate::engine::batch::Batch;
use crate::engine::cache::{Blocks, Geometry};
use crate::engine::device::Target;
use crate::engine::jobs::Store;
use crate::engine::{Branch, Cancel, EngineError, KvCache, Model, NoHook};
use crate::units::BlockIndex;

/// Everything above a block, with final norm and head, made of tensor operations that carry gradients:
/// from residual rows of branches to logits.
///
/// On a model that computes with tensors (a GPU's) the weights are shared. On one that computes with our
/// kernel those of the blocks above the site are read again from its files and kept in f32 beside the
/// model's own; [`weight_bytes`](Self::weight_bytes) tells how much that is. The head is read when
/// [`logits`](Self::logits) first needs all of it.
#[derive(Debug)]
pub struct Suffix {
    model: Arc<Model>,
    stack: Stack,
    head: OnceLock<Dense>,
}

/// Branches and the keys and values below them, ready for many passes. These are constants: no gradient
/// flows into what the prompts left in the cache.
#[derive(Debug)]
pub struct SuffixInputs {
    cache: KvCache,
    branches: Vec<Branch>,
    batch: Batch,
    plan: Plan,
}

impl Model {
    /// The blocks above `after` (`None`: all) as a differentiable function. Reads their weights where the
    /// model does not hold them as tensors.
    ///
    /// # Errors
    /// [`EngineError::Request`] for a block that is not there, and those about weights.
    pub fn suffix(self: &Arc<Self>, after: Option<BlockIndex>) -> Result<Suffix, EngineError> {
        let first = after.map_or(0, |b| b.0 + 1);
        if first > self.n_blocks() {
            let n = self.n_blocks();
            return Err(EngineError::Request(format!("block {after:?} of {n}")));
        }
        let head = OnceLock::new();
        let stack = if let Some(tensors) = self.decoder.tensors() {
            let _ = head.set(tensors.head.clone());
            tensors.stack.above(first)
        } else {
            let loader = Loader::new(&self.config, &*self.weights);
            Stack::read(&self.config, &loader, &Target::cpu(), first)?
        };
        Ok(Suffix {
            model: Arc::clone(self),
            stack,
            head,
        })
    }
}

impl Suffix {
    /// Where its tensors are.
    pub fn device(&self) -> &Device {
        &self.stack.target().device
    }

    /// Memory of its blocks' weights; shared with a model that computes with tensors.
    pub fn weight_bytes(&self) -> usize {
        self.stack.bytes()
    }

    /// Prepares branches of cached sequences as for [`Model::resume`].
    ///
    /// # Errors
    /// [`EngineError::Context`], [`EngineError::Request`].
    pub fn inputs(
        &self,
        cache: &KvCache,
        branches: &[Branch],
    ) -> Result<SuffixInputs, EngineError> {
        let rows = branches.iter().map(|b| b.len).sum();
        let after = self.stack.first().checked_sub(1).map(BlockIndex);
        let batch = self.model.pack_branches(cache, after, branches, rows)?;
        if branches.is_empty() {
            return Err(EngineError::Request("no branches".to_owned()));
        }
        let cache = if self.model.decoder.tensors().is_some() {
            cache.clone()
        } else {
            self.converted(cache, branches)?
        };
        let plan = Plan::new(&self.stack, &batch, &Store::Branches(&cache, branches))?;
        Ok(SuffixInputs {
            cache,
            branches: branches.to_vec(),
            batch,
            plan,
        })
    }

    /// What the branches see of a cache of pages, as tensors, for the blocks there are.
    fn converted(&self, cache: &KvCache, branches: &[Branch]) -> Result<KvCache, EngineError> {
        let (target, n_blocks) = (self.stack.target(), self.model.n_blocks());
        let geometry = Geometry::new(self.stack.config());
        let width = geometry.kv_heads * geometry.head_dim;
        let empty = Blocks::Tensors(vec![super::Kept::default(); n_blocks]);
        let mut converted = KvCache::of(geometry, n_blocks, empty, cache.n_sequences());
        for branch in branches {
            let there = converted.len(branch.sequence);
            if branch.start <= there {
                continue;
            }
            for block in self.stack.first()..n_blocks {
                let kept = convert(
                    cache,
                    block,
                    branch.sequence,
                    0..branch.start,
                    target,
                    width,
                )?;
                if let Some(place) = converted.kept_mut(block, branch.sequence) {
                    *place = kept;
                }
            }
            converted.set_len(branch.sequence, branch.start);
        }
        Ok(converted)
    }

    /// `x (n, d)`, f32, the residual rows after the site, branch below branch → `(branches, d)`, the
    /// residual stream after the last block at each branch's last row. The gradient flows to `x`.
    ///
    /// # Errors
    /// [`EngineError::Request`] for another shape, number type or device, [`EngineError::Cancelled`].
    pub fn forward(
        &self,
        inputs: &SuffixInputs,
        x: &Tensor,
        cancel: &Cancel,
    ) -> Result<Tensor, EngineError> {
        let wanted = (inputs.batch.places.len(), self.model.hidden_size());
        let fits = x.dims() == [wanted.0, wanted.1] && x.dtype() == DType::F32;
        if !fits || !x.device().same_device(self.device()) {
            return Err(EngineError::Request(format!(
                "{:?} values of type {:?} for branches of {wanted:?}",
                x.dims(),
                x.dtype()
            )));
        }
        let mut store = Store::Branches(&inputs.cache, &inputs.branches);
        self.stack
            .run(
                x,
                self.stack.first()..self.model.n_blocks(),
                &inputs.plan,
                &inputs.batch,
                &mut store,
                &mut NoHook,
                cancel,
            )
            .and_then(|rows| {
                rows.ok_or_else(|| EngineError::Request("no rows are kept".to_owned()))
            })
            .map_err(|e| self.stack.target().explain(e))
    }

    /// Logits `(n, vocabulary)` of rows after the last block; applies the final norm.
    ///
    /// # Errors
    /// Those about weights when the head is read.
    pub fn logits(&self, rows: &Tensor) -> Result<Tensor, EngineError> {
        let head = if let Some(head) = self.head.get() {
            head
        } else {
            let read = self.read_head()?;
            self.head.get_or_init(|| read)
        };
        self.finish(&head.forward(&self.stack.final_norm(rows)?)?)
    }

    /// Two logits per row, of its own token ids `[positive, negative]`: `(n, 2)`.
    ///
    /// # Errors
    /// [`EngineError::Request`] when the counts differ, [`EngineError::TokenId`].
    pub fn answer_logits(&self, rows: &Tensor, ids: &[[u32; 2]]) -> Result<Tensor, EngineError> {
        let (n, d) = rows.dims2()?;
        if ids.len() != n {
            let pairs = ids.len();
            return Err(EngineError::Request(format!(
                "{pairs} answer pairs for {n} rows"
            )));
        }
        let ids = ids.as_flattened();
        self.model.check_ids(ids)?;
        let head = self.model.decoder.head_rows(ids)?;
        let head = Tensor::from_vec(head, (n, 2, d), self.device())?;
        let x = self.stack.final_norm(rows)?.unsqueeze(1)?;
        self.finish(&x.broadcast_mul(&head)?.sum(2)?)
    }

    /// Positive minus negative logit per row, `(n)`: the propensity of Tan et al. 2407.12404.
    ///
    /// # Errors
    /// As [`answer_logits`](Self::answer_logits).
    pub fn logit_differences(
        &self,
        rows: &Tensor,
        ids: &[[u32; 2]],
    ) -> Result<Tensor, EngineError> {
        let both = self.answer_logits(rows, ids)?;
        Ok((both.narrow(1, 0, 1)? - both.narrow(1, 1, 1)?)?.squeeze(1)?)
    }

    fn read_head(&self) -> Result<Dense, EngineError> {
        let config = self.stack.config();
        let loader = Loader::new(config, &*self.model.weights);
        let source = if config.tied {
            loader.embedding()?
        } else {
            loader.head()?
        };
        Dense::read(&[source], config.hidden_size, None, self.stack.target())
    }

    /// Scale and cap of logits.
    fn finish(&self, logits: &Tensor) -> Result<Tensor, EngineError> {
        let spec = &self.stack.config().spec;
        let mut logits = logits.clone();
        if let Some(scale) = spec.logit_scale {
            logits = (logits * f64::from(scale))?;
        }
        if let Some(cap) = spec.logit_cap.map(f64::from) {
            logits = ((logits / cap)?.tanh()? * cap)?;
        }
        Ok(logits)
    }
}
