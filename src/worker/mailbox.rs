//! The one place where the interface leaves its wishes: loads queue up, but of generations and
//! measurements only the newest is kept.
//!
//! Overwriting the slot also moves an atomic "newest id", which the engine compares at every block,
//! so that stale work stops within one block's computation.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::fetch::News;
use super::source::LocalModel;
use super::study::Word;
use crate::engine::Cancel;
use crate::protocol::{
    Asking, Asset, ChatFormat, Command, ExtractSource, GenerateRequest, MeasureRequest,
    ModelSource, ProbeRequest, StudyRequest,
};
use crate::units::RunId;

/// Value of a "newest id" that no request carries: everything running is stale.
const NONE: u64 = u64::MAX;

/// A load; these are never dropped, only overtaken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Load {
    /// What was asked for, and where it is.
    Model(ModelSource, LocalModel),
    Vector(Asset),
    Dataset(Asset, Asking),
    /// Report a prompt token by token.
    Prompt(RunId, String, Option<ChatFormat>),
    /// Report the first text of a source of vectors.
    Source(RunId, ExtractSource),
    /// Report these side by side.
    Survey(Vec<Asset>),
    /// Write one under a name.
    Save(Asset, String),
}

/// What the engine thread finds when it looks.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    pub(crate) loads: VecDeque<Load>,
    pub(crate) generate: Option<GenerateRequest>,
    /// With the moment it arrived, for the recompute time shown to the user.
    pub(crate) measure: Option<(MeasureRequest, Instant)>,
    /// Likewise.
    pub(crate) study: Option<(StudyRequest, Instant)>,
    pub(crate) probe: Option<ProbeRequest>,
    /// What the running study says, in order.
    pub(crate) words: Vec<(RunId, Word)>,
    /// Another model, and no other any more.
    pub(crate) model: Option<ModelSource>,
    /// Newest word of the running fetch.
    pub(crate) news: Option<News>,
    /// The pairs behind shuffled labels were read.
    pub(crate) pairs_read: bool,
    pub(crate) shutdown: bool,
}

impl Mail {
    fn is_empty(&self) -> bool {
        self.loads.is_empty()
            && self.generate.is_none()
            && self.measure.is_none()
            && self.study.is_none()
            && self.probe.is_none()
            && self.words.is_empty()
            && self.model.is_none()
            && self.news.is_none()
            && !self.pairs_read
            && !self.shutdown
    }
}

/// Shared between the interface's side and the engine thread.
#[derive(Debug)]
pub(crate) struct Mailbox {
    mail: Mutex<Mail>,
    arrived: Condvar,
    newest_generate: Arc<AtomicU64>,
    newest_measure: Arc<AtomicU64>,
    newest_study: Arc<AtomicU64>,
    newest_probe: Arc<AtomicU64>,
    /// Moves with every command: a slice of a sweep gives way to it.
    commands: Arc<AtomicU64>,
    closing: Arc<AtomicU64>,
}

