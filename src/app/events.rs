//! What the worker reports.

use crate::app::condition::PromptGate;
use crate::app::messages::Level;
use crate::app::overlay::Overlay;
use crate::app::screen::Screen;
use crate::app::{App, Engine};
use crate::protocol::{
    Asset, CHAT_UNUSABLE, CatalogEntry, Command, DatasetInfo, Event, Failure, ModelInfo,
    ModelSource, Stage, StudyNews, VectorInfo,
};
use crate::text::one_line;
use crate::units::BlockIndex;

/// Vector the program opens with when it is there.
const FIRST_VECTOR: &str = "she_he";

impl App {
    pub(super) fn on_event(&mut self, event: Event) {
        let changed = match event {
            Event::Catalog { vectors, datasets } => {
                self.vectors = vectors;
                self.datasets = datasets;
                self.has_catalog = true;
                if self.model.is_some() {
                    self.load_missing();
                }
                true
            }
            Event::ModelLoaded { source, info } => {
                self.model_loaded(source, *info);
                true
            }
            Event::VectorLoaded(info) => self.vector_loaded(info),
            Event::DatasetLoaded(info) => self.dataset_loaded(info),
            Event::Progress { stage, done, total } => {
                self.progress.report(stage, done, total, self.now);
                true
            }
            Event::Idle(stage) => self.ended(stage),
            Event::GenerationStarted { .. } => false,
            Event::Gated { run, gate } => {
                self.prompt_gate = Some(PromptGate { run, gate });
                true
            }
            Event::Reference { run, words } => self.compare.reference(run, words),
            Event::PairsRead => {
                self.pairs_read();
                false
            }
            Event::Tokens { run, lane, tokens } => self.compare.tokens(run, lane, tokens, self.now),
            Event::LaneFinished {
                run,
                lane,
                reason,
                tokens_per_second,
            } => {
                self.lab.wanted |= self.screen == Screen::Explore;
                (self.compare).finished(run, lane, reason, tokens_per_second)
            }
            Event::Measured { run, results } => self.experiment.measured(run, results),
            Event::MeasureFinished {
                run,
                elapsed,
                from_cache,
            } => {
                let ours = self.experiment.finished(run, elapsed, from_cache);
                if ours {
                    self.ended(Stage::Prefill);
                    self.ended(Stage::Measure);
                    self.lab.wanted |= self.screen == Screen::Explore;
                }
                ours
            }
            Event::OverBudget {
                kept,
                prompts,
                budget,
            } => {
                self.over_budget(kept, prompts, budget);
                true
            }
            Event::Study { run, news } => {
                if let StudyNews::Remark(words) = &news {
                    self.messages.note(one_line(words), self.now);
                }
                let swept = matches!(news, StudyNews::Sweep(_));
                let calibrated = matches!(news, StudyNews::Calibrated(_));
                let ours = self.lab.news(run, news);
                if self.lab.running().is_none() {
                    self.ended(Stage::Study);
                    self.lab.wanted |= ours && self.screen == Screen::Explore;
                }
                if ours && swept {
                    self.adopt_sweep();
                }
                if ours && calibrated {
                    self.take_calibrated();
                }
                ours
            }
            Event::PromptRead { run, tokens } => self.prompt_read(run, tokens),
            Event::Survey(survey) => {
                self.surveyed(*survey);
                true
            }
            Event::Asked(question) => {
                self.ended(Stage::LoadVector);
                self.asked(*question)
            }
            Event::Saved(path) => {
                self.say(Level::Info, format!("written: {}", path.display()));
                true
            }
            Event::Receipt { run, report } => self.proof.reported(run, *report),
            Event::Failed(failure) => self.failed(&failure),
            Event::EngineDied(reason) => {
                self.died(&reason);
                true
            }
        };
        self.dirty |= changed;
    }

    /// A stage is over; returns whether it was on screen.
    pub(super) fn ended(&mut self, stage: Stage) -> bool {
        self.progress.end(stage)
    }

