//! What rendering reads: plain accessors and a few derived figures, no changes.

use crate::app::compare::Compare;
use crate::app::editor::Editor;
use crate::app::experiment::Experiment;
use crate::app::focus::Pane;
use crate::app::messages::Messages;
use crate::app::overlay::Overlay;
use crate::app::prompts::Prompts;
use crate::app::slider::Scale;
use crate::app::steering::Setting;
use crate::app::{App, Engine, GlyphSet, SPIN};
use crate::protocol::{DatasetInfo, ModelInfo, ModelSource, Sampling, Stage, VectorInfo};
use crate::units::Edit;

/// The coefficient in its three units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Readout {
    /// Raw coefficient `c`.
    pub raw: f32,
    /// Effective norm `c·‖v‖`, signed like `c`.
    pub norm: Option<f32>,
    /// Residual-relative coefficient κ = `c·‖v‖ / H_b`, where `H_b` is the median residual norm
    /// at the block over the data set's prompts.
    pub kappa: Option<f32>,
}

impl App {
    /// Name of the theme to draw with.
    pub fn theme(&self) -> &str {
        &self.settings.theme
    }

    /// Characters to draw with.
    pub fn glyphs(&self) -> GlyphSet {
        self.settings.glyphs
    }

    /// State of the worker.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The loaded model.
    pub fn model(&self) -> Option<&ModelInfo> {
        self.model.as_ref()
    }

    /// The model asked for.
    pub fn wanted_model(&self) -> &ModelSource {
        &self.wanted_model
    }

    /// The loaded vector.
    pub fn vector(&self) -> Option<&VectorInfo> {
        self.vector.as_ref()
    }

    /// The loaded data set.
    pub fn dataset(&self) -> Option<&DatasetInfo> {
        self.dataset.as_ref()
    }

    /// Blocks of the model; 0 without one.
    pub fn blocks(&self) -> usize {
        self.model.as_ref().map_or(0, |m| m.n_blocks)
    }

    /// The setting under the user's hand.
    pub fn setting(&self) -> Setting {
        self.steering.now()
    }

    /// The coefficient slider's range.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// Multiplier grid.
    pub fn multipliers(&self) -> &[f32] {
        &self.settings.multipliers
    }

    /// Sampling settings.
    pub fn sampling(&self) -> &Sampling {
        &self.sampling
    }

    /// Texts.
    pub fn compare(&self) -> &Compare {
        &self.compare
    }

    /// Figures.
    pub fn experiment(&self) -> &Experiment {
        &self.experiment
    }

    /// Prompt list.
    pub fn prompts(&self) -> &Prompts {
        &self.prompts
    }

    /// Toasts and log.
    pub fn messages(&self) -> &Messages {
        &self.messages
    }

    /// Pane with the focus.
    pub fn focus(&self) -> Pane {
        self.focus
    }

    /// The focused pane takes the whole screen.
    pub fn is_zoomed(&self) -> bool {
        self.zoomed
    }

    /// Top layer over the main screen.
    pub fn overlay(&self) -> Option<&Overlay> {
        self.overlays.last()
    }

    /// The open prompt editor.
    pub fn editor(&self) -> Option<&Editor> {
        self.editor.as_ref()
    }

    /// The filter line of the prompt list takes the keys.
    pub fn is_filtering(&self) -> bool {
        self.filtering
    }

    /// Digits typed on a slider so far.
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// First line of the texts the user scrolled to; `None`: not scrolled.
    pub fn text_scroll(&self) -> Option<usize> {
        self.text_scroll
    }

    /// Bin index of the selected bar.
    pub fn selected_bar(&self) -> Option<usize> {
        self.experiment.current()?.histogram.bin_of(self.bar?)
    }

    /// Edges `(low, high]` of the selected bar.
    pub fn selected_range(&self) -> Option<(f64, f64)> {
        let bar = self
            .experiment
            .current()?
            .histogram
            .bars()
            .nth(self.selected_bar()?)?;
        Some((bar.low, bar.high))
    }

    /// Work under way: stage, units done, units in all (0: unknown).
    pub fn progress(&self) -> &[(Stage, usize, usize)] {
        self.progress.stages()
    }

