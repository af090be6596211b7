//! What the numbers of a cell depend on, and its hash.

use sha2::{Digest, Sha256};

/// Everything that decides the numbers of a cell. Two keys are equal exactly when all parts are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// SHA-256 of the model's weights, hex.
    pub model: String,
    /// SHA-256 of its configuration as the engine reads it, hex: the same weights under another
    /// rotary base or norm are another model.
    pub config: String,
    /// Identity of the vector, hex.
    pub vector: String,
    /// SHA-256 of the data set's canonical rows, hex.
    pub dataset: String,
    /// SHA-256 of the inputs as the model reads them: row numbers, tokens, answer tokens, hex.
    pub inputs: String,
    /// The protocol as canonical JSON.
    pub protocol: String,
}

impl Key {
    /// SHA-256 over all parts, hex: the cell's identity in every store.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for part in [
            &self.model,
            &self.config,
            &self.vector,
            &self.dataset,
            &self.inputs,
            &self.protocol,
        ] {
            // The length keeps two parts from running into each other.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hex(&hash.finalize())
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
