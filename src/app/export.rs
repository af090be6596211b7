//! The measurement on screen as a picture.

use crate::app::messages::Level;
use crate::app::msg::Effect;
use crate::app::{App, signed};
use crate::protocol::ResponseFigure;
use crate::text::one_line;

impl App {
    /// Asks for histogram and curve of the present measurement as files.
    pub(super) fn export_figure(&mut self) {
        let (Some(measured), Some(vector), Some(dataset)) =
            (self.experiment.current(), &self.vector, &self.dataset)
        else {
            self.say(Level::Info, "no input is measured yet");
            return;
        };
        let rows: Vec<Vec<f32>> = (measured.results.iter().flatten())
            .map(|r| r.propensity.clone())
            .collect();
        if rows.is_empty() {
            self.say(Level::Info, "no input is measured yet");
            return;
        }
        let setting = self.steering.now();
        let (vector_name, dataset_name) = (one_line(&vector.name), one_line(&dataset.name));
        let model = self.model.as_ref().map_or("", |m| m.name.as_str());
        let norm = self.norm_at(setting.block).unwrap_or(f32::NAN);
        let grid: Vec<String> = measured
            .key
            .multipliers
            .iter()
            .map(|m| signed(*m))
            .collect();
        let condition = match self.condition_words() {
            words if words.is_empty() => words,
            words => {
                let (open, n) = self.prompts_open().unwrap_or_default();
                format!(", {words} ({open} of {n} prompts steered)")
            }
        };
        let words = &dataset.words;
        let badge = words.badge.as_ref();
        let badge = badge.map_or_else(String::new, |b| format!(", {b}"));
        let figure = ResponseFigure {
            title: format!(
                "{vector_name} on {dataset_name}, block {} of {}",
                setting.block,
                one_line(model)
            ),
            protocol: format!(
                "{} of {} inputs, mask {}, {}{condition}, ‖v‖ {norm:.3}, multipliers {}, {}, {}, {}{}, steerscope {}",
                rows.len(),
                measured.results.len(),
                setting.mask,
                setting.edit,
                grid.join(" "),
                words.rows,
                words.prompts,
                words.propensity,
                badge,
                env!("CARGO_PKG_VERSION")
            ),
            multipliers: measured.key.multipliers.clone(),
            rows,
        };
        let plain = |text: &str| {
            text.chars()
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
            plain(&vector_name),
            plain(&dataset_name),
            setting.block
        );
        self.effects
            .push(Effect::ExportFigure(Box::new(figure), stem));
    }
}
