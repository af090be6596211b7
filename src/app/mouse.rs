//! The pointer: clicks, drags and the wheel on the regions of the last frame.

use crate::app::App;
use crate::app::focus::Pane;
use crate::app::hits::{Area, Target};
use crate::app::input::{Mouse, MouseKind};
use crate::app::overlay::{List, Overlay};

impl App {
    /// What lay under a cell in the last frame.
    pub fn target_at(&self, column: u16, row: u16) -> Option<Target> {
        self.hits.at(column, row).map(|(_, target)| target)
    }

    /// Regions of the last frame, later ones on top.
    pub fn regions(&self) -> &[(Area, Target)] {
        &self.hits.regions
    }

    pub(super) fn on_mouse(&mut self, mouse: Mouse) {
        let hit = self.hits.at(mouse.column, mouse.row);
        match mouse.kind {
            MouseKind::Down => {
                self.dirty = true;
                if self.overlays.is_empty() {
                    self.press(hit, mouse.column);
                } else {
                    self.press_overlay(hit);
                }
            }
            MouseKind::Drag => {
                if let Some((area, target)) = self.drag {
                    self.dirty = true;
                    self.slide(area, target, mouse.column);
                }
            }
            MouseKind::Up => {
                if self.drag.take().is_some() {
                    self.steering.end_drag();
                }
            }
            MouseKind::ScrollUp => self.wheel(hit, -1),
            MouseKind::ScrollDown => self.wheel(hit, 1),
        }
    }

    fn press(&mut self, hit: Option<(Area, Target)>, column: u16) {
        let Some((area, target)) = hit else { return };
        match target {
            Target::Pane(pane) => {
                self.leave_inputs(pane);
                self.set_focus(pane);
            }
            Target::LayerTrack | Target::CoefficientTrack => {
                let pane = if target == Target::LayerTrack {
                    Pane::Layer
                } else {
                    Pane::Coefficient
                };
                self.leave_inputs(pane);
                self.set_focus(pane);
                self.typed.clear();
                self.steering.begin_drag();
                self.drag = Some((area, target));
                self.slide(area, target, column);
            }
            Target::PromptRow(i) => {
                self.leave_inputs(Pane::Prompts);
                self.set_focus(Pane::Prompts);
                self.prompts.selected = i.min(self.prompts.visible().len().saturating_sub(1));
                self.open_selected();
            }
            Target::Bar(i) => {
                self.leave_inputs(Pane::Histogram);
                self.set_focus(Pane::Histogram);
                self.select_bar(i);
            }
            Target::Run(action) => self.perform(action),
            Target::Tab(screen) => self.show(screen),
            Target::Cell(block, column) => {
                self.set_focus(Pane::Map);
                if let Some(multiplier) = self.lab.layers.grid().get(column).copied() {
                    self.go_to_cell(block, multiplier);
                }
            }
            Target::LabRow(row) => self.lab.row = row,
            Target::Token(i) => self.go_to_token(i),
            Target::OverlayRow(_) | Target::Overlay => {}
        }
    }

    fn leave_inputs(&mut self, to: Pane) {
        self.filtering = false;
        if to != Pane::Prompts {
            self.editor = None;
        }
    }

    fn press_overlay(&mut self, hit: Option<(Area, Target)>) {
        match hit {
            Some((_, Target::OverlayRow(i))) => match self.overlays.last_mut() {
                Some(Overlay::Sampling(form)) => form.step(i as isize - form.at as isize),
                Some(Overlay::Asking(form)) => form.step(i as isize - form.at as isize),
                Some(Overlay::Extract(form)) => form.go_to(i),
                Some(Overlay::Condition(form)) => form.go_to(i),
                Some(Overlay::Help(l) | Overlay::Palette(l) | Overlay::Picker(_, l)) => {
                    let List { selected, .. } = l;
                    *selected = i;
                    self.list_accept();
                }
                _ => {}
            },
            Some((_, Target::Overlay)) => {}
            Some((_, Target::Run(action))) => self.perform(action),
            _ if matches!(self.overlays.last(), Some(Overlay::Died(_))) => {}
            _ => self.perform(crate::app::action::Action::Close),
        }
    }

    fn slide(&mut self, area: Area, target: Target, column: u16) {
        let offset = column
            .saturating_sub(area.x)
            .min(area.width.saturating_sub(1));
        if target == Target::LayerTrack {
            let last = self.blocks().saturating_sub(1);
            let across = usize::from(area.width.saturating_sub(1)).max(1);
            self.set_block((usize::from(offset) * last + across / 2) / across);
        } else {
            let value = self.scale.value_at(offset, area.width);
            self.set_coefficient(value);
        }
    }

    fn wheel(&mut self, hit: Option<(Area, Target)>, rows: isize) {
        self.dirty = true;
        if !self.overlays.is_empty() {
            self.list_step(rows);
            return;
        }
        match hit.map(|(_, target)| target) {
            Some(Target::LayerTrack | Target::Pane(Pane::Layer)) => self.step_block(-rows),
            Some(Target::CoefficientTrack | Target::Pane(Pane::Coefficient | Pane::Curve)) => {
                self.step_coefficient(-rows as i32);
            }
            Some(Target::Pane(Pane::Baseline | Pane::Steered)) => self.scroll_text(rows),
            Some(Target::PromptRow(_) | Target::Pane(Pane::Prompts)) => self.prompts.step(rows),
            Some(Target::Cell(..) | Target::Pane(Pane::Map)) => self.step_map_block(rows),
            Some(Target::LabRow(_) | Target::Token(_)) => self.move_rows(rows),
            _ => {}
        }
    }
}
