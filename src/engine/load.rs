//! Finding and reading the files of a model directory.

use std::path::Path;

use super::bytes::Bytes;
use super::weights::{Stored, WeightFile, WeightFiles};
use super::{Config, EngineError, TextTokenizer};
use crate::chat::{ChatError, ChatTemplate};
use crate::shards;

/// Everything a model is built from.
pub(super) struct Files {
    pub(super) config: Config,
    pub(super) tokenizer: TextTokenizer,
    pub(super) stop_ids: Vec<u32>,
    pub(super) weights: Box<dyn Stored>,
    /// A damaged template does not keep the model from being used without it.
    pub(super) chat: Result<Option<ChatTemplate>, ChatError>,
}

pub(super) fn io_error(path: &Path, e: &std::io::Error) -> EngineError {
    if e.kind() == std::io::ErrorKind::NotFound {
        EngineError::MissingFile {
            path: path.to_owned(),
        }
    } else {
        EngineError::Unreadable {
            path: path.to_owned(),
            reason: e.to_string(),
        }
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, EngineError> {
    std::fs::read(path).map_err(|e| io_error(path, &e))
}

impl Files {
    /// Reads a Hugging Face directory; nothing is converted yet.
    pub(super) fn in_dir(dir: &Path) -> Result<Self, EngineError> {
        let config_path = dir.join("config.json");
        let config = Config::from_json(&read(&config_path)?, &config_path.display().to_string())?;
        let mut tokenizer = TextTokenizer::from_file(&dir.join("tokenizer.json"))?;
        let settings = dir.join("tokenizer_config.json");
        if settings.exists() {
            let name = settings.display().to_string();
            tokenizer = tokenizer.with_settings(&read(&settings)?, &name)?;
        }
        let generation = dir.join("generation_config.json");
        let listed = if generation.exists() {
            let name = generation.display().to_string();
            super::config::generation_stops(&read(&generation)?, &name)?
        } else {
            None
        };
        let weights = WeightFiles(weight_files(dir)?);
        let files = Self::new(config, tokenizer, listed, Box::new(weights))?;
        Ok(files.with_chat(ChatTemplate::from_dir(dir)))
    }

    /// Checks that the parts belong together. `stop_ids` go before those of the configuration.
    pub(super) fn new(
        config: Config,
        tokenizer: TextTokenizer,
        stop_ids: Option<Vec<u32>>,
        weights: Box<dyn Stored>,
    ) -> Result<Self, EngineError> {
        tokenizer.check_vocab(config.vocab_size)?;
        let stop_ids = stop_ids.unwrap_or_else(|| config.eos.clone());
        Ok(Self {
            config,
            tokenizer,
            stop_ids,
            weights,
            chat: Ok(None),
        })
    }

    /// With a chat template, if it has one.
    pub(super) fn with_chat(mut self, chat: Result<Option<ChatTemplate>, ChatError>) -> Self {
        self.chat = chat;
        self
    }
}

fn weight_files(dir: &Path) -> Result<Vec<WeightFile>, EngineError> {
    let open = |name: &str| {
        let path = dir.join(name);
        WeightFile::open(Bytes::map(&path)?, path.display().to_string())
    };
    let index = dir.join("model.safetensors.index.json");
    if dir.join("model.safetensors").exists() || !index.exists() {
        return Ok(vec![open("model.safetensors")?]);
    }
    let bad = |reason: String| EngineError::Config {
        file: index.display().to_string(),
        reason,
    };
    let shards = shards::of_index(&read(&index)?).map_err(|what| bad(format!("it {what}")))?;
    shards.iter().map(|name| open(name)).collect()
}