impl Mailbox {
    pub(crate) fn new() -> Self {
        Self {
            mail: Mutex::default(),
            arrived: Condvar::new(),
            newest_generate: Arc::new(AtomicU64::new(NONE)),
            newest_measure: Arc::new(AtomicU64::new(NONE)),
            newest_study: Arc::new(AtomicU64::new(NONE)),
            newest_probe: Arc::new(AtomicU64::new(NONE)),
            commands: Arc::new(AtomicU64::new(0)),
            closing: Arc::new(AtomicU64::new(0)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Mail> {
        // Plain data: a panic elsewhere leaves nothing half-done in it.
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a command. Never blocks for longer than the lock.
    pub(crate) fn put(&self, command: Command) {
        let mut mail = self.lock();
        self.commands.fetch_add(1, Ordering::AcqRel);
        match command {
            // One of the hub may have to be fetched: the loaded model is used until it is there.
            Command::LoadModel(source @ ModelSource::Hub(_)) => mail.model = Some(source),
            Command::LoadModel(source) => {
                // Running work belongs to the old model.
                self.newest_generate.store(NONE, Ordering::Release);
                self.newest_measure.store(NONE, Ordering::Release);
                self.newest_study.store(NONE, Ordering::Release);
                self.newest_probe.store(NONE, Ordering::Release);
                mail.probe = None;
                mail.generate = None;
                mail.measure = None;
                mail.study = None;
                mail.model = Some(source);
            }
            Command::LoadVector(asset) => {
                // Only the last choice of a picker matters.
                mail.loads.retain(|l| !matches!(l, Load::Vector(_)));
                mail.loads.push_back(Load::Vector(asset));
            }
            Command::ReadPrompt { run, prompt, chat } => {
                mail.loads.retain(|l| !matches!(l, Load::Prompt(..)));
                mail.loads.push_back(Load::Prompt(run, prompt, chat));
            }
            Command::ReadSource { run, source } => {
                mail.loads.retain(|l| !matches!(l, Load::Source(..)));
                mail.loads.push_back(Load::Source(run, source));
            }
            Command::Survey(assets) => {
                mail.loads.retain(|l| !matches!(l, Load::Survey(_)));
                mail.loads.push_back(Load::Survey(assets));
            }
            Command::SaveVector(asset, name) => mail.loads.push_back(Load::Save(asset, name)),
            Command::LoadDataset(asset, asking) => {
                mail.loads.retain(|l| !matches!(l, Load::Dataset(..)));
                mail.loads.push_back(Load::Dataset(asset, asking));
            }
            Command::Generate(request) => {
                self.newest_generate.store(request.run.0, Ordering::Release);
                mail.generate = Some(request);
            }
            Command::Measure(request) => {
                self.newest_measure.store(request.run.0, Ordering::Release);
                mail.measure = Some((request, Instant::now()));
            }
            Command::Probe(request) => {
                self.newest_probe.store(request.run.0, Ordering::Release);
                mail.probe = Some(request);
            }
            Command::StopGeneration => {
                self.newest_generate.store(NONE, Ordering::Release);
                mail.generate = None;
            }
            Command::StopMeasure => {
                self.newest_measure.store(NONE, Ordering::Release);
                mail.measure = None;
            }
            Command::Study(request) => {
                self.newest_study.store(request.run.0, Ordering::Release);
                mail.study = Some((request, Instant::now()));
            }
            Command::StopStudy => {
                self.newest_study.store(NONE, Ordering::Release);
                mail.study = None;
            }
            Command::Shutdown => {
                self.newest_probe.store(NONE, Ordering::Release);
                self.newest_study.store(NONE, Ordering::Release);
                self.newest_generate.store(NONE, Ordering::Release);
                self.newest_measure.store(NONE, Ordering::Release);
                self.closing.store(1, Ordering::Release);
                *mail = Mail {
                    shutdown: true,
                    ..Mail::default()
                };
            }
        }
        drop(mail);
        self.arrived.notify_one();
    }

    /// Leaves word of the running fetch.
    pub(crate) fn news(&self, news: News) {
        self.lock().news = Some(news);
        self.arrived.notify_one();
    }

    /// Leaves word that the pairs of a text's control were read, or could not be.
    pub(crate) fn pairs_read(&self) {
        self.lock().pairs_read = true;
        self.arrived.notify_one();
    }

    /// Leaves word of the running study.
    pub(crate) fn word(&self, run: RunId, word: Word) {
        self.lock().words.push((run, word));
        self.arrived.notify_one();
    }

    /// Another model is to be read: what runs belongs to the old one.
    pub(crate) fn replaced(&self) {
        self.newest_probe.store(NONE, Ordering::Release);
        self.newest_study.store(NONE, Ordering::Release);
        self.newest_generate.store(NONE, Ordering::Release);
        self.newest_measure.store(NONE, Ordering::Release);
    }

    /// Takes everything that waits; blocks until something does unless `busy`. The second value is
    /// cancelled once another command arrives.
    pub(crate) fn take_with_slice(&self, busy: bool) -> (Mail, Cancel) {
        let mail = self.take(busy);
        // A command that came in between is found waiting: the slice gives way at once.
        let waiting = !self.lock().is_empty();
        let now = self.commands.load(Ordering::Acquire);
        let at = if waiting { now.wrapping_sub(1) } else { now };
        (mail, Cancel::new(Arc::clone(&self.commands), at))
    }

    /// Takes everything that waits; blocks until something does unless `busy`.
    pub(crate) fn take(&self, busy: bool) -> Mail {
        let mut mail = self.lock();
        while !busy && mail.is_empty() {
            mail = self
                .arrived
                .wait(mail)
                .unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::take(&mut *mail)
    }

    /// Cancelled once a newer generation (or a stop) arrives.
    pub(crate) fn generate_cancel(&self, run: RunId) -> Cancel {
        Cancel::new(Arc::clone(&self.newest_generate), run.0)
    }

    /// Cancelled once a newer measurement (or a stop) arrives.
    pub(crate) fn measure_cancel(&self, run: RunId) -> Cancel {
        Cancel::new(Arc::clone(&self.newest_measure), run.0)
    }

    /// Cancelled once a newer study (or a stop) arrives.
    pub(crate) fn study_cancel(&self, run: RunId) -> Cancel {
        Cancel::new(Arc::clone(&self.newest_study), run.0)
    }

    /// Cancelled once a newer probe arrives.
    pub(crate) fn probe_cancel(&self, run: RunId) -> Cancel {
        Cancel::new(Arc::clone(&self.newest_probe), run.0)
    }

    /// Cancelled when the program ends; for loads.
    pub(crate) fn closing_cancel(&self) -> Cancel {
        Cancel::new(Arc::clone(&self.closing), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Sampling;

    fn generate(run: u64) -> Command {
        Command::Generate(GenerateRequest {
            run: RunId(run),
            prompt: String::new(),
            chat: None,
            steering: None,
            reference: crate::protocol::Reference::default(),
            sampling: Sampling::default(),
        })
    }

    #[test]
    fn a_newer_generation_replaces_the_waiting_one_and_cancels_the_running_one() {
        let mailbox = Mailbox::new();
        mailbox.put(generate(1));
        let running = mailbox.generate_cancel(RunId(1));
        assert!(!running.is_cancelled());
        mailbox.put(generate(2));
        mailbox.put(generate(3));
        assert!(running.is_cancelled());
        let mail = mailbox.take(true);
        assert_eq!(mail.generate.map(|g| g.run), Some(RunId(3)));
        assert!(mailbox.take(true).is_empty());
    }

    #[test]
    fn stop_and_shutdown_cancel_what_runs() {
        let mailbox = Mailbox::new();
        mailbox.put(generate(1));
        mailbox.put(Command::StopGeneration);
        assert!(mailbox.generate_cancel(RunId(1)).is_cancelled());
        assert!(mailbox.take(true).is_empty());
        mailbox.put(generate(2));
        let closing = mailbox.closing_cancel();
        mailbox.put(Command::Shutdown);
        let mail = mailbox.take(false);
        assert!(mail.shutdown && mail.generate.is_none() && closing.is_cancelled());
    }

    #[test]
    fn only_the_last_choice_of_a_picker_is_loaded() {
        let mailbox = Mailbox::new();
        for name in ["a", "b", "c"] {
            mailbox.put(Command::LoadVector(Asset::Bundled(name.into())));
        }
        mailbox.put(Command::LoadDataset(
            Asset::Bundled("d".into()),
            Asking::default(),
        ));
        let loads: Vec<Load> = mailbox.take(true).loads.into();
        assert_eq!(
            loads,
            [
                Load::Vector(Asset::Bundled("c".into())),
                Load::Dataset(Asset::Bundled("d".into()), Asking::default())
            ]
        );
    }
}
