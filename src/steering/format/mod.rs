//! Vector files of every tool in use: recognised by content, read into one record at canonical blocks,
//! written for other tools. One module per format; nothing that a file holds is executed.

mod array;
mod cards;
mod error;
mod export;
mod folders;
mod foreign;
mod gguf;
mod imported;
mod johny_b;
mod json;
mod keys;
mod literal;
mod lm_eval;
mod matrix;
pub(super) mod native;
mod npy;
mod npz;
mod objects;
mod options;
mod pickle;
mod pyreft;
mod raw;
mod reading;
mod sae;
mod services;
mod source;
mod svec;
mod torch;
mod zipped;

use std::path::Path;

use super::error::VectorError;
pub use error::FormatError;
pub use export::{ExportOptions, Exported, Target, export};
pub use imported::{ImportWarning, Imported, LayerRead, VectorFormat};
pub use options::{ImportOptions, Location, MAX_TENSOR_BYTES, ModelShape, RowsAre};
use reading::{Reading, place};
use source::{MAX_BYTES, MAX_JSON, Opened, parse_json, read_whole};
use zipped::Zipped;

/// What a reader is told beside the bytes.
#[derive(Clone, Copy)]
struct Context<'a> {
    /// The file in messages.
    file: &'a str,
    /// Its name without folder and ending.
    stem: &'a str,
    options: &'a ImportOptions,
}

impl Context<'_> {
    /// The block told for a file that carries none.
    fn layer(&self) -> Result<i64, VectorError> {
        match self.options.layer {
            Some(layer) => Ok(i64::try_from(layer).unwrap_or(i64::MAX)),
            None => Err(FormatError::LayerUnknown {
                file: self.file.to_owned(),
                hint: keys::hint(self.stem),
            }
            .into()),
        }
    }

    fn unknown(&self, found: &str) -> VectorError {
        VectorError::FormatUnknown {
            file: self.file.to_owned(),
            found: found.to_owned(),
        }
    }
}

/// Reads a vector from a file or directory of any known format.
///
/// What a file does not say is an error for which [`VectorError::asks`] holds and whose message names
/// the flag that answers; numbers are never rescaled.
///
/// # Errors
/// Not a vector, damaged, beyond a limit, or not certain without an answer.
pub fn import(path: &Path, options: &ImportOptions) -> Result<Imported, VectorError> {
    let file = path.display().to_string();
    let stem = stem(path);
    let context = Context {
        file: &file,
        stem: &stem,
        options,
    };
    if path.is_dir() {
        let kind = folders::recognise(path)
            .ok_or_else(|| context.unknown("a directory of none of the known tools"))?;
        let reading = folders::read(path, kind, &context)?;
        return place(reading, &file, &stem, None, options);
    }
    if let Some((folder, kind)) = folders::of_part(path) {
        let stem = folder_name(&folder);
        let reading = folders::read(&folder, kind, &context)?;
        return place(reading, &file, &stem, source::sha256(path)?, options);
    }
    let reading = read_file(path, options)?;
    let hash = match reading.format {
        VectorFormat::Native => None,
        _ => source::sha256(path)?,
    };
    place(reading, &file, &stem, hash, options)
}

/// Reads a vector held in memory; `name` stands for the file in messages and is the vector's name
/// unless the data carry one.
///
/// # Errors
/// As [`import`].
pub fn import_bytes(
    name: &str,
    bytes: &[u8],
    options: &ImportOptions,
) -> Result<Imported, VectorError> {
    let context = Context {
        file: name,
        stem: name,
        options,
    };
    let reading = if bytes.starts_with(ZIP) {
        archive(Opened::bytes(name, bytes.to_vec()), &context)?
    } else {
        whole(None, bytes, &context)?
    };
    let hash = source::sha256_of(bytes);
    place(reading, name, name, Some(hash), options)
}

/// Whether a directory is one that a known tool writes for a vector.
pub fn is_vector_folder(path: &Path) -> bool {
    folders::recognise(path).is_some()
}

const ZIP: &[u8] = b"PK\x03\x04";

/// What a file holds, layers not yet placed.
fn read_file(path: &Path, options: &ImportOptions) -> Result<Reading, VectorError> {
    let file = path.display().to_string();
    let stem = stem(path);
    let context = Context {
        file: &file,
        stem: &stem,
        options,
    };
    let mut opened = Opened::path(path)?;
    let head = opened.range(0, opened.len.min(4))?;
    if head == ZIP {
        let card = path.with_extension("json");
        let card = (options.layer.is_none() && card.is_file())
            .then(|| source::read_json(&card, "card").ok())
            .flatten();
        return match card {
            Some(value) if cards::is_steering_llm(&value) => {
                cards::steering_llm(path, &value, &context)
            }
            _ => archive(opened, &context),
        };
    }
    let bytes = read_whole(path, MAX_BYTES)?;
    whole(Some(path), &bytes, &context)
}

/// Everything in a zip archive.
fn archive(opened: Opened, context: &Context<'_>) -> Result<Reading, VectorError> {
    let zip = Zipped::open(opened)?;
    let names = zip.names();
    if let Some(root) = torch::root(&names) {
        return torch::read(zip, &root, context);
    }
    if !names.is_empty() && names.iter().all(|n| npz::array_name(n).is_some()) {
        return npz::read(zip, &names, context);
    }
    Err(context.unknown("a zip archive without data.pkl and with other files than arrays"))
}

/// Everything that is read whole; `path` leads to files beside it.
fn whole(path: Option<&Path>, bytes: &[u8], context: &Context<'_>) -> Result<Reading, VectorError> {
    if bytes.starts_with(gguf::MAGIC) {
        return gguf::read(context.file, bytes, context.options);
    }
    if bytes.starts_with(npy::MAGIC) {
        let array = npy::read(context.file, bytes, context.options.max_tensor_bytes)?;
        return matrix::read(array, VectorFormat::Npy, context);
    }
    if native::recognise(bytes) {
        return native::read(bytes, context);
    }
    if matches!(bytes, [0x80, 1..=5, ..]) {
        return torch::read_pickle(bytes, context);
    }
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let first = text.iter().find(|b| !b.is_ascii_whitespace());
    if matches!(first, Some(b'{' | b'[')) && text.len() as u64 <= MAX_JSON {
        return json_file(path, bytes, context);
    }
    if let Some(reading) = raw::read(bytes, context)? {
        return Ok(reading);
    }
    Err(context.unknown(&match bytes {
        [] => "the file is empty".to_owned(),
        _ => format!(
            "starts with {}",
            super::hex(bytes.get(..8).unwrap_or(bytes))
        ),
    }))
}

fn json_file(
    path: Option<&Path>,
    bytes: &[u8],
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let value = parse_json(context.file, "JSON file", bytes)?;
    if svec::recognise(&value) {
        return svec::read(&value, context);
    }
    if services::is_neuronpedia(&value) {
        return services::neuronpedia(&value, context);
    }
    if let Some(path) = path {
        if cards::is_steering_llm(&value) {
            return cards::steering_llm(path, &value, context);
        }
        if cards::is_vllm_hook(&value) {
            return cards::vllm_hook(path, &value, context);
        }
        if services::is_easysteer(&value) {
            return services::easysteer(path, &value, context);
        }
    }
    Err(context.unknown("JSON of none of the known tools"))
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(
        || path.display().to_string(),
        |s| s.to_string_lossy().into_owned(),
    )
}

fn folder_name(folder: &Path) -> String {
    folder
        .file_name()
        .map_or_else(|| "vector".to_owned(), |s| s.to_string_lossy().into_owned())
}
