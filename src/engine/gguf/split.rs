//! Models whose GGUF file was split (`name-00001-of-00003.gguf`): every part has a header and tensors
//! of its own, the first one the metadata of them all.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::header::{Header, Tensor};
use super::metadata::Metadata;
use super::weights::{GgufWeights, vector};
use crate::engine::EngineError;
use crate::engine::bytes::Bytes;
use crate::engine::weights::{RowSource, Stored, Weights, hex};
use crate::shards::GgufPart;

const COUNT: &str = "split.count";
const NUMBER: &str = "split.no";
const TENSORS: &str = "split.tensors.count";

/// One file of a model.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) bytes: Bytes,
}

impl File {
    fn map(path: &Path) -> Result<Self, EngineError> {
        Ok(Self {
            name: path.display().to_string(),
            bytes: Bytes::map(path)?,
        })
    }
}

/// The files of the model that `path` belongs to, in order: itself, or all its parts.
pub(super) fn files(path: &Path) -> Result<Vec<File>, EngineError> {
    let file = File::map(path)?;
    let count = {
        let header = Header::read(file.bytes.as_slice(), &file.name)?;
        header.metadata.number(COUNT)?.unwrap_or(1.0)
    };
    if count <= 1.0 {
        return Ok(vec![file]);
    }
    let bad = |reason: String| EngineError::Split {
        file: file.name.clone(),
        reason,
    };
    let name = path.file_name().and_then(|n| n.to_str());
    let Some(part) = name.and_then(GgufPart::parse) else {
        return Err(bad(format!(
            "it is one of {count} parts but is not called like one (name-00001-of-{count:05}.gguf)"
        )));
    };
    if !is(count, part.of as usize) {
        return Err(bad(format!(
            "its name speaks of {} parts, its header of {count}",
            part.of
        )));
    }
    let paths = (1..=part.of).map(|number| path.with_file_name(part.name(number)));
    // All that are missing at once, and none is read for nothing.
    let missing: Vec<String> = paths
        .clone()
        .filter(|path| !path.exists())
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .take(4)
        .collect();
    if !missing.is_empty() {
        return Err(bad(format!(
            "of the model's {} parts these are missing beside it: {}",
            part.of,
            missing.join(", ")
        )));
    }
    paths.map(|path| File::map(&path)).collect()
}

/// The headers of a model's files.
#[derive(Debug)]
pub(super) struct Parts<'a>(Vec<(Header<'a>, &'a File)>);

impl<'a> Parts<'a> {
    /// Reads all headers and checks that they are parts of one model.
    pub(super) fn read(files: &'a [File]) -> Result<Self, EngineError> {
        let parts = files
            .iter()
            .map(|file| Ok((Header::read(file.bytes.as_slice(), &file.name)?, file)))
            .collect::<Result<Vec<_>, EngineError>>()?;
        let parts = Self(parts);
        if files.len() > 1 {
            parts.check()?;
        }
        Ok(parts)
    }

    fn check(&self) -> Result<(), EngineError> {
        let n = self.0.len();
        for (i, (header, file)) in self.0.iter().enumerate() {
            let bad = |reason: String| EngineError::Split {
                file: file.name.clone(),
                reason,
            };
            let count = header.metadata.number(COUNT)?;
            if count != Some(n as f64) {
                let said = count.map_or("no part".to_owned(), |c| format!("one of {c} parts"));
                return Err(bad(format!("it is {said} by its header, not one of {n}")));
            }
            let number = header.metadata.number(NUMBER)?;
            if !number.is_some_and(|n| is(n, i)) {
                let said = number.map_or("none".to_owned(), |v| format!("{}", v + 1.0));
                return Err(bad(format!(
                    "its number is {said} by its header and {} by its name",
                    i + 1
                )));
            }
            let earlier = &self.0[..i];
            let twice = |name: &&String| earlier.iter().any(|(h, _)| h.tensors.contains_key(*name));
            if let Some(name) = header.tensors.keys().find(twice) {
                return Err(bad(format!(
                    "tensor {name} stands in an earlier part already: the parts are of different models"
                )));
            }
        }
        let held: usize = self.0.iter().map(|(h, _)| h.tensors.len()).sum();
        match self.metadata().number(TENSORS)? {
            Some(announced) if !is(announced, held) => Err(EngineError::Split {
                file: self.file().to_owned(),
                reason: format!(
                    "it announces {announced} tensors and the parts hold {held}: the parts are of different models"
                ),
            }),
            _ => Ok(()),
        }
    }

    fn first(&self) -> &(Header<'a>, &'a File) {
        // Never empty: `files` returns the file asked for at least.
        &self.0[0]
    }

    /// Metadata of the model.
    pub(super) fn metadata(&self) -> &Metadata<'a> {
        &self.first().0.metadata
    }

    /// The first file, for messages.
    pub(super) fn file(&self) -> &'a str {
        &self.first().1.name
    }

    /// A tensor of any part.
    pub(super) fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.0.iter().find_map(|(h, _)| h.tensors.get(name))
    }

    /// The values of a vector; `None` when there is none of this name.
    pub(super) fn vector(&self, name: &str) -> Result<Option<Vec<f32>>, EngineError> {
        for (header, file) in &self.0 {
            if header.tensors.contains_key(name) {
                return vector(file.bytes.as_slice(), &header.tensors, name, &file.name);
            }
        }
        Ok(None)
    }

    /// The tensors of every part.
    pub(super) fn into_tensors(self) -> Vec<std::collections::BTreeMap<String, Tensor>> {
        self.0.into_iter().map(|(h, _)| h.tensors).collect()
    }
}

/// The weights of all parts.
#[derive(Debug)]
pub(super) struct SplitWeights(pub(super) Vec<GgufWeights>);

impl Stored for SplitWeights {
    /// One part after the other.
    fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for part in &self.0 {
            part.hash_into(&mut hasher);
        }
        hex(&hasher.finalize())
    }

    fn memory(&self) -> u64 {
        self.0.iter().map(Stored::memory).sum()
    }

    fn label(&self) -> String {
        let first = self.0.first().map(Stored::label).unwrap_or_default();
        match self.0.len() {
            0 | 1 => first,
            n => format!("{first} and {} more", n - 1),
        }
    }
}

impl Weights for SplitWeights {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|part| part.has(name))
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Box<dyn RowSource + '_>, EngineError> {
        match self.0.iter().find(|part| part.has(name)) {
            Some(part) => part.tensor(name, shape),
            None => Err(EngineError::TensorMissing {
                file: self.label(),
                tensor: name.to_owned(),
            }),
        }
    }
}

/// Whether a number of the metadata is this count.
fn is(number: f64, count: usize) -> bool {
    (number - count as f64).abs() < 0.5
}
