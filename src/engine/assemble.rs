//! Which tensors make up a model, found as the names of a family say and cut as its spec needs them;
//! nothing is packed or converted yet.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::names::{self, Qkv};
use super::norm::Norm;
use super::ops::times;
use super::source::{Picked, Scaled, Transposed};
use super::spec::{LayerKind, NormKind, QkNorm};
use super::weights::{RowSource, Weights};
use super::{Config, EngineError};

pub(super) type Source<'a> = Box<dyn RowSource + 'a>;

/// A projection: `parts` one below the other, `(n, k)`, and one bias per row.
pub(super) struct Matrix<'a> {
    pub(super) parts: Vec<Source<'a>>,
    pub(super) k: usize,
    pub(super) bias: Option<Vec<f32>>,
}

/// First half of an MLP.
pub(super) enum MlpIn<'a> {
    /// Gate and up, `(f, k)` each.
    Gated {
        gate: Source<'a>,
        up: Source<'a>,
        k: usize,
        /// Of gate and up.
        bias: Option<[Vec<f32>; 2]>,
    },
    /// One projection.
    Plain(Matrix<'a>),
}

/// The tensors of one decoder block.
pub(super) struct BlockParts<'a> {
    pub(super) kind: LayerKind,
    pub(super) attention_norm: Option<Norm>,
    /// Stacked query, key and value projections.
    pub(super) qkv: Matrix<'a>,
    /// Norms of queries and keys.
    pub(super) qk_norms: Option<[Norm; 2]>,
    pub(super) output: Matrix<'a>,
    /// Norm of what attention adds.
    pub(super) attention_post: Option<Norm>,
    pub(super) mlp_norm: Option<Norm>,
    pub(super) mlp_in: MlpIn<'a>,
    pub(super) mlp_out: Matrix<'a>,
    /// Norm of what the MLP adds.
    pub(super) mlp_post: Option<Norm>,
}

/// Reads the weights of a model, each tensor once.
pub(super) struct Loader<'a> {
    config: &'a Config,
    weights: &'a dyn Weights,
    /// The beginning of all names.
    base: &'static str,
    parameters: AtomicUsize,
}

impl<'a> Loader<'a> {
    pub(super) fn new(config: &'a Config, weights: &'a dyn Weights) -> Self {
        let names = &config.names;
        let bases = names.bases.iter().copied();
        let there = |base: &&str| weights.has(&format!("{base}{}.weight", names.embedding));
        Self {
            config,
            weights,
            base: first(bases, there),
            parameters: AtomicUsize::new(0),
        }
    }

    /// Values in the tensors read so far.
    pub(super) fn parameters(&self) -> usize {
        self.parameters.load(Ordering::Relaxed)
    }

