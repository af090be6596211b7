//! Whether a model is on this machine already, and what can be opened: never a mere hub id.

use std::path::PathBuf;

use crate::engine::{EngineError, Model};
use crate::hub::{HubError, HubId};
use crate::protocol::ModelSource;
use crate::units::DeviceChoice;

/// A model on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalModel {
    /// The one inside the binary.
    Bundled,
    /// A Hugging Face directory or a `.gguf` file.
    Path(PathBuf),
}

/// Where a model is to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts {
    /// On this machine.
    Here(LocalModel),
    /// On the hub, or in the cache of what was fetched from there.
    Hub(HubId),
}

impl Whereabouts {
    /// Looks for `source`. A file or folder goes before a model of the hub with the same name.
    pub fn find(source: &ModelSource) -> Self {
        match source {
            ModelSource::Bundled => Self::Here(LocalModel::Bundled),
            ModelSource::Directory(path) => Self::Here(LocalModel::Path(path.clone())),
            ModelSource::Hub(id) => {
                let path = PathBuf::from(id.to_string());
                if path.exists() {
                    Self::Here(LocalModel::Path(path))
                } else {
                    Self::Hub(id.clone())
                }
            }
        }
    }
}

/// Opens a model on a device.
///
/// # Errors
/// Whatever makes the directory, the file or the device unusable, by file and remedy.
pub fn open_model(model: &LocalModel, device: DeviceChoice) -> Result<Model, EngineError> {
    match model {
        LocalModel::Bundled => Model::bundled_on(device),
        LocalModel::Path(path) => Model::open_on(path, device),
    }
}

/// Display name of a model.
pub fn model_name(source: &ModelSource) -> String {
    match Whereabouts::find(source) {
        Whereabouts::Here(LocalModel::Bundled) => "bundled".to_owned(),
        Whereabouts::Hub(id) => id.to_string(),
        Whereabouts::Here(LocalModel::Path(path)) => path
            .canonicalize()
            .ok()
            .as_deref()
            .unwrap_or(&path)
            .file_name()
            .map_or_else(
                || path.display().to_string(),
                |n| n.to_string_lossy().into_owned(),
            ),
    }
}

/// Why a model of the hub was not to be had, and that there is no such path either: the words could
/// have meant one.
pub fn neither(id: &HubId, error: &HubError) -> String {
    match error {
        HubError::NotFound { .. } | HubError::Refused { .. } | HubError::Offline { .. } => {
            format!("there is no file or folder '{id}' here, and {error}")
        }
        _ => error.to_string(),
    }
}
