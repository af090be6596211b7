//! The decoder's weights and facts; what it computes is in `forward`.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use candle_core::{Device, Tensor};
use sha2::{Digest, Sha256};

use super::cache::Geometry;
use super::gated::Gated;
use super::linear::Linear;
use super::load::Files;
use super::rope::Rope;
use super::weights::{RandomWeights, WeightFiles, Weights, hex};
use super::{Config, EngineError, TextTokenizer};

/// One decoder block.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) attention_norm: Vec<f32>,
    /// Stacked query, key and value projections.
    pub(super) qkv: Linear,
    pub(super) output: Linear,
    pub(super) mlp_norm: Vec<f32>,
    /// Gate and up projections with their activation.
    pub(super) gate_up: Gated,
    pub(super) down: Linear,
}

/// Token embedding: rows of its own, or those of the output head.
#[derive(Debug)]
pub(super) enum Embedding {
    Tied,
    Table(Tensor),
}

/// A loaded model: shared between threads as `Arc<Model>`, never changed.
pub struct Model {
    pub(super) config: Config,
    tokenizer: TextTokenizer,
    stop_ids: Vec<u32>,
    pub(super) blocks: Vec<Block>,
    pub(super) embedding: Embedding,
    pub(super) final_norm: Vec<f32>,
    pub(super) head: Linear,
    pub(super) rope: Rope,
    pub(super) geometry: Geometry,
    parameters: usize,
    hash: Arc<OnceLock<String>>,
    /// Kept for the digest.
    files: Option<Arc<WeightFiles>>,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Loads a Hugging Face directory: `config.json`, `tokenizer.json`, `model.safetensors` (or the
    /// shards of `model.safetensors.index.json`) and, if there, `generation_config.json`. Weights
    /// may be F32, F16 or BF16 and become f32.
    ///
    /// # Errors
    /// Every [`EngineError`] about files, configuration, tokenizer and weights.
    pub fn from_dir(path: &Path) -> Result<Self, EngineError> {
        Self::from_files(Files::in_dir(path)?)
    }

    pub(super) fn from_files(files: Files) -> Result<Self, EngineError> {
        let Files {
            config,
            tokenizer,
            stop_ids,
            weights,
        } = files;
        let mut model = Self::build(config, tokenizer, stop_ids, &weights)?;
        let weights = Arc::new(weights);
        let (cell, source) = (Arc::clone(&model.hash), Arc::clone(&weights));
        // Hashing takes a moment per gigabyte: beside the first work, not before it. If no thread is
        // to be had, `hash` computes it when asked.
        let _ = std::thread::Builder::new()
            .name("steerscope-hash".to_owned())
            .spawn(move || {
                cell.get_or_init(|| source.digest());
            });
        model.files = Some(weights);
        Ok(model)
    }

    /// A model with seeded random weights, for benchmarks and tests. The tokenizer need not fit.
    ///
    /// # Errors
    /// [`EngineError::Candle`].
    pub fn random(
        config: Config,
        tokenizer: TextTokenizer,
        seed: u64,
    ) -> Result<Self, EngineError> {
        let stop_ids = config.eos.clone();
        let model = Self::build(config, tokenizer, stop_ids, &RandomWeights { seed })?;
        let mut hasher = Sha256::new();
        hasher.update(format!("random {seed} {:?}", model.config));
        model.hash.get_or_init(|| hex(&hasher.finalize()));
        Ok(model)
    }

    fn build(
        config: Config,
        tokenizer: TextTokenizer,
        stop_ids: Vec<u32>,
        weights: &dyn Weights,
    ) -> Result<Self, EngineError> {
        let c = &config;
        let d = c.hidden_size;
        let mut blocks = Vec::new();
        for b in 0..c.n_blocks {
            blocks.push(block(c, weights, b)?);
        }
        let final_norm = weights.vector("model.norm.weight", d)?;
        let table = |name: &str| weights.tensor(name, &[c.vocab_size, d]);
        let embedding_name = "model.embed_tokens.weight";
        let (embedding, head) = if c.tied {
            (
                Embedding::Tied,
                Linear::pack(&[table(embedding_name)?], d, None)?,
            )
        } else {
            let source = table(embedding_name)?;
            let mut rows = vec![0.0; c.vocab_size * d];
            for (i, row) in rows.chunks_exact_mut(d).enumerate() {
                source.fill(i, row)?;
            }
            let rows = Tensor::from_vec(rows, (c.vocab_size, d), &Device::Cpu)?;
            (
                Embedding::Table(rows),
                Linear::pack(&[table("lm_head.weight")?], d, None)?,
            )
        };
        let (rope, geometry) = (Rope::new(c), Geometry::new(c));
        let parameters = count(c);
        let hash = Arc::new(OnceLock::new());
        Ok(Self {
            config,
            tokenizer,
            stop_ids,
            blocks,
            embedding,
            final_norm,
            head,
            rope,
            geometry,
            parameters,
            hash,
            files: None,
        })
    }

    /// Its shape.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its tokenizer.
    pub fn tokenizer(&self) -> &TextTokenizer {
        &self.tokenizer
    }

    /// Token ids that end a text, from `generation_config.json`, else `config.json`.
    pub fn stop_ids(&self) -> &[u32] {
        &self.stop_ids
    }

    /// SHA-256, hex, over the bytes of the weight files in name order. Computed on a thread of its
    /// own since loading; waits for it.
    pub fn hash(&self) -> &str {
        self.hash
            .get_or_init(|| self.files.as_ref().map(|f| f.digest()).unwrap_or_default())
    }

    /// Number of decoder blocks.
    pub fn n_blocks(&self) -> usize {
        self.config.n_blocks
    }

    /// Residual width d.
    pub fn hidden_size(&self) -> usize {
        self.config.hidden_size
    }

    /// Number of parameters; a tied head counts once.
    pub fn parameters(&self) -> usize {
        self.parameters
    }
}

fn block(c: &Config, weights: &dyn Weights, b: usize) -> Result<Block, EngineError> {
    let d = c.hidden_size;
    let (q, kv, f) = (
        c.n_heads * c.head_dim,
        c.n_kv_heads * c.head_dim,
        c.intermediate_size,
    );
    let stack = |names: &[(&str, usize)], k: usize, bias: bool| {
        let name = |part: &str, what: &str| format!("model.layers.{b}.{part}.{what}");
        let parts = names
            .iter()
            .map(|(p, n)| weights.tensor(&name(p, "weight"), &[*n, k]))
            .collect::<Result<Vec<_>, _>>()?;
        let mut values = Vec::new();
        if bias {
            for (p, n) in names {
                values.extend(weights.vector(&name(p, "bias"), *n)?);
            }
        }
        Linear::pack(&parts, k, bias.then_some(values))
    };
    let norm = |name: &str| weights.vector(&format!("model.layers.{b}.{name}.weight"), d);
    let qkv = [
        ("self_attn.q_proj", q),
        ("self_attn.k_proj", kv),
        ("self_attn.v_proj", kv),
    ];
    let tensor = |part: &str| weights.tensor(&format!("model.layers.{b}.{part}.weight"), &[f, d]);
    let bias = |part: &str| weights.vector(&format!("model.layers.{b}.{part}.bias"), f);
    let gate_up_bias = if c.mlp_bias {
        Some([bias("mlp.gate_proj")?, bias("mlp.up_proj")?])
    } else {
        None
    };
    Ok(Block {
        attention_norm: norm("input_layernorm")?,
        qkv: stack(&qkv, d, c.attention_bias)?,
        output: stack(&[("self_attn.o_proj", d)], q, c.attention_bias)?,
        mlp_norm: norm("post_attention_layernorm")?,
        gate_up: Gated::pack(
            &*tensor("mlp.gate_proj")?,
            &*tensor("mlp.up_proj")?,
            d,
            gate_up_bias,
        )?,
        down: stack(&[("mlp.down_proj", d)], f, c.mlp_bias)?,
    })
}

fn count(c: &Config) -> usize {
    let d = c.hidden_size;
    let (q, kv, f) = (
        c.n_heads * c.head_dim,
        c.n_kv_heads * c.head_dim,
        c.intermediate_size,
    );
    let attention = d * (q + 2 * kv) + q * d + if c.attention_bias { q + 2 * kv + d } else { 0 };
    let mlp = 3 * d * f + if c.mlp_bias { 2 * f + d } else { 0 };
    let tables = if c.tied { 1 } else { 2 };
    c.n_blocks * (attention + mlp + 2 * d) + tables * c.vocab_size * d + d
}
