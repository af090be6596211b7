//! The model inside the binary.

use super::bytes::Bytes;
use super::config::generation_stops;
use super::load::Files;
use super::weights::{WeightFile, WeightFiles};
use super::{Config, EngineError, Model, TextTokenizer};
use crate::units::DeviceChoice;

static CONFIG: &[u8] = include_bytes!("../../assets/model/config.json");
static TOKENIZER: &[u8] = include_bytes!("../../assets/model/tokenizer.json");
static GENERATION: &[u8] = include_bytes!("../../assets/model/generation_config.json");
static WEIGHTS: &[u8] = include_bytes!("../../assets/model/model.safetensors");

impl Model {
    /// The model shipped inside the binary; no file is read.
    ///
    /// # Errors
    /// Those of [`from_dir`](Self::from_dir), if the binary was built with damaged files.
    pub fn bundled() -> Result<Self, EngineError> {
        Self::bundled_on(DeviceChoice::Cpu)
    }

    /// The same on a device.
    ///
    /// # Errors
    /// Those of [`open_on`](Self::open_on).
    pub fn bundled_on(device: DeviceChoice) -> Result<Self, EngineError> {
        let config = Config::from_json(CONFIG, "bundled config.json")?;
        let tokenizer = TextTokenizer::from_bytes(TOKENIZER, "bundled tokenizer.json")?;
        let weights = WeightFile::open(
            Bytes::Static(WEIGHTS),
            "bundled model.safetensors".to_owned(),
        )?;
        let stop_ids = generation_stops(GENERATION, "bundled generation_config.json")?;
        let weights = Box::new(WeightFiles(vec![weights]));
        Self::from_files(Files::new(config, tokenizer, stop_ids, weights)?, device)
    }
}
