//! What the decoder computes: extending cached sequences, resuming from residual checkpoints, logits.

use candle_core::{Device, Tensor};

use super::attention::{Attention, Job, Query};
use super::batch::Batch;
use super::cache::Span;
use super::linear::with_f32;
use super::model::Embedding;
use super::ops::RmsNorm;
use super::{Cancel, EngineError, Hook, KvCache, Model, Rows};
use crate::units::BlockIndex;

/// Query positions per attention task of a long prompt.
const QUERIES_PER_JOB: usize = 32;

/// New tokens of one sequence.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Sequence of the cache; at most one part per sequence and call.
    pub sequence: usize,
    /// The tokens that follow what is cached; at least one.
    pub ids: &'a [u32],
}

/// Which rows of the last block [`Model::extend`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The last row of each part. The rest of the last block is skipped unless a hook wants that block.
    Last,
    /// Every row.
    All,
    /// None: only keys and values are wanted.
    Nothing,
}

/// Rows that continue a cached sequence without entering the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Branch {
    /// Sequence whose keys and values before `start` are used.
    pub sequence: usize,
    /// Absolute position of the first row.
    pub start: usize,
    /// Number of rows; at least one.
    pub len: usize,
}

/// Where keys and values stand.
enum Store<'a> {
    /// The batch is written to the cache block by block.
    Append(&'a mut KvCache, &'a [Span]),
    /// The batch keeps its own; the cache is only read.
    Branches(&'a KvCache, &'a [Branch]),
}

