//! The laboratory: studies that were asked for, what they reported, and whether it still holds.

pub mod layers;

mod copy;
mod requests;

use std::time::Duration;

use crate::protocol::{
    ControlsTable, DatasetResponse, Prediction, ShiftTable, Study, StudyKind, StudyNews,
};
use crate::units::RunId;
use layers::Layers;

/// What a study has reported about data sets, one after another.
#[derive(Debug, Clone)]
pub struct Reports<T> {
    /// What was asked; the figures belong to it unless they are stale.
    pub asked: Option<Study>,
    /// In the order of arrival.
    pub items: Vec<T>,
    /// The figures are those of an earlier question.
    pub stale: bool,
    /// Time, and cells that were in the run store, of a study that came to its end.
    pub finished: Option<(Duration, usize)>,
}

impl<T> Default for Reports<T> {
    fn default() -> Self {
        Self {
            asked: None,
            items: Vec::new(),
            stale: false,
            finished: None,
        }
    }
}

impl<T> Reports<T> {
    fn asked(&mut self, study: Study) {
        self.asked = Some(study);
        self.stale = !self.items.is_empty();
        self.finished = None;
    }

    fn push(&mut self, item: T) {
        if std::mem::take(&mut self.stale) {
            self.items.clear();
        }
        self.items.push(item);
    }
}

/// The study under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// Its run.
    pub run: RunId,
    /// Which one.
    pub kind: StudyKind,
}

/// Studies and their results.
#[derive(Debug, Default)]
pub struct Lab {
    /// Every block.
    pub layers: Layers,
    /// Geometry.
    pub predictions: Reports<Prediction>,
    /// Other prompts.
    pub shifts: Reports<ShiftTable>,
    /// Many data sets.
    pub responses: Reports<DatasetResponse>,
    /// Other directions; at most one report, which grows.
    pub controls: Reports<ControlsTable>,
    /// The histogram stands before that of random directions.
    pub controls_shown: bool,
    /// Prompt shifts and predictors of all data sets instead of the loaded one.
    pub all_datasets: bool,
    /// The loaded vector on all data sets instead of each its own.
    pub one_vector: bool,
    /// Which of a screen's figures is shown, and the selected row.
    pub figure: usize,
    /// Selected row.
    pub row: usize,
    /// What the studies remarked since the last one began.
    pub remarks: Vec<String>,
    running: Option<Running>,
    /// The next flush looks whether the screen's study has to be asked for.
    pub(super) wanted: bool,
    /// Asked for by hand: also where it takes long, and again if it is there.
    pub(super) forced: bool,
}

impl Lab {
    /// The study under way.
    pub fn running(&self) -> Option<Running> {
        self.running
    }

    /// What was asked last of a kind.
    pub fn asked(&self, kind: StudyKind) -> Option<&Study> {
        match kind {
            StudyKind::Sweep => self.layers.asked.as_ref(),
            StudyKind::Predict => self.predictions.asked.as_ref(),
            StudyKind::Shift => self.shifts.asked.as_ref(),
            StudyKind::Datasets => self.responses.asked.as_ref(),
            StudyKind::Controls => self.controls.asked.as_ref(),
        }
    }

    /// Time and stored cells of a study that came to its end.
    pub fn finished(&self, kind: StudyKind) -> Option<(Duration, usize)> {
        match kind {
            StudyKind::Sweep => self.layers.finished,
            StudyKind::Predict => self.predictions.finished,
            StudyKind::Shift => self.shifts.finished,
            StudyKind::Datasets => self.responses.finished,
            StudyKind::Controls => self.controls.finished,
        }
    }

    pub(super) fn requested(&mut self, run: RunId, study: Study) {
        let kind = study.kind();
        self.running = Some(Running { run, kind });
        self.remarks.clear();
        match kind {
            StudyKind::Sweep => self.layers.asked(study),
            StudyKind::Predict => self.predictions.asked(study),
            StudyKind::Shift => self.shifts.asked(study),
            StudyKind::Datasets => self.responses.asked(study),
            StudyKind::Controls => self.controls.asked(study),
        }
    }

    /// The controls of the present question; `None` while they are those of another.
    pub fn controls(&self) -> Option<&ControlsTable> {
        self.controls.items.first().filter(|_| !self.controls.stale)
    }

    /// Takes in what a study reports; `false` for one that is not wanted any more.
    pub(super) fn news(&mut self, run: RunId, news: StudyNews) -> bool {
        let Some(running) = self.running.filter(|r| r.run == run) else {
            return false;
        };
        match news {
            StudyNews::Sweep(parts) => self.layers.take_in(parts),
            StudyNews::Predicted(prediction) => self.predictions.push(*prediction),
            StudyNews::Shifted(table) => self.shifts.push(*table),
            StudyNews::Dataset(response) => self.responses.push(*response),
            StudyNews::Controls(table) => {
                self.controls.items.clear();
                self.controls.push(*table);
            }
            StudyNews::Remark(words) => self.remarks.push(words),
            StudyNews::Finished {
                elapsed,
                from_store,
            } => {
                let done = Some((elapsed, from_store));
                match running.kind {
                    StudyKind::Sweep => self.layers.finished = done,
                    StudyKind::Predict => self.predictions.finished = done,
                    StudyKind::Shift => self.shifts.finished = done,
                    StudyKind::Datasets => self.responses.finished = done,
                    StudyKind::Controls => self.controls.finished = done,
                }
                self.running = None;
            }
        }
        true
    }

    /// Stopped, failed, or the engine died: what was reported stays.
    pub(super) fn stopped(&mut self) {
        self.running = None;
    }

    /// Another model: nothing holds any more.
    pub(super) fn clear(&mut self) {
        *self = Self {
            all_datasets: self.all_datasets,
            one_vector: self.one_vector,
            controls_shown: self.controls_shown,
            layers: self.layers.emptied(),
            ..Self::default()
        };
        self.wanted = true;
    }
}
