//! A steering vector: one raw direction per block, and where it came from.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::apply::{fits, is_orthonormal};
use super::error::VectorError;
use super::extract::PositionRows;
use super::{format, hex};
use crate::units::{BlockIndex, Edit};

/// Metadata keys of the native format; all values are text.
pub mod meta {
    /// Display name.
    pub const NAME: &str = "name";
    /// What the vector does, one sentence.
    pub const DESCRIPTION: &str = "description";
    /// What a positive multiplier does.
    pub const SIGN_CONVENTION: &str = "sign_convention";
    /// Model it was measured on, as shown to people.
    pub const MODEL_ID: &str = "model_id";
    /// SHA-256 of that model's weights.
    pub const MODEL_REVISION: &str = "model_revision";
    /// Number of blocks of that model.
    pub const N_LAYERS: &str = "n_layers";
    /// Residual width d.
    pub const HIDDEN_SIZE: &str = "hidden_size";
    /// Extraction method, e.g. `mean`.
    pub const METHOD: &str = "method";
    /// How it is applied: `add`.
    pub const OPERATOR: &str = "operator";
    /// What multiplier 1 means: `raw_difference`, `unit_norm`.
    pub const UNIT: &str = "unit";
    /// Block to start from.
    pub const RECOMMENDED_LAYER: &str = "recommended_layer";
    /// Multiplier to start from.
    pub const RECOMMENDED_MULTIPLIER: &str = "recommended_multiplier";
    /// Tokens that were read: `answer` (first differing token), `last`, `all`, …
    pub const POSITIONS_READ: &str = "positions_read";
    /// Positive texts.
    pub const N_POS: &str = "n_pos";
    /// Negative texts.
    pub const N_NEG: &str = "n_neg";
    /// Canonical hash of the data set.
    pub const DATASET_SHA256: &str = "dataset_sha256";
    /// Norm per block of the mean difference of the same rows, JSON map; for unit methods.
    pub const MEAN_NORM: &str = "mean_difference_norm";
    /// Cosine per block to that mean difference, JSON map.
    pub const COSINE_TO_MEAN: &str = "cosine_to_mean";
    /// σ₁²/Σσ² per block of a component, JSON map.
    pub const EXPLAINED_SHARE: &str = "explained_share";
    /// Blocks whose data do not say which way the direction points.
    pub const SIGN_UNDEFINED: &str = "sign_undefined";
    /// `n of m`: extraction was stopped after n of m units.
    pub const STOPPED_AFTER: &str = "stopped_after";
    /// Euclidean norm per block, JSON map.
    pub const VECTOR_NORM: &str = "vector_norm";
    /// SHA-256 over the tensor bytes in block order.
    pub const SHA256: &str = "sha256";
    /// `model_type` of the model's Hugging Face configuration.
    pub const MODEL_HINT: &str = "model_hint";
    /// Format and producer of the file it was imported from.
    pub const SOURCE_FORMAT: &str = "source_format";
    /// How that file names its layers.
    pub const SOURCE_KEY: &str = "source_key";
    /// Block minus the file's layer number, e.g. `-1`.
    pub const SOURCE_SHIFT: &str = "source_shift";
    /// SHA-256 of that file.
    pub const SOURCE_SHA256: &str = "source_sha256";
    /// Blocks whose direction was read after the final norm, JSON list.
    pub const POST_FINAL_NORM: &str = "post_final_norm";
}

/// Directions at the outputs of decoder blocks, exactly as measured: never rescaled.
#[derive(Debug, Clone, PartialEq)]
pub struct SteeringVector {
    /// Display name.
    pub name: String,
    /// How it is meant to be applied, and at which point of its blocks. `resid_pre(b)` is kept as
    /// `resid_post(b − 1)`.
    pub edit: Edit,
    /// Directions per block: 1, but for the basis of a projection or the plane of a rotation.
    pub rank: usize,
    /// Block index b → `(rank, d)` values, raw norms kept.
    pub directions: BTreeMap<usize, Vec<f32>>,
    /// Provenance, keys of [`meta`] and any others the file holds.
    pub metadata: BTreeMap<String, String>,
}

