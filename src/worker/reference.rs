//! What stands beside the steered text: the direction or the prompt of a control, with its name.

use std::sync::Arc;

use super::bench::{Bench, Loaded};
use super::catalog::Library;
use super::generate::prompt_ids;
use super::job::Desk;
use super::mailbox::Mailbox;
use super::study::{STUDY_THREAD, pairs_of};
use crate::engine::Model;
use crate::measure::controls::{Control, ControlDirection, drawn, length, other, shuffled};
use crate::measure::shift::{SentenceFile, Sentences};
use crate::protocol::{Asset, ChatFormat, GenerateRequest, Reference};
use crate::steering::SteeringVector;
use crate::steering::format::{ImportOptions, ModelShape};
use crate::units::BlockIndex;

/// Seed of all control directions; that of the measured controls.
const SEED: u64 = 0;

/// What the lane beside the steered one is made of.
#[derive(Debug, Clone)]
pub(crate) enum Left {
    /// The model as it is.
    Unsteered,
    /// Another direction in the vector's place, and its name.
    Direction(Arc<[f32]>, String),
    /// Another prompt and what ends its continuation, and the system text.
    Prompt(Vec<u32>, Vec<u32>, String),
    /// It cannot be made, or not yet.
    Refused(String),
}

/// Resolves what a request wants beside the steered text. Where pairs have to be read first, they are
/// read on a thread of their own, and [`Mailbox::pairs_read`] tells the end.
pub(crate) fn resolve(
    request: &GenerateRequest,
    library: &Library,
    desk: &mut Desk,
    mailbox: &Arc<Mailbox>,
) -> Left {
    let Some(model) = desk.model.clone() else {
        return Left::Unsteered;
    };
    let resolved = match &request.reference {
        Reference::Unsteered => Ok(Left::Unsteered),
        Reference::SystemText(dataset) => prompted(&model, request, dataset),
        control => direction(control, request, library, desk, &model, mailbox),
    };
    resolved.unwrap_or_else(Left::Refused)
}

fn prompted(model: &Model, request: &GenerateRequest, dataset: &str) -> Result<Left, String> {
    let bundled = SentenceFile::bundled().map_err(|e| e.to_string())?;
    let known = bundled.get(dataset).cloned();
    let sentences = known.unwrap_or_else(|| Sentences::from_name(dataset));
    let words = sentences.positive;
    let (ids, stop) = match &request.chat {
        Some(_) => {
            let system = ChatFormat {
                system: Some(words.clone()),
            };
            prompt_ids(model, &request.prompt, Some(&system))
        }
        // As prompt settings word a base model's prompts.
        None => prompt_ids(model, &format!("{words}\n\n{}", request.prompt), None),
    }
    .map_err(|e| e.to_string())?;
    Ok(Left::Prompt(ids, stop, words))
}

fn direction(
    control: &Reference,
    request: &GenerateRequest,
    library: &Library,
    desk: &mut Desk,
    model: &Arc<Model>,
    mailbox: &Arc<Mailbox>,
) -> Result<Left, String> {
    let none = || "no vector is loaded".to_owned();
    let steering = request.steering.as_ref().ok_or_else(none)?;
    let vector = desk.vector.clone().ok_or_else(none)?;
    let own = vector
        .direction(steering.block)
        .map_err(|e| e.to_string())?;
    if vector.rank > 1 {
        return Err("controls stand in for one direction; this vector has several".to_owned());
    }
    let named = |c: &ControlDirection| match (control, &c.control) {
        (Reference::Reversed, Control::Reversed) | (Reference::Permuted, Control::Permuted) => true,
        (Reference::Random, Control::Random(k))
        | (Reference::Orthogonal, Control::Orthogonal(k)) => *k == 0,
        _ => false,
    };
    let found = match control {
        Reference::Shuffled(dataset) => {
            let loaded = desk.bench.as_ref().map(Bench::loaded);
            let loaded = loaded.ok_or("no data set is loaded")?;
            let key = (loaded.id.clone(), steering.block.0);
            let Some(pairs) = desk.shelf.pairs(&key) else {
                return Err(read_pairs(
                    key,
                    dataset,
                    loaded,
                    (library, desk, model, mailbox),
                ));
            };
            let pairs = pairs.as_ref().as_ref().map_err(Clone::clone)?;
            shuffled(pairs, length(own), 1, SEED).into_iter().next()
        }
        Reference::Other(asset) => {
            let theirs = load(asset, library, desk, model)?;
            let there = theirs
                .direction(steering.block)
                .map_err(|e| e.to_string())?;
            other(&theirs.name, there, own)
        }
        _ => drawn(own, 1, SEED).into_iter().find(named),
    };
    let found = found.ok_or("this control has no direction here")?;
    let words = match control {
        Reference::Random | Reference::Orthogonal => format!("seed {SEED}"),
        Reference::Other(_) => found.control.name(),
        Reference::Shuffled(dataset) => format!("of {}, seed {SEED}", dataset.label()),
        _ => String::new(),
    };
    Ok(Left::Direction(found.direction.into(), words))
}

fn load(
    asset: &Asset,
    library: &Library,
    desk: &Desk,
    model: &Model,
) -> Result<SteeringVector, String> {
    let (n_blocks, hidden_size) = (model.n_blocks(), model.hidden_size());
    let options = ImportOptions {
        model: Some(ModelShape {
            n_blocks,
            hidden_size,
        }),
        ..ImportOptions::default()
    };
    let vector = library
        .import_vector(asset, &options)
        .map_err(|e| e.to_string())?
        .vector;
    vector
        .fit(&desk.model_name, model.hash(), n_blocks, hidden_size)
        .map_err(|e| e.to_string())?;
    Ok(vector)
}

/// Starts to read pairs, unless some are being read; returns what to say meanwhile.
fn read_pairs(
    key: (String, usize),
    dataset: &Asset,
    loaded: Loaded,
    (library, desk, model, mailbox): (&Library, &mut Desk, &Arc<Model>, &Arc<Mailbox>),
) -> String {
    let words = format!("reading the pairs of {}", dataset.label());
    // One data set and block at a time; what is wanted then is asked for again at its end.
    if desk.reading {
        return words;
    }
    let (library, model, dataset) = (library.clone(), Arc::clone(model), dataset.clone());
    let (shelf, mailbox) = (desk.shelf.clone(), Arc::clone(mailbox));
    let started = std::thread::Builder::new()
        .name(STUDY_THREAD.to_owned())
        .stack_size(16 << 20)
        .spawn(move || {
            let (block, cancel) = (BlockIndex(key.1), mailbox.closing_cancel());
            shelf.read_pairs(key, || {
                let asked = &loaded.asked;
                let set = library
                    .load_dataset_with(&dataset, asked.load_options())
                    .map_err(|e| Some((e.id(), e.to_string())))?;
                if set.id != loaded.set.dataset_id {
                    let words = "another data set is loaded by now".to_owned();
                    return Err(Some(("dataset-replaced", words)));
                }
                pairs_of(&model, (&set, asked), block, &mut |_, _| {}, &cancel)
            });
            mailbox.pairs_read();
        });
    match started {
        Ok(_) => {
            desk.reading = true;
            words
        }
        Err(error) => error.to_string(),
    }
}
