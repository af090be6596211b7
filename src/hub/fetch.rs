//! A whole model: from the cache where it is complete, else from the hub.

use std::fs;
use std::path::{Path, PathBuf};

use hf_hub::api::sync::{Api, ApiBuilder};
use hf_hub::{Cache, Repo, RepoType};

use super::files::{self, INDEX, Weights};
use super::transfer::{Transfer, agent, cache, refused};
use super::{HubError, HubId, HubSettings};
use crate::shards;

/// How far a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    /// File under way.
    pub file: &'a str,
    /// Its number, from 1.
    pub number: usize,
    /// Files in all.
    pub of: usize,
    /// Bytes of this file that are there.
    pub done: u64,
    /// Bytes of this file.
    pub size: u64,
}

/// A model in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Directory with all its files; of a GGUF model the file, or the first part of a split one.
    pub path: PathBuf,
    /// Commit it stands at.
    pub commit: String,
    /// Why it is not the newest, if the hub could not be asked.
    pub stale: Option<String>,
}

/// Puts the files of a model into the cache and says where they are. `stop` is asked often; what
/// has arrived by then is kept and a later call goes on from there.
///
/// # Errors
/// Every [`HubError`].
pub fn fetch(
    id: &HubId,
    settings: &HubSettings,
    progress: &mut dyn FnMut(Step<'_>),
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Fetched, HubError> {
    if settings.offline {
        return cached(id, settings).map_err(|what| HubError::Offline {
            id: id.to_string(),
            cache: settings.cache.clone(),
            what,
        });
    }
    let api = api(id, settings)?;
    let repo = Repo::with_revision(id.repo.clone(), RepoType::Model, id.revision.clone());
    let info = match api.repo(repo.clone()).info() {
        Ok(info) => info,
        Err(error) => {
            let error = refused(id, settings, &error);
            // Without a network an earlier download serves as well as it can.
            return match (cached(id, settings), &error) {
                (Ok(kept), HubError::Unreachable { .. }) => Ok(Fetched {
                    stale: Some(error.to_string()),
                    ..kept
                }),
                _ => Err(error),
            };
        }
    };
    let no_weights = |what: String| HubError::NoWeights {
        id: id.to_string(),
        what,
    };
    let names: Vec<String> = info.siblings.into_iter().map(|s| s.rfilename).collect();
    let plan = files::plan(&names, id.file.as_deref()).map_err(no_weights)?;
    let transfer = Transfer {
        api: &api,
        agent: &agent(8),
        asking: &agent(0),
        settings,
        id,
        commit: &info.sha,
        stop,
    };
    let mut all = plan.small;
    let mut open = None;
    match plan.weights {
        Weights::Single(name) => all.push(name),
        Weights::Sharded => {
            let path = transfer.file(INDEX, &mut |_, _| {})?;
            let index = fs::read(&path).map_err(|e| cache(&path, &e))?;
            let shards = shards::of_index(&index)
                .map_err(|what| no_weights(format!("has an index of shards that {what}")))?;
            all.extend(shards);
        }
        Weights::Gguf(parts) => {
            open = parts.first().cloned();
            all.extend(parts);
        }
    }
    let of = all.len();
    for (i, name) in all.iter().enumerate() {
        if stop() {
            return Err(HubError::Cancelled);
        }
        transfer.file(name, &mut |done, size| {
            progress(Step {
                file: name,
                number: i + 1,
                of,
                done,
                size,
            });
        })?;
    }
    // Written last: a reference in the cache stands for a complete download.
    let place = Cache::new(settings.cache.clone()).repo(repo);
    place
        .create_ref(&info.sha)
        .map_err(|e| cache(&settings.cache, &e))?;
    Ok(Fetched {
        path: within(transfer.snapshot(), open),
        commit: info.sha,
        stale: None,
    })
}

fn api(id: &HubId, settings: &HubSettings) -> Result<Api, HubError> {
    ApiBuilder::from_cache(Cache::new(settings.cache.clone()))
        .with_endpoint(settings.endpoint.clone())
        .with_token(settings.token.clone())
        .with_progress(false)
        .with_user_agent("steerscope", env!("CARGO_PKG_VERSION"))
        .build()
        .map_err(|e| refused(id, settings, &e))
}

/// The model as the cache has it; says what is missing.
fn cached(id: &HubId, settings: &HubSettings) -> Result<Fetched, String> {
    let repo = Repo::with_revision(id.repo.clone(), RepoType::Model, id.revision.clone());
    let folder = settings.cache.join(repo.folder_name());
    // A full commit hash names its snapshot itself.
    let commit = fs::read_to_string(folder.join("refs").join(&id.revision))
        .map_or_else(|_| id.revision.clone(), |commit| commit.trim().to_owned());
    let path = folder.join("snapshots").join(&commit);
    if !path.is_dir() {
        return Err(format!("nothing of revision '{}'", id.revision));
    }
    let mut names = Vec::new();
    list(&path, "", &mut names);
    let mut open = None;
    match files::plan(&names, id.file.as_deref())?.weights {
        Weights::Single(_) => {}
        Weights::Sharded => {
            let index = fs::read(path.join(INDEX)).map_err(|e| e.to_string())?;
            let lacking = |name: &&String| !path.join(name).exists();
            if let Some(missing) = shards::of_index(&index)?.iter().find(lacking) {
                return Err(format!("no '{missing}'"));
            }
        }
        Weights::Gguf(parts) => open = parts.into_iter().next(),
    }
    Ok(Fetched {
        path: within(path, open),
        commit,
        stale: None,
    })
}

/// A file of a snapshot, or the snapshot itself.
fn within(snapshot: PathBuf, file: Option<String>) -> PathBuf {
    match file {
        Some(file) => snapshot.join(file),
        None => snapshot,
    }
}

/// Files of a snapshot that are there, as the hub names them: folders of files, but no deeper.
fn list(folder: &Path, before: &str, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = format!("{before}{}", entry.file_name().to_string_lossy());
        if path.is_dir() {
            if before.is_empty() {
                list(&path, &format!("{name}/"), names);
            }
        } else if path.exists() {
            // A link whose blob is gone is not there.
            names.push(name);
        }
    }
}