    /// Prompts kept in memory and prompts in all, where not all of them fit.
    pub fn memory_short(&self) -> Option<(usize, usize)> {
        self.memory_short
    }

    /// Time that a stage will still take.
    pub fn time_left(&self, stage: Stage) -> Option<std::time::Duration> {
        self.progress.left(stage, self.now)
    }

    /// Whether the worker has something to do.
    pub fn is_busy(&self) -> bool {
        !matches!(self.engine, Engine::Dead | Engine::Empty)
            && (self.engine == Engine::Starting
                || self.lab.running().is_some()
                || self.compare.is_running()
                || self.experiment.is_running()
                || !self.progress.stages().is_empty())
    }

    /// Turn of the spinner; always 0 without animation.
    pub fn spin(&self) -> usize {
        if self.settings.animation {
            (self.now.as_millis() / SPIN.as_millis()) as usize
        } else {
            0
        }
    }

    /// Norm of the raw vector at a block.
    pub fn norm_at(&self, block: usize) -> Option<f32> {
        self.vector.as_ref()?.norms.get(block).copied().flatten()
    }

    /// The coefficient in its three units, at the present block.
    pub fn readout(&self) -> Readout {
        let setting = self.steering.now();
        let length = self.norm_at(setting.block);
        let norm = length
            .filter(|_| setting.edit.operator.scales_with_norm())
            .map(|n| n * setting.coefficient);
        let residual = self
            .dataset
            .as_ref()
            .and_then(|d| d.residual_norms.get(setting.block).copied())
            .filter(|h| h.is_finite() && *h > 0.0);
        let kappa = norm
            .zip(residual)
            .map(|(n, h)| n / h)
            .filter(|k| k.is_finite());
        Readout {
            raw: setting.coefficient,
            norm,
            kappa,
        }
    }

    /// The setting in words for the label of texts, from long to short.
    pub(super) fn setting_label(&self) -> [String; 3] {
        let setting = self.steering.now();
        let block = setting.block;
        let same = |text: String| [text.clone(), text.clone(), text];
        match &self.vector {
            None => same("no vector".to_owned()),
            Some(_) if self.norm_at(block).is_none() => same(format!("no vector at {block}")),
            Some(_) if !setting.enabled => same("vector off".to_owned()),
            Some(v) => {
                let c = signed(setting.coefficient);
                let name = crate::text::one_line(&v.name);
                if setting.edit != Edit::ADD {
                    let edit = setting.edit;
                    return [
                        format!("{name} {edit} {c} block {block}"),
                        format!("{edit} {c} block {block}"),
                        format!("{} {c} b{block}", edit.operator),
                    ];
                }
                [
                    format!("{name} {c} block {block}"),
                    format!("{c} block {block}"),
                    format!("{c} b{block}"),
                ]
            }
        }
    }

    /// Whether the model, or what goes with it, is still on its way.
    pub fn is_loading(&self) -> bool {
        let coming = |loaded: bool, wanted: bool| !loaded && wanted;
        self.engine == Engine::Starting
            || self.engine == Engine::Ready
                && (!self.has_catalog
                    || coming(self.vector.is_some(), self.wanted_vector.is_some())
                    || coming(self.dataset.is_some(), self.wanted_dataset.is_some()))
    }

    /// Applies the filters of the prompt list: the text filter and the selected bar.
    pub(super) fn refresh_prompts(&mut self) {
        let range = self.selected_range();
        let experiment = &self.experiment;
        let keep = |index: usize| match range {
            None => true,
            Some((low, high)) => experiment
                .current()
                .and_then(|m| m.steerability(index))
                .is_some_and(|s| f64::from(s) > low && f64::from(s) <= high),
        };
        self.prompts.refresh(keep, range.is_some());
    }
}

/// A coefficient with its sign, as short as it can be said: `+1.2`, `-0.35`, `0`.
pub fn signed(value: f32) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let text = format!("{value:+.3}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short.is_empty() {
        "0".to_owned()
    } else {
        short.to_owned()
    }
}
