//! The engine thread's loop: look into the mailbox, do one slice of each job, repeat.

use std::path::PathBuf;
use std::sync::Arc;

use super::archive::Archive;
use super::bench::Bench;
use super::catalog::Library;
use super::fetch::{Fetch, News};
use super::gates::Gates;
use super::generate;
use super::lanes::Baselines;
use super::mailbox::{Load, Mail, Mailbox};
use super::measure;
use super::memory::Memory;
use super::probe::{self, KnownPairs};
use super::reference;
use super::source::{LocalModel, Whereabouts};
use super::study::{LastText, Shelf};
use super::studying::Studying;
use super::{Options, load};
use crate::engine::{Cancel, EngineError, Model};
use crate::hub::HubId;
use crate::protocol::{Event, Failure, Gated, GenerateRequest, ModelSource, Stage};
use crate::steering::SteeringVector;
use crate::units::{DeviceChoice, RunId};

/// Where events go.
pub(crate) type Emit<'a> = &'a dyn Fn(Event);

/// What is loaded. A failed load leaves all of it as it was.
pub(crate) struct Desk {
    pub(crate) model: Option<Arc<Model>>,
    pub(crate) model_name: String,
    pub(crate) vector: Option<Arc<SteeringVector>>,
    pub(crate) bench: Option<Bench>,
    pub(crate) baselines: Baselines,
    /// The last generation that ended, for going on from its prompt.
    pub(crate) last: Option<generate::Job>,
    /// Inputs of a data set that are measured live.
    pub(crate) inputs: usize,
    /// Where models are computed.
    pub(crate) device: DeviceChoice,
    /// How much of it computed prompts may take.
    pub(crate) memory: Memory,
    /// Results of earlier sessions, and for later ones.
    pub(crate) archive: Archive,
    /// What studies have computed and need again.
    pub(crate) shelf: Shelf,
    /// Pairs of the loaded vector.
    pub(crate) pairs: KnownPairs,
    /// Pairs behind shuffled labels are being read for a text.
    pub(crate) reading: bool,
    /// The text that was read last token by token.
    pub(crate) text: LastText,
    /// The condition on prompts.
    pub(crate) gates: Gates,
}

impl Desk {
    fn new(inputs: usize, device: DeviceChoice, memory: Memory, archive: Archive) -> Self {
        Self {
            model: None,
            model_name: String::new(),
            vector: None,
            bench: None,
            baselines: Baselines::default(),
            last: None,
            inputs,
            device,
            memory,
            archive,
            shelf: Shelf::default(),
            pairs: KnownPairs::default(),
            reading: false,
            text: LastText::default(),
            gates: Gates::default(),
        }
    }

    /// Another model: everything that belonged to the old one goes.
    pub(crate) fn replace_model(&mut self, model: Model, name: String) {
        *self = Self {
            model: Some(Arc::new(model)),
            model_name: name,
            ..Self::new(self.inputs, self.device, self.memory, self.archive.clone())
        };
    }
}

