//! What can be loaded: assets shipped inside the binary and the files of the user's data folder.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::shipped::{self, Shipped};
use crate::protocol::{Asset, CatalogEntry, Factor, VectorChange};
use crate::steering::dataset::{Dataset, DatasetError, LoadOptions};
use crate::steering::format::{
    ImportOptions, Imported, VectorFormat, import, import_bytes, is_vector_folder,
};
use crate::steering::{Card, SteeringVector, VectorError, meta};
use crate::units::OpenQuestion;

/// Endings of vector files; what such a file holds is recognised by content when it is loaded.
const VECTOR_ENDINGS: [&str; 8] = [
    "safetensors",
    "gguf",
    "pt",
    "pth",
    "npy",
    "npz",
    "svec",
    "json",
];

/// Why an asset could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// No shipped asset has this name.
    #[error(
        "there is no bundled {kind} '{name}'; 'steerscope list' shows what there is, a file is given by its path"
    )]
    Unknown {
        /// `vector` or `data set`.
        kind: &'static str,
        /// What was asked for.
        name: String,
    },
    /// The vector or its card was refused.
    #[error(transparent)]
    Vector(#[from] VectorError),
    /// The data set was refused.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
}

impl LibraryError {
    /// Stable kebab-case id.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "asset-unknown",
            Self::Vector(error) => error.id(),
            Self::Dataset(error) => error.id(),
        }
    }

    /// What a sound vector file leaves open, if it is that.
    pub fn question(&self) -> Option<OpenQuestion> {
        match self {
            Self::Vector(error) => error.question(),
            _ => None,
        }
    }
}

/// Everything that can be loaded by name.
#[derive(Debug, Clone)]
pub struct Library {
    /// The user's folder, with `vectors/` and `datasets/`.
    data: Option<PathBuf>,
}

impl Library {
    /// Shipped assets, and those of `data` if given.
    pub fn new(data: Option<PathBuf>) -> Self {
        Self { data }
    }

    /// Vectors, shipped ones first.
    pub fn vectors(&self) -> Vec<CatalogEntry> {
        let shipped = shipped::VECTORS
            .iter()
            .map(|s| entry(Asset::Bundled(s.name.to_string()), shipped_card(s)));
        let own = self.vector_files().into_iter().map(|path| {
            // A damaged card must not hide its vector; loading it says what is wrong.
            let card = Card::beside(&path).ok().flatten();
            entry(Asset::File(path), card)
        });
        shipped.chain(own).collect()
    }

    /// Data sets, shipped ones first.
    pub fn datasets(&self) -> Vec<CatalogEntry> {
        let shipped = shipped::DATASETS.iter().map(|s| CatalogEntry {
            asset: Asset::Bundled(s.name.to_string()),
            description: s.about.to_string(),
            companion: shipped::VECTORS
                .iter()
                .any(|v| v.name == s.name)
                .then(|| s.name.to_string()),
        });
        let files = self.files("datasets", &["jsonl", "json", "toml"]);
        shipped
            .chain(files.into_iter().map(|path| entry(Asset::File(path), None)))
            .collect()
    }