    /// `(vocabulary, d)`.
    pub(super) fn embedding(&self) -> Result<Source<'a>, EngineError> {
        let name = format!("{}{}.weight", self.base, self.config.names.embedding);
        self.tensor(&name, &[self.config.vocab_size, self.config.hidden_size])
    }

    /// `(vocabulary, d)` of a head of its own.
    pub(super) fn head(&self) -> Result<Source<'a>, EngineError> {
        let heads = self.config.names.heads.iter().copied();
        let name = first(heads, |name| self.weights.has(&format!("{name}.weight")));
        let shape = [self.config.vocab_size, self.config.hidden_size];
        self.tensor(&format!("{name}.weight"), &shape)
    }

    /// Learned positions `(max_positions, d)`.
    pub(super) fn positions(&self) -> Result<Option<Vec<f32>>, EngineError> {
        let Some(name) = self.config.names.positions else {
            return Ok(None);
        };
        let (n, d) = (self.config.max_positions, self.config.hidden_size);
        let source = self.tensor(&format!("{}{name}.weight", self.base), &[n, d])?;
        dense(&*source, d).map(Some)
    }

    pub(super) fn final_norm(&self) -> Result<Norm, EngineError> {
        self.norm(
            &format!("{}{}", self.base, self.config.names.final_norm),
            self.config.hidden_size,
        )
    }

    /// Block `b`, below the number of blocks.
    pub(super) fn block(&self, b: usize) -> Result<BlockParts<'a>, EngineError> {
        let (names, spec) = (&self.config.names, &self.config.spec);
        let (place, d) = (spec.norm_place, self.config.hidden_size);
        let norm = |wanted: bool, part| {
            wanted
                .then(|| self.norm(&self.name(b, part), d))
                .transpose()
        };
        Ok(BlockParts {
            kind: spec.layers[b],
            attention_norm: norm(place.before(), names.attention_norm)?,
            qkv: self.qkv(b)?,
            qk_norms: self.qk_norms(b)?,
            output: self.output(
                b,
                names.output,
                self.config.n_heads * self.config.head_dim,
                spec.biases.output,
            )?,
            attention_post: norm(place.after(), names.attention_post)?,
            mlp_norm: norm(place.before(), names.mlp_norm)?,
            mlp_in: self.mlp_in(b)?,
            mlp_out: self.output(
                b,
                names.mlp_out,
                self.config.intermediate_size,
                spec.biases.mlp_out,
            )?,
            mlp_post: norm(place.after(), names.mlp_post)?,
        })
    }

    fn name(&self, b: usize, part: &str) -> String {
        format!("{}{}{b}.{part}", self.base, self.config.names.block)
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Source<'a>, EngineError> {
        let source = self.weights.tensor(name, shape)?;
        let n = shape.iter().product();
        self.parameters.fetch_add(n, Ordering::Relaxed);
        Ok(source)
    }

    fn vector(&self, name: &str, n: usize) -> Result<Vec<f32>, EngineError> {
        let mut v = vec![0.0; n];
        self.tensor(name, &[n])?.fill(0, &mut v)?;
        Ok(v)
    }

    /// A matrix of a block as `(n, k)` whatever the file's orientation.
    fn matrix(&self, name: &str, n: usize, k: usize) -> Result<Source<'a>, EngineError> {
        let name = format!("{name}.weight");
        if self.config.names.transposed {
            let source = self.tensor(&name, &[k, n])?;
            return Ok(Box::new(Transposed::read(&*source, n)?));
        }
        self.tensor(&name, &[n, k])
    }

    fn bias(&self, wanted: bool, name: &str, n: usize) -> Result<Vec<f32>, EngineError> {
        if wanted {
            self.vector(&format!("{name}.bias"), n)
        } else {
            Ok(Vec::new())
        }
    }

    fn norm(&self, name: &str, n: usize) -> Result<Norm, EngineError> {
        let kind = self.config.spec.norm;
        let mut weight = self.vector(&format!("{name}.weight"), n)?;
        if kind == NormKind::RmsPlusOne {
            for w in &mut weight {
                *w += 1.0;
            }
        }
        let bias = if kind == NormKind::Layer {
            Some(self.vector(&format!("{name}.bias"), n)?)
        } else {
            None
        };
        Ok(Norm {
            weight,
            eps: self.config.spec.eps,
            bias,
        })
    }

    fn qkv(&self, b: usize) -> Result<Matrix<'a>, EngineError> {
        let c = self.config;
        let (k, wanted) = (c.hidden_size, c.spec.biases.qkv);
        let (q, kv) = (c.n_heads * c.head_dim, c.n_kv_heads * c.head_dim);
        let (mut parts, mut bias) = (Vec::new(), Vec::new());
        match c.names.qkv {
            Qkv::Separate(names) => {
                for (part, n) in names.into_iter().zip([q, kv, kv]) {
                    let name = self.name(b, part);
                    parts.push(self.matrix(&name, n, k)?);
                    bias.extend(self.bias(wanted, &name, n)?);
                }
            }
            Qkv::Packed(part) => {
                let name = self.name(b, part);
                parts.push(self.matrix(&name, q + 2 * kv, k)?);
                bias = self.bias(wanted, &name, q + 2 * kv)?;
            }
            Qkv::PerHead(part) => {
                let (name, d) = (self.name(b, part), c.head_dim);
                let row = move |i: usize| (i % q / d * 3 + i / q) * d + i % d;
                parts.push(Box::new(Picked {
                    source: self.matrix(&name, 3 * q, k)?,
                    n: 3 * q,
                    row,
                }));
                let values = self.bias(wanted, &name, 3 * q)?;
                bias = (0..values.len()).map(|i| values[row(i)]).collect();
            }
        }
        let bias = wanted.then_some(bias);
        Ok(Matrix { parts, k, bias })
    }

    fn qk_norms(&self, b: usize) -> Result<Option<[Norm; 2]>, EngineError> {
        let c = self.config;
        let (query, key) = match c.spec.qk_norm {
            QkNorm::Off => return Ok(None),
            QkNorm::Head => (c.head_dim, c.head_dim),
            QkNorm::Whole => (c.n_heads * c.head_dim, c.n_kv_heads * c.head_dim),
        };
        Ok(Some([
            self.norm(&self.name(b, c.names.query_norm), query)?,
            self.norm(&self.name(b, c.names.key_norm), key)?,
        ]))
    }

    /// A projection from `k` values onto the residual stream, with the stream's factor.
    fn output(
        &self,
        b: usize,
        part: &str,
        k: usize,
        bias: bool,
    ) -> Result<Matrix<'a>, EngineError> {
        let (name, d) = (self.name(b, part), self.config.hidden_size);
        let by = self.config.spec.residual_scale;
        let mut values = self.bias(bias, &name, d)?;
        let mut source = self.matrix(&name, d, k)?;
        times(&mut values, by);
        if let Some(by) = by {
            source = Box::new(Scaled { source, by });
        }
        Ok(Matrix {
            parts: vec![source],
            k,
            bias: bias.then_some(values),
        })
    }

    fn mlp_in(&self, b: usize) -> Result<MlpIn<'a>, EngineError> {
        let c = self.config;
        let (f, k) = (c.intermediate_size, c.hidden_size);
        let wanted = c.spec.biases.mlp_in;
        let gated = |gate: Source<'a>, up: Source<'a>, bias: [Vec<f32>; 2]| MlpIn::Gated {
            gate,
            up,
            k,
            bias: wanted.then_some(bias),
        };
        match c.names.mlp_in {
            names::MlpIn::Separate(parts) => {
                let [gate, up] = parts.map(|part| self.name(b, part));
                let bias = [self.bias(wanted, &gate, f)?, self.bias(wanted, &up, f)?];
                let (gate, up) = (self.matrix(&gate, f, k)?, self.matrix(&up, f, k)?);
                Ok(gated(gate, up, bias))
            }
            names::MlpIn::Packed(part) => {
                let name = self.name(b, part);
                let half = |from: usize| -> Result<Source<'a>, EngineError> {
                    Ok(Box::new(Picked {
                        source: self
                            .weights
                            .tensor(&format!("{name}.weight"), &[2 * f, k])?,
                        n: f,
                        row: move |i| from + i,
                    }))
                };
                self.parameters.fetch_add(2 * f * k, Ordering::Relaxed);
                let mut gate_bias = self.bias(wanted, &name, 2 * f)?;
                let up_bias = gate_bias.split_off(gate_bias.len() / 2);
                Ok(gated(half(0)?, half(f)?, [gate_bias, up_bias]))
            }
            names::MlpIn::Plain(part) => {
                let name = self.name(b, part);
                let bias = self.bias(wanted, &name, f)?;
                Ok(MlpIn::Plain(Matrix {
                    parts: vec![self.matrix(&name, f, k)?],
                    k,
                    bias: wanted.then_some(bias),
                }))
            }
        }
    }
}

/// All values of a matrix with rows of `k`.
fn dense(source: &dyn RowSource, k: usize) -> Result<Vec<f32>, EngineError> {
    let mut rows = vec![0.0; source.rows() * k];
    for (i, row) in rows.chunks_exact_mut(k).enumerate() {
        source.fill(i, row)?;
    }
    Ok(rows)
}

/// The first that is there, else the first.
fn first(
    mut names: impl Iterator<Item = &'static str> + Clone,
    there: impl Fn(&&str) -> bool,
) -> &'static str {
    let fallback = names.clone().next().unwrap_or_default();
    names.find(|name| there(name)).unwrap_or(fallback)
}
