//! One file from the hub into the cache: resumed where an earlier try stopped, checked, linked.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hf_hub::api::sync::{Api, ApiError};
use hf_hub::{Cache, Repo, RepoType};
use sha2::{Digest, Sha256};
use ureq::Agent;
use ureq::config::RedirectAuthHeaders;

use super::about::{About, Mute, about};
use super::{HubError, HubId, HubSettings};

/// Bytes between two looks at the caller's wish to stop.
const CHUNK: usize = 1 << 17;

/// Everything a transfer needs to know.
pub(super) struct Transfer<'a> {
    pub(super) api: &'a Api,
    /// For the bytes themselves.
    pub(super) agent: &'a Agent,
    /// For questions about a file: follows no redirect.
    pub(super) asking: &'a Agent,
    pub(super) settings: &'a HubSettings,
    pub(super) id: &'a HubId,
    /// Commit of the snapshot.
    pub(super) commit: &'a str,
    pub(super) stop: &'a (dyn Fn() -> bool + Sync),
}

/// A client that keeps the token from the servers that a download is redirected to, and gives up on
/// connections that have gone silent.
pub(super) fn agent(redirects: u32) -> Agent {
    Agent::config_builder()
        .max_redirects(redirects)
        .redirect_auth_headers(RedirectAuthHeaders::SameHost)
        .user_agent(concat!("steerscope/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .build()
        .into()
}

impl Transfer<'_> {
    /// The snapshot's directory.
    pub(super) fn snapshot(&self) -> PathBuf {
        self.cache_repo().pointer_path(self.commit)
    }

    fn repo(&self) -> Repo {
        Repo::with_revision(
            self.id.repo.clone(),
            RepoType::Model,
            self.commit.to_owned(),
        )
    }

    fn cache_repo(&self) -> hf_hub::CacheRepo {
        Cache::new(self.settings.cache.clone()).repo(self.repo())
    }

    /// The file, fetched unless it is there. `progress(done, size)` counts bytes.
    pub(super) fn file(
        &self,
        name: &str,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<PathBuf, HubError> {
        let path = self.snapshot().join(name);
        if path.exists() {
            return Ok(path);
        }
        let url = self.api.repo(self.repo()).url(name);
        let About { etag, size } =
            about(self.asking, self.settings, &url).map_err(|e| match e {
                Mute::Request(e) => self.refused(&ApiError::RequestError(Box::new(e))),
                Mute::Answer(reason) => HubError::Unreachable {
                    id: self.id.to_string(),
                    endpoint: self.settings.endpoint.clone(),
                    reason,
                },
            })?;
        let blob = self.cache_repo().blob_path(&etag);
        if !blob.exists() {
            let part = blob.with_extension("part");
            create_parent(&part)?;
            let mut file = OpenOptions::new()
                .append(true)
                .create(true)
                .open(&part)
                .map_err(|e| cache(&part, &e))?;
            // Some network file systems have no locks: that is no reason to refuse.
            if let Err(TryLockError::WouldBlock) = file.try_lock() {
                return Err(HubError::Busy {
                    id: self.id.to_string(),
                    file: name.to_owned(),
                });
            }
            self.fill(&url, name, size, &mut file, &part, progress)?;
            self.check(name, &etag, size, &part)?;
            fs::rename(&part, &blob).map_err(|e| cache(&blob, &e))?;
        }
        link(&blob, &path)?;
        Ok(path)
    }

    /// Appends what is missing, trying again where the connection breaks.
    fn fill(
        &self,
        url: &str,
        name: &str,
        size: u64,
        file: &mut File,
        part: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), HubError> {
        let mut tries = 0;
        loop {
            let done = file.metadata().map_err(|e| cache(part, &e))?.len();
            if done >= size {
                return Ok(());
            }
            progress(done, size);
            let reason = match self.stream(url, done, size, file, part, progress) {
                Ok(()) => continue,
                Err(Broken::Ours(error)) => return Err(error),
                Err(Broken::Theirs(reason)) => reason,
            };
            let reached = file.metadata().map_err(|e| cache(part, &e))?.len();
            // Only tries that bring nothing count: a long download may break many times.
            tries = if reached > done { 1 } else { tries + 1 };
            if tries > self.settings.retries {
                return Err(HubError::Broken {
                    id: self.id.to_string(),
                    file: name.to_owned(),
                    done: reached,
                    size,
                    reason,
                });
            }
            self.pause(Duration::from_millis(200 << tries.min(5)))?;
        }
    }

    /// One request, from byte `done` on.
    fn stream(
        &self,
        url: &str,
        done: u64,
        size: u64,
        file: &mut File,
        part: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), Broken> {
        let mut request = self
            .agent
            .get(url)
            .header("Range", format!("bytes={done}-"));
        if let Some(token) = &self.settings.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let response = request.call().map_err(|e| {
            let error = ApiError::RequestError(Box::new(e));
            match HubError::status(&error) {
                Some(401 | 403 | 404) => Broken::Ours(self.refused(&error)),
                _ => Broken::Theirs(error.to_string()),
            }
        })?;
        if done > 0 && response.status().as_u16() != 206 {
            // The server ignores ranges: what it sends begins at the beginning.
            file.set_len(0).map_err(|e| Broken::Ours(cache(part, &e)))?;
        }
        let mut body = response.into_parts().1.into_reader();
        let mut at = file
            .metadata()
            .map_err(|e| Broken::Ours(cache(part, &e)))?
            .len();
        let mut buffer = vec![0; CHUNK];
        while at < size {
            if (self.stop)() {
                return Err(Broken::Ours(HubError::Cancelled));
            }
            let wanted = CHUNK.min((size - at) as usize);
            let n = match body.read(&mut buffer[..wanted]) {
                Ok(0) => return Err(Broken::Theirs("the connection was closed".to_owned())),
                Ok(n) => n,
                Err(e) => return Err(Broken::Theirs(e.to_string())),
            };
            file.write_all(&buffer[..n])
                .map_err(|e| Broken::Ours(cache(part, &e)))?;
            at += n as u64;
            progress(at, size);
        }
        Ok(())
    }

    /// The etag of a large file is its SHA-256.
    fn check(&self, name: &str, etag: &str, size: u64, part: &Path) -> Result<(), HubError> {
        let damaged = |reason: String| {
            // Resuming it would keep the damage.
            let _ = fs::remove_file(part);
            HubError::Damaged {
                id: self.id.to_string(),
                file: name.to_owned(),
                reason,
            }
        };
        let got = fs::metadata(part).map_err(|e| cache(part, &e))?.len();
        if got != size {
            return Err(damaged(format!("{got} bytes in place of {size}")));
        }
        if etag.len() == 64 && etag.bytes().all(|b| b.is_ascii_hexdigit()) {
            let mut hasher = Sha256::new();
            let mut file = File::open(part).map_err(|e| cache(part, &e))?;
            std::io::copy(&mut file, &mut hasher).map_err(|e| cache(part, &e))?;
            let mut digest = String::new();
            for byte in hasher.finalize() {
                // Writing to a string cannot fail.
                let _ = write!(digest, "{byte:02x}");
            }
            if !digest.eq_ignore_ascii_case(etag) {
                return Err(damaged("its SHA-256 is another".to_owned()));
            }
        }
        Ok(())
    }

    /// Sleeps, but not longer than the caller wants to wait.
    fn pause(&self, length: Duration) -> Result<(), HubError> {
        let mut left = length;
        while !left.is_zero() {
            if (self.stop)() {
                return Err(HubError::Cancelled);
            }
            let step = left.min(Duration::from_millis(20));
            std::thread::sleep(step);
            left -= step;
        }
        Ok(())
    }

    /// A refusal by the hub in our words.
    pub(super) fn refused(&self, error: &ApiError) -> HubError {
        refused(self.id, self.settings, error)
    }
}

/// A refusal by the hub in our words.
pub(super) fn refused(id: &HubId, settings: &HubSettings, error: &ApiError) -> HubError {
    let id = id.to_string();
    match HubError::status(error) {
        // The hub answers 401 for names that do not exist, too, when no token is sent.
        Some(401 | 403) => HubError::Refused {
            id,
            had_token: settings.token.is_some(),
        },
        Some(404) => HubError::NotFound { id },
        _ => HubError::Unreachable {
            id,
            endpoint: settings.endpoint.clone(),
            reason: error.to_string(),
        },
    }
}

/// Who a broken transfer is to be blamed on.
enum Broken {
    /// No use trying again.
    Ours(HubError),
    /// The network: try again.
    Theirs(String),
}

fn create_parent(path: &Path) -> Result<(), HubError> {
    match path.parent() {
        Some(parent) => fs::create_dir_all(parent).map_err(|e| cache(parent, &e)),
        None => Ok(()),
    }
}

pub(super) fn cache(path: &Path, error: &std::io::Error) -> HubError {
    HubError::Cache {
        path: path.to_path_buf(),
        reason: error.to_string(),
    }
}

/// Makes `path` show the blob: by a relative link, as the Python library does, so that a cache can
/// be moved; by a copy where the file system has no links.
fn link(blob: &Path, path: &Path) -> Result<(), HubError> {
    create_parent(path)?;
    #[cfg(unix)]
    {
        // snapshots/<commit>/a/b → ../../../blobs/<etag>
        let depth = path
            .components()
            .rev()
            .take_while(|c| c.as_os_str() != "snapshots")
            .count();
        let mut target = PathBuf::new();
        for _ in 0..depth {
            target.push("..");
        }
        target.push("blobs");
        target.push(blob.file_name().unwrap_or_default());
        let linked = std::os::unix::fs::symlink(&target, path);
        if path.exists() {
            return Ok(());
        }
        if linked.is_ok() {
            let _ = fs::remove_file(path);
        }
    }
    fs::copy(blob, path)
        .map(|_| ())
        .map_err(|e| cache(path, &e))
}
