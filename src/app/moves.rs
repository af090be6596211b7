//! Moving: focus between panes, cursor in lists and histograms, scrolled text.

use crate::app::App;
use crate::app::focus::Pane;
use crate::app::screen::Screen;

impl App {
    /// Tab goes round the panes that are on screen; before the first frame, all of them.
    pub(super) fn move_focus(&mut self, step: isize) {
        let panes = self.screen.panes();
        let n = panes.len() as isize;
        let mut pane = self.focus;
        for _ in 0..panes.len() {
            let at = (self.screen.number(pane) as isize - 1 + step).rem_euclid(n.max(1));
            pane = panes.get(at as usize).copied().unwrap_or(pane);
            if self.hits.panes.is_empty() || self.zoomed || self.hits.panes.contains(&pane) {
                break;
            }
        }
        self.set_focus(pane);
    }

    pub(super) fn page(&self) -> isize {
        let rows = match self.focus {
            Pane::Baseline | Pane::Steered => self.hits.text_height,
            _ => self.hits.list_height,
        };
        rows.max(2) as isize - 1
    }

    pub(super) fn move_rows(&mut self, rows: isize) {
        match self.focus {
            Pane::Baseline | Pane::Steered => self.scroll_text(rows),
            Pane::Map => self.step_map_block(rows),
            Pane::Tokens => self.step_token(rows),
            Pane::Vectors => self.move_in_library(rows),
            Pane::Factors
            | Pane::Shift
            | Pane::Predictors
            | Pane::Datasets
            | Pane::Controls
            | Pane::Fan => {
                let last = self.lab_rows().saturating_sub(1);
                self.lab.row = self.lab.row.min(last).saturating_add_signed(rows).min(last);
            }
            _ => self.prompts.step(rows),
        }
    }

    /// Rows that the cursor can stand on in the screen's list.
    fn lab_rows(&self) -> usize {
        match self.screen {
            Screen::Datasets if self.lab.across_vectors => {
                self.lab.vectors().map_or(0, |t| t.rows.len())
            }
            Screen::Factors | Screen::Datasets => self.lab.responses.items.len(),
            Screen::Shift => self.lab.shifts.items.len(),
            Screen::Predictors => self.lab.predictions.items.len(),
            Screen::Fan => self.lab.fan.items.len(),
            Screen::Explore
            | Screen::Layers
            | Screen::Controls
            | Screen::Tokens
            | Screen::Vectors => 0,
        }
    }

    pub(super) fn scroll_text(&mut self, rows: isize) {
        let last = self.hits.text_lines.saturating_sub(self.hits.text_height);
        let at = self.text_scroll.unwrap_or(self.hits.text_first);
        self.text_scroll = Some(at.saturating_add_signed(rows).min(last));
    }

    /// Selects the bar `step` places from the selected one; from none, the lowest bar, where the
    /// anti-steerable inputs are.
    pub(super) fn step_bar(&mut self, step: isize) {
        let Some(m) = self.experiment.current() else {
            return;
        };
        let n = m.histogram.bars().len();
        let at = self.selected_bar();
        let mut next = at.map_or(if step > 0 { 0 } else { n.saturating_sub(1) }, |i| {
            i.saturating_add_signed(step).min(n.saturating_sub(1))
        });
        // Empty bars list nothing: pass over them.
        let bars: Vec<usize> = m.histogram.bars().map(|b| b.count).collect();
        while bars.get(next) == Some(&0) {
            let to = next.saturating_add_signed(step.signum());
            if to == next || to >= n {
                return;
            }
            next = to;
        }
        self.select_bar(next);
    }

    pub(super) fn select_bar(&mut self, index: usize) {
        let bar = self
            .experiment
            .current()
            .and_then(|m| m.histogram.bars().nth(index));
        if let Some(bar) = bar {
            self.bar = Some(f64::midpoint(bar.low, bar.high));
            self.refresh_prompts();
            self.prompts.selected = 0;
        }
    }
}
