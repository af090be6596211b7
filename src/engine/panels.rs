//! The decoder on our own kernel: weights in panels, rows on the CPU.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::assemble::Loader;
use super::attention::Attention;
use super::batch::Batch;
use super::block::{Block, MlpIn};
use super::cache::{Blocks, Geometry, Span};
use super::decoder::{Decoder, SeePart};
use super::jobs::Store;
use super::kernel::PANEL;
use super::linear::{Linear, with_f32};
use super::norm::Norm;
use super::ops::times;
use super::pass::{self, Layers};
use super::rope::Rope;
use super::scratch::{self, WorkingMemory};
use super::spec::Spec;
use super::threads::{in_pool, thread_count};
use super::{Cancel, Config, EngineError, Hook, KvCache, Precision, Rows};

/// Logits that are computed before somebody looks at them, where that is done in parts: they stay in the second-level
/// caches, and memory fresh from the system costs more than a tenth of such a product.
const PART: usize = 1 << 20;
/// Tokens of a part, at least.
const LEAST: usize = 1 << 10;
/// What looking at a logit costs, in multiply-adds.
const SEEN: usize = 256;

/// Token embedding: rows of its own, or those of the output head.
#[derive(Debug)]
enum Embedding {
    Tied,
    Table(Linear),
}

/// The weights, packed.
#[derive(Debug)]
pub(super) struct Panels {
    config: Arc<Config>,
    blocks: Vec<Block>,
    embedding: Embedding,
    /// Learned positions `(max_positions, d)`.
    positions: Option<Vec<f32>>,
    final_norm: Norm,
    head: Linear,
    ropes: Vec<Rope>,
    geometry: Geometry,
    parameters: usize,
}

impl Panels {
    pub(super) fn build(config: &Arc<Config>, loader: &Loader<'_>) -> Result<Self, EngineError> {
        let (d, geometry) = (config.hidden_size, Geometry::new(config));
        let blocks = (0..config.n_blocks)
            .map(|b| Block::pack(loader.block(b)?, geometry, config.spec.activation))
            .collect::<Result<Vec<_>, _>>()?;
        let final_norm = loader.final_norm()?;
        let (embedding, head) = if config.tied {
            let head = Linear::pack(&[loader.embedding()?], d, None)?;
            (Embedding::Tied, head)
        } else {
            let table = Linear::pack(&[loader.embedding()?], d, None)?;
            (
                Embedding::Table(table),
                Linear::pack(&[loader.head()?], d, None)?,
            )
        };
        let positions = loader.positions()?;
        let rope = |spec| Rope::new(spec, config.max_positions);
        Ok(Self {
            config: Arc::clone(config),
            blocks,
            embedding,
            positions,
            final_norm,
            head,
            ropes: config.spec.ropes.iter().map(rope).collect(),
            geometry,
            parameters: loader.parameters(),
        })
    }

    /// What enters the first block: `(n, d)` for `n` tokens at their absolute `positions`.
    fn embed(&self, ids: &[u32], positions: &[usize]) -> candle_core::Result<Tensor> {
        let d = self.config.hidden_size;
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

    fn run(
        &self,
        x: Tensor,
        blocks: Range<usize>,
        batch: &Batch,
        store: &mut Store<'_>,
        hook: &mut dyn Hook,
        cancel: &Cancel,
    ) -> Result<Rows, EngineError> {
        let _memory = WorkingMemory::keep();
        let rows = pass::run(self, x, blocks, batch, store, hook, cancel)?;
        let d = self.config.hidden_size;
        match rows {
            Some(rows) => Rows::from_vec(self.values(rows)?, d),
            None => Ok(Rows::empty(d)),
        }
    }
}

impl Decoder for Panels {
    fn tokens(
        &self,
        ids: &[u32],
        batch: &Batch,
        store: &mut Store<'_>,
        hook: &mut dyn Hook,
        cancel: &Cancel,
    ) -> Result<Rows, EngineError> {
        in_pool(ids.len(), self.parameters, || {
            let x = self.embed(ids, &batch.positions)?;
            self.run(x, 0..self.config.n_blocks, batch, store, hook, cancel)
        })
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
        let weights = self.parameters / self.config.n_blocks * blocks.len();
        in_pool(x.n(), weights, || {
            let shape = (x.n(), x.width());
            let x = Tensor::from_vec(x.into_vec(), shape, &Device::Cpu)?;
            self.run(x, blocks, batch, store, hook, cancel)
        })
    }