impl Model {
    /// Appends tokens to sequences of `cache`; prefill and decode are the same call. Returns rows of
    /// the residual stream after the last block, `(n, d)`, in the order of `parts`.
    ///
    /// On an error, cancellation included, the cache holds what it held before.
    ///
    /// # Errors
    /// [`EngineError::Context`], [`EngineError::TokenId`], [`EngineError::Request`],
    /// [`EngineError::Cancelled`].
    pub fn extend(
        &self,
        cache: &mut KvCache,
        parts: &[Part<'_>],
        keep: Keep,
        hook: &mut dyn Hook,
        cancel: &Cancel,
    ) -> Result<Rows, EngineError> {
        let (spans, batch) = self.pack(cache, parts, keep)?;
        if parts.is_empty() {
            return Ok(Rows::empty(self.hidden_size()));
        }
        let ids: Vec<u32> = parts.iter().flat_map(|p| p.ids).copied().collect();
        let rows = in_pool(ids.len() * self.parameters(), || {
            let x = self.embed(&ids)?;
            self.run(
                x,
                0,
                &batch,
                &mut Store::Append(cache, &spans),
                hook,
                cancel,
            )
        })?;
        cache.commit(&spans);
        Ok(rows)
    }

    /// Runs the blocks above `after` for branches of cached sequences. `x` holds the residual rows
    /// that stand after block `after` (`None`: the embeddings), branch below branch; a branch's
    /// rows see the sequence's cached positions before its `start` and its own rows. Several
    /// branches of one sequence (one per multiplier, say) share the cached part; put them side by side.
    ///
    /// Returns the residual after the last block at each branch's last row. In the hook,
    /// [`Place::sequence`](super::Place::sequence) is the index of the branch.
    ///
    /// # Errors
    /// [`EngineError::Context`], [`EngineError::Request`], [`EngineError::Cancelled`].
    pub fn resume(
        &self,
        cache: &KvCache,
        after: Option<BlockIndex>,
        branches: &[Branch],
        x: Rows,
        hook: &mut dyn Hook,
        cancel: &Cancel,
    ) -> Result<Rows, EngineError> {
        let batch = self.pack_branches(cache, after, branches, &x)?;
        if branches.is_empty() {
            return Ok(Rows::empty(self.hidden_size()));
        }
        let first = after.map_or(0, |b| b.0 + 1);
        let work = x.n() * self.parameters() / self.n_blocks() * (self.n_blocks() - first);
        in_pool(work, || {
            let shape = (x.n(), x.width());
            let x = Tensor::from_vec(x.into_vec(), shape, &Device::Cpu)?;
            if first == self.n_blocks() {
                return self.rows(&select(&x, &batch.kept)?);
            }
            self.run(
                x,
                first,
                &batch,
                &mut Store::Branches(cache, branches),
                hook,
                cancel,
            )
        })
    }

    /// Logits `(n, vocabulary)`, row-major, of rows of the residual stream after the last block;
    /// applies the final norm.
    ///
    /// # Errors
    /// [`EngineError::Request`] for rows of another width.
    pub fn logits(&self, rows: &Rows) -> Result<Vec<f32>, EngineError> {
        let Some(x) = self.normed(rows)? else {
            return Ok(Vec::new());
        };
        in_pool(
            rows.n() * self.hidden_size() * self.config.vocab_size,
            || Ok(with_f32(&self.head.forward(&x)?, <[f32]>::to_vec)?),
        )
    }

    /// Two logits per row, of its own two token ids `[positive, negative]`: the same numbers as
    /// [`logits`](Self::logits) gives, without the rest of the vocabulary.
    ///
    /// # Errors
    /// [`EngineError::Request`] when counts or widths differ, [`EngineError::TokenId`].
    pub fn answer_logits(
        &self,
        rows: &Rows,
        ids: &[[u32; 2]],
    ) -> Result<Vec<[f32; 2]>, EngineError> {
        if ids.len() != rows.n() {
            return Err(EngineError::Request(format!(
                "{} answer pairs for {} rows",
                ids.len(),
                rows.n()
            )));
        }
        let Some(x) = self.normed(rows)? else {
            return Ok(Vec::new());
        };
        let mut wanted: Vec<u32> = ids.iter().flatten().copied().collect();
        self.check_ids(&wanted)?;
        wanted.sort_unstable();
        wanted.dedup();
        in_pool(rows.n() * self.hidden_size() * wanted.len(), || {
            let logits = self.head.select(&wanted)?.forward(&x)?;
            let column = |id: u32| wanted.partition_point(|w| *w < id);
            Ok(with_f32(&logits, |l| {
                l.chunks_exact(wanted.len())
                    .zip(ids)
                    .map(|(row, pair)| pair.map(|id| row[column(id)]))
                    .collect()
            })?)
        })
    }

    fn normed(&self, rows: &Rows) -> Result<Option<Tensor>, EngineError> {
        if rows.n() == 0 {
            return Ok(None);
        }
        self.check_width(rows)?;
        let x = Tensor::from_slice(rows.as_slice(), (rows.n(), rows.width()), &Device::Cpu)?;
        Ok(Some(self.norm(&x, &self.final_norm)?))
    }

    fn norm(&self, x: &Tensor, weight: &[f32]) -> candle_core::Result<Tensor> {
        x.apply_op1_no_bwd(&RmsNorm {
            weight,
            eps: self.config.rms_norm_eps,
        })
    }

    fn embed(&self, ids: &[u32]) -> candle_core::Result<Tensor> {
        let d = self.hidden_size();
        let rows = match &self.embedding {
            Embedding::Tied => self.head.gather(ids)?,
            Embedding::Table(table) => with_f32(table, |t| {
                ids.iter()
                    .flat_map(|id| &t[*id as usize * d..][..d])
                    .copied()
                    .collect()
            })?,
        };
        Tensor::from_vec(rows, (ids.len(), d), &Device::Cpu)
    }

    fn run(
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
            let wanted = hook.wants(BlockIndex(b));
            let last = b + 1 == self.n_blocks();
            let trim = last && !wanted && batch.kept.len() < batch.places.len();
            let qkv = block.qkv.forward(&self.norm(&x, &block.attention_norm)?)?;
            if let Store::Append(cache, spans) = store {
                cache.write(b, spans, &qkv, &self.rope)?;
            }
            if trim {
                if batch.kept.is_empty() {
                    return Ok(Rows::empty(self.hidden_size()));
                }
                x = select(&x, &batch.kept)?;
            }
            let mixed = self.attend(&qkv, b, batch, store, trim)?;
            x = block.output.forward_add(&mixed, &x)?;
            let inner = block.gate_up.forward(&self.norm(&x, &block.mlp_norm)?)?;
            x = block.down.forward_add(&inner, &x)?;
            if wanted {
                let mut rows = self.rows(&x)?.into_vec();
                let shape = x.dims2()?;
                hook.visit(BlockIndex(b), &batch.places, &mut rows, self.hidden_size());
                x = Tensor::from_vec(rows, shape, &Device::Cpu)?;
            }
            if trim {
                return self.rows(&x);
            }
        }
        self.rows(&select(&x, &batch.kept)?)
    }

