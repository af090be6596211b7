//! The reference data beside the repository: real weights, data sets and numbers made by other
//! libraries. A user's clone has none; the tests that need it say so and pass.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use steerscope::engine::Model;

/// A file or folder of the reference data, `None` (and a line saying so) where it is not installed.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("STEERSCOPE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let full = root.join(path);
    if full.exists() {
        return Some(full);
    }
    println!(
        "skipped: {} is not there; set STEERSCOPE_SHARED",
        full.display()
    );
    None
}

/// A JSON file of the reference data.
pub(crate) fn json(path: &str) -> Option<Value> {
    let bytes = std::fs::read(shared(path)?).expect("readable");
    Some(serde_json::from_slice(&bytes).expect("valid JSON"))
}

/// The small pretrained model of the reference data.
pub(crate) fn stories() -> Option<Arc<Model>> {
    let path = shared("models/stories260K")?;
    Some(Arc::new(
        Model::from_dir(&path).expect("the reference model loads"),
    ))
}
