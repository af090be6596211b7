//! The decoder's weights and facts; what it computes is in `forward`.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use super::assemble::Loader;
use super::decoder::Decoder;
use super::device::Place;
use super::kernel::Isa;
use super::load::Files;
use super::panels::Panels;
use super::precision::Precision;
use super::random::RandomWeights;
use super::tensor::Tensors;
use super::weights::{Stored, Weights, hex};
use super::{Config, EngineError, TextTokenizer};
use crate::chat::{ChatError, ChatTemplate};
use crate::units::DeviceChoice;

/// A loaded model: shared between threads as `Arc<Model>`, never changed.
pub struct Model {
    pub(super) config: Arc<Config>,
    tokenizer: TextTokenizer,
    stop_ids: Vec<u32>,
    pub(super) chat: Result<Option<ChatTemplate>, ChatError>,
    pub(super) decoder: Box<dyn Decoder>,
    parameters: usize,
    hash: Arc<OnceLock<String>>,
    /// Kept for a differentiable suffix.
    pub(super) weights: Arc<dyn Weights>,
    /// The same where they are files, for the digest.
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
        Self::open_on(path, DeviceChoice::Cpu)
    }

    /// The same on another device. There, F16 and BF16 weights keep their number type and the residual
    /// stream is f32; everything else is f32.
    ///
    /// # Errors
    /// The same, and [`EngineError::DeviceNotBuilt`], [`EngineError::DeviceUnavailable`],
    /// [`EngineError::DeviceMemory`].
    pub fn open_on(path: &Path, device: DeviceChoice) -> Result<Self, EngineError> {
        let files = if super::gguf::is_gguf(path) {
            super::gguf::open(path)?
        } else {
            Files::in_dir(path)?
        };
        Self::from_files(files, device)
    }

    /// Loads a Hugging Face directory: `config.json`, `tokenizer.json`, `model.safetensors` (or the
    /// shards of `model.safetensors.index.json`) and, if there, `generation_config.json` and
    /// `tokenizer_config.json`. Weights may be F32, F16 or BF16 and stay as they are.
    ///
    /// # Errors
    /// Every [`EngineError`] about files, configuration, tokenizer and weights.
    pub fn from_dir(path: &Path) -> Result<Self, EngineError> {
        Self::from_files(Files::in_dir(path)?, DeviceChoice::Cpu)
    }

    pub(super) fn from_files(files: Files, device: DeviceChoice) -> Result<Self, EngineError> {
        let Files {
            config,
            tokenizer,
            stop_ids,
            weights,
            chat,
        } = files;
        let place = Place::find(device, &config, &*weights)?;
        if place.is_kernel() {
            super::memory::check(&weights.label(), weights.memory())?;
        }
        let weights: Arc<dyn Stored> = Arc::from(weights);
        let source: Arc<dyn Weights> = Arc::clone(&weights) as Arc<dyn Weights>;
        let mut model = Self::build(config, tokenizer, stop_ids, source, &place)?;
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
        Self::random_on(config, tokenizer, seed, precision, DeviceChoice::Cpu)
    }

    /// The same on a device.
    ///
    /// # Errors
    /// [`EngineError::Candle`] and those about devices.
    pub fn random_on(
        config: Config,
        tokenizer: TextTokenizer,
        seed: u64,
        precision: Precision,
        device: DeviceChoice,
    ) -> Result<Self, EngineError> {
        let stop_ids = config.eos.clone();
        let weights = Arc::new(RandomWeights { seed, precision });
        let place = Place::find(device, &config, &*weights)?;
        let model = Self::build(config, tokenizer, stop_ids, weights, &place)?;
        let mut hasher = Sha256::new();
        hasher.update(format!("random {seed} {:?}", model.config));
        model.hash.get_or_init(|| hex(&hasher.finalize()));
        Ok(model)
    }

    pub(super) fn build(
        config: Config,
        tokenizer: TextTokenizer,
        stop_ids: Vec<u32>,
        weights: Arc<dyn Weights>,
        place: &Place,
    ) -> Result<Self, EngineError> {
        Isa::chosen()?;
        let config = Arc::new(config);
        let loader = Loader::new(&config, &*weights);
        let decoder: Box<dyn Decoder> = match place {
            Place::Kernel => Box::new(Panels::build(&config, &loader)?),
            Place::Tensors(device) => Box::new(Tensors::build(&config, &loader, device)?),
        };
        let parameters = loader.parameters();
        Ok(Self {
            config,
            tokenizer,
            stop_ids,
            chat: Ok(None),
            decoder,
            parameters,
            hash: Arc::new(OnceLock::new()),
            weights,
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
        self.decoder.precision()
    }

    /// Memory that the weights hold.
    pub fn weight_bytes(&self) -> usize {
        self.decoder.weight_bytes()
    }

    /// Where it computes, in words: `cpu · 2 threads`, `cuda:0`.
    pub fn device(&self) -> String {
        self.decoder.device()
    }

    /// Number of parameters; a tied head counts once.
    pub fn parameters(&self) -> usize {
        self.parameters
    }
}