impl SteeringVector {
    /// A vector made in memory; checks that it has directions, all of one width, finite and not
    /// all zero.
    pub fn new(
        name: impl Into<String>,
        directions: BTreeMap<usize, Vec<f32>>,
        metadata: BTreeMap<String, String>,
    ) -> Result<Self, VectorError> {
        Self::with_edit(name, Edit::ADD, 1, directions, metadata)
    }

    /// The same for another operator or site: `rank` directions per block.
    pub fn with_edit(
        name: impl Into<String>,
        edit: Edit,
        rank: usize,
        directions: BTreeMap<usize, Vec<f32>>,
        metadata: BTreeMap<String, String>,
    ) -> Result<Self, VectorError> {
        let name = name.into();
        check_directions(&name, edit, rank, &directions)?;
        Ok(Self {
            name,
            edit,
            rank,
            directions,
            metadata,
        })
    }

    /// Reads a vector file or directory of any format that needs no answer; see [`format::import`].
    pub fn load(path: &Path) -> Result<Self, VectorError> {
        Ok(format::import(path, &format::ImportOptions::default())?.vector)
    }

    /// Reads a vector held in memory; `name` stands for the file in messages and is the vector's
    /// name unless the data carry one.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, VectorError> {
        let options = format::ImportOptions::default();
        Ok(format::import_bytes(name, bytes, &options)?.vector)
    }

    /// The file's bytes in the native format: equal content gives equal bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, VectorError> {
        format::native::write(self)
    }

    /// Writes the native format through a temporary file beside it, so that no reader ever sees
    /// half a file.
    pub fn write(&self, path: &Path) -> Result<(), VectorError> {
        let bytes = self.to_bytes()?;
        let partial = path.with_extension("partial");
        std::fs::write(&partial, bytes)
            .and_then(|()| std::fs::rename(&partial, path))
            .map_err(|e| VectorError::Unreadable {
                file: path.display().to_string(),
                reason: e.to_string(),
            })
    }

    /// Width d of the directions.
    pub fn width(&self) -> usize {
        self.directions.values().next().map_or(0, Vec::len) / self.rank.max(1)
    }

    /// Direction at a block, `(rank, d)` values.
    pub fn direction(&self, block: BlockIndex) -> Result<&[f32], VectorError> {
        self.directions
            .get(&block.0)
            .map(Vec::as_slice)
            .ok_or_else(|| {
                let blocks: Vec<String> = self.directions.keys().map(ToString::to_string).collect();
                let available = match blocks.as_slice() {
                    [] => "none".to_owned(),
                    [one] => format!("block {one}"),
                    many => format!("blocks {}", many.join(", ")),
                };
                VectorError::LayerMissing {
                    name: self.name.clone(),
                    block,
                    available,
                }
            })
    }

    /// Euclidean norm of the (first) direction at a block; `None` where there is no direction.
    pub fn norm(&self, block: BlockIndex) -> Option<f32> {
        let direction = self.directions.get(&block.0)?;
        Some(
            direction[..self.width()]
                .iter()
                .map(|x| f64::from(*x).powi(2))
                .sum::<f64>()
                .sqrt() as f32,
        )
    }

    /// Norms at blocks `0..n_blocks`.
    pub fn norms(&self, n_blocks: usize) -> Vec<Option<f32>> {
        (0..n_blocks).map(|b| self.norm(BlockIndex(b))).collect()
    }

    /// Identity: SHA-256 over block indices and tensor bytes, hex. Metadata do not enter.
    ///
    /// Unlike [`SteeringVector::tensor_sha256`] it tells the same rows stored at other blocks apart.
    pub fn id(&self) -> String {
        let mut hash = Sha256::new();
        for (block, direction) in &self.directions {
            hash.update((*block as u64).to_le_bytes());
            hash.update(bytes_of(direction));
        }
        if self.rank > 1 {
            hash.update((self.rank as u64).to_le_bytes());
        }
        hex(&hash.finalize())
    }

    /// SHA-256 over the tensor bytes alone in the order of the file, hex.
    pub fn tensor_sha256(&self) -> String {
        let mut hash = Sha256::new();
        for direction in format::native::file_order(self).into_values() {
            hash.update(bytes_of(direction));
        }
        hex(&hash.finalize())
    }

    /// The vector −v: every value negated, everything else kept.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let negate = |(b, v): (&usize, &Vec<f32>)| (*b, v.iter().map(|x| -x).collect());
        let mut metadata = self.metadata.clone();
        metadata.remove(meta::SHA256);
        Self {
            name: self.name.clone(),
            edit: self.edit,
            rank: self.rank,
            directions: self.directions.iter().map(negate).collect(),
            metadata,
        }
    }

    /// Extraction method, if the file says.
    pub fn method(&self) -> Option<&str> {
        self.metadata.get(meta::METHOD).map(String::as_str)
    }

    /// Block the file recommends, if it has a direction there.
    pub fn recommended_block(&self) -> Option<BlockIndex> {
        let block = self
            .metadata
            .get(meta::RECOMMENDED_LAYER)?
            .trim()
            .parse()
            .ok()?;
        self.directions
            .contains_key(&block)
            .then_some(BlockIndex(block))
    }

    /// Refuses an operator that cannot use the directions there are.
    pub fn check_edit(&self, edit: Edit) -> Result<(), VectorError> {
        if fits(edit, self.rank * self.width(), self.width()) {
            return Ok(());
        }
        Err(VectorError::Rank {
            file: self.name.clone(),
            operator: edit.operator,
            rank: self.rank,
        })
    }
}

