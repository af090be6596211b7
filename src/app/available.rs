//! Which actions make sense now, and why the others do not.

use std::fmt::Write as _;

use crate::app::action::Action;
use crate::app::focus::Pane;
use crate::app::overlay::Overlay;
use crate::app::prompts::PromptRef;
use crate::app::{App, Engine};
use crate::protocol::ChatSupport;

impl App {
    /// Whether the action would do something; else the reason in plain words.
    pub fn available(&self, action: Action) -> Result<(), &'static str> {
        let need = |ok: bool, why: &'static str| if ok { Ok(()) } else { Err(why) };
        match action {
            Action::RestartEngine => need(self.engine == Engine::Dead, "the engine is running"),
            Action::Stop => need(
                self.compare.is_running()
                    || self.experiment.is_running()
                    || self.lab.running().is_some(),
                "nothing is running",
            ),
            Action::Rerun | Action::RerunNewSeed => {
                self.engine_ready()?;
                need(
                    !self.prompts.active_text().is_empty(),
                    "no prompt is open; press a",
                )
            }
            Action::ToggleChat => match self.model.as_ref().map(|m| m.chat) {
                Some(ChatSupport::Template) => Ok(()),
                Some(ChatSupport::None) => Err("the model has no chat template"),
                Some(ChatSupport::Unusable) => {
                    Err("the model's chat template cannot be used; F2 shows why")
                }
                None => Err("no model is loaded; press M"),
            },
            Action::Undo => need(self.steering.can_undo(), "nothing to take back"),
            Action::Redo => need(self.steering.can_redo(), "nothing to make again"),
            Action::BlockDown | Action::BlockUp => need(
                self.blocks() > 1,
                "no model with more than one block is loaded",
            ),
            Action::DeletePrompt => need(
                matches!(self.prompts.selected_row(), Some(PromptRef::Typed(_))),
                "inputs of a data set cannot be removed, only typed prompts",
            ),
            Action::NextPrompt | Action::PreviousPrompt | Action::Open => need(
                !self.prompts.visible().is_empty(),
                "the prompt list is empty; press a to write one",
            ),
            Action::PreviousBar | Action::NextBar if self.focus == Pane::Tokens => need(
                self.lab.strip().is_some_and(|s| !s.rows.is_empty()),
                "no text is read yet; press w",
            ),
            Action::PreviousBar | Action::NextBar => need(
                self.experiment
                    .current()
                    .is_some_and(|m| !m.histogram.is_empty()),
                "no input is measured yet",
            ),
            Action::RunStudy => {
                self.engine_ready()?;
                need(
                    self.study_wanted().is_some(),
                    "the study needs a vector and a data set; press v and d",
                )
            }
            Action::LoadRow => need(
                self.row_loads().is_some(),
                "nothing is measured yet; press w",
            ),
            Action::NextFigure if self.focus == Pane::Datasets => need(
                self.lab.across_vectors,
                "lengths are a choice where vectors are compared; press e",
            ),
            Action::OwnBlocks => need(
                self.lab.across_vectors,
                "blocks are a choice where vectors are compared; press e",
            ),
            Action::NextReference => need(
                self.vector.is_some() || self.dataset.is_some(),
                "controls need a vector or a data set; press v or d",
            ),
            Action::Calibrate => {
                self.engine_ready()?;
                need(
                    self.vector.is_some() && self.dataset.is_some(),
                    "calibration needs a vector and a data set; press v and d",
                )
            }
            Action::ChooseRead => need(
                matches!(self.overlays.last(), Some(Overlay::Extract(_))),
                "tokens are chosen in the dialog of a new vector; press E",
            ),
            Action::TakeRead | Action::NextReading => need(
                !self.readings().is_empty(),
                "no text is shown token by token",
            ),
            Action::Pin => need(self.vector.is_some(), "no vector is loaded; press v"),
            Action::Flip => need(
                self.pins.are_two(),
                "pin two states first: p here, and p again somewhere else",
            ),
            Action::SuggestedBlock => need(
                self.lab.layers.suggested().is_some(),
                "no block is swept yet; press w",
            ),
            Action::EditPrompt => need(
                !self.prompts.active_text().is_empty(),
                "no prompt is open; press a",
            ),
            Action::Copy => need(self.copy_text().is_some(), "nothing to copy in this pane"),
            _ => Ok(()),
        }
    }

    fn engine_ready(&self) -> Result<(), &'static str> {
        match self.engine {
            Engine::Ready => Ok(()),
            Engine::Starting => Err("the model is still loading"),
            Engine::Empty => Err("no model is loaded; press M"),
            Engine::Dead => Err("the engine is not running; restart it from the palette"),
        }
    }

    /// Text the copy action takes from the focused pane.
    pub(super) fn copy_text(&self) -> Option<String> {
        let lane = |baseline: bool| {
            let shown = self.compare.shown()?;
            let lane = if baseline {
                &shown.baseline
            } else {
                &shown.steered
            };
            (!lane.text.is_empty()).then(|| lane.text.clone())
        };
        match self.focus {
            Pane::Prompts => {
                let row = self.prompts.selected_row()?;
                Some(self.prompts.text_of(row).to_owned())
            }
            Pane::Baseline => lane(true),
            Pane::Steered => lane(false),
            Pane::Layer => Some(self.steering.now().block.to_string()),
            Pane::Coefficient => Some(self.steering.now().coefficient.to_string()),
            Pane::Histogram => {
                let m = self.experiment.current()?;
                let mut out = self.heading()?;
                out.push_str("input\tsteerability\n");
                for r in m.results.iter().flatten() {
                    let id = self
                        .prompts
                        .items()
                        .get(r.index)
                        .map_or(r.index, |item| item.id);
                    let _ = writeln!(out, "{id}\t{}", r.steerability);
                }
                (m.done > 0).then_some(out)
            }
            Pane::Curve => {
                let m = self.experiment.current()?;
                let mut out = self.heading()?;
                out.push_str("multiplier\tmean\tlower_quartile\tupper_quartile\n");
                for p in &m.curve.points {
                    let _ = writeln!(out, "{}	{}	{}	{}", p.multiplier, p.mean, p.lower, p.upper);
                }
                (!m.curve.points.is_empty()).then_some(out)
            }
            Pane::Vectors => self.library_text(),
            Pane::Map
            | Pane::Factors
            | Pane::Shift
            | Pane::Predictors
            | Pane::Datasets
            | Pane::Controls
            | Pane::Tokens
            | Pane::Fan => self.lab_text(),
        }
    }

    /// Comment lines above copied figures: what they are of and how they were made.
    fn heading(&self) -> Option<String> {
        let (title, protocol) = self.provenance()?;
        Some(format!("# {title}\n# {protocol}\n"))
    }
}
