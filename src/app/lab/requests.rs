//! Which study the screen needs, and the keys of the laboratory.

use crate::app::App;
use crate::app::focus::Pane;
use crate::app::lab::layers::Figure;
use crate::app::screen::Screen;
use crate::protocol::{
    Asset, Command, ControlsStudy, DatasetsStudy, PredictStudy, ShiftStudy, Study, StudyKind,
    StudyRequest, SweepStudy, SweepUnit,
};
use crate::units::{BlockIndex, RunId};

/// Models up to this many parameters are studied unasked when a screen opens.
const UNASKED: usize = 50_000_000;

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
        let setting = self.steering.now();
        let multipliers = self.settings.multipliers.clone();
        let block = BlockIndex(setting.block);
        let shown = self.lab.controls_shown && self.screen == Screen::Explore;
        let kind = self.screen.study().or(shown.then_some(StudyKind::Controls));
        Some(match kind? {
            StudyKind::Sweep => {
                let vector = self.vector.as_ref()?;
                Study::Sweep(SweepStudy {
                    vector: vector.id.clone(),
                    dataset: self.dataset.as_ref()?.id.clone(),
                    mask: setting.mask,
                    multipliers,
                    reference: self.reference_block()?,
                })
            }
            StudyKind::Predict => Study::Predict(PredictStudy {
                datasets: self.studied_datasets()?,
                block,
            }),
            StudyKind::Shift => Study::Shift(ShiftStudy {
                datasets: self.studied_datasets()?,
                block,
                mask: setting.mask,
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
                    others: others.filter(|a| *a != vector.asset).collect(),
                    block,
                    mask: setting.mask,
                    multipliers,
                })
            }
            StudyKind::Datasets => Study::Datasets(DatasetsStudy {
                datasets: self.every_dataset()?,
                vector: match self.lab.one_vector {
                    true => Some(self.vector.as_ref()?.id.clone()),
                    false => None,
                },
                block,
                mask: setting.mask,
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
        let start = (0.42 * self.blocks() as f64).round() as usize;
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
        let Some(study) = self.study_wanted() else {
            return;
        };
        let kind = study.kind();
        let running = self.lab.running().is_some_and(|r| r.kind == kind);
        let there =
            self.lab.asked(kind) == Some(&study) && (running || self.lab.finished(kind).is_some());
        if !forced && (there || !self.studies_unasked()) {
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

    /// The next figure of the panel.
    pub(in crate::app) fn next_figure(&mut self) {
        if self.screen == Screen::Layers {
            let all = Figure::ALL;
            let at = all.iter().position(|f| *f == self.lab.layers.figure);
            let next = at.map_or(0, |i| (i + 1) % all.len());
            self.lab.layers.figure = all.get(next).copied().unwrap_or_default();
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
            Pane::Factors | Pane::Datasets => {
                self.lab.one_vector = !self.lab.one_vector;
                self.lab.wanted = true;
            }
            Pane::Shift | Pane::Predictors => {
                self.lab.all_datasets = !self.lab.all_datasets;
                self.lab.wanted = true;
            }
            _ => {}
        }
    }

    /// Moves the coefficient along the map's columns.
    pub(in crate::app) fn step_cell(&mut self, up: bool) {
        let scale = self.map_scale();
        let now = self.steering.now().coefficient / scale;
        let grid = self.settings.multipliers.iter().copied();
        let next = if up {
            grid.filter(|m| *m > now + 1e-4).min_by(f32::total_cmp)
        } else {
            grid.filter(|m| *m < now - 1e-4).max_by(f32::total_cmp)
        };
        if let Some(value) = next {
            self.set_coefficient(value * scale);
        }
    }

    /// Moves the block along the map's rows, at the same multiplier of the comparison shown.
    pub(in crate::app) fn step_map_block(&mut self, rows: isize) {
        let blocks: Vec<usize> = self.lab.layers.lines().map(|l| l.block).collect();
        let now = self.steering.now().block;
        let Some(last) = blocks.len().checked_sub(1) else {
            self.step_block(rows);
            return;
        };
        let at = blocks.iter().position(|b| *b >= now).unwrap_or(last);
        let to = at.saturating_add_signed(rows).min(last);
        if let Some(block) = blocks.get(to) {
            self.go_to_cell(*block, self.steering.now().coefficient / self.map_scale());
        }
    }

    /// The block that the sweep suggests.
    pub(in crate::app) fn go_to_suggested(&mut self) {
        if let Some(block) = self.lab.layers.suggested() {
            self.go_to_cell(block, self.steering.now().coefficient / self.map_scale());
        }
    }

    /// Puts both sliders onto a cell of the map, as one change.
    pub(in crate::app) fn go_to_cell(&mut self, block: usize, multiplier: f32) {
        let scale = self.lab.layers.line(block).map_or(1.0, |l| l.scale);
        let value = multiplier * scale;
        if !value.is_finite() {
            return;
        }
        self.scale.include(value);
        let most = self.scale.max();
        self.block_chosen = true;
        self.change(|s| {
            s.block = block;
            s.coefficient = value.clamp(-most, most);
        });
    }

    /// What multiplier 1 of the map is at the present block, in raw coefficients.
    pub fn map_scale(&self) -> f32 {
        let line = self.lab.layers.line(self.steering.now().block);
        line.map(|l| l.scale)
            .filter(|s| s.is_finite() && *s != 0.0)
            .unwrap_or(1.0)
    }

    /// Hands finished blocks of a sweep to the histogram, which then shows them at once.
    pub(in crate::app) fn adopt_sweep(&mut self) {
        let Some(dataset) = &self.dataset else { return };
        let inputs = dataset.items.len();
        let Some(study) = self.lab.layers.study().cloned() else {
            return;
        };
        if self.lab.layers.stale || study.dataset != dataset.id {
            return;
        }
        for block in 0..self.blocks() {
            if let Some(line) = self
                .lab
                .layers
                .raw(block)
                .filter(|l| l.rows.len() == inputs)
            {
                self.experiment.adopt(&study, block, &line.rows);
            }
        }
    }

    pub(in crate::app) fn next_run(&mut self) -> RunId {
        self.runs += 1;
        RunId(self.runs)
    }
}
