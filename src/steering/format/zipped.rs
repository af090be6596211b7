//! Zip archives: bounded reading of entries, deterministic writing.

use std::io::{Cursor, Read, Seek, SeekFrom, Write};

use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::super::error::VectorError;
use super::error::FormatError;
use super::source::{Input, Opened};

/// An archive opened for reading.
pub(super) struct Zipped {
    archive: ZipArchive<Box<dyn Input>>,
    pub(super) file: String,
    /// Bytes of the whole archive.
    len: u64,
}

impl Zipped {
    pub(super) fn open(opened: Opened) -> Result<Self, VectorError> {
        let (file, len) = (opened.file, opened.len);
        let archive = ZipArchive::new(opened.input).map_err(|e| invalid(&file, &e))?;
        Ok(Self { archive, file, len })
    }

    /// Names of the entries, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let names = self.archive.file_names().filter_map(Result::ok);
        let mut names: Vec<String> = names.map(std::borrow::Cow::into_owned).collect();
        names.sort();
        names
    }

    /// Declared size of an entry, if there is one of this name.
    pub(super) fn size(&mut self, name: &str) -> Option<u64> {
        self.archive.by_name(name).ok().map(|entry| entry.size())
    }

    /// A whole entry that is stored as it is, hence no larger than the archive.
    pub(super) fn stored(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, VectorError> {
        if self.size(name).is_some_and(|size| size > self.len) {
            return Err(FormatError::ZipInvalid {
                file: self.file.clone(),
                reason: format!("{name} is larger than the archive"),
            }
            .into());
        }
        self.read(name, limit)
    }

    /// A whole entry of at most `limit` bytes.
    pub(super) fn read(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, VectorError> {
        let file = self.file.clone();
        let mut entry = self.archive.by_name(name).map_err(|e| invalid(&file, &e))?;
        let bytes = entry.size();
        if bytes > limit {
            return Err(FormatError::TensorTooLarge { file, bytes, limit }.into());
        }
        let mut data = Vec::new();
        // What is declared need not be what comes out.
        (&mut entry)
            .take(bytes.saturating_add(1))
            .read_to_end(&mut data)
            .map_err(|e| FormatError::ZipInvalid {
                file: file.clone(),
                reason: format!("{name}: {e}"),
            })?;
        if data.len() as u64 != bytes {
            return Err(VectorError::Truncated {
                file,
                expected: bytes,
                got: data.len() as u64,
            });
        }
        Ok(data)
    }

    /// `n` values of `size` bytes of an entry, `step` bytes from one's beginning to the next, the first at
    /// `from`: sought where it is stored, streamed where it is deflated. `step` is at least `size`.
    pub(super) fn strided(
        &mut self,
        name: &str,
        from: u64,
        step: u64,
        size: u64,
        n: usize,
    ) -> Result<Vec<u8>, VectorError> {
        let file = self.file.clone();
        let failed = |e: std::io::Error| FormatError::ZipInvalid {
            file: file.clone(),
            reason: format!("{name}: {e}"),
        };
        let mut data = Vec::new();
        let mut take = |input: &mut dyn Read| -> Result<(), VectorError> {
            let before = data.len();
            let read = input.take(size).read_to_end(&mut data).map_err(failed)?;
            if (read as u64) < size {
                return Err(VectorError::Truncated {
                    file: file.clone(),
                    expected: size.saturating_mul(n as u64),
                    got: before as u64,
                });
            }
            Ok(())
        };
        let entry = self.archive.by_name(name).map_err(|e| invalid(&file, &e))?;
        let stored = entry.compression() == CompressionMethod::Stored;
        drop(entry);
        if stored {
            let mut entry = self
                .archive
                .by_name_seek(name)
                .map_err(|e| invalid(&file, &e))?;
            for i in 0..n as u64 {
                let at = from.saturating_add(i.saturating_mul(step));
                entry.seek(SeekFrom::Start(at)).map_err(failed)?;
                take(&mut entry)?;
            }
        } else {
            let mut entry = self.archive.by_name(name).map_err(|e| invalid(&file, &e))?;
            let mut skip = from;
            for _ in 0..n {
                std::io::copy(&mut (&mut entry).take(skip), &mut std::io::sink())
                    .map_err(failed)?;
                take(&mut entry)?;
                skip = step.saturating_sub(size);
            }
        }
        Ok(data)
    }

    /// At most `n` bytes of an entry from `from` on: sought where it is stored, streamed where it is
    /// deflated.
    pub(super) fn range(&mut self, name: &str, from: u64, n: u64) -> Result<Vec<u8>, VectorError> {
        let file = self.file.clone();
        let failed = |e: std::io::Error| FormatError::ZipInvalid {
            file: file.clone(),
            reason: format!("{name}: {e}"),
        };
        let mut data = Vec::new();
        let stored = {
            let entry = self.archive.by_name(name).map_err(|e| invalid(&file, &e))?;
            entry.compression() == CompressionMethod::Stored
        };
        if stored {
            let mut entry = self
                .archive
                .by_name_seek(name)
                .map_err(|e| invalid(&file, &e))?;
            entry.seek(SeekFrom::Start(from)).map_err(failed)?;
            entry.take(n).read_to_end(&mut data).map_err(failed)?;
        } else {
            let mut entry = self.archive.by_name(name).map_err(|e| invalid(&file, &e))?;
            std::io::copy(&mut (&mut entry).take(from), &mut std::io::sink()).map_err(failed)?;
            entry.take(n).read_to_end(&mut data).map_err(failed)?;
        }
        Ok(data)
    }
}

fn invalid(file: &str, error: &zip::result::ZipError) -> VectorError {
    FormatError::ZipInvalid {
        file: file.to_owned(),
        reason: error.to_string(),
    }
    .into()
}

/// An archive of stored entries in the given order, without a date: equal content, equal bytes.
pub(super) fn write(file: &str, entries: &[(String, Vec<u8>)]) -> Result<Vec<u8>, VectorError> {
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default());
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer
            .start_file(name.as_str(), options)
            .map_err(|e| invalid(file, &e))?;
        writer
            .write_all(bytes)
            .map_err(|e| super::source::failed(file, &e))?;
    }
    let done = writer.finish().map_err(|e| invalid(file, &e))?;
    Ok(done.into_inner())
}