    fn model_loaded(&mut self, source: ModelSource, info: ModelInfo) {
        self.ended(Stage::LoadModel);
        self.engine = Engine::Ready;
        // A newer wish may be under way: then this is the model until that one comes.
        let newest = source == self.wanted_model;
        self.loaded_model = Some(source);
        self.vector = None;
        self.dataset = None;
        self.experiment.clear();
        self.lab.clear();
        self.proof.clear();
        self.library.clear_survey();
        self.bar = None;
        let mut setting = self.steering.now();
        setting.block = setting.block.min(info.n_blocks.saturating_sub(1));
        self.steering.adjust(setting);
        let parameters = info.parameters as f64 / 1e6;
        self.messages.note(
            format!(
                "model '{}' loaded: {parameters:.1} M parameters",
                one_line(&info.name)
            ),
            self.now,
        );
        self.model = Some(info);
        if !newest {
            return;
        }
        self.wants_generate = true;
        if self.has_catalog || self.wanted_vector.is_some() {
            self.load_missing();
        }
    }

    /// Asks for the vector and the data set that go with the model that just came.
    fn load_missing(&mut self) {
        if self.loaded_model == Some(ModelSource::Bundled) {
            if self.wanted_vector.is_none() {
                self.wanted_vector = preferred(&self.vectors, FIRST_VECTOR);
            }
        } else if matches!(self.wanted_vector, Some(Asset::Bundled(_)))
            && self.wanted_vector != self.settings.vector
        {
            // Bundled vectors were made on the bundled model. One that was asked for by name is
            // tried, and the refusal says so.
            self.wanted_vector = None;
        }
        if let Some(asset) = self.wanted_vector.clone().filter(|_| self.vector.is_none()) {
            self.send(Command::LoadVector(asset));
        }
        if self.wanted_dataset.is_none() {
            let companion = self
                .wanted_vector
                .as_ref()
                .and_then(|v| self.companion_of(v));
            self.wanted_dataset =
                companion.or_else(|| self.datasets.first().map(|d| d.asset.clone()));
        }
        if let Some(asset) = self
            .wanted_dataset
            .clone()
            .filter(|_| self.dataset.is_none())
        {
            self.send_dataset(asset);
        }
    }

    /// Data set that belongs to a vector of the catalog.
    pub(super) fn companion_of(&self, vector: &Asset) -> Option<Asset> {
        let entry = (self.vectors.iter()).find(|e| e.asset == *vector.unchanged())?;
        let name = entry.companion.as_ref()?;
        self.datasets
            .iter()
            .find(|d| d.asset.label() == *name)
            .map(|d| d.asset.clone())
    }

    fn vector_loaded(&mut self, info: VectorInfo) -> bool {
        self.ended(Stage::LoadVector);
        if self
            .wanted_vector
            .as_ref()
            .is_some_and(|w| *w != info.asset)
        {
            return false;
        }
        for warning in &info.warnings {
            self.say(Level::Warning, one_line(warning));
        }
        let has = |b: usize| info.norms.get(b).copied().flatten().is_some();
        let mut setting = self.steering.now();
        let recommended = info.recommended_block.map(|b| b.0).filter(|b| has(*b));
        let wanted = if self.block_chosen {
            Some(setting.block)
        } else {
            recommended
        };
        // Published sweeps find the best block a little before the middle.
        let start = BlockIndex::start_of(self.blocks()).0;
        let nearest = |b: usize| {
            (0..info.norms.len())
                .filter(|i| has(*i))
                .min_by_key(|i| i.abs_diff(b))
        };
        if let Some(block) = nearest(wanted.unwrap_or(start)) {
            setting.block = block;
        }
        // The file says how it is meant to be applied.
        setting.edit = info.edit;
        self.steering.adjust(setting);
        self.wanted_vector = Some(info.asset.clone());
        self.vector = Some(info);
        self.setting_changed();
        self.pinned_vector();
        true
    }

