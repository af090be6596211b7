//! Changing the setting by hand: block, coefficient, typed values, steps along the grid.

use crate::app::App;
use crate::app::focus::Pane;
use crate::app::messages::Level;
use crate::app::slider::{LIMIT, clean};
use crate::app::steering::Setting;

impl App {
    /// Changes the setting by the user's hand.
    pub(super) fn change(&mut self, edit: impl FnOnce(&mut Setting)) {
        let mut to = self.steering.now();
        edit(&mut to);
        to.coefficient = clean(to.coefficient);
        if self.steering.change(to) {
            self.setting_changed();
        }
    }

    pub(super) fn after_history(&mut self) {
        self.scale.include(self.steering.now().coefficient);
        self.setting_changed();
    }

    pub(super) fn setting_changed(&mut self) {
        self.dirty = true;
        self.wants_generate = true;
        self.wants_measure = true;
        self.lab.wanted = true;
    }

    pub(super) fn set_coefficient(&mut self, value: f32) {
        self.scale.include(value);
        let scale = self.scale;
        let value = if value.is_finite() {
            value.clamp(-scale.max(), scale.max())
        } else {
            0.0
        };
        self.change(|s| s.coefficient = value);
    }

    pub(super) fn step_coefficient(&mut self, steps: i32) {
        let scale = self.scale;
        let value = scale.snap(self.steering.now().coefficient + steps as f32 * scale.step());
        self.change(|s| s.coefficient = value);
    }

    pub(super) fn set_block(&mut self, block: usize) {
        let block = block.min(self.blocks().saturating_sub(1));
        self.block_chosen = true;
        self.change(|s| s.block = block);
    }

    pub(super) fn step_block(&mut self, steps: isize) {
        let block = self.steering.now().block.saturating_add_signed(steps);
        self.set_block(block);
    }

    pub(super) fn step_slider(&mut self, steps: i32) {
        match self.focus {
            Pane::Layer => self.step_block(steps as isize),
            _ => self.step_coefficient(steps),
        }
    }

    pub(super) fn slider_end(&mut self, high: bool) {
        match (self.focus, high) {
            (Pane::Layer, false) => self.set_block(0),
            (Pane::Layer, true) => self.set_block(usize::MAX),
            (_, high) => {
                let max = self.scale.max();
                self.set_coefficient(if high { max } else { -max });
            }
        }
    }

    pub(super) fn set_typed_value(&mut self, text: &str) {
        match self.focus {
            Pane::Layer => match text.parse::<usize>() {
                Ok(block) if block < self.blocks() => self.set_block(block),
                _ => {
                    let last = self.blocks().saturating_sub(1);
                    self.say(Level::Info, format!("blocks go from 0 to {last}"));
                }
            },
            _ => match text.parse::<f32>() {
                Ok(value) => match self.typed_coefficient(value) {
                    Some(c) if c.abs() <= LIMIT => self.set_coefficient(c),
                    _ => self.say(
                        Level::Info,
                        "no raw coefficient between -1000 and 1000 gives this value",
                    ),
                },
                Err(_) => self.say(
                    Level::Info,
                    "the coefficient takes a number between -1000 and 1000",
                ),
            },
        }
    }

    pub(super) fn step_grid(&mut self, up: bool) {
        let now = self.steering.now().coefficient;
        let grid = self.settings.multipliers.iter().copied();
        let next = if up {
            grid.filter(|m| *m > now + 1e-6).min_by(f32::total_cmp)
        } else {
            grid.filter(|m| *m < now - 1e-6).max_by(f32::total_cmp)
        };
        if let Some(value) = next {
            self.set_coefficient(value);
        }
    }
}
