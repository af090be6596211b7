//! The laboratory: studies that were asked for, what they reported, and whether it still holds.

pub mod layers;

mod cells;
mod copy;
pub mod fan;
mod requests;
mod vectors;

use std::time::Duration;

use crate::protocol::{
    CalibrateStudy, Calibration, ControlsTable, DatasetResponse, ExtractReport, Gated, Prediction,
    ShiftTable, Study, StudyKind, StudyNews, SweepUnit, TaxLine, TokenStrip, TokensStudy,
    VectorsTable,
};
use crate::units::RunId;
use fan::FanLane;
use layers::Layers;

/// What a study has reported, piece by piece.
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
    fn push(&mut self, item: T) {
        self.refresh();
        self.items.push(item);
    }

    /// The first piece of a new answer: the old figures go.
    fn refresh(&mut self) {
        if std::mem::take(&mut self.stale) {
            self.items.clear();
        }
    }

    /// The only piece, or the newest of one that grows.
    fn replace(&mut self, item: T) {
        self.stale = false;
        self.items.clear();
        self.items.push(item);
    }

    /// The only piece, unless it answers an earlier question.
    fn fresh(&self) -> Option<&T> {
        self.items.first().filter(|_| !self.stale)
    }
}

/// What all answers have in common.
trait Answer {
    fn ask(&mut self, study: Study);
    /// Whether the figures answer another question than the present one.
    fn outdate(&mut self, other: bool);
    fn asked(&self) -> Option<&Study>;
    fn finish(&mut self, end: (Duration, usize));
    fn finished(&self) -> Option<(Duration, usize)>;
}

impl<T> Answer for Reports<T> {
    fn ask(&mut self, study: Study) {
        self.asked = Some(study);
        self.stale = !self.items.is_empty();
        self.finished = None;
    }

    fn outdate(&mut self, other: bool) {
        self.stale = other && !self.items.is_empty();
    }

    fn asked(&self) -> Option<&Study> {
        self.asked.as_ref()
    }

    fn finish(&mut self, end: (Duration, usize)) {
        self.finished = Some(end);
    }

    fn finished(&self) -> Option<(Duration, usize)> {
        self.finished
    }
}

impl Answer for Layers {
    fn ask(&mut self, study: Study) {
        self.asked(study);
    }

    fn outdate(&mut self, other: bool) {
        self.stale = other;
    }

    fn asked(&self) -> Option<&Study> {
        self.asked.as_ref()
    }

    fn finish(&mut self, end: (Duration, usize)) {
        self.finished = Some(end);
    }

    fn finished(&self) -> Option<(Duration, usize)> {
        self.finished
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
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent choices of the user, not one state in disguise"
)]
pub struct Lab {
    /// Every block.
    pub layers: Layers,
    /// Geometry.
    pub predictions: Reports<Prediction>,
    /// The vector in the making.
    pub extractions: Reports<ExtractReport>,
    /// Other prompts.
    pub shifts: Reports<ShiftTable>,
    /// Many data sets.
    pub responses: Reports<DatasetResponse>,
    /// Several vectors; at most one report, which grows.
    pub several: Reports<VectorsTable>,
    /// Other directions; at most one report, which grows.
    pub controls: Reports<ControlsTable>,
    /// The text token by token; at most one.
    pub strips: Reports<TokenStrip>,
    /// Lanes of a fan.
    pub fan: Reports<FanLane>,
    /// How the condition judged their prompt.
    pub fan_gate: Option<Gated>,
    /// Coefficient of an effect; at most one.
    pub calibrations: Reports<Calibration>,
    /// What steering costs over the grid; at most one.
    pub taxes: Reports<TaxLine>,
    /// The steered side of the strip attends to the unsteered side's keys and values.
    pub frozen: bool,
    /// Control directions among the lanes of a fan.
    pub fan_controls: bool,
    /// A calibrated coefficient is to be taken over when it arrives.
    pub(super) take_over: bool,
    /// The histogram stands before that of random directions.
    pub controls_shown: bool,
    /// Prompt shifts and predictors of all data sets instead of the loaded one.
    pub all_datasets: bool,
    /// The loaded vector on all data sets instead of each its own.
    pub one_vector: bool,
    /// Several vectors on the loaded data set instead of data sets.
    pub across_vectors: bool,
    /// All of them at the slider's block instead of each at its own.
    pub one_block: bool,
    /// As they are, or at the loaded one's κ.
    pub vectors_unit: SweepUnit,
    /// Which of a screen's figures is shown, and the selected row.
    pub figure: usize,
    /// Selected row.
    pub row: usize,
    /// What the studies remarked since the last one began.
    pub remarks: Vec<String>,
    running: Option<Running>,
    /// The next flush looks whether the screen's study has to be asked for.
    pub(super) wanted: bool,
    /// The next study is a calibration, whatever the screen.
    pub(super) calibrate: bool,
    /// Asked for by hand: also where it takes long, and again if it is there.
    pub(super) forced: bool,
}

impl Lab {
    /// The study under way.
    pub fn running(&self) -> Option<Running> {
        self.running
    }

