//! From what a reader found to a vector at canonical blocks: the one place where layers are placed,
//! dropped, marked and worded.

use std::collections::BTreeMap;

use super::super::error::VectorError;
use super::super::vector::{SteeringVector, check_directions, meta};
use super::error::FormatError;
use super::imported::{ImportWarning, Imported, LayerRead, VectorFormat};
use super::options::ImportOptions;
use crate::units::{Edit, HookPoint};

/// Whether a direction was read after the model's final norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Normed {
    /// No.
    #[default]
    No,
    /// Yes, if it belongs to the last block (`hidden_states[n]` of Llama-style code).
    IfLast,
}

/// Directions of one layer as the file has them.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub(super) in_file: String,
    pub(super) measured: Option<i64>,
    pub(super) applied: i64,
    pub(super) normed: Normed,
    /// `(rank, d)`.
    pub(super) values: Vec<f32>,
}

impl Found {
    /// Measured and applied at the same block.
    pub(super) fn at(in_file: impl Into<String>, block: i64, values: Vec<f32>) -> Self {
        Self {
            in_file: in_file.into(),
            measured: Some(block),
            applied: block,
            normed: Normed::No,
            values,
        }
    }
}

/// What a reader hands over.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) format: VectorFormat,
    pub(super) producer: String,
    /// How the file names its layers, e.g. `direction.N`.
    pub(super) key: String,
    pub(super) edit: Edit,
    /// Point where it was measured, if it is another than the edit's.
    pub(super) measured_point: Option<HookPoint>,
    pub(super) rank: usize,
    pub(super) found: Vec<Found>,
    pub(super) name: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) warnings: Vec<ImportWarning>,
    /// Block to start from, before any shift.
    pub(super) recommended: Option<i64>,
    /// Decoder blocks of the model, if the file tells.
    pub(super) n_blocks: Option<usize>,
}

impl Reading {
    pub(super) fn new(format: VectorFormat, producer: impl Into<String>, key: &str) -> Self {
        Self {
            format,
            producer: producer.into(),
            key: key.to_owned(),
            edit: Edit::ADD,
            measured_point: None,
            rank: 1,
            found: Vec::new(),
            name: None,
            metadata: BTreeMap::new(),
            warnings: Vec::new(),
            recommended: None,
            n_blocks: None,
        }
    }

    pub(super) fn warn(&mut self, id: &'static str, text: impl Into<String>) {
        self.warnings.push(ImportWarning::new(id, text));
    }

    /// A fact for the vector's metadata; empty values are left out.
    pub(super) fn fact(&mut self, key: &str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.metadata.insert(key.to_owned(), value);
        }
    }
}

/// Places what was found. `stem` names the vector where the file does not.
pub(super) fn place(
    mut reading: Reading,
    file: &str,
    stem: &str,
    file_sha256: Option<String>,
    options: &ImportOptions,
) -> Result<Imported, VectorError> {
    let n_blocks = options.model.map(|m| m.n_blocks).or(reading.n_blocks);
    let mut edit = reading.edit;
    if options.as_measured {
        edit.point = reading.measured_point.unwrap_or(edit.point);
    }
    if let Some(point) = options.site {
        edit.point = point;
    }
    if n_blocks.is_none()
        && reading.found.len() > 1
        && reading.found.iter().any(|f| f.normed == Normed::IfLast)
    {
        reading.warn(
            "post-final-norm-unknown",
            "its tool reads the last block's output after the final norm, and the file does not say which block is the last; \
             the model or --model-blocks does",
        );
    }
    // A vector of another width is refused as such where it meets the model, not for its layers.
    let as_wide = options.model.is_none_or(|model| {
        let width = model.hidden_size.saturating_mul(reading.rank);
        reading.found.iter().all(|f| f.values.len() == width)
    });
    let mut layers = Vec::new();
    let mut directions = BTreeMap::new();
    let mut marked = Vec::new();
    for found in std::mem::take(&mut reading.found) {
        let from = if options.as_measured {
            found.measured.unwrap_or(found.applied)
        } else {
            found.applied
        };
        let mut block = from.saturating_add(options.shift);
        if edit.point == HookPoint::ResidPre && options.site.is_some() {
            // What enters a block is what leaves the one before it.
            block = block.saturating_sub(1);
        }
        let last = n_blocks.map(|n| i64::try_from(n).unwrap_or(i64::MAX) - 1);
        let beyond =
            (as_wide && last.is_some_and(|last| block > last)) || block > i64::from(u32::MAX);
        if block < -1 || beyond {
            return Err(FormatError::LayerRange {
                file: file.to_owned(),
                layer: found.in_file,
                convention: reading.producer,
                block,
                last: last.unwrap_or(i64::from(u32::MAX)),
            }
            .into());
        }
        let measured = found.measured.unwrap_or(found.applied);
        let post_final_norm = found.normed == Normed::IfLast
            && last == Some(measured)
            && edit.point == HookPoint::ResidPost;
        let placed = usize::try_from(block).ok();
        layers.push(LayerRead {
            in_file: found.in_file.clone(),
            measured: found.measured,
            applied: found.applied,
            placed,
            post_final_norm,
        });
        let Some(block) = placed else {
            reading.warnings.push(ImportWarning::new(
                "embedding-layer",
                format!(
                    "layer {} is the embedding output, which no block leaves; left out",
                    found.in_file
                ),
            ));
            continue;
        };
        if post_final_norm {
            marked.push(block);
            reading.warnings.push(ImportWarning::new(
                "post-final-norm",
                format!(
                    "layer {} was measured after the final norm, in another space than the raw output of block {block}; \
                     it is kept but not recommended",
                    found.in_file
                ),
            ));
        }
        if directions.insert(block, found.values).is_some() {
            return Err(VectorError::Damaged {
                file: file.to_owned(),
                reason: format!("two layers of it belong to block {block}"),
            });
        }
    }
    if edit.point == HookPoint::ResidPre {
        edit.point = HookPoint::ResidPost;
    }
    check_directions(file, edit, reading.rank, &directions)?;
    let sentence = sentence(&reading, edit, &layers, n_blocks);
    let metadata = metadata(&reading, options, &layers, &marked, file_sha256.as_deref());
    Ok(Imported {
        vector: SteeringVector {
            name: reading.name.unwrap_or_else(|| stem.to_owned()),
            edit,
            rank: reading.rank,
            directions,
            metadata,
        },
        format: reading.format,
        producer: reading.producer,
        sentence,
        layers,
        warnings: reading.warnings,
        file_sha256,
    })
}

