//! Chat templates: published ones against transformers, hostile ones, files, token ids, models.

mod files;
mod hostile;
mod ids;
pub(crate) mod model;
mod parity;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use steerscope::chat::{ChatError, ChatTemplate, Message, Options, Specials};

/// Where templates and what transformers makes of them lie.
pub(crate) fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/chat")
}

fn json<T: for<'a> Deserialize<'a>>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A template without special tokens, on one user message.
fn render(source: &str) -> Result<String, ChatError> {
    let template = ChatTemplate::new(source, "test.jinja", Specials::default())?;
    template.render(&[Message::new("user", "hello")], &Options::default())
}
