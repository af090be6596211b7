//! Files as readers get them: whole and bounded, or open for reading at any place.

use std::fs::File;
use std::io::{Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::super::error::VectorError;
use super::super::hex;

/// Largest file that is read whole, in bytes: every block of a very large model.
pub(super) const MAX_BYTES: u64 = 1 << 30;
/// Largest file whose hash is noted; sparse autoencoders of many gigabytes are only read in part.
const MAX_HASHED: u64 = 1 << 29;
/// Largest JSON text.
pub(super) const MAX_JSON: u64 = 1 << 28;

/// Something to read from at any place.
pub(super) trait Input: Read + Seek {}
impl<T: Read + Seek> Input for T {}

/// Wording of the system's refusals.
pub(super) fn failed(file: &str, error: &std::io::Error) -> VectorError {
    let file = file.to_owned();
    match error.kind() {
        ErrorKind::NotFound => VectorError::Missing { file },
        _ => VectorError::Unreadable {
            file,
            reason: error.to_string(),
        },
    }
}

/// Reads a whole file, refusing absurd sizes before any memory is taken.
pub(super) fn read_whole(path: &Path, limit: u64) -> Result<Vec<u8>, VectorError> {
    let file = path.display().to_string();
    let mut source = File::open(path).map_err(|e| failed(&file, &e))?;
    let bytes = source.metadata().map_err(|e| failed(&file, &e))?.len();
    if bytes > limit {
        return Err(VectorError::TooLarge { file, bytes, limit });
    }
    let mut data = Vec::new();
    // A file that grows meanwhile, or a device without an end, stays within the limit too.
    (&mut source)
        .take(limit)
        .read_to_end(&mut data)
        .map_err(|e| failed(&file, &e))?;
    Ok(data)
}

/// A file's text, for JSON and JSON lines.
pub(super) fn read_json(path: &Path, kind: &'static str) -> Result<serde_json::Value, VectorError> {
    let bytes = read_whole(path, MAX_JSON)?;
    parse_json(&path.display().to_string(), kind, &bytes)
}

/// Parses JSON with or without a byte-order mark.
pub(super) fn parse_json(
    file: &str,
    kind: &'static str,
    bytes: &[u8],
) -> Result<serde_json::Value, VectorError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|e| {
        super::error::FormatError::JsonInvalid {
            file: file.to_owned(),
            kind,
            reason: e.to_string(),
        }
        .into()
    })
}

/// A file opened for reading in parts.
pub(super) struct Opened {
    pub(super) input: Box<dyn Input>,
    pub(super) len: u64,
    pub(super) file: String,
}

impl Opened {
    pub(super) fn path(path: &Path) -> Result<Self, VectorError> {
        let file = path.display().to_string();
        let input = File::open(path).map_err(|e| failed(&file, &e))?;
        let len = input.metadata().map_err(|e| failed(&file, &e))?.len();
        Ok(Self {
            input: Box::new(input),
            len,
            file,
        })
    }

    pub(super) fn bytes(file: &str, bytes: Vec<u8>) -> Self {
        Self {
            len: bytes.len() as u64,
            input: Box::new(Cursor::new(bytes)),
            file: file.to_owned(),
        }
    }

    /// Bytes `from..from + n`; refused before anything is reserved where the file ends earlier.
    pub(super) fn range(&mut self, from: u64, n: u64) -> Result<Vec<u8>, VectorError> {
        let end = from.saturating_add(n);
        if end > self.len {
            return Err(VectorError::Truncated {
                file: self.file.clone(),
                expected: end,
                got: self.len,
            });
        }
        let mut data = vec![0; n as usize];
        self.input
            .seek(SeekFrom::Start(from))
            .and_then(|_| self.input.read_exact(&mut data))
            .map_err(|e| failed(&self.file, &e))?;
        Ok(data)
    }
}

/// SHA-256 of a file, hex; `None` where it is too large to be read for that alone.
pub(super) fn sha256(path: &Path) -> Result<Option<String>, VectorError> {
    let name = path.display().to_string();
    let mut file = File::open(path).map_err(|e| failed(&name, &e))?;
    let len = file.metadata().map_err(|e| failed(&name, &e))?.len();
    if len > MAX_HASHED {
        return Ok(None);
    }
    let mut hash = Sha256::new();
    let mut part = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut part).map_err(|e| failed(&name, &e))?;
        if n == 0 {
            return Ok(Some(hex(&hash.finalize())));
        }
        hash.update(part.get(..n).unwrap_or_default());
    }
}

/// SHA-256 of bytes, hex.
pub(super) fn sha256_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