    /// A file of the user's folder, if it is there.
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        let path = self.data.as_ref()?.join(name);
        path.exists().then_some(path)
    }

    /// Vector files and directories of the user's folder, sorted.
    fn vector_files(&self) -> Vec<PathBuf> {
        let mut found = self.files("vectors", &VECTOR_ENDINGS);
        let folder = self.data.as_ref().map(|d| d.join("vectors"));
        let entries = folder.and_then(|f| fs::read_dir(f).ok());
        found.extend(
            entries
                .into_iter()
                .flatten()
                .filter_map(Result::ok)
                .map(|e| e.path())
                .filter(|p| p.is_dir() && is_vector_folder(p)),
        );
        found.sort();
        found.dedup();
        found
    }

    /// Files of a subfolder with one of `endings`, sorted. A missing folder holds none.
    fn files(&self, folder: &str, endings: &[&str]) -> Vec<PathBuf> {
        let Some(folder) = self.data.as_ref().map(|d| d.join(folder)) else {
            return Vec::new();
        };
        let listed = fs::read_dir(folder).and_then(|entries| {
            entries
                .map(|e| e.map(|e| e.path()))
                .collect::<io::Result<Vec<_>>>()
        });
        let mut files = listed.unwrap_or_default();
        files.retain(|p| {
            p.extension()
                .is_some_and(|e| endings.iter().any(|known| e.eq_ignore_ascii_case(known)))
        });
        files.sort();
        files
    }

    /// A vector by bundled name, by its name in the user's folder, or by path.
    pub fn vector_asset(&self, text: &str) -> Asset {
        choose(text, shipped::VECTORS, &self.vector_files())
    }

    /// A data set by bundled name, by its name in the user's folder, or by path.
    pub fn dataset_asset(&self, text: &str) -> Asset {
        choose(
            text,
            shipped::DATASETS,
            &self.files("datasets", &["jsonl", "json", "toml"]),
        )
    }

    /// Reads a vector. Where the file recommends no block, that of the card beside it counts.
    ///
    /// # Errors
    /// No such bundled vector, or the file is refused.
    pub fn load_vector(&self, asset: &Asset) -> Result<SteeringVector, LibraryError> {
        Ok(self.import_vector(asset, &ImportOptions::default())?.vector)
    }

    /// The same with what is to be told about the file and what is to be said about it.
    ///
    /// # Errors
    /// As [`load_vector`](Self::load_vector).
    pub fn import_vector(
        &self,
        asset: &Asset,
        options: &ImportOptions,
    ) -> Result<Imported, LibraryError> {
        let mut told = *options;
        for change in asset.changes() {
            if let VectorChange::Told(fact) = change {
                told = told.told(*fact);
            }
        }
        let options = &told;
        let (mut imported, card) = match asset.unchanged() {
            Asset::Changed(..) => {
                return Err(LibraryError::Unknown {
                    kind: "vector",
                    name: asset.label(),
                });
            }
            Asset::Bundled(name) => {
                let shipped = find("vector", shipped::VECTORS, name)?;
                let imported = import_bytes(shipped.name, shipped.bytes, options)?;
                (imported, shipped_card(shipped))
            }
            Asset::File(path) => (import(path, options)?, Card::beside(path)?),
        };
        let recommended = card.and_then(|c| c.recommended_layers.first().copied());
        // A card never recommends what was measured in another space.
        let usable = |b: &usize| {
            let marked =
                |l: &&crate::steering::format::LayerRead| l.placed == Some(*b) && l.post_final_norm;
            !imported.layers.iter().any(|l| marked(&l))
        };
        if let Some(block) = recommended.filter(usable) {
            let key = meta::RECOMMENDED_LAYER.to_string();
            imported
                .vector
                .metadata
                .entry(key)
                .or_insert_with(|| block.to_string());
        }
        if imported.format != VectorFormat::Native {
            let sentence = imported.sentence.clone();
            (imported.vector.metadata).insert("source_sentence".to_owned(), sentence);
        }
        for change in asset.changes() {
            let vector = &imported.vector;
            imported.vector = match change {
                VectorChange::Flip => vector.reversed(),
                VectorChange::Scale(Factor(factor)) => vector.scaled(*factor)?,
                VectorChange::Shift(by) => vector.shifted(*by)?,
                VectorChange::Rename(name) => vector.clone().renamed(name),
                VectorChange::Told(_) => continue,
            };
        }
        Ok(imported)
    }

    /// The card beside a vector, if there is one that can be read.
    pub(crate) fn card(asset: &Asset) -> Option<Card> {
        match asset.unchanged() {
            Asset::Bundled(name) => shipped_card(shipped::VECTORS.iter().find(|s| s.name == name)?),
            Asset::File(path) => Card::beside(path).ok().flatten(),
            Asset::Changed(..) => None,
        }
    }

    /// Writes a vector in the native format to `vectors/NAME.safetensors` of the user's folder. A file
    /// that is there is never replaced.
    ///
    /// # Errors
    /// No such folder, a name that is none of a file, a file of that name, a vector that is refused.
    pub(crate) fn save_vector(&self, asset: &Asset, name: &str) -> Result<PathBuf, LibraryError> {
        let vector = self.load_vector(asset)?.renamed(name);
        self.keep_vector(&vector, name)
    }

    /// The same for a vector in memory.
    ///
    /// # Errors
    /// Those of [`save_vector`](Self::save_vector).
    pub(crate) fn keep_vector(
        &self,
        vector: &SteeringVector,
        name: &str,
    ) -> Result<PathBuf, LibraryError> {
        let path = self.new_vector_file(name)?;
        vector.write(&path)?;
        Ok(path)
    }

    /// Where a new vector of that name is to be written, its folder made.
    ///
    /// # Errors
    /// No data folder, a name that is none of a file, a file of that name.
    pub(crate) fn new_vector_file(&self, name: &str) -> Result<PathBuf, LibraryError> {
        let refused = |reason: &str| VectorError::Unreadable {
            file: format!("{name}.safetensors"),
            reason: reason.to_owned(),
        };
        let folder = (self.data.as_ref()).ok_or_else(|| refused("there is no data folder"))?;
        let plain = |c: char| c.is_alphanumeric() || " _-+.".contains(c);
        if name.trim().is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            return Err(
                refused("use letters, digits, spaces, '_', '-', '+' and '.' for a name").into(),
            );
        }
        let folder = folder.join("vectors");
        let path = folder.join(format!("{name}.safetensors"));
        if path.exists() {
            return Err(
                refused("a vector of this name is there already; choose another name").into(),
            );
        }
        fs::create_dir_all(&folder).map_err(|e| refused(&e.to_string()))?;
        Ok(path)
    }

    /// The shipped data set that a vector's file names by hash, if it is one.
    pub fn dataset_of(&self, vector: &SteeringVector) -> Option<Dataset> {
        let hash = vector.metadata.get(meta::DATASET_SHA256)?;
        let shipped = shipped::DATASETS.iter();
        let mut sets =
            shipped.filter_map(|s| self.load_dataset(&Asset::Bundled(s.name.to_string())).ok());
        sets.find(|set| set.id == *hash)
    }

    /// Reads a data set.
    ///
    /// # Errors
    /// No such bundled data set, or the file is refused.
    pub fn load_dataset(&self, asset: &Asset) -> Result<Dataset, LibraryError> {
        self.load_dataset_with(asset, LoadOptions::default())
    }

    /// Reads a data set, repeated prompts kept or dropped.
    ///
    /// # Errors
    /// No such bundled data set, or the file is refused.
    pub fn load_dataset_with(
        &self,
        asset: &Asset,
        options: LoadOptions,
    ) -> Result<Dataset, LibraryError> {
        match asset.unchanged() {
            Asset::Changed(..) => Err(LibraryError::Unknown {
                kind: "data set",
                name: asset.label(),
            }),
            Asset::Bundled(name) => {
                let shipped = find("data set", shipped::DATASETS, name)?;
                let (name, bytes) = (shipped.name, shipped.bytes);
                Ok(Dataset::parse(name, name, bytes, options)?)
            }
            Asset::File(path) => Ok(Dataset::load_with(path, options)?),
        }
    }
}

