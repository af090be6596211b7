//! Studies. A sweep runs in slices on the engine's thread, because it shares the prompts that the
//! histogram has computed; the others read data sets of their own on a thread of their own and
//! stand back while a moved slider is being measured.

mod calibrate;
mod condition;
pub(super) mod controls;
mod datasets;
mod extract;
mod fan;
mod gate;
mod kept;
mod predict;
mod rows;
mod shift;
mod slices;
pub(super) mod sweep;
mod tax;
mod tokens;
pub(super) mod vectors;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

pub(in crate::worker) use controls::pairs_of;
pub(crate) use gate::Gate;
pub(crate) use kept::Shelf;
pub(super) use rows::part;
pub(crate) use slices::Slices;
pub(crate) use tokens::LastText;

use super::archive::Archive;
use super::asked::asked;
use super::bench::{Bench, Loaded};
use super::catalog::Library;
use super::generate::prompt_ids;
use super::job::Desk;
use super::mailbox::Mailbox;
use super::memory::Memory;
use crate::engine::{Cancel, Model};
use crate::measure::Asked;
use crate::protocol::{Asking, Asset, ChatFormat, Study, StudyNews, StudyRequest};
use crate::steering::SteeringVector;

/// Name of the thread; its panics are reported like the engine's.
pub const STUDY_THREAD: &str = "study";

/// What the study's thread tells the engine's.
#[derive(Debug)]
pub(crate) enum Word {
    /// Units finished, units in all.
    Progress(usize, usize),
    /// Something to pass on.
    News(StudyNews),
    /// What the slices of a study need is there: with when it was asked for.
    Ready(Box<Prepared>, Instant),
    /// A vector was written, also where the study was given up.
    Saved(PathBuf),
    /// It ended: with the stable id and words of what went wrong, or well.
    Ended(Result<(), (&'static str, String)>),
}

/// What was read for a study whose slices run on the engine's thread.
#[derive(Debug)]
pub(crate) enum Prepared {
    Controls(Box<controls::Prepared>),
    Vectors(Box<vectors::Prepared>),
}

/// Why a study ends early; `None`: it was stopped.
pub(super) type Trouble = Option<(&'static str, String)>;

/// What a study on its own thread has at hand.
pub(super) struct Room<'a> {
    pub(super) model: &'a Arc<Model>,
    pub(super) model_name: &'a str,
    pub(super) vector: Option<Arc<SteeringVector>>,
    pub(super) library: &'a Library,
    pub(super) archive: Archive,
    pub(super) shelf: Shelf,
    pub(super) text: LastText,
    /// The loaded data set.
    pub(super) loaded: Option<Loaded>,
    /// Prompts of the loaded data set, as tokens.
    pub(super) prompts: Vec<Vec<u32>>,
    /// `H_b` per block over its prompts.
    pub(super) norms: Vec<f32>,
    pub(super) memory: Memory,
    /// Inputs of a data set at most.
    pub(super) inputs: usize,
    pub(super) cancel: &'a Cancel,
    tell: &'a dyn Fn(Word),
    gate: &'a Gate,
}

impl Room<'_> {
    /// Reports, and waits while a moved slider is measured.
    pub(super) fn progress(&self, done: usize, total: usize) {
        (self.tell)(Word::Progress(done, total));
        self.gate.pass(self.cancel);
    }

    pub(super) fn news(&self, news: StudyNews) {
        (self.tell)(Word::News(news));
    }

    pub(super) fn remark(&self, words: String) {
        self.news(StudyNews::Remark(words));
    }

    /// Whether something else is wanted by now.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        if self.cancel.is_cancelled() {
            Err(None)
        } else {
            Ok(())
        }
    }

    /// How rows are asked of the running model.
    pub(super) fn asked(&self, asking: &Asking) -> Result<Asked, Trouble> {
        asked(self.model, asking).map_err(|e| self.trouble(e.id(), &e))
    }

    /// The loaded vector, unless it is another one by now; the app asks again then.
    pub(super) fn vector_of(&self, id: &str) -> Result<Arc<SteeringVector>, Trouble> {
        self.vector.clone().filter(|v| v.id() == id).ok_or(None)
    }

    /// A prompt as tokens, and what ends its continuation.
    pub(super) fn prompt(
        &self,
        text: &str,
        chat: Option<&ChatFormat>,
    ) -> Result<(Vec<u32>, Vec<u32>), Trouble> {
        prompt_ids(self.model, text, chat).map_err(|e| self.trouble(e.id(), &e))
    }

    /// An error in its own words, nothing for a cancelled piece of work.
    pub(super) fn trouble(&self, id: &'static str, error: &dyn std::fmt::Display) -> Trouble {
        (!self.cancel.is_cancelled()).then(|| (id, error.to_string()))
    }

    /// Runs `one` for every data set. One that cannot be studied is a remark, unless it is the only one.
    pub(super) fn each(
        &self,
        datasets: &[Asset],
        mut one: impl FnMut(&Asset) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        for asset in datasets {
            self.check()?;
            match one(asset) {
                Err(Some((_, words))) if datasets.len() > 1 => {
                    self.remark(format!("'{}' left out: {words}", asset.label()));
                }
                other => other?,
            }
        }
        Ok(())
    }
}

