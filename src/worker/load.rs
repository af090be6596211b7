//! Loads: a model, a vector, a data set. A failed one changes nothing.

use std::sync::Arc;

use super::asked::{asked, words};
use super::bench::{Bench, Rows};
use super::catalog::{Library, LibraryError};
use super::job::{Desk, Emit, failure};
use super::mailbox::{Load, Mailbox};
use super::making;
use super::prompt;
use super::source::{LocalModel, model_name, open_model};
use super::study::part;
use super::survey;
use crate::engine::{Cancel, EngineError, Model};
use crate::measure::{MeasureError, Template};
use crate::protocol::{
    Asking, Asset, CHAT_UNUSABLE, ChatSupport, DatasetInfo, Event, ExtractSource, Failure,
    ImportQuestion, InputItem, ModelInfo, ModelSource, Stage, VectorInfo,
};
use crate::steering::dataset::Example;
use crate::steering::format::{ImportOptions, ModelShape, VectorFormat};
use crate::units::RunId;

pub(super) fn perform(
    load: &Load,
    library: &Library,
    desk: &mut Desk,
    mailbox: &Mailbox,
    emit: Emit<'_>,
) {
    let cancel = mailbox.closing_cancel();
    let (stage, done) = match load {
        Load::Model(source, found) => (
            Stage::LoadModel,
            self::model(source, found, desk, emit).map_err(|e| (e.id(), e.to_string())),
        ),
        Load::Survey(assets) => {
            survey::perform(assets, library, desk, emit);
            return;
        }
        Load::Prompt(run, prompt, chat) => (
            Stage::Generate,
            prompt::read(*run, prompt, chat.as_ref(), desk, emit)
                .map_err(|e| (e.id(), e.to_string())),
        ),
        Load::Source(run, source) => (
            Stage::LoadDataset,
            source_text(*run, source, library, desk, emit),
        ),
        Load::Save(asset, name) => (Stage::LoadVector, save(asset, name, library, emit)),
        Load::Vector(asset) => (Stage::LoadVector, vector(asset, library, desk, emit)),
        Load::Dataset(asset, asking) => (
            Stage::LoadDataset,
            dataset(asset, asking, library, desk, &cancel, emit),
        ),
    };
    if let Err((id, message)) = done
        && !cancel.is_cancelled()
    {
        let about = match load {
            Load::Model(source, _) => Some(Box::new(source.clone())),
            _ => None,
        };
        emit(Event::Failed(Failure {
            model: about,
            ..failure(stage, None, id, &message)
        }));
    }
    emit(Event::Idle(stage));
}

fn model(
    source: &ModelSource,
    found: &LocalModel,
    desk: &mut Desk,
    emit: Emit<'_>,
) -> Result<(), EngineError> {
    emit(Event::Progress {
        stage: Stage::LoadModel,
        done: 0,
        total: 0,
    });
    let model = open_model(found, desk.device)?;
    let config = model.config();
    let chat = match (model.chat(), model.chat_error()) {
        (Some(_), _) => ChatSupport::Template,
        (None, None) => ChatSupport::None,
        (None, Some(error)) => {
            // The model is of use without it.
            emit(Event::Failed(Failure {
                model: Some(Box::new(source.clone())),
                ..failure(Stage::LoadModel, None, CHAT_UNUSABLE, error)
            }));
            ChatSupport::Unusable
        }
    };
    let info = ModelInfo {
        name: model_name(source),
        hash: model.hash().to_string(),
        architecture: config.architecture.clone(),
        n_blocks: model.n_blocks(),
        hidden_size: model.hidden_size(),
        vocab_size: config.vocab_size,
        parameters: model.parameters(),
        max_positions: config.max_positions,
        dtype: model.precision().name().to_string(),
        device: model.device(),
        chat,
    };
    desk.replace_model(model, info.name.clone());
    emit(Event::ModelLoaded {
        source: source.clone(),
        info: Box::new(info),
    });
    Ok(())
}