/// Producer of files that the program wrote in a foreign format.
const OURS: &str = "steerscope";

/// Metadata of the vector: the file's own facts and where it came from. Those of our own format stay
/// as they are, so that a file that is read and written again is the same file.
fn metadata(
    reading: &Reading,
    options: &ImportOptions,
    layers: &[LayerRead],
    marked: &[usize],
    sha256: Option<&str>,
) -> BTreeMap<String, String> {
    let mut metadata = reading.metadata.clone();
    let moved = options.shift != 0 || options.as_measured || options.site.is_some();
    let ours = reading.format == VectorFormat::Native || reading.producer == OURS;
    if ours && !moved {
        return metadata;
    }
    // The declared hash is over names in file order, which a shift may change.
    metadata.remove(meta::SHA256);
    let placed: Vec<usize> = layers.iter().filter_map(|l| l.placed).collect();
    let recommended = reading
        .recommended
        .map(|b| b.saturating_add(options.shift))
        .and_then(|b| usize::try_from(b).ok())
        .or(match placed.as_slice() {
            [only] => Some(*only),
            _ => None,
        })
        .filter(|b| placed.contains(b) && !marked.contains(b));
    match recommended {
        Some(block) => metadata.insert(meta::RECOMMENDED_LAYER.to_owned(), block.to_string()),
        None => metadata.remove(meta::RECOMMENDED_LAYER),
    };
    let mut set = |key: &str, value: String| {
        metadata.insert(key.to_owned(), value);
    };
    set(
        meta::SOURCE_FORMAT,
        format!("{} ({})", reading.format, reading.producer),
    );
    set(meta::SOURCE_KEY, reading.key.clone());
    set(meta::SOURCE_SHIFT, shift(layers));
    if let Some(hash) = sha256 {
        set(meta::SOURCE_SHA256, hash.to_owned());
    }
    if !marked.is_empty() {
        set(meta::POST_FINAL_NORM, format!("{marked:?}"));
    }
    metadata
}

/// Block minus the file's number, where that is one number for all layers.
fn shift(layers: &[LayerRead]) -> String {
    let mut shifts: Vec<i64> = layers
        .iter()
        .filter_map(|l| {
            let digits: String = l.in_file.chars().filter(char::is_ascii_digit).collect();
            Some(l.placed? as i64 - digits.parse::<i64>().ok()?)
        })
        .collect();
    shifts.dedup();
    match shifts.as_slice() {
        [one] => format!("{one:+}"),
        _ => "none".to_owned(),
    }
}

/// "file says 15 (repeng) → output of block 15 of 28"
fn sentence(
    reading: &Reading,
    edit: Edit,
    layers: &[LayerRead],
    n_blocks: Option<usize>,
) -> String {
    let placed: Vec<usize> = layers.iter().filter_map(|l| l.placed).collect();
    let said: Vec<&str> = layers.iter().map(|l| l.in_file.as_str()).collect();
    let said = match said.as_slice() {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [first, .., last] => format!("{first} to {last}"),
    };
    let site = match edit.point {
        HookPoint::ResidPre => "input",
        HookPoint::AttnOut => "attention write",
        HookPoint::ResidMid => "middle",
        HookPoint::MlpOut => "MLP write",
        HookPoint::ResidPost => "output",
    };
    let blocks = match placed.as_slice() {
        [] => "no block".to_owned(),
        [one] => format!("{site} of block {one}"),
        [first, .., last] => {
            let (low, high) = (first.min(last), first.max(last));
            format!("{site} of blocks {low} to {high}")
        }
    };
    let of = n_blocks.map_or(String::new(), |n| format!(" of {n}"));
    format!("file says {said} ({}) → {blocks}{of}", reading.producer)
}
