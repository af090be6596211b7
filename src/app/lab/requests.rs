//! Which study the screen needs, and the keys of the laboratory.

use crate::app::App;
use crate::app::focus::Pane;
use crate::app::lab::layers::Figure;
use crate::app::messages::Level;
use crate::app::screen::Screen;
use crate::protocol::{
    Asset, CalibrateStudy, Command, ControlsStudy, DatasetsStudy, FanStudy, PredictStudy,
    ShiftStudy, Study, StudyKind, StudyRequest, SweepStudy, SweepUnit, TaxStudy, TokensStudy,
};
use crate::units::{BlockIndex, RunId};

/// Models up to this many parameters are studied unasked when a screen opens.
const UNASKED: usize = 50_000_000;

/// Effect that a calibrated coefficient has: 95th percentile of KL(steered ‖ unsteered), nats.
const TARGET: f64 = 1.0;

/// Coefficients of a fan: from the opposite to twice the slider's.
fn fan(coefficient: f32) -> Vec<f32> {
    let c = if coefficient == 0.0 { 1.0 } else { coefficient };
    [-1.0, 0.0, 0.5, 1.0, 2.0].map(|m| m * c).to_vec()
}

impl App {
    /// The laboratory.
    pub fn lab(&self) -> &super::Lab {
        &self.lab
    }

    /// Whether the screen's study begins by itself; else a key starts it.
    pub fn studies_unasked(&self) -> bool {
        self.model.as_ref().is_some_and(|m| m.parameters <= UNASKED)
    }

    /// What the screen's study is to be; `None` while something it needs is missing.
    pub fn study_wanted(&self) -> Option<Study> {
        let shown = self.lab.controls_shown && self.screen == Screen::Explore;
        let kind = match self.screen {
            Screen::Datasets if self.lab.across_vectors => Some(StudyKind::Vectors),
            screen => screen.study(),
        };
        if kind.is_some() || self.screen != Screen::Explore {
            return self.study_of(kind?);
        }
        // On the first screen what is shown beside the figures comes one after the other.
        let controls = shown.then(|| self.study_of(StudyKind::Controls)).flatten();
        let missing = |study: &Study| !self.lab.answers(study);
        let tax = || self.study_of(StudyKind::Tax);
        match controls {
            Some(controls) if missing(&controls) => Some(controls),
            controls => tax().filter(missing).or(controls).or_else(tax),
        }
    }

    fn study_of(&self, kind: StudyKind) -> Option<Study> {
        let setting = self.steering.now();
        let multipliers = self.settings.multipliers.clone();
        let block = BlockIndex(setting.block);
        let condition = self.condition();
        Some(match kind {
            StudyKind::Sweep => {
                let vector = self.vector.as_ref()?;
                Study::Sweep(SweepStudy {
                    vector: vector.id.clone(),
                    dataset: self.dataset.as_ref()?.id.clone(),
                    mask: setting.mask,
                    edit: setting.edit,
                    condition,
                    multipliers,
                    reference: self.reference_block()?,
                })
            }
            // It is begun by its dialog alone.
            StudyKind::Extract => return None,
            StudyKind::Predict => Study::Predict(PredictStudy {
                datasets: self.studied_datasets()?,
                asking: self.asking.clone(),
                block,
            }),
            StudyKind::Shift => Study::Shift(ShiftStudy {
                datasets: self.studied_datasets()?,
                block,
                mask: setting.mask,
                edit: setting.edit,
                multipliers,
                norm_matched: true,
            }),
            StudyKind::Controls => {
                let (vector, dataset) = (self.vector.as_ref()?, self.dataset.as_ref()?);
                vector.norms.get(setting.block).copied().flatten()?;
                let others = self.vectors.iter().map(|v| v.asset.clone());
                Study::Controls(ControlsStudy {
                    vector: vector.id.clone(),
                    dataset: dataset.id.clone(),
                    pairs: dataset.asset.clone(),
                    asking: dataset.asking.clone(),
                    others: others.filter(|a| *a != vector.asset).collect(),
                    block,
                    mask: setting.mask,
                    edit: setting.edit,
                    condition,
                    multipliers,
                })
            }
            StudyKind::Tokens => {
                let shown = self.compare.shown()?;
                let steering = shown.request.steering.as_ref()?;
                if shown.steered.is_empty() || self.compare.is_running() {
                    return None;
                }
                Study::Tokens(TokensStudy {
                    vector: steering.vector.clone(),
                    prompt: shown.request.prompt.clone(),
                    chat: shown.request.chat.clone(),
                    tokens: shown.steered.ids().to_vec(),
                    block: steering.block,
                    coefficient: steering.coefficient,
                    mask: steering.mask,
                    edit: steering.edit,
                    condition: steering.condition.clone(),
                    frozen: self.lab.frozen,
                    lens: self
                        .lab
                        .row
                        .min(shown.steered.ids().len().saturating_sub(1)),
                })
            }
            StudyKind::Fan => {
                let vector = self.vector.as_ref()?;
                vector.norms.get(setting.block).copied().flatten()?;
                let prompt = self.prompts.active_text().to_owned();
                if prompt.is_empty() {
                    return None;
                }
                Study::Fan(FanStudy {
                    vector: vector.id.clone(),
                    prompt,
                    chat: self.chat_format(),
                    block,
                    mask: setting.mask,
                    edit: setting.edit,
                    condition,
                    coefficients: fan(setting.coefficient),
                    controls: self.lab.fan_controls.then_some(setting.coefficient),
                    sampling: self.sampling.clone(),
                })
            }
            StudyKind::Calibrate => Study::Calibrate(CalibrateStudy {
                vector: self.vector.as_ref()?.id.clone(),
                dataset: self.dataset.as_ref()?.id.clone(),
                block,
                mask: setting.mask,
                edit: setting.edit,
                condition,
                target: TARGET,
                negative: setting.coefficient < 0.0,
            }),
            StudyKind::Tax => {
                let vector = self.vector.as_ref()?;
                vector.norms.get(setting.block).copied().flatten()?;
                Study::Tax(TaxStudy {
                    vector: vector.id.clone(),
                    block,
                    mask: setting.mask,
                    edit: setting.edit,
                    condition,
                    multipliers,
                })
            }
            StudyKind::Vectors => self.vectors_study()?,
            StudyKind::Datasets => Study::Datasets(DatasetsStudy {
                datasets: self.every_dataset()?,
                asking: self.asking.clone(),
                vector: if self.lab.one_vector {
                    Some(self.vector.as_ref()?.id.clone())
                } else {
                    None
                },
                block,
                mask: setting.mask,
                edit: setting.edit,
                condition,
                multipliers,
            }),
        })
    }