type Refusal = (&'static str, String);

fn refuse(error: &LibraryError) -> Refusal {
    (error.id(), error.to_string())
}

/// Nothing but the model can be loaded before the model.
fn running(desk: &Desk) -> Result<Arc<Model>, Refusal> {
    let message = "no model is loaded; load a model first".to_string();
    desk.model.clone().ok_or(("no-model", message))
}

fn vector(
    asset: &Asset,
    library: &Library,
    desk: &mut Desk,
    emit: Emit<'_>,
) -> Result<(), Refusal> {
    let model = running(desk)?;
    let options = ImportOptions {
        model: Some(ModelShape {
            n_blocks: model.n_blocks(),
            hidden_size: model.hidden_size(),
        }),
        ..ImportOptions::default()
    };
    let imported = match library.import_vector(asset, &options) {
        Ok(imported) => imported,
        Err(error) => match error.question() {
            Some(open) => {
                // What flags answer on the command line is answered in a list here.
                let words = error.to_string();
                let words = words
                    .split("; give --")
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                let asset = asset.clone();
                emit(Event::Asked(Box::new(ImportQuestion {
                    asset,
                    open,
                    words,
                })));
                return Ok(());
            }
            None => return Err(refuse(&error)),
        },
    };
    let mut said: Vec<String> = imported.warnings.iter().map(ToString::to_string).collect();
    if imported.format != VectorFormat::Native {
        said.insert(0, imported.sentence);
    }
    let vector = imported.vector;
    let warnings = vector
        .fit(
            &desk.model_name,
            model.hash(),
            model.n_blocks(),
            model.hidden_size(),
        )
        .map_err(|e| (e.id(), e.to_string()))?;
    let info = VectorInfo {
        id: vector.id(),
        name: vector.name.clone(),
        asset: asset.clone(),
        method: vector.method().map(ToString::to_string),
        edit: vector.edit,
        rank: vector.rank,
        norms: vector.norms(model.n_blocks()),
        recommended_block: vector.recommended_block(),
        warnings: {
            said.extend(warnings.iter().map(ToString::to_string));
            said
        },
    };
    desk.vector = Some(Arc::new(vector));
    emit(Event::VectorLoaded(info));
    Ok(())
}

/// The first text of a source of vectors, token by token.
fn source_text(
    run: RunId,
    source: &ExtractSource,
    library: &Library,
    desk: &Desk,
    emit: Emit<'_>,
) -> Result<(), Refusal> {
    let model = running(desk)?;
    let (ids, layout) = making::first_text(source, library, &model)?;
    let tokens = prompt::of_layout(&model, &ids, &layout).map_err(|e| (e.id(), e.to_string()))?;
    emit(Event::PromptRead { run, tokens });
    Ok(())
}

fn save(asset: &Asset, name: &str, library: &Library, emit: Emit<'_>) -> Result<(), Refusal> {
    let path = library.save_vector(asset, name).map_err(|e| refuse(&e))?;
    emit(Event::Saved(path));
    emit(Event::Catalog {
        vectors: library.vectors(),
        datasets: library.datasets(),
    });
    Ok(())
}

fn dataset(
    asset: &Asset,
    asking: &Asking,
    library: &Library,
    desk: &mut Desk,
    cancel: &Cancel,
    emit: Emit<'_>,
) -> Result<(), Refusal> {
    let model = running(desk)?;
    emit(Event::Progress {
        stage: Stage::LoadDataset,
        done: 0,
        total: 0,
    });
    let told = |e: MeasureError| (e.id(), e.to_string());
    let asked = asked(&model, asking).map_err(|e| (e.id(), e.to_string()))?;
    let dataset = library
        .load_dataset_with(asset, asked.load_options())
        .map_err(|e| refuse(&e))?;
    let (rows, split) = part(&asked, &dataset, desk.inputs).map_err(told)?;
    if rows.is_empty() {
        return Err(("no-measurable-rows", texts_only(&dataset.name)));
    }
    let examples = asked.prompting.examples(&rows);
    let set = asked.prepared(&model, &dataset, &examples).map_err(told)?;
    let chat = asked.prompting.template() == Template::Chat;
    let items: Vec<InputItem> = set
        .inputs
        .iter()
        .map(|input| {
            let example = examples.iter().find(|e| e.row == input.row);
            // What stands around it in the chat format is the same for all.
            let said = example.filter(|_| chat).and_then(Example::prompt_text);
            InputItem {
                id: input.row,
                prompt: said.map_or(&*input.prompt, str::trim).to_owned(),
                positive: input.positive.clone(),
                negative: input.negative.clone(),
                positive_is_a: example.and_then(|e| e.positive_is_a),
                positive_is_yes: example.and_then(|e| e.positive_is_yes),
            }
        })
        .collect();
    let norms = asked.norms(&model, &dataset, cancel).map_err(told)?;
    let mut warnings: Vec<String> = dataset.warnings.iter().map(ToString::to_string).collect();
    warnings.extend(set.warnings());
    let id = asking.identify(&dataset.id);
    let info = DatasetInfo {
        id: id.clone(),
        name: dataset.name.clone(),
        asset: asset.clone(),
        asking: asking.clone(),
        words: Arc::new(words(&asked, &split)),
        format: dataset.format.name().to_string(),
        items: Arc::new(items),
        warnings,
        residual_norms: norms.clone(),
    };
    let rows = Rows {
        id,
        asked,
        set,
        examples,
        split,
        norms,
    };
    desk.bench = Some(Bench::new(&model, rows, desk.memory.live(&model)));
    emit(Event::DatasetLoaded(info));
    Ok(())
}

fn texts_only(name: &str) -> String {
    format!(
        "'{name}' holds pairs of whole texts, which serve for extraction only; to measure, load a data set with prompts and two answers"
    )
}