    fn dataset_loaded(&mut self, info: DatasetInfo) -> bool {
        self.ended(Stage::LoadDataset);
        if self
            .wanted_dataset
            .as_ref()
            .is_some_and(|w| *w != info.asset)
            || info.asking != self.asking
        {
            return false;
        }
        for warning in &info.warnings {
            self.say(Level::Warning, one_line(warning));
        }
        if info.items.is_empty() {
            self.say(
                Level::Warning,
                format!(
                    "data set '{}' has no input that can be measured",
                    one_line(&info.name)
                ),
            );
        }
        self.wanted_dataset = Some(info.asset.clone());
        // What runs belongs to the data set before.
        self.stop_study();
        self.experiment.clear();
        self.memory_short = None;
        self.bar = None;
        self.prompts.set_items(info.items.clone());
        self.dataset = Some(info);
        self.refresh_prompts();
        self.prompts.select_active();
        self.setting_changed();
        true
    }

    fn over_budget(&mut self, kept: usize, prompts: usize, budget: usize) {
        let news = Some((kept, prompts));
        if self.memory_short.replace((kept, prompts)) == news {
            return;
        }
        let mib = budget >> 20;
        self.say(
            Level::Warning,
            format!(
                "{kept} of {prompts} prompts fit into {mib} MiB: the others are computed again with every change; --memory gives more, --inputs takes fewer"
            ),
        );
    }

    fn failed(&mut self, failure: &Failure) -> bool {
        let newest_generation = self.compare.wanted().map(|r| r.run);
        match failure.stage {
            Stage::Generate if failure.run.is_some() && failure.run != newest_generation => {
                return false;
            }
            Stage::Generate => self.compare.stopped(),
            Stage::Measure | Stage::Prefill
                if failure.run.is_some() && failure.run != Some(self.experiment.newest()) =>
            {
                return false;
            }
            Stage::Measure | Stage::Prefill => self.experiment.stopped(),
            Stage::Study => {
                if failure.run.is_some() && failure.run != self.lab.running().map(|r| r.run) {
                    return false;
                }
                self.lab.stopped();
            }
            Stage::Probe => {
                if !self.proof.failed(failure) {
                    return false;
                }
            }
            // Results are shown all the same.
            Stage::Store => {
                self.messages.add(
                    Level::Warning,
                    &failure.id,
                    format!("not kept in the run store: {}", one_line(&failure.message)),
                    self.now,
                );
                return true;
            }
            // The state before holds: what is wanted again is what is loaded.
            Stage::LoadVector => {
                self.wanted_vector = self.vector.as_ref().map(|v| v.asset.clone());
            }
            Stage::LoadDataset => {
                self.wanted_dataset = self.dataset.as_ref().map(|d| d.asset.clone());
                self.asking_refused();
                self.source_refused();
            }
            // The hub could not be asked, or the chat template is damaged: it is loaded all the same.
            Stage::Fetch | Stage::LoadModel
                if ["hub-stale", CHAT_UNUSABLE].contains(&failure.id.as_str()) =>
            {
                self.messages.add(
                    Level::Warning,
                    &failure.id,
                    one_line(&failure.message),
                    self.now,
                );
                return true;
            }
            // What was wanted before what is wanted now.
            Stage::Fetch | Stage::LoadModel
                if failure
                    .model
                    .as_ref()
                    .is_some_and(|m| **m != self.wanted_model) => {}
            Stage::Fetch | Stage::LoadModel => match &self.loaded_model {
                Some(loaded) => self.wanted_model = loaded.clone(),
                None => self.engine = Engine::Empty,
            },
        }
        self.ended(failure.stage);
        self.messages.add(
            Level::Error,
            &failure.id,
            one_line(&failure.message),
            self.now,
        );
        true
    }

    fn died(&mut self, reason: &str) {
        self.engine = Engine::Dead;
        self.compare.stopped();
        self.experiment.stopped();
        self.lab.stopped();
        self.progress.clear();
        let reason = one_line(reason);
        self.messages
            .note(format!("engine stopped: {reason}"), self.now);
        self.overlays.retain(|o| !matches!(o, Overlay::Died(_)));
        self.overlays.push(Overlay::Died(reason));
    }
}

fn preferred(catalog: &[CatalogEntry], name: &str) -> Option<Asset> {
    let named = catalog.iter().find(|e| e.asset.label() == name);
    named.or(catalog.first()).map(|e| e.asset.clone())
}
