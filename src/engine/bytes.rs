//! The bytes of a weight file: mapped into memory, or inside the binary.

use std::io::{Read, Seek};
use std::ops::Range;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::EngineError;

/// Bytes of one file.
#[derive(Debug)]
pub(super) enum Bytes {
    /// A file mapped into memory, and the file itself.
    Mapped(memmap2::Mmap, std::fs::File),
    /// Inside the binary.
    Static(&'static [u8]),
    /// In memory.
    Owned(Vec<u8>),
}

impl Bytes {
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map, _) => map,
            Self::Static(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }

    /// Gives the pages of a range of a mapped file back: what is read there again comes from the file.
    /// Weights that were copied would otherwise count twice for as long as the file is mapped.
    pub(super) fn release(&self, range: Range<usize>) {
        #[cfg(unix)]
        if let Self::Mapped(map, _) = self {
            let page = 4096;
            let (from, to) = (range.start.next_multiple_of(page), range.end / page * page);
            if from < to {
                #[expect(unsafe_code, reason = "pages of a read-only mapping")]
                // SAFETY: the mapping is of a file and read-only; its pages hold the same bytes when
                // they are read again.
                let done = unsafe {
                    map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, from, to - from)
                };
                // A system that keeps them loses nothing but memory.
                drop(done);
            }
        }
        #[cfg(not(unix))]
        let _ = range;
    }

    /// Feeds all bytes to `hasher`. A file is read, not looked at through its map: hashing goes on
    /// after loading, and touching a page that a shortened file has lost would end the process.
    pub(super) fn hash_into(&self, hasher: &mut Sha256) {
        match self {
            Self::Static(bytes) => hasher.update(bytes),
            Self::Owned(bytes) => hasher.update(bytes),
            Self::Mapped(map, file) => {
                let mut file = file;
                let mut left = if file.rewind().is_ok() { map.len() } else { 0 };
                let mut buffer = vec![0; 1 << 18];
                // A file that has shrunk or cannot be read any more is not the model that was
                // loaded: its digest differs, as it should.
                while left > 0 {
                    let wanted = buffer.len().min(left);
                    match file.read(&mut buffer[..wanted]) {
                        Ok(0) | Err(_) => break,
                        Ok(n) => {
                            hasher.update(&buffer[..n]);
                            left -= n;
                        }
                    }
                }
            }
        }
    }

    /// Maps a file.
    pub(super) fn map(path: &Path) -> Result<Self, EngineError> {
        let fail = |e: &std::io::Error| super::load::io_error(path, e);
        let file = std::fs::File::open(path).map_err(|e| fail(&e))?;
        if !file.metadata().map_err(|e| fail(&e))?.is_file() {
            return Err(EngineError::Unreadable {
                path: path.to_owned(),
                reason: "not a regular file".to_owned(),
            });
        }
        #[expect(unsafe_code, reason = "memory mapping")]
        // SAFETY: the map is read-only and private. Another process that rewrites a model file while
        // it is being loaded could still change the bytes; every value is copied out during loading
        // and any bit pattern is a valid f32, so the worst outcome is a refused or wrong weight.
        let map = unsafe { memmap2::Mmap::map(&file) };
        map.map(|map| Self::Mapped(map, file)).map_err(|e| fail(&e))
    }
}