    fn attend(
        &self,
        qkv: &Tensor,
        block: usize,
        batch: &Batch,
        store: &Store<'_>,
        trim: bool,
    ) -> candle_core::Result<Tensor> {
        let mut queries: Vec<Query> = Vec::new();
        let mut jobs: Vec<Job<'_>> = Vec::new();
        match store {
            Store::Append(cache, spans) => {
                for span in *spans {
                    let rows = if trim {
                        span.row + span.len - 1..span.row + span.len
                    } else {
                        span.row..span.row + span.len
                    };
                    for chunk in rows.clone().step_by(QUERIES_PER_JOB) {
                        let from = queries.len();
                        for row in chunk..rows.end.min(chunk + QUERIES_PER_JOB) {
                            queries.push(Query {
                                row,
                                cached: batch.positions[row] + 1,
                                own_row: 0,
                                own: 0,
                            });
                        }
                        jobs.push(Job {
                            pages: cache.pages(block, span.sequence),
                            queries: from..queries.len(),
                            own: 0..0,
                        });
                    }
                }
            }
            Store::Branches(cache, branches) => {
                let (mut row, mut i) = (0, 0);
                while let Some(head) = branches.get(i) {
                    // Neighbours that continue the same positions of the same sequence form one job.
                    let (from, own) = (queries.len(), row);
                    let same = |b: &&Branch| b.sequence == head.sequence && b.start == head.start;
                    for branch in branches[i..].iter().take_while(same) {
                        if queries.len() - from >= QUERIES_PER_JOB {
                            break;
                        }
                        let shown = if trim {
                            branch.len - 1..branch.len
                        } else {
                            0..branch.len
                        };
                        for t in shown {
                            queries.push(Query {
                                row: row + t,
                                cached: branch.start,
                                own_row: row,
                                own: t + 1,
                            });
                        }
                        row += branch.len;
                        i += 1;
                    }
                    jobs.push(Job {
                        pages: cache.pages(block, head.sequence),
                        queries: from..queries.len(),
                        own: own..row,
                    });
                }
            }
        }
        let positions = &batch.positions;
        qkv.apply_op1_no_bwd(&Attention {
            geometry: self.geometry,
            rope: &self.rope,
            positions,
            queries: &queries,
            jobs: &jobs,
        })
    }

    fn rows(&self, x: &Tensor) -> Result<Rows, EngineError> {
        Rows::from_vec(with_f32(x, <[f32]>::to_vec)?, self.hidden_size())
    }
}

/// The rows `kept`, the tensor itself when that is all of them.
fn select(x: &Tensor, kept: &[usize]) -> candle_core::Result<Tensor> {
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

/// Multiply-adds below which a call stays on the calling thread: about a millisecond's work, such as
/// a few lanes of a small model. There, waiting for a second core that another process holds costs
/// more than that core would give.
const ALONE: usize = 1 << 25;

/// Enters the thread pool once per call, so that the many small parallel loops of a pass start from
/// a pool thread and need not wake one from outside each time.
fn in_pool<T: Send>(work: usize, f: impl FnOnce() -> T + Send) -> T {
    if work < ALONE {
        f()
    } else {
        rayon::scope(|_| f())
    }
}
