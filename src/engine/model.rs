//! The decoder's weights and facts; what it computes is in `forward`.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use super::block::{Block, Loader};
use super::cache::Geometry;
use super::kernel::Isa;
use super::linear::Linear;
use super::load::Files;
use super::norm::Norm;
use super::precision::Precision;
use super::random::RandomWeights;
use super::rope::Rope;
use super::weights::{Stored, Weights, hex};
use super::{Config, EngineError, TextTokenizer};
use crate::chat::{ChatError, ChatTemplate};

/// Token embedding: rows of its own, or those of the output head.
#[derive(Debug)]
pub(super) enum Embedding {
    Tied,
    Table(Linear),
}

/// A loaded model: shared between threads as `Arc<Model>`, never changed.
pub struct Model {
    pub(super) config: Config,
    tokenizer: TextTokenizer,
    stop_ids: Vec<u32>,
    pub(super) chat: Result<Option<ChatTemplate>, ChatError>,
    pub(super) blocks: Vec<Block>,
    pub(super) embedding: Embedding,
    /// Learned positions `(max_positions, d)`.
    pub(super) positions: Option<Vec<f32>>,
    pub(super) final_norm: Norm,
    pub(super) head: Linear,
    pub(super) ropes: Vec<Rope>,
    pub(super) geometry: Geometry,
    parameters: usize,
    hash: Arc<OnceLock<String>>,
    /// Kept for the digest.
    files: Option<Arc<dyn Stored>>,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Loads a model from `path`: a `.gguf` file, else a Hugging Face directory.
    ///
    /// Of a GGUF file everything is read from that file; only where it holds no tokenizer of a known
    /// kind, a `tokenizer.json` beside it is taken. Its weights may be F32, F16 or BF16, which stay as
    /// they are, or quantised (Q4 to Q8 and K types), which become f32.
    ///
    /// # Errors
    /// Every [`EngineError`] about files, configuration, tokenizer and weights.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        if super::gguf::is_gguf(path) {
            Self::from_files(super::gguf::open(path)?)
        } else {
            Self::from_dir(path)
        }
    }

    /// Loads a Hugging Face directory: `config.json`, `tokenizer.json`, `model.safetensors` (or the
    /// shards of `model.safetensors.index.json`) and, if there, `generation_config.json` and
    /// `tokenizer_config.json`. Weights may be F32, F16 or BF16 and stay as they are.
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
            chat,
        } = files;
        super::memory::check(&weights.label(), weights.memory())?;
        let mut model = Self::build(config, tokenizer, stop_ids, &*weights)?;
        let weights: Arc<dyn Stored> = Arc::from(weights);
        let (cell, source) = (Arc::clone(&model.hash), Arc::clone(&weights));
        // Hashing takes a moment per gigabyte: beside the first work, not before it. If no thread is
        // to be had, `hash` computes it when asked.
        let _ = std::thread::Builder::new()
            .name("steerscope-hash".to_owned())
            .spawn(move || {
                cell.get_or_init(|| source.digest());
            });
        model.files = Some(weights);
        model.chat = chat;
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
        Self::random_in(config, tokenizer, seed, Precision::F32)
    }

    /// The same with weights rounded to a number type and kept in it.
    ///
    /// # Errors
    /// [`EngineError::Candle`].
    pub fn random_in(
        config: Config,
        tokenizer: TextTokenizer,
        seed: u64,
        precision: Precision,
    ) -> Result<Self, EngineError> {
        let stop_ids = config.eos.clone();
        let weights = RandomWeights { seed, precision };
        let model = Self::build(config, tokenizer, stop_ids, &weights)?;
        let mut hasher = Sha256::new();
        hasher.update(format!("random {seed} {:?}", model.config));
        model.hash.get_or_init(|| hex(&hasher.finalize()));
        Ok(model)
    }

    pub(super) fn build(
        config: Config,
        tokenizer: TextTokenizer,
        stop_ids: Vec<u32>,
        weights: &dyn Weights,
    ) -> Result<Self, EngineError> {
        Isa::chosen()?;
        let d = config.hidden_size;
        let loader = Loader::new(&config, weights);
        let blocks = (0..config.n_blocks)
            .map(|b| loader.block(b))
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
        let parameters = loader.parameters();
        let ropes = &config.spec.ropes;
        let rope = |spec| Rope::new(spec, config.max_positions);
        let (ropes, geometry) = (ropes.iter().map(rope).collect(), Geometry::new(&config));
        Ok(Self {
            config,
            tokenizer,
            stop_ids,
            chat: Ok(None),
            blocks,
            embedding,
            positions,
            final_norm,
            head,
            ropes,
            geometry,
            parameters,
            hash: Arc::new(OnceLock::new()),
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

    /// How the weights are kept: as the file has them where that is F32, F16 or BF16, the head's if
    /// they differ. Arithmetic is in f32.
    pub fn precision(&self) -> Precision {
        self.head.packed().precision()
    }

    /// Memory that the weights hold.
    pub fn weight_bytes(&self) -> usize {
        let table = match &self.embedding {
            Embedding::Tied => 0,
            Embedding::Table(table) => table.packed().bytes(),
        };
        let blocks: usize = self.blocks.iter().map(Block::bytes).sum();
        table + self.head.packed().bytes() + blocks
    }

    /// Number of parameters; a tied head counts once.
    pub fn parameters(&self) -> usize {
        self.parameters
    }
}