/// Starts a study on its own thread; what it says arrives in the mailbox under its run id.
pub(crate) fn start(
    request: StudyRequest,
    arrived: Instant,
    desk: &Desk,
    library: &Library,
    mailbox: &Arc<Mailbox>,
    gate: &Arc<Gate>,
) -> std::io::Result<()> {
    let Some(model) = desk.model.clone() else {
        return Ok(());
    };
    let run = request.run;
    let cancel = mailbox.study_cancel(run);
    let (library, archive) = (library.clone(), desk.archive.clone());
    let bench = desk.bench.as_ref();
    if let Some(bench) = bench {
        condition::lend(desk, bench);
    }
    let loaded = bench.map(Bench::loaded);
    let prompts = bench.map_or_else(Vec::new, Bench::prompts);
    let norms = bench.map_or_else(Vec::new, |b| b.norms().to_vec());
    let text = desk.text.clone();
    let (shelf, desk_memory) = (desk.shelf.clone(), desk.memory);
    let (model_name, vector, inputs) = (desk.model_name.clone(), desk.vector.clone(), desk.inputs);
    let (mailbox, gate) = (Arc::clone(mailbox), Arc::clone(gate));
    std::thread::Builder::new()
        .name(STUDY_THREAD.to_owned())
        .stack_size(16 << 20)
        .spawn(move || {
            let tell = |word: Word| mailbox.word(run, word);
            let room = Room {
                model: &model,
                model_name: &model_name,
                vector,
                library: &library,
                archive,
                shelf,
                text,
                loaded,
                prompts,
                norms,
                memory: desk_memory,
                inputs,
                cancel: &cancel,
                tell: &tell,
                gate: &gate,
            };
            let work = || match &request.study {
                Study::Predict(study) => predict::run(&room, study).map(Some),
                Study::Shift(study) => shift::run(&room, study).map(Some),
                Study::Datasets(study) => datasets::run(&room, study).map(Some),
                Study::Tokens(study) => tokens::run(&room, study).map(Some),
                Study::Extract(study) => extract::run(&room, study).map(Some),
                Study::Fan(study) => fan::run(&room, study).map(Some),
                Study::Tax(study) => tax::run(&room, study).map(Some),
                Study::Calibrate(study) => calibrate::run(&room, study).map(Some),
                Study::Controls(study) => {
                    let Some(prepared) = controls::prepare(&room, study)? else {
                        return Ok(Some(1));
                    };
                    tell(Word::Ready(
                        Box::new(Prepared::Controls(Box::new(prepared))),
                        arrived,
                    ));
                    Ok(None)
                }
                Study::Vectors(study) => {
                    let prepared = vectors::prepare(&room, study)?;
                    let prepared = Prepared::Vectors(Box::new(prepared));
                    tell(Word::Ready(Box::new(prepared), arrived));
                    Ok(None)
                }
                Study::Sweep(_) => Ok(None),
            };
            let done = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
                let words = "the study ended unexpectedly; start it again".to_owned();
                Err(Some(("study-fault", words)))
            });
            match done {
                // The rest runs in slices elsewhere.
                Ok(None) => {}
                Ok(Some(from_store)) => {
                    tell(Word::News(StudyNews::Finished {
                        elapsed: arrived.elapsed(),
                        from_store,
                    }));
                    tell(Word::Ended(Ok(())));
                }
                Err(Some(trouble)) => tell(Word::Ended(Err(trouble))),
                Err(None) => tell(Word::Ended(Ok(()))),
            }
        })?;
    Ok(())
}