/// Runs until the mailbox says so.
pub(crate) fn work(mailbox: &Arc<Mailbox>, options: &Options, emit: Emit<'_>) {
    let library = Library::new(options.data.clone());
    emit(Event::Catalog {
        vectors: library.vectors(),
        datasets: library.datasets(),
    });
    let archive = Archive::open(options.store.as_deref());
    let mut desk = Desk::new(
        options.inputs,
        options.device,
        Memory::new(options.memory, options.quarter),
        archive,
    );
    let mut studying = Studying::default();
    let mut generating: Option<generate::Job> = None;
    let mut measuring: Option<measure::Job> = None;
    let mut probing: Option<probe::Job> = None;
    let mut fetching: Option<Fetch> = None;
    let mut generations = 0;
    loop {
        studying.hold(measuring.is_some());
        let busy = generating.is_some()
            || measuring.is_some()
            || probing.is_some()
            || studying.has_slices();
        let (mail, gives_way) = mailbox.take_with_slice(busy);
        let Mail {
            mut loads,
            generate,
            measure,
            study,
            probe: wanted_probe,
            words,
            model: wanted,
            news,
            pairs_read,
            shutdown,
        } = mail;
        if shutdown {
            desk.archive.close();
            return;
        }
        if let Some(wanted) = wanted {
            // Dropping a fetch stops it.
            if fetching.take().is_some() {
                emit(Event::Idle(Stage::Fetch));
            }
            match Whereabouts::find(&wanted) {
                Whereabouts::Here(found) => loads.push_front(Load::Model(wanted, found)),
                Whereabouts::Hub(id) => fetching = start_fetch(id, mailbox, emit),
            }
        }
        if let Some((id, path)) = news.and_then(|news| hear(news, &mut fetching, emit)) {
            let found = LocalModel::Path(path);
            loads.push_back(Load::Model(ModelSource::Hub(id), found));
        }
        for load in loads {
            if let Load::Model(source, _) = &load {
                if matches!(source, ModelSource::Hub(_)) {
                    mailbox.replaced();
                }
                stop_generation(&mut generating, &mut desk, emit);
                measuring = None;
                probing = None;
            }
            load::perform(&load, &library, &mut desk, mailbox, emit);
        }
        probing = probing.filter(|job| !job.is_stale());
        if let Some(request) = wanted_probe {
            probing = probe::Job::start(&request, &mut desk, &library, mailbox, emit);
        }
        // A newer request (or a stop) has moved the newest id past the running job's.
        if generating
            .as_ref()
            .is_some_and(|j| mailbox.generate_cancel(j.run()).is_cancelled())
        {
            stop_generation(&mut generating, &mut desk, emit);
        }
        if measuring
            .as_ref()
            .is_some_and(|j| mailbox.measure_cancel(j.run()).is_cancelled())
        {
            measuring = None;
            measure::idle(emit);
        }
        if pairs_read {
            desk.reading = false;
            emit(Event::PairsRead);
        }
        if let Some(request) = generate {
            generations += 1;
            assert!(
                !(options.crash && generations == 2),
                "asked to panic on the second generation"
            );
            generating = start_generation(request, &mut desk, &library, mailbox, emit);
        }
        if let Some((request, arrived)) = measure {
            measuring = measure::Job::start(request, arrived, &mut desk, &library, mailbox, emit);
        }
        studying.hear(words, &mut desk, &library, mailbox, emit);
        if let Some((request, arrived)) = study {
            studying.start(request, arrived, &mut desk, &library, mailbox, emit);
        }
        if measuring.is_none() {
            studying.step(&mut desk, &gives_way, emit);
        }
        if let Some(job) = &mut measuring {
            match job.step(&mut desk, emit) {
                Ok(true) => {}
                Ok(false) => measuring = None,
                Err(failure) => {
                    report(failure, emit);
                    measure::idle(emit);
                    measuring = None;
                }
            }
        }
        // A moved slider is waited for; a receipt comes between the tokens.
        if measuring.is_none() && probing.as_mut().is_some_and(|job| !job.step(emit)) {
            probing = None;
        }
        if let Some(fault) = desk.archive.take_fault() {
            report(Some(failure(Stage::Store, None, "store", &fault)), emit);
        }
        let turn = generating.as_ref().is_some_and(|text| {
            measuring
                .as_mut()
                .is_none_or(|job| job.gives_way(text.has_begun(), text.step_took()))
        });
        if let Some(job) = generating.as_mut().filter(|_| turn) {
            match job.step(&mut desk.baselines, emit) {
                Ok(true) => {}
                Ok(false) => {
                    desk.last = generating.take();
                    emit(Event::Idle(Stage::Generate));
                }
                Err(error) => {
                    let run = job.run();
                    stop_generation(&mut generating, &mut desk, emit);
                    if !error.is_cancelled() {
                        report(
                            Some(failure(Stage::Generate, Some(run), error.id(), &error)),
                            emit,
                        );
                    }
                }
            }
        }
    }
}

fn start_fetch(id: HubId, mailbox: &Arc<Mailbox>, emit: Emit<'_>) -> Option<Fetch> {
    emit(Event::Progress {
        stage: Stage::Fetch,
        done: 0,
        total: 0,
    });
    match Fetch::start(id.clone(), mailbox) {
        Ok(fetch) => Some(fetch),
        Err(error) => {
            report(Some(about(id, "thread", &error)), emit);
            emit(Event::Idle(Stage::Fetch));
            None
        }
    }
}