    /// The block whose relative length is 1 at equal κ: the vector's own choice, else the one nearest
    /// to where sweeps begin.
    fn reference_block(&self) -> Option<BlockIndex> {
        let vector = self.vector.as_ref()?;
        let has = |b: usize| {
            vector
                .norms
                .get(b)
                .copied()
                .flatten()
                .is_some_and(|n| n > 0.0)
        };
        let start = BlockIndex::start_of(self.blocks()).0;
        let recommended = vector.recommended_block.map(|b| b.0).filter(|b| has(*b));
        recommended
            .or_else(|| {
                (0..vector.norms.len())
                    .filter(|b| has(*b))
                    .min_by_key(|b| b.abs_diff(start))
            })
            .map(BlockIndex)
    }

    fn studied_datasets(&self) -> Option<Vec<Asset>> {
        if self.lab.all_datasets {
            return self.every_dataset();
        }
        Some(vec![self.dataset.as_ref()?.asset.clone()])
    }

    /// The loaded data set first, then those of the catalog.
    fn every_dataset(&self) -> Option<Vec<Asset>> {
        let loaded = self.dataset.as_ref()?.asset.clone();
        let others = self.datasets.iter().map(|d| d.asset.clone());
        let mut all = vec![loaded.clone()];
        all.extend(others.filter(|a| *a != loaded));
        Some(all)
    }

    /// Asks for the screen's study where it is not there and not on its way.
    pub(in crate::app) fn request_study(&mut self) {
        let forced = std::mem::take(&mut self.lab.forced);
        if !std::mem::take(&mut self.lab.wanted) && !forced {
            return;
        }
        let calibrate = std::mem::take(&mut self.lab.calibrate);
        let wanted = if calibrate {
            self.study_of(StudyKind::Calibrate)
        } else {
            self.study_wanted()
        };
        let Some(study) = wanted else {
            return;
        };
        let kind = study.kind();
        // What it costs is read when nothing else is on its way; the end of that asks again.
        let other = self.lab.running().is_some_and(|r| r.kind != kind);
        let busy = self.experiment.is_running() || self.compare.is_running() || other;
        if kind == StudyKind::Tax && !forced && busy {
            return;
        }
        let running = self.lab.running().is_some_and(|r| r.kind == kind);
        let there =
            self.lab.asked(kind) == Some(&study) && (running || self.lab.finished(kind).is_some());
        let unasked = self.studies_unasked() || self.lab.is_same_text(&study);
        if !forced && (there || !unasked) {
            if !there && running {
                self.stop_study();
            }
            self.lab.compare(&study);
            return;
        }
        let run = self.next_run();
        self.lab.requested(run, study.clone());
        self.send(Command::Study(StudyRequest { run, study }));
    }

