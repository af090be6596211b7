//! Opening what the flags name: model, vector, data set, site.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::ModelArgs;
use super::output::{Ending, Progress};
use crate::engine::Model;
use crate::hub::{self, HubError, HubId, HubSettings, Step};
use crate::runtime::Paths;
use crate::steering::SteeringVector;
use crate::steering::dataset::{Dataset, LoadOptions};
use crate::steering::format::{ImportOptions, ModelShape, VectorFormat};
use crate::units::{BlockIndex, DeviceChoice};
use crate::worker::{
    Library, LibraryError, LocalModel, Whereabouts, model_name, neither, open_model,
};

/// A model with its display name.
pub(super) struct Opened {
    pub(super) model: Arc<Model>,
    pub(super) name: String,
}

/// The model of a command; on a device other than the CPU a remark says which.
pub(super) fn model(args: &ModelArgs) -> Result<Opened, Ending> {
    let (source, device) = (&args.model, args.device);
    let local = match Whereabouts::find(source) {
        Whereabouts::Here(local) => local,
        Whereabouts::Hub(id) => LocalModel::Path(fetched(&id)?),
    };
    let model = open_model(&local, device).map_err(failed)?;
    let words = model.device();
    if device != DeviceChoice::Cpu && !words.starts_with("cpu") {
        remark(&format!(
            "computing on {words}, weights in {}",
            model.precision().name()
        ));
    }
    Ok(Opened {
        model: Arc::new(model),
        name: model_name(source),
    })
}

/// The directory of a model of the hub, fetched with a progress line if need be.
fn fetched(id: &HubId) -> Result<PathBuf, Ending> {
    let settings = HubSettings::from_env().ok_or_else(|| failed(HubError::NoCache))?;
    let mut line: Option<(usize, Progress)> = None;
    let mut progress = |step: Step<'_>| {
        if line.as_ref().is_none_or(|(file, _)| *file != step.number) {
            line = Some((step.number, Progress::start("fetching, MiB")));
        }
        if let Some((_, line)) = &mut line {
            line.update((step.done >> 20) as usize, (step.size >> 20) as usize);
        }
    };
    let fetched = hub::fetch(id, &settings, &mut progress, &|| false)
        .map_err(|e| Ending::Failed(neither(id, &e)))?;
    drop(line);
    if let Some(stale) = fetched.stale {
        remark(&format!(
            "{stale}; using commit {} from the cache",
            fetched.commit
        ));
    }
    Ok(fetched.path)
}

pub(super) fn library() -> Library {
    Library::new(Some(Paths::find().data))
}

/// A vector that fits the model; remarks go to standard error. What its file says and where it was
/// placed is a remark too, unless the file is our own.
pub(super) fn vector(text: &str, opened: &Opened) -> Result<SteeringVector, Ending> {
    vector_with(text, opened, &ImportOptions::default())
}

/// The same with answers to what its file does not say.
pub(super) fn vector_with(
    text: &str,
    opened: &Opened,
    answers: &ImportOptions,
) -> Result<SteeringVector, Ending> {
    let library = library();
    let asset = library.vector_asset(text);
    let model = &opened.model;
    let options = ImportOptions {
        model: Some(ModelShape {
            n_blocks: model.n_blocks(),
            hidden_size: model.hidden_size(),
        }),
        ..*answers
    };
    let imported = library.import_vector(&asset, &options).map_err(|error| {
        let asked = matches!(&error, LibraryError::Vector(e) if e.asks());
        if asked {
            Ending::Usage(format!(
                "{error}; 'steerscope vectors convert' takes these flags and writes a file that needs none"
            ))
        } else {
            failed(error)
        }
    })?;
    if imported.format != VectorFormat::Native {
        remark(&imported.sentence);
    }
    for warning in &imported.warnings {
        remark(&warning.to_string());
    }
    let vector = imported.vector;
    let warnings = vector
        .fit(
            &opened.name,
            model.hash(),
            model.n_blocks(),
            model.hidden_size(),
        )
        .map_err(failed)?;
    for warning in warnings {
        remark(&warning.to_string());
    }
    Ok(vector)
}

/// A data set; remarks go to standard error.
pub(super) fn dataset(text: &str) -> Result<Dataset, Ending> {
    dataset_with(text, LoadOptions::default())
}

/// The same, repeated prompts kept or dropped.
pub(super) fn dataset_with(text: &str, options: LoadOptions) -> Result<Dataset, Ending> {
    let library = library();
    let asset = library.dataset_asset(text);
    let dataset = (library.load_dataset_with(&asset, options)).map_err(failed)?;
    for warning in &dataset.warnings {
        remark(&warning.to_string());
    }
    Ok(dataset)
}

/// The block asked for, else the vector's recommendation, else 0.42 of the depth.
pub(super) fn block(
    asked: Option<BlockIndex>,
    vector: &SteeringVector,
    opened: &Opened,
) -> Result<BlockIndex, Ending> {
    let n = opened.model.n_blocks();
    if let Some(BlockIndex(b)) = asked.filter(|b| b.0 >= n) {
        return Err(Ending::Failed(format!(
            "'{}' has blocks 0 to {}; there is no block {b}",
            opened.name,
            n.saturating_sub(1)
        )));
    }
    let block = asked
        .or_else(|| vector.recommended_block())
        .unwrap_or_else(|| BlockIndex::start_of(n));
    vector.direction(block).map_err(failed)?;
    Ok(block)
}

/// Refuses to replace a file unless told to.
pub(super) fn may_write(path: &Path, force: bool) -> Result<(), Ending> {
    if path.exists() && !force {
        return Err(Ending::Failed(format!(
            "'{}' exists already; give another name, or --force to replace it",
            path.display()
        )));
    }
    Ok(())
}

pub(super) fn failed(error: impl std::fmt::Display) -> Ending {
    Ending::Failed(error.to_string())
}

/// A remark beside the result.
pub(super) fn remark(text: &str) {
    use std::io::Write as _;
    // Remarks are not worth failing for when standard error is closed.
    let _ = writeln!(std::io::stderr(), "note: {}", crate::text::one_line(text));
}
