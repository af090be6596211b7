//! The study under way, as the engine's thread sees it.

use std::sync::Arc;
use std::time::Instant;

use super::catalog::Library;
use super::job::{Desk, Emit, failure};
use super::mailbox::Mailbox;
use super::study::{self, Gate, Prepared, Slices, Trouble, Word, controls, sweep, vectors};
use crate::engine::Cancel;
use crate::protocol::{Event, Stage, Study, StudyNews, StudyRequest};
use crate::units::RunId;

/// At most one study; a newer one takes its place.
#[derive(Default)]
pub(super) struct Studying {
    slices: Option<Box<dyn Slices>>,
    gate: Arc<Gate>,
}

impl Studying {
    /// Whether slices of it run on this thread.
    pub(super) fn has_slices(&self) -> bool {
        self.slices.is_some()
    }

    /// Lets a study on its own thread stand back.
    pub(super) fn hold(&self, measuring: bool) {
        self.gate.set(measuring);
    }

    pub(super) fn start(
        &mut self,
        request: StudyRequest,
        arrived: Instant,
        desk: &mut Desk,
        library: &Library,
        mailbox: &Arc<Mailbox>,
        emit: Emit<'_>,
    ) {
        self.slices = None;
        let run = request.run;
        let Study::Sweep(study) = request.study else {
            if let Err(error) = study::start(request, arrived, desk, library, mailbox, &self.gate) {
                end(run, Some(Some(("thread", error.to_string()))), emit);
            }
            return;
        };
        let mut tell = |news| emit(Event::Study { run, news });
        match sweep::Job::start(run, study, arrived, desk, library, mailbox, &mut tell) {
            Ok(Some(job)) => self.slices = Some(Box::new(job)),
            Ok(None) => end(run, None, emit),
            Err(trouble) => end(run, Some(trouble), emit),
        }
    }

    /// One slice of a sweep.
    pub(super) fn step(&mut self, desk: &mut Desk, gives_way: &Cancel, emit: Emit<'_>) {
        let Some(job) = &mut self.slices else { return };
        let run = job.run();
        if job.is_stale() {
            self.slices = None;
            emit(Event::Idle(Stage::Study));
            return;
        }
        let mut tell = |news| emit(Event::Study { run, news });
        let ended = match job.step(desk, gives_way, &mut tell) {
            Ok(true) => {
                let (done, total) = job.progress();
                emit(Event::Progress {
                    stage: Stage::Study,
                    done,
                    total,
                });
                return;
            }
            Ok(false) => None,
            Err(trouble) => Some(trouble),
        };
        self.slices = None;
        end(run, ended, emit);
    }

    /// Passes on what a study on its own thread says; nothing of one that was given up.
    pub(super) fn hear(
        &mut self,
        words: Vec<(RunId, Word)>,
        desk: &mut Desk,
        library: &Library,
        mailbox: &Mailbox,
        emit: Emit<'_>,
    ) {
        for (run, word) in words {
            if let Word::Saved(path) = word {
                emit(Event::Saved(path));
                emit(Event::Catalog {
                    vectors: library.vectors(),
                    datasets: library.datasets(),
                });
                continue;
            }
            if mailbox.study_cancel(run).is_cancelled() {
                if matches!(word, Word::Ended(_)) && self.slices.is_none() {
                    emit(Event::Idle(Stage::Study));
                }
                continue;
            }
            match word {
                Word::Progress(done, total) => emit(Event::Progress {
                    stage: Stage::Study,
                    done,
                    total,
                }),
                Word::News(news) => emit(Event::Study { run, news }),
                Word::Ready(prepared, arrived) => {
                    let mut tell = |news| emit(Event::Study { run, news });
                    match slices(run, *prepared, arrived, desk, mailbox, &mut tell) {
                        Ok(Some(job)) => self.slices = Some(job),
                        Ok(None) => end(run, None, emit),
                        Err(trouble) => end(run, Some(trouble), emit),
                    }
                }
                Word::Ended(ended) => end(run, ended.err().map(Some), emit),
                Word::Saved(_) => {}
            }
        }
    }
}

/// The slices of a study that has read what it needs; `None`: nothing is left to do.
fn slices(
    run: RunId,
    prepared: Prepared,
    arrived: Instant,
    desk: &mut Desk,
    mailbox: &Mailbox,
    tell: &mut dyn FnMut(StudyNews),
) -> Result<Option<Box<dyn Slices>>, Trouble> {
    Ok(match prepared {
        Prepared::Controls(prepared) => {
            controls::Job::start(run, *prepared, arrived, desk, mailbox)
                .map(|job| Box::new(job) as Box<dyn Slices>)
        }
        Prepared::Vectors(prepared) => {
            vectors::Job::start(run, *prepared, arrived, desk, mailbox, tell)?
                .map(|job| Box::new(job) as Box<dyn Slices>)
        }
    })
}

fn end(run: RunId, trouble: Option<Trouble>, emit: Emit<'_>) {
    if let Some(Some((id, words))) = trouble {
        emit(Event::Failed(failure(Stage::Study, Some(run), id, &words)));
    }
    emit(Event::Idle(Stage::Study));
}
