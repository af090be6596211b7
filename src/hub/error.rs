//! What can go wrong between the hub and the cache, each with its remedy.

use std::path::PathBuf;

use hf_hub::api::sync::ApiError;
use thiserror::Error;

/// Why a model could not be fetched.
#[derive(Debug, Error)]
pub enum HubError {
    /// Offline, and not everything is in the cache.
    #[error(
        "'{id}' is not complete in the cache '{}' ({what}), and HF_HUB_OFFLINE is set; unset it, or fetch the model on a machine with a network and copy the cache",
        cache.display()
    )]
    Offline {
        /// Model.
        id: String,
        /// Cache folder.
        cache: PathBuf,
        /// What is missing.
        what: String,
    },
    /// The hub refused: a private or gated model.
    #[error(
        "the hub refuses '{id}': it is private, gated or not there{}", if *had_token { " and your token does not open it; accept the model's terms on its page, or use a token that may read it" } else { "; set HF_TOKEN to a token that may read it" }
    )]
    Refused {
        /// Model.
        id: String,
        /// Whether a token was sent.
        had_token: bool,
    },
    /// No such model or revision.
    #[error("the hub has no '{id}'; check the spelling of org, name and revision")]
    NotFound {
        /// Model.
        id: String,
    },
    /// The model has no weights that can be read here.
    #[error("'{id}' {what}")]
    NoWeights {
        /// Model.
        id: String,
        /// What it has instead.
        what: String,
    },
    /// The hub could not be reached, or its answer made no sense.
    #[error(
        "the hub at '{endpoint}' could not be asked for '{id}': {reason}; check the network, or set HF_HUB_OFFLINE=1 to use what the cache holds"
    )]
    Unreachable {
        /// Model.
        id: String,
        /// Hub.
        endpoint: String,
        /// Its answer.
        reason: String,
    },
    /// A transfer broke off more often than it is tried.
    #[error(
        "'{file}' of '{id}' broke off at {done} of {size} bytes: {reason}; open the model again to go on from there"
    )]
    Broken {
        /// Model.
        id: String,
        /// File.
        file: String,
        /// Bytes that arrived.
        done: u64,
        /// Bytes of the file.
        size: u64,
        /// Last reason.
        reason: String,
    },
    /// What arrived is not what the hub announced.
    #[error(
        "'{file}' of '{id}' arrived damaged ({reason}) and was thrown away; open the model again"
    )]
    Damaged {
        /// Model.
        id: String,
        /// File.
        file: String,
        /// How that shows.
        reason: String,
    },
    /// Another process is fetching the same file.
    #[error(
        "another program is fetching '{file}' of '{id}'; wait for it, then open the model again"
    )]
    Busy {
        /// Model.
        id: String,
        /// File.
        file: String,
    },
    /// The cache could not be written or read.
    #[error("the cache file '{}': {reason}; check space and permissions, or set HF_HOME to another folder", path.display())]
    Cache {
        /// File.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// There is no home directory and no `HF_HOME`.
    #[error("there is no folder for downloaded models; set HF_HOME")]
    NoCache,
    /// The caller stopped it; what arrived is kept for the next time.
    #[error("stopped")]
    Cancelled,
}

impl HubError {
    /// Stable identifier.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Offline { .. } => "hub-offline",
            Self::Refused { .. } => "hub-refused",
            Self::NotFound { .. } => "hub-not-found",
            Self::NoWeights { .. } => "hub-no-weights",
            Self::Unreachable { .. } => "hub-unreachable",
            Self::Broken { .. } => "hub-broken-transfer",
            Self::Damaged { .. } => "hub-damaged",
            Self::Busy { .. } => "hub-busy",
            Self::Cache { .. } => "hub-cache",
            Self::NoCache => "hub-no-cache",
            Self::Cancelled => "cancelled",
        }
    }

    /// HTTP status of a failed request, if the server answered at all.
    pub(super) fn status(error: &ApiError) -> Option<u16> {
        match error {
            ApiError::RequestError(e) => match **e {
                ureq::Error::StatusCode(code) => Some(code),
                _ => None,
            },
            ApiError::TooManyRetries(e) => Self::status(e),
            _ => None,
        }
    }
}
