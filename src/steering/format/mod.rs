//! Vector file formats, one module each; recognised by content.

pub(super) mod native;

use std::io::Read as _;
use std::path::Path;

use super::error::VectorError;
use super::vector::SteeringVector;

/// Largest vector file that is read, in bytes: every block of a very large model.
const MAX_BYTES: u64 = 1 << 30;

/// Reads a whole file, refusing absurd sizes before any memory is taken.
pub(super) fn read_limited(path: &Path, file: &str) -> Result<Vec<u8>, VectorError> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => VectorError::Missing {
            file: file.to_owned(),
        },
        _ => VectorError::Unreadable {
            file: file.to_owned(),
            reason: error.to_string(),
        },
    };
    let mut source = std::fs::File::open(path).map_err(failed)?;
    let bytes = source.metadata().map_err(failed)?.len();
    if bytes > MAX_BYTES {
        return Err(VectorError::TooLarge {
            file: file.to_owned(),
            bytes,
            limit: MAX_BYTES,
        });
    }
    let mut data = Vec::new();
    source.read_to_end(&mut data).map_err(failed)?;
    Ok(data)
}

/// Recognises and reads a vector; `file` names it in messages, `stem` is its fallback name.
pub(super) fn parse(stem: &str, file: &str, bytes: &[u8]) -> Result<SteeringVector, VectorError> {
    if native::recognise(bytes) {
        return native::read(stem, file, bytes);
    }
    let found = match bytes {
        [] => "the file is empty".to_owned(),
        _ => format!(
            "starts with {}",
            super::hex(bytes.get(..8).unwrap_or(bytes))
        ),
    };
    Err(VectorError::FormatUnknown {
        file: file.to_owned(),
        found,
    })
}