    fn logits(&self, rows: &Rows, ids: Option<&[u32]>) -> Result<Vec<f32>, EngineError> {
        let x = Tensor::from_slice(rows.as_slice(), (rows.n(), rows.width()), &Device::Cpu)?;
        let x = self.final_norm.forward(&x)?;
        let wanted = ids.map_or(self.config.vocab_size, <[u32]>::len);
        in_pool(rows.n(), rows.width() * wanted, || {
            let logits = match ids {
                Some(ids) => self.head.select(ids)?.forward(&x)?,
                None => self.head.forward(&x)?,
            };
            Ok(scratch::taken(logits)?)
        })
    }

    fn logits_in_parts(&self, rows: &Rows, see: &mut SeePart<'_>) -> Result<(), EngineError> {
        let (n, vocab) = (rows.n(), self.config.vocab_size);
        let x = Tensor::from_slice(rows.as_slice(), (n, rows.width()), &Device::Cpu)?;
        let x = self.final_norm.forward(&x)?;
        let part = self.vocabulary_part(n);
        in_pool(n, vocab * (rows.width() + SEEN), || {
            let mut logits = vec![0.0; n * part];
            for from in (0..vocab).step_by(part) {
                let ids = from..vocab.min(from + part);
                let logits = &mut logits[..n * ids.len()];
                self.head.columns(&x, ids.clone(), logits)?;
                see(ids, logits)?;
            }
            Ok(())
        })
    }

    fn vocabulary_part(&self, n: usize) -> usize {
        let parts = (n * self.config.vocab_size).div_ceil(PART);
        let part = self.config.vocab_size.div_ceil(parts.max(1));
        part.max(LEAST).next_multiple_of(PANEL)
    }

    fn head_rows(&self, ids: &[u32]) -> Result<Vec<f32>, EngineError> {
        Ok(self.head.gather(ids))
    }

    fn empty(&self) -> Blocks {
        Blocks::Pages(vec![Vec::new(); self.config.n_blocks])
    }

    fn precision(&self) -> Precision {
        self.head.packed().precision()
    }

    fn weight_bytes(&self) -> usize {
        let table = match &self.embedding {
            Embedding::Tied => 0,
            Embedding::Table(table) => table.packed().bytes(),
        };
        let blocks: usize = self.blocks.iter().map(Block::bytes).sum();
        table + self.head.packed().bytes() + blocks
    }

    fn device(&self) -> String {
        let threads = thread_count();
        format!(
            "cpu · {threads} thread{}",
            if threads == 1 { "" } else { "s" }
        )
    }
}

impl Layers for Panels {
    /// Stacked rows; keys not rotated yet.
    type Qkv = Tensor;

    fn spec(&self) -> &Spec {
        &self.config.spec
    }

    fn project(&self, b: usize, x: &Tensor) -> candle_core::Result<Tensor> {
        let block = &self.blocks[b];
        let qkv = reading(block.attention_norm.as_ref(), x, |x| block.qkv.forward(x))?;
        let Some(norms) = &block.qk_norms else {
            return Ok(qkv);
        };
        let normed = norms.forward(&qkv)?;
        scratch::done(qkv)?;
        Ok(normed)
    }

    fn remember(
        &self,
        b: usize,
        qkv: &Tensor,
        cache: &mut KvCache,
        spans: &[Span],
    ) -> candle_core::Result<()> {
        cache.write(b, spans, qkv, &self.ropes[self.blocks[b].kind.rope])
    }

