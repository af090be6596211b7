//! Where a model comes from, as the user says it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::hub::HubId;

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelSource {
    /// The model inside the binary.
    Bundled,
    /// A Hugging Face directory or a `.gguf` file.
    Directory(PathBuf),
    /// A model of the Hugging Face hub; or a file or folder of that very name, which goes first
    /// where there is one.
    Hub(HubId),
}

impl ModelSource {
    /// What a user's words mean where no file system can be asked: text that looks like a hub id is
    /// one, unless it begins like a path or ends like a file.
    pub fn parse(text: &str) -> Self {
        if text == "bundled" {
            return Self::Bundled;
        }
        let file = Path::new(text).extension().is_some_and(|e| e == "gguf");
        // `org/name:file.gguf` names a file on the hub.
        if file && !text.contains(':') {
            return Self::Directory(PathBuf::from(text));
        }
        text.parse()
            .map_or_else(|_| Self::Directory(PathBuf::from(text)), Self::Hub)
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundled => f.write_str("bundled"),
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Hub(id) => write!(f, "{id}"),
        }
    }
}