/// Passes on what a fetch says; the model to read when it is done.
fn hear(news: News, fetching: &mut Option<Fetch>, emit: Emit<'_>) -> Option<(HubId, PathBuf)> {
    // Word of a fetch that was given up.
    fetching.as_ref()?;
    let (done, total) = match news {
        News::Progress { done, total } => (done, total),
        News::Done(done) => {
            let id = fetching.take()?.id.clone();
            emit(Event::Idle(Stage::Fetch));
            let told = |kind, words: String| about(id.clone(), kind, &words);
            return match done {
                Ok((path, remark)) => {
                    if let Some(remark) = remark {
                        report(Some(told("hub-stale", remark)), emit);
                    }
                    Some((id, path))
                }
                Err((kind, words)) => {
                    report(Some(told(kind, words)), emit);
                    None
                }
            };
        }
    };
    emit(Event::Progress {
        stage: Stage::Fetch,
        done,
        total,
    });
    None
}

fn start_generation(
    mut request: GenerateRequest,
    desk: &mut Desk,
    library: &Library,
    mailbox: &Arc<Mailbox>,
    emit: Emit<'_>,
) -> Option<generate::Job> {
    let model = &desk.model.clone()?;
    let left = reference::resolve(&request, library, desk, mailbox);
    let run = request.run;
    let cancel = mailbox.generate_cancel(run);
    match gated(&request, model, &mut desk.gates, library, &cancel) {
        Ok(None) => {}
        Ok(Some(gate)) => {
            emit(Event::Gated { run, gate });
            if !gate.open {
                request.steering = None;
            }
        }
        Err(trouble) => {
            if let Some((id, words)) = trouble {
                report(Some(failure(Stage::Generate, Some(run), id, &words)), emit);
            }
            emit(Event::Idle(Stage::Generate));
            return None;
        }
    }
    let vector = desk.vector.as_deref();
    let before = desk.last.take();
    match generate::Job::start(
        model,
        request,
        vector,
        &left,
        before,
        &desk.baselines,
        cancel,
        emit,
    ) {
        Ok(job) => Some(job),
        Err(error) => {
            if !error.is_cancelled() {
                report(
                    Some(failure(Stage::Generate, Some(run), error.id(), &error)),
                    emit,
                );
            }
            emit(Event::Idle(Stage::Generate));
            None
        }
    }
}

/// How the condition of a request, if it has one, judges its prompt; an error without words is a
/// cancelled piece of work.
fn gated(
    request: &GenerateRequest,
    model: &Model,
    gates: &mut Gates,
    library: &Library,
    cancel: &Cancel,
) -> Result<Option<Gated>, Option<(&'static str, String)>> {
    let steering = request.steering.as_ref();
    // What changes nothing needs no condition.
    let steering = steering.filter(|s| !s.edit.operator.is_off(s.coefficient));
    let Some(condition) = steering.and_then(|s| s.condition.as_ref()) else {
        return Ok(None);
    };
    let gate = gates.of(condition, library, model).map_err(Some)?;
    let said = |e: EngineError| (!e.is_cancelled()).then(|| (e.id(), e.to_string()));
    let (ids, _) =
        generate::prompt_ids(model, &request.prompt, request.chat.as_ref()).map_err(said)?;
    let judged = gates.judge(&gate, &ids, model, cancel).map_err(said)?;
    Ok(Some(judged))
}

fn stop_generation(generating: &mut Option<generate::Job>, desk: &mut Desk, emit: Emit<'_>) {
    if let Some(mut job) = generating.take() {
        job.stop(&mut desk.baselines, emit);
        desk.last = Some(job);
        emit(Event::Idle(Stage::Generate));
    }
}

/// `None` stands for a cancelled piece of work, which is no news.
fn report(failure: Option<Failure>, emit: Emit<'_>) {
    if let Some(failure) = failure {
        emit(Event::Failed(failure));
    }
}

/// A failure of fetching a model.
fn about(id: HubId, kind: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure {
        model: Some(Box::new(ModelSource::Hub(id))),
        ..failure(Stage::Fetch, None, kind, error)
    }
}

/// A failure in the words of the error itself.
pub(crate) fn failure(
    stage: Stage,
    run: Option<RunId>,
    id: &str,
    error: &dyn std::fmt::Display,
) -> Failure {
    Failure {
        stage,
        run,
        model: None,
        id: id.to_string(),
        message: error.to_string(),
    }
}