    /// Ends the study under way; what was reported stays.
    pub(in crate::app) fn stop_study(&mut self) {
        if self.lab.running().is_some() {
            self.lab.stopped();
            self.ended(crate::protocol::Stage::Study);
            self.send(Command::StopStudy);
        }
    }

    pub(in crate::app) fn run_study(&mut self) {
        self.lab.forced = true;
    }

    /// Random directions behind the histogram, or not.
    pub(in crate::app) fn toggle_controls(&mut self) {
        self.lab.controls_shown = !self.lab.controls_shown;
        if self.lab.controls_shown {
            self.lab.forced = self.lab.controls().is_none();
            self.lab.wanted = true;
        }
    }

    /// Looks for the coefficient of the target effect, and takes it over when it is there.
    pub(in crate::app) fn calibrate(&mut self) {
        self.lab.forced = true;
        self.lab.calibrate = true;
        self.lab.take_over = true;
    }

    /// A calibrated coefficient arrived: the slider goes there, as one change.
    pub(in crate::app) fn take_calibrated(&mut self) {
        if !std::mem::take(&mut self.lab.take_over) {
            return;
        }
        let Some((_, found)) = self.lab.calibration() else {
            return;
        };
        let (value, reached, achieved, target) = (
            found.coefficient,
            found.reached,
            found.achieved,
            found.target,
        );
        self.set_coefficient(value);
        if !reached {
            self.say(
                Level::Warning,
                format!("{target} nat cannot be reached: the effect stays at {achieved:.2} nat"),
            );
        }
    }

    /// The calibration, where vector, block and mask are still those it was found for.
    pub fn calibrated_here(&self) -> Option<&crate::protocol::Calibration> {
        let setting = self.steering.now();
        let (study, found) = self.lab.calibration()?;
        let here = study.block.0 == setting.block
            && study.mask == setting.mask
            && study.edit == setting.edit
            && study.condition == self.condition()
            && self.vector.as_ref().is_some_and(|v| v.id == study.vector);
        here.then_some(found)
    }

    /// The tax over the grid at the present site, where it is known.
    pub fn tax_line(&self) -> Option<&crate::protocol::TaxLine> {
        let here = self.study_of(StudyKind::Tax)?;
        self.lab
            .taxes()
            .filter(|_| self.lab.asked(StudyKind::Tax) == Some(&here))
    }

    /// Moves along the strip.
    pub(in crate::app) fn step_token(&mut self, step: isize) {
        self.go_to_token(self.lab.row.saturating_add_signed(step));
    }

    pub(in crate::app) fn go_to_token(&mut self, token: usize) {
        let n = self.lab.strip().map_or(0, |s| s.rows.len());
        self.lab.row = token.min(n.saturating_sub(1));
        // The blocks at this token are asked for.
        self.lab.wanted = true;
    }

    /// The next figure of the panel.
    pub(in crate::app) fn next_figure(&mut self) {
        if self.screen == Screen::Layers {
            let all = Figure::ALL;
            let at = all.iter().position(|f| *f == self.lab.layers.figure);
            let next = at.map_or(0, |i| (i + 1) % all.len());
            self.lab.layers.figure = all.get(next).copied().unwrap_or_default();
        } else if self.screen == Screen::Datasets {
            self.next_vectors_unit();
        } else {
            self.lab.figure = self.lab.figure.wrapping_add(1);
        }
    }

    /// The panel's other comparison: raw or equal κ, one data set or all, own vectors or the loaded one.
    pub(in crate::app) fn other_comparison(&mut self) {
        match self.focus {
            Pane::Map => {
                self.lab.layers.unit = match self.lab.layers.unit {
                    SweepUnit::Raw => SweepUnit::EqualKappa,
                    SweepUnit::EqualKappa => SweepUnit::Raw,
                };
            }
            Pane::Factors => {
                self.lab.one_vector = !self.lab.one_vector;
                self.lab.wanted = true;
            }
            Pane::Datasets => self.next_comparison(),
            Pane::Shift | Pane::Predictors => {
                self.lab.all_datasets = !self.lab.all_datasets;
                self.lab.wanted = true;
            }
            Pane::Tokens => {
                self.lab.frozen = !self.lab.frozen;
                self.lab.wanted = true;
            }
            Pane::Fan => {
                self.lab.fan_controls = !self.lab.fan_controls;
                self.lab.wanted = true;
            }
            _ => {}
        }
    }

    pub(in crate::app) fn next_run(&mut self) -> RunId {
        self.runs += 1;
        RunId(self.runs)
    }
}
