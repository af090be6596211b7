//! Directories: which tool's they are, and the two whose readers are a few lines.

use std::path::{Path, PathBuf};

use super::super::error::VectorError;
use super::array::Array;
use super::imported::VectorFormat;
use super::json::Object;
use super::reading::{Found, Reading};
use super::source::{failed, read_json};
use super::{Context, johny_b, matrix, pyreft, sae};

/// What a directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folder {
    JohnyB,
    RefusalDirection,
    Sae,
    EasyEdit,
    Pyreft,
}

/// Recognises a directory by its files.
pub(super) fn recognise(folder: &Path) -> Option<Folder> {
    let has = |name: &str| folder.join(name).is_file();
    if has("vector.npy") && has("meta.json") {
        return Some(Folder::JohnyB);
    }
    if has("direction.pt") && has("direction_metadata.json") {
        return Some(Folder::RefusalDirection);
    }
    if has("cfg.json") && has("sae_weights.safetensors") {
        return Some(Folder::Sae);
    }
    let names = names(folder).unwrap_or_default();
    if has("config.json") && names.iter().any(|n| pyreft::is_weights(n)) {
        return Some(Folder::Pyreft);
    }
    (names.iter().any(|n| easyedit_layer(n).is_some())).then_some(Folder::EasyEdit)
}

/// The directory that a file is the main part of.
pub(super) fn of_part(path: &Path) -> Option<(PathBuf, Folder)> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent()?;
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let kind = recognise(folder)?;
    let part = match kind {
        Folder::JohnyB => name == "vector.npy" || name == "meta.json",
        Folder::RefusalDirection => name == "direction.pt" || name == "direction_metadata.json",
        Folder::Sae => name == "sae_weights.safetensors" || name == "cfg.json",
        Folder::EasyEdit | Folder::Pyreft => false,
    };
    part.then(|| (folder.to_path_buf(), kind))
}

pub(super) fn read(
    folder: &Path,
    kind: Folder,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    match kind {
        Folder::JohnyB => johny_b::read(folder, context),
        Folder::RefusalDirection => refusal_direction(folder, context),
        Folder::Sae => sae::directory(folder, context),
        Folder::EasyEdit => easyedit(folder, context),
        Folder::Pyreft => pyreft::read(folder, context),
    }
}

fn names(folder: &Path) -> Result<Vec<String>, VectorError> {
    let file = folder.display().to_string();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| failed(&file, &e))? {
        let entry = entry.map_err(|e| failed(&file, &e))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// `direction.pt` `[d]`; layer L of `direction_metadata.json` is what enters block L. Its own tool also
/// removes it at every block.
fn refusal_direction(folder: &Path, context: &Context<'_>) -> Result<Reading, VectorError> {
    let json = read_json(
        &folder.join("direction_metadata.json"),
        "direction_metadata.json",
    )?;
    let object = Object::new(context.file, "direction_metadata.json", &json)?;
    let layer = object.int("layer")?;
    let array = bare(&folder.join("direction.pt"), context)?;
    let values = array.direction(context.file, "direction.pt")?;
    let mut reading = Reading::new(
        VectorFormat::RefusalDirection,
        "refusal_direction",
        "block input",
    );
    if let Some(position) = object.fact("pos") {
        reading.fact("position", position);
    }
    reading.found = vec![Found::at(
        layer.to_string(),
        layer.saturating_sub(1),
        values,
    )];
    reading.warn(
        "ablation-everywhere",
        "its own tool adds it at one block and removes it at every block; here one block is edited",
    );
    Ok(reading)
}

/// The layer of `layer_{L}.pt`.
fn easyedit_layer(name: &str) -> Option<i64> {
    let digits = name.strip_prefix("layer_")?.strip_suffix(".pt")?;
    digits.parse().ok().filter(|l| *l >= 0)
}

/// `layer_{L}.pt` per layer, `[d]`, or `[k, d]` of which one row is chosen.
fn easyedit(folder: &Path, context: &Context<'_>) -> Result<Reading, VectorError> {
    let mut reading = Reading::new(VectorFormat::EasyEdit, "EasyEdit2", "layer_{L}.pt");
    for name in names(folder)? {
        let Some(layer) = easyedit_layer(&name) else {
            continue;
        };
        let array = bare(&folder.join(&name), context)?;
        let values = matrix::row(array, context)?;
        (reading.found).push(Found::at(layer.to_string(), layer, values));
    }
    reading.found.sort_by_key(|f| f.applied);
    Ok(reading)
}

/// The bare tensor of a `PyTorch` file beside others.
pub(super) fn bare(path: &Path, context: &Context<'_>) -> Result<Array, VectorError> {
    super::torch::bare(path, context.options.max_tensor_bytes)
}
