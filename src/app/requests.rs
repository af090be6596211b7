//! What the worker is asked for: at most one generation and one measurement per batch.

use crate::app::experiment::MeasureKey;
use crate::app::screen::Screen;
use crate::app::{App, Effect, Engine};
use crate::protocol::{self, ChatFormat, ChatSupport, Command, GenerateRequest, MeasureRequest};
use crate::units::{BlockIndex, RunId};

impl App {
    /// Ends a batch of messages: at most one request per kind of work for the newest setting.
    pub fn flush(&mut self) -> Vec<Effect> {
        if std::mem::take(&mut self.wants_model) {
            let source = self.wanted_model.clone();
            self.send(Command::LoadModel(source));
        }
        self.compare.refresh();
        self.experiment.refresh();
        if self.engine == Engine::Ready {
            // Nobody reads the texts on another screen; they are made on the way back.
            if self.screen == Screen::Explore && std::mem::take(&mut self.wants_generate) {
                self.request_texts();
            }
            if std::mem::take(&mut self.wants_measure) {
                self.request_figures();
            }
            self.request_probe();
            self.request_survey();
            self.request_study();
        }
        self.lab.layers.refresh();
        if self.bar.is_some() {
            self.refresh_prompts();
        }
        std::mem::take(&mut self.effects)
    }

    fn request_texts(&mut self) {
        let forced = std::mem::take(&mut self.rerun);
        if self.prompts.active_text().is_empty() {
            return;
        }
        let request = GenerateRequest {
            run: RunId::default(),
            prompt: self.prompts.active_text().to_owned(),
            chat: self.chat_format(),
            steering: self.steering_now(),
            reference: self.reference(),
            sampling: self.sampling.clone(),
        };
        let same = self.compare.wanted().is_some_and(|old| {
            GenerateRequest {
                run: RunId::default(),
                ..old.clone()
            } == request
        });
        // The texts that are on screen, or on their way, are the wanted ones.
        if same && !forced && (self.compare.is_running() || !self.compare.is_stale()) {
            return;
        }
        let request = GenerateRequest {
            run: self.next_run(),
            ..request
        };
        self.compare
            .requested(request.clone(), self.setting_label());
        self.send(Command::Generate(request));
    }

    /// The chat format for the open prompt: those of a data set are given as they are measured.
    pub(super) fn chat_format(&self) -> Option<ChatFormat> {
        let has = |m: &protocol::ModelInfo| m.chat == ChatSupport::Template;
        let asked = self.dataset.as_ref().and_then(|d| d.asking.chat.clone());
        let wanted = if self.prompts.active_input().is_none() {
            self.chat.then(|| asked.unwrap_or_default())
        } else {
            asked
        };
        wanted.filter(|_| self.model.as_ref().is_some_and(has))
    }

    pub(super) fn steering_now(&self) -> Option<protocol::Steering> {
        let setting = self.steering.now();
        let vector = self.vector.as_ref()?;
        vector.norms.get(setting.block).copied().flatten()?;
        Some(protocol::Steering {
            vector: vector.id.clone(),
            block: BlockIndex(setting.block),
            coefficient: setting.effective(),
            mask: setting.mask,
            edit: setting.effective_edit(),
            condition: self.condition(),
        })
    }

    fn request_figures(&mut self) {
        let setting = self.steering.now();
        let (Some(vector), Some(dataset)) = (&self.vector, &self.dataset) else {
            return;
        };
        let has_vector = vector.norms.get(setting.block).copied().flatten().is_some();
        if !has_vector || dataset.items.is_empty() {
            self.end_measurement();
            return;
        }
        let on_grid = self
            .settings
            .multipliers
            .iter()
            .any(|m| (m - setting.coefficient).abs() < 1e-6);
        let mut request = MeasureRequest {
            run: RunId::default(),
            vector: vector.id.clone(),
            dataset: dataset.id.clone(),
            block: BlockIndex(setting.block),
            mask: setting.mask,
            edit: setting.edit,
            multipliers: self.settings.multipliers.clone(),
            probe: (!on_grid).then_some(setting.coefficient),
            condition: self.condition(),
        };
        let inputs = dataset.items.len();
        if self
            .experiment
            .turn_to(&MeasureKey::of(&request), inputs, request.probe)
        {
            request.run = self.next_run();
            self.experiment.requested(request.run, request.probe);
            self.send(Command::Measure(request));
        } else {
            self.end_measurement();
        }
    }

    fn end_measurement(&mut self) {
        if self.experiment.is_running() {
            self.experiment.stopped();
            self.send(Command::StopMeasure);
        }
    }
}