    fn attend(
        &self,
        b: usize,
        qkv: Tensor,
        batch: &Batch,
        store: &Store<'_>,
        trim: bool,
    ) -> candle_core::Result<Tensor> {
        let (kind, spec) = (self.blocks[b].kind, &self.config.spec);
        let (queries, jobs) = store.jobs(b, batch, trim, kind.window);
        let mixed = qkv.apply_op1_no_bwd(&Attention {
            geometry: self.geometry,
            rope: &self.ropes[kind.rope],
            positions: &batch.positions,
            long: &batch.long,
            queries: &queries,
            jobs: &jobs,
            scale: spec.attention_scale,
            cap: spec.attention_cap,
        })?;
        scratch::done(qkv)?;
        Ok(mixed)
    }

    fn attention_out(
        &self,
        b: usize,
        mixed: Tensor,
        residual: Option<Tensor>,
    ) -> candle_core::Result<Tensor> {
        let block = &self.blocks[b];
        contribution(
            &block.output,
            block.attention_post.as_ref(),
            mixed,
            residual,
        )
    }

    fn mlp_inner(&self, b: usize, x: &Tensor) -> candle_core::Result<Tensor> {
        let block = &self.blocks[b];
        let inner = reading(block.mlp_norm.as_ref(), x, |x| match &block.mlp_in {
            MlpIn::Gated(both) => both.forward(x),
            MlpIn::Plain(first, _) => first.forward(x),
        })?;
        let MlpIn::Plain(_, activation) = &block.mlp_in else {
            return Ok(inner);
        };
        let active = inner.apply_op1_no_bwd(activation)?;
        scratch::done(inner)?;
        Ok(active)
    }

    fn mlp_out(
        &self,
        b: usize,
        inner: Tensor,
        residual: Option<Tensor>,
    ) -> candle_core::Result<Tensor> {
        let block = &self.blocks[b];
        contribution(&block.mlp_out, block.mlp_post.as_ref(), inner, residual)
    }

    fn select(&self, x: &Tensor, rows: &[usize]) -> candle_core::Result<Tensor> {
        let (n, d) = x.dims2()?;
        if rows.len() == n {
            return Ok(x.clone());
        }
        let values = with_f32(x, |v| {
            rows.iter()
                .flat_map(|r| &v[r * d..(r + 1) * d])
                .copied()
                .collect::<Vec<f32>>()
        })?;
        Tensor::from_vec(values, (rows.len(), d), &Device::Cpu)
    }

    fn values(&self, x: Tensor) -> candle_core::Result<Vec<f32>> {
        scratch::taken(x)
    }

    fn rows(&self, values: Vec<f32>, shape: (usize, usize)) -> candle_core::Result<Tensor> {
        Tensor::from_vec(values, shape, &Device::Cpu)
    }
}

/// `f(norm(x))`, or `f(x)` where there is no norm.
fn reading(
    norm: Option<&Norm>,
    x: &Tensor,
    f: impl FnOnce(&Tensor) -> candle_core::Result<Tensor>,
) -> candle_core::Result<Tensor> {
    let Some(norm) = norm else {
        return f(x);
    };
    let normed = norm.forward(x)?;
    let y = f(&normed)?;
    scratch::done(normed)?;
    Ok(y)
}

/// `x Wᵀ`, normed where there is a norm, plus the residual where there is one.
fn contribution(
    layer: &Linear,
    norm: Option<&Norm>,
    x: Tensor,
    residual: Option<Tensor>,
) -> candle_core::Result<Tensor> {
    let y = match (norm, residual) {
        (None, None) => layer.forward(&x)?,
        (None, Some(residual)) => layer.forward_onto(&x, residual)?,
        (Some(norm), residual) => {
            let added = layer.forward(&x)?;
            let y = match residual {
                None => norm.forward(&added)?,
                Some(residual) => norm.forward_onto(&added, residual)?,
            };
            scratch::done(added)?;
            y
        }
    };
    scratch::done(x)?;
    Ok(y)
}