/// A file with a row for each position is no direction.
pub(super) fn refuse_position_rows(file: &str, bytes: &[u8]) -> Result<(), VectorError> {
    if PositionRows::recognise(bytes) {
        return Err(VectorError::PositionRows {
            file: file.to_owned(),
        });
    }
    Ok(())
}

/// Little-endian bytes of a direction.
pub(super) fn bytes_of(direction: &[f32]) -> Vec<u8> {
    direction.iter().flat_map(|x| x.to_le_bytes()).collect()
}

pub(super) fn check_directions(
    file: &str,
    edit: Edit,
    rank: usize,
    directions: &BTreeMap<usize, Vec<f32>>,
) -> Result<(), VectorError> {
    let Some(width) = directions.values().next().map(Vec::len) else {
        return Err(VectorError::FormatUnknown {
            file: file.to_owned(),
            found: "no directions".to_owned(),
        });
    };
    let (least, most) = edit.operator.ranks();
    if !(least..=most).contains(&rank) || !width.is_multiple_of(rank) {
        return Err(VectorError::Rank {
            file: file.to_owned(),
            operator: edit.operator,
            rank,
        });
    }
    for (&block, direction) in directions {
        let (file, block) = (file.to_owned(), BlockIndex(block));
        if direction.len() != width {
            return Err(VectorError::MixedWidths {
                file,
                a: width,
                b: direction.len(),
            });
        }
        let count = direction.iter().filter(|x| !x.is_finite()).count();
        if count > 0 {
            return Err(VectorError::NonFinite { file, block, count });
        }
        let d = (width / rank).max(1);
        if width == 0 || direction.chunks(d).any(|v| v.iter().all(|x| *x == 0.0)) {
            return Err(VectorError::ZeroVector { file, block });
        }
        if rank > 1 && !is_orthonormal(direction, d, 1e-3) {
            return Err(VectorError::Basis { file, block });
        }
    }
    Ok(())
}
