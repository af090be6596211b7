//! `org/name`, `org/name@revision`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A model on the hub.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HubId {
    /// `org/name`.
    pub repo: String,
    /// Branch, tag or commit; `main` unless given.
    pub revision: String,
}

impl FromStr for HubId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse =
            || format!("'{text}' is no hub id; one looks like org/name or org/name@revision");
        let (repo, revision) = match text.split_once('@') {
            Some((_, "")) => return Err(refuse()),
            Some((repo, revision)) => (repo, revision),
            None => (text, "main"),
        };
        let (org, name) = repo.split_once('/').ok_or_else(refuse)?;
        let plain = |part: &str, others: &str| {
            // A leading dot or dash would name another folder, or look like a flag.
            part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                && !part.contains("..")
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
        };
        if plain(org, "-_.") && plain(name, "-_.") && plain(revision, "-_./") {
            Ok(Self {
                repo: repo.to_owned(),
                revision: revision.to_owned(),
            })
        } else {
            Err(refuse())
        }
    }
}

impl fmt::Display for HubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.revision == "main" {
            write!(f, "{}", self.repo)
        } else {
            write!(f, "{}@{}", self.repo, self.revision)
        }
    }
}
