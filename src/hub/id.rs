//! `org/name`, `org/name@revision`, `org/name:file`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A model on the hub.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HubId {
    /// `org/name`; of the oldest models only `name`.
    pub repo: String,
    /// Branch, tag or commit; `main` unless given.
    pub revision: String,
    /// Which of several GGUF files: its name, or what tells it from the others (`Q4_K_M`).
    #[serde(default)]
    pub file: Option<String>,
}

impl FromStr for HubId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "'{text}' is no hub id; one looks like org/name, org/name@revision or org/name:Q4_K_M"
            )
        };
        let (rest, file) = match text.split_once(':') {
            Some((rest, file)) => (rest, Some(file)),
            None => (text, None),
        };
        let (repo, revision) = rest.split_once('@').unwrap_or((rest, "main"));
        let (org, name) = repo.split_once('/').unwrap_or(("_", repo));
        let plain = |part: &str, others: &str| {
            // A leading dot or dash would name another folder, or look like a flag.
            part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                && !part.contains("..")
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
        };
        if plain(org, "-_.")
            && plain(name, "-_.")
            && plain(revision, "-_./")
            && file.is_none_or(|file| plain(file, "-_./"))
        {
            Ok(Self {
                repo: repo.to_owned(),
                revision: revision.to_owned(),
                file: file.map(ToOwned::to_owned),
            })
        } else {
            Err(refuse())
        }
    }
}

impl fmt::Display for HubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repo)?;
        if self.revision != "main" {
            write!(f, "@{}", self.revision)?;
        }
        match &self.file {
            Some(file) => write!(f, ":{file}"),
            None => Ok(()),
        }
    }
}
