//! Where the hub is and where its files go, from the variables that the Python library reads.

use std::env;
use std::path::PathBuf;

use hf_hub::Cache;

/// How the hub is reached.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// `HF_ENDPOINT`, else the public hub.
    pub endpoint: String,
    /// Folder of the snapshots: `HF_HUB_CACHE`, else `hub` in `HF_HOME`, else
    /// `~/.cache/huggingface/hub`.
    pub cache: PathBuf,
    /// `HF_TOKEN` (or the older `HUGGING_FACE_HUB_TOKEN`), else the file that a login leaves.
    pub token: Option<String>,
    /// `HF_HUB_OFFLINE`: only what is in the cache.
    pub offline: bool,
    /// Tries after the first when a transfer breaks off.
    pub retries: usize,
}

impl HubSettings {
    /// As the environment says. `None` when there is no place for a cache: no home directory.
    pub fn from_env() -> Option<Self> {
        let text = |name: &str| env::var(name).ok().filter(|v| !v.trim().is_empty());
        let path = |name: &str| {
            env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        let home = path("HF_HOME").or_else(|| {
            let cache = path("XDG_CACHE_HOME")
                .or_else(|| etcetera::home_dir().ok().map(|home| home.join(".cache")));
            cache.map(|cache| cache.join("huggingface"))
        });
        let cache = path("HF_HUB_CACHE").or_else(|| home.as_ref().map(|home| home.join("hub")))?;
        let token = text("HF_TOKEN")
            .or_else(|| text("HUGGING_FACE_HUB_TOKEN"))
            .map(|token| token.trim().to_owned())
            .or_else(|| home.and_then(|home| Cache::new(home.join("hub")).token()));
        let yes = |v: String| {
            matches!(
                v.trim().to_lowercase().as_str(),
                "1" | "true" | "yes" | "on"
            )
        };
        Some(Self {
            endpoint: text("HF_ENDPOINT").map_or_else(
                || "https://huggingface.co".to_owned(),
                |endpoint| endpoint.trim_end_matches('/').to_owned(),
            ),
            cache,
            token,
            offline: text("HF_HUB_OFFLINE").is_some_and(yes),
            retries: 4,
        })
    }
}