fn find(
    kind: &'static str,
    table: &'static [Shipped],
    name: &str,
) -> Result<&'static Shipped, LibraryError> {
    table
        .iter()
        .find(|s| s.name == name)
        .ok_or_else(|| LibraryError::Unknown {
            kind,
            name: name.to_string(),
        })
}

fn shipped_card(shipped: &Shipped) -> Option<Card> {
    Card::parse(shipped.name, shipped.card).ok()
}

fn entry(asset: Asset, card: Option<Card>) -> CatalogEntry {
    let card = card.unwrap_or_default();
    let description = card.description.or(card.title).unwrap_or_default();
    CatalogEntry {
        asset,
        description,
        companion: card.dataset,
    }
}

/// A name wins over a file of the same name only when there is no such file.
fn choose(text: &str, table: &[Shipped], own: &[PathBuf]) -> Asset {
    if Path::new(text).exists() {
        return Asset::File(PathBuf::from(text));
    }
    if let Some(path) = own
        .iter()
        .find(|p| p.file_stem().is_some_and(|s| s == text))
    {
        return Asset::File(path.clone());
    }
    let named = table.iter().any(|s| s.name == text);
    // Something that looks like a path is reported as a missing file, not as an unknown name.
    let looks_like_a_path = text.contains(['/', '\\', '.']);
    if named || !looks_like_a_path {
        Asset::Bundled(text.to_string())
    } else {
        Asset::File(PathBuf::from(text))
    }
}
