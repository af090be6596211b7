//! The measurement on screen as a picture.

use crate::app::messages::Level;
use crate::app::msg::Effect;
use crate::app::{App, signed};
use crate::protocol::ResponseFigure;
use crate::text::one_line;

impl App {
    /// Asks for histogram and curve of the present measurement as files.
    pub(super) fn export_figure(&mut self) {
        let (Some(measured), Some((title, protocol))) =
            (self.experiment.current(), self.provenance())
        else {
            self.say(Level::Info, "no input is measured yet");
            return;
        };
        let figure = ResponseFigure {
            title,
            protocol,
            multipliers: measured.key.multipliers.clone(),
            rows: (measured.results.iter().flatten())
                .map(|r| r.propensity.clone())
                .collect(),
        };
        let name = |text: Option<&str>| {
            one_line(text.unwrap_or_default())
                .chars()
                .map(|c| {
                    if c.is_alphanumeric() || c == '-' {
                        c
                    } else {
                        '_'
                    }
                })
                .take(40)
                .collect::<String>()
        };
        let stem = format!(
            "steerscope-{}-{}-b{}",
            name(self.vector.as_ref().map(|v| v.name.as_str())),
            name(self.dataset.as_ref().map(|d| d.name.as_str())),
            self.steering.now().block
        );
        self.effects
            .push(Effect::ExportFigure(Box::new(figure), stem));
    }

    /// What the figures of the present measurement are of, and how they were made; `None` before the first input.
    pub(super) fn provenance(&self) -> Option<(String, String)> {
        let (measured, vector) = (self.experiment.current()?, self.vector.as_ref()?);
        let dataset = self.dataset.as_ref()?;
        let n = measured.results.iter().flatten().count();
        if n == 0 {
            return None;
        }
        let setting = self.steering.now();
        let title = format!(
            "{} on {}, block {} of {}",
            one_line(&vector.name),
            one_line(&dataset.name),
            setting.block,
            one_line(self.model.as_ref().map_or("", |m| m.name.as_str()))
        );
        let norm = self.norm_at(setting.block).unwrap_or(f32::NAN);
        let multipliers = measured.key.multipliers.iter();
        let grid: Vec<String> = multipliers.map(|m| signed(*m)).collect();
        let words = &dataset.words;
        let badge = words.badge.as_ref();
        let badge = badge.map_or_else(String::new, |b| format!(", {b}"));
        let condition = match self.condition_words() {
            words if words.is_empty() => words,
            words => {
                let (open, n) = self.prompts_open().unwrap_or_default();
                format!(", {words} ({open} of {n} prompts steered)")
            }
        };
        let protocol = format!(
            "{n} of {} inputs, mask {}, {}{condition}, ‖v‖ {norm:.3}, multipliers {}, {}, {}, {}{badge}, steerscope {}",
            measured.results.len(),
            setting.mask,
            setting.edit,
            grid.join(" "),
            words.rows,
            words.prompts,
            words.propensity,
            env!("CARGO_PKG_VERSION")
        );
        Some((title, protocol))
    }
}