    fn answer(&self, kind: StudyKind) -> &dyn Answer {
        match kind {
            StudyKind::Sweep => &self.layers,
            StudyKind::Predict => &self.predictions,
            StudyKind::Shift => &self.shifts,
            StudyKind::Datasets => &self.responses,
            StudyKind::Vectors => &self.several,
            StudyKind::Controls => &self.controls,
            StudyKind::Tokens => &self.strips,
            StudyKind::Fan => &self.fan,
            StudyKind::Calibrate => &self.calibrations,
            StudyKind::Tax => &self.taxes,
            StudyKind::Extract => &self.extractions,
        }
    }

    fn answer_mut(&mut self, kind: StudyKind) -> &mut dyn Answer {
        match kind {
            StudyKind::Sweep => &mut self.layers,
            StudyKind::Predict => &mut self.predictions,
            StudyKind::Shift => &mut self.shifts,
            StudyKind::Datasets => &mut self.responses,
            StudyKind::Vectors => &mut self.several,
            StudyKind::Controls => &mut self.controls,
            StudyKind::Tokens => &mut self.strips,
            StudyKind::Fan => &mut self.fan,
            StudyKind::Calibrate => &mut self.calibrations,
            StudyKind::Tax => &mut self.taxes,
            StudyKind::Extract => &mut self.extractions,
        }
    }

    /// What was asked last of a kind.
    pub fn asked(&self, kind: StudyKind) -> Option<&Study> {
        self.answer(kind).asked()
    }

    /// Time and stored cells of a study that came to its end.
    pub fn finished(&self, kind: StudyKind) -> Option<(Duration, usize)> {
        self.answer(kind).finished()
    }

    /// Marks the figures of a kind where they answer another question than this one, and no longer
    /// once it is asked again.
    pub(super) fn compare(&mut self, study: &Study) {
        let kind = study.kind();
        let same = self.asked(kind) == Some(study) || self.is_same_text(study);
        if !same || self.finished(kind).is_some() {
            self.answer_mut(kind).outdate(!same);
        }
    }

    /// Whether a study is asked for already and was not given up.
    pub(super) fn answers(&self, study: &Study) -> bool {
        let kind = study.kind();
        self.asked(kind) == Some(study) && self.finished(kind).is_some()
    }

    pub(super) fn requested(&mut self, run: RunId, study: Study) {
        let kind = study.kind();
        self.running = Some(Running { run, kind });
        self.remarks.clear();
        let same_text = self.is_same_text(&study);
        self.answer_mut(kind).ask(study);
        self.strips.stale &= !same_text;
    }

    /// Whether only the cursor of the strip moved.
    pub(super) fn is_same_text(&self, study: &Study) -> bool {
        let (Study::Tokens(new), Some(Study::Tokens(old))) = (study, &self.strips.asked) else {
            return false;
        };
        let moved = TokensStudy {
            lens: new.lens,
            ..old.clone()
        };
        !self.strips.items.is_empty() && moved == *new
    }

    /// The controls of the present question; `None` while they are those of another.
    pub fn controls(&self) -> Option<&ControlsTable> {
        self.controls.fresh()
    }

    /// The vectors compared last.
    pub fn vectors(&self) -> Option<&VectorsTable> {
        self.several.items.first()
    }

    /// The tax over the grid of the present question.
    pub fn taxes(&self) -> Option<&TaxLine> {
        self.taxes.fresh()
    }

    /// The strip of the present question.
    pub fn strip(&self) -> Option<&TokenStrip> {
        self.strips.items.first()
    }

    /// The newest calibration and what it was asked for.
    pub fn calibration(&self) -> Option<(&CalibrateStudy, &Calibration)> {
        match (&self.calibrations.asked, self.calibrations.fresh()) {
            (Some(Study::Calibrate(study)), Some(found)) => Some((study, found)),
            _ => None,
        }
    }

    /// Takes in what a study reports; `false` for one that is not wanted any more.
    pub(super) fn news(&mut self, run: RunId, news: StudyNews) -> bool {
        let Some(running) = self.running.filter(|r| r.run == run) else {
            return false;
        };
        match news {
            StudyNews::Sweep(parts) => self.layers.take_in(parts),
            StudyNews::Predicted(prediction) => self.predictions.push(*prediction),
            StudyNews::Extracted(report) => self.extractions.replace(*report),
            StudyNews::Shifted(table) => self.shifts.push(*table),
            StudyNews::Dataset(response) => self.responses.push(*response),
            StudyNews::Vectors(table) => self.several.replace(*table),
            StudyNews::Controls(table) => self.controls.replace(*table),
            StudyNews::Tokens(strip) => self.strips.replace(*strip),
            StudyNews::Taxed(line) => self.taxes.replace(*line),
            StudyNews::Calibrated(found) => self.calibrations.replace(*found),
            StudyNews::FanLanes { labels, gate } => {
                self.fan.refresh();
                self.fan_gate = gate;
                self.fan.items = labels.into_iter().map(FanLane::new).collect();
            }
            StudyNews::Fan(part) => {
                if let Some(lane) = self.fan.items.get_mut(part.lane) {
                    lane.take_in(part);
                }
            }
            StudyNews::Remark(words) => self.remarks.push(words),
            StudyNews::Finished {
                elapsed,
                from_store,
            } => {
                self.answer_mut(running.kind).finish((elapsed, from_store));
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
            across_vectors: self.across_vectors,
            one_block: self.one_block,
            vectors_unit: self.vectors_unit,
            controls_shown: self.controls_shown,
            frozen: self.frozen,
            fan_controls: self.fan_controls,
            layers: self.layers.emptied(),
            ..Self::default()
        };
        self.wanted = true;
    }
}
