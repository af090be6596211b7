//! Moving on the map of blocks and multipliers.

use crate::app::App;

impl App {
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
}
