//! Application state: pure data and one update function.
//!
//! `runtime` turns terminal and worker events into [`Msg`]s, calls [`App::update`] for each,
//! then [`App::flush`] once per batch, carries out the [`Effect`]s and draws when
//! [`App::dirty`]. This module does no IO and reads no clock: the time comes in with
//! [`Msg::Tick`].

pub mod action;
pub mod asking;
pub mod available;
pub mod bindings;
pub mod compare;
pub mod condition;
pub mod curve;
pub mod editor;
pub mod entries;
pub mod experiment;
mod export;
pub mod extraction;
pub mod focus;
pub mod hits;
mod importing;
pub mod input;
pub mod keymap;
pub mod lab;
pub mod library;
pub mod messages;
pub mod msg;
pub mod overlay;
mod pickers;
pub mod pins;
pub mod progress;
pub mod prompts;
pub mod receipt;
mod reference;
pub mod screen;
pub mod slider;
pub mod steering;
pub mod tokens;
mod unit;

mod events;
mod keys;
mod mouse;
mod moves;
mod perform;
mod requests;
mod set;
mod view;

use std::time::Duration;

pub use hits::Hits;
pub use msg::{Effect, GlyphSet, Msg, Settings};
pub use view::{Readout, signed};

use compare::Compare;
use editor::Editor;
use experiment::Experiment;
use focus::Pane;
use hits::{Area, Target};
use keymap::Keymap;
use lab::Lab;
use messages::{Level, Messages};
use overlay::Overlay;
use pins::Pins;
use progress::Progress;
use prompts::Prompts;
use screen::Screen;
use slider::Scale;
use steering::{Setting, Steering};

use crate::protocol::{
    Asking, Asset, CatalogEntry, Command, DatasetInfo, ImportQuestion, ModelInfo, ModelSource,
    Reference, Sampling, VectorInfo,
};
use crate::units::CoefficientUnit;

/// Spinner period.
const SPIN: Duration = Duration::from_millis(120);

/// State of the worker as far as events tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The first model is being read.
    Starting,
    /// No model could be read.
    Empty,
    /// A model is loaded.
    Ready,
    /// The thread ended after a panic.
    Dead,
}

/// The whole state of the program's face.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, not one state in disguise"
)]
pub struct App {
    settings: Settings,
    keymap: Keymap,
    now: Duration,
    dirty: bool,
    size: (u16, u16),
    hits: Hits,
    effects: Vec<Effect>,

    engine: Engine,
    model: Option<ModelInfo>,
    vector: Option<VectorInfo>,
    dataset: Option<DatasetInfo>,
    vectors: Vec<CatalogEntry>,
    datasets: Vec<CatalogEntry>,
    has_catalog: bool,
    wanted_model: ModelSource,
    loaded_model: Option<ModelSource>,
    wanted_vector: Option<Asset>,
    wanted_dataset: Option<Asset>,
    dataset_chosen: bool,
    block_chosen: bool,
    progress: Progress,
    /// Prompts in memory and in all, where not all fit.
    memory_short: Option<(usize, usize)>,

    steering: Steering,
    scale: Scale,
    sampling: Sampling,
    /// The user wants own prompts in the chat format, where the model has one.
    chat: bool,
    /// What the left text is to be, for what was loaded when it was chosen.
    reference: Reference,
    /// How rows are asked; that of the loaded data set, or of the one under way.
    asking: Asking,
    compare: Compare,
    experiment: Experiment,
    prompts: Prompts,
    messages: Messages,

    screen: Screen,
    lab: Lab,
    proof: receipt::Proof,
    library: library::VectorLibrary,
    unit: CoefficientUnit,
    prompt_tokens: tokens::PromptTokens,
    /// Condition vectors that served in this session; settings name them by number.
    conditions: Vec<Asset>,
    prompt_gate: Option<condition::PromptGate>,
    /// What the wanted vector's file leaves open.
    import: Option<ImportQuestion>,
    /// Tokens that extraction reads, chosen on the prompt.
    read_choice: Option<String>,
    focus: Pane,
    /// Focus of the Explore screen while another one is shown.
    explore_focus: Pane,
    pins: Pins,
    zoomed: bool,
    overlays: Vec<Overlay>,
    editor: Option<Editor>,
    filtering: bool,
    typed: String,
    bar: Option<f64>,
    text_scroll: Option<usize>,
    drag: Option<(Area, Target)>,
    interrupted: Option<Duration>,
    theme_before: Option<String>,

    runs: u64,
    wants_model: bool,
    wants_generate: bool,
    wants_measure: bool,
    rerun: bool,
}

impl App {
    /// The state before anything is loaded. The first [`App::flush`] asks for the model.
    pub fn new(settings: Settings) -> Self {
        let mut scale = Scale::for_grid(&settings.multipliers);
        let coefficient = if settings.coefficient.is_finite() {
            settings.coefficient.clamp(-slider::LIMIT, slider::LIMIT)
        } else {
            0.0
        };
        scale.include(coefficient);
        Self {
            keymap: Keymap::default(),
            now: Duration::ZERO,
            dirty: true,
            size: (0, 0),
            hits: Hits::default(),
            effects: Vec::new(),
            engine: Engine::Starting,
            model: None,
            vector: None,
            dataset: None,
            vectors: Vec::new(),
            datasets: Vec::new(),
            has_catalog: false,
            wanted_model: settings.model.clone(),
            loaded_model: None,
            wanted_vector: settings.vector.clone(),
            wanted_dataset: settings.dataset.clone(),
            dataset_chosen: settings.dataset.is_some(),
            block_chosen: settings.block.is_some(),
            progress: Progress::default(),
            memory_short: None,
            steering: Steering::new(Setting {
                block: settings.block.unwrap_or(0),
                coefficient,
                mask: settings.mask,
                edit: settings.edit,
                condition: None,
                enabled: true,
            }),
            scale,
            sampling: settings.sampling.clone(),
            chat: false,
            reference: Reference::default(),
            asking: settings.asking.clone(),
            compare: Compare::default(),
            experiment: Experiment::default(),
            prompts: Prompts::new(settings.history.clone()),
            messages: Messages::default(),
            screen: Screen::default(),
            lab: Lab::default(),
            proof: receipt::Proof::default(),
            library: library::VectorLibrary::default(),
            unit: CoefficientUnit::default(),
            prompt_tokens: tokens::PromptTokens::default(),
            conditions: Vec::new(),
            prompt_gate: None,
            import: None,
            read_choice: None,
            focus: Pane::Coefficient,
            explore_focus: Pane::Coefficient,
            pins: Pins::default(),
            zoomed: false,
            overlays: Vec::new(),
            editor: None,
            filtering: false,
            typed: String::new(),
            bar: None,
            text_scroll: None,
            drag: None,
            interrupted: None,
            theme_before: None,
            runs: 0,
            wants_model: true,
            wants_generate: false,
            wants_measure: false,
            rerun: false,
            settings,
        }
    }

    /// Takes in one message. Repeated changes of the setting are folded: what the worker is to
    /// compute comes out of [`App::flush`].
    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Key(key) => {
                self.dirty = true;
                self.on_key(key);
            }
            Msg::Mouse(mouse) => self.on_mouse(mouse),
            Msg::Paste(text) => self.on_paste(&text),
            Msg::Resize(columns, rows) => {
                self.dirty = true;
                self.size = (columns, rows);
            }
            Msg::Worker(event) => self.on_event(event),
            Msg::Tick(now) => self.on_tick(now),
        }
        std::mem::take(&mut self.effects)
    }

    fn on_tick(&mut self, now: Duration) {
        let before = self.spin();
        self.now = self.now.max(now);
        self.dirty |= self.messages.tick(self.now);
        self.dirty |= self.is_busy() && self.spin() != before;
    }

    /// Whether the screen differs from the last frame.
    pub fn dirty(&self) -> bool {
        self.dirty
    }

    /// A frame was drawn; its regions serve the pointer until the next one.
    pub fn drawn(&mut self, hits: Hits) {
        self.dirty = false;
        if let Some(scroll) = &mut self.text_scroll {
            *scroll = (*scroll).min(hits.text_lines.saturating_sub(hits.text_height));
        }
        if let Some(Overlay::Log(back)) = self.overlays.last_mut() {
            *back = (*back).min(hits.overlay_lines.saturating_sub(hits.overlay_height));
        }
        if let Some(Overlay::Receipt(scroll)) = self.overlays.last_mut() {
            *scroll = (*scroll).min(hits.overlay_lines.saturating_sub(hits.overlay_height));
        }
        self.hits = hits;
    }

    /// Time since start at which a [`Msg::Tick`] would change something; `None`: the app sleeps
    /// until the next event.
    pub fn next_tick(&self) -> Option<Duration> {
        let spin = (self.is_busy() && self.settings.animation).then(|| {
            let turns = self.now.as_millis() / SPIN.as_millis() + 1;
            SPIN.saturating_mul(u32::try_from(turns).unwrap_or(u32::MAX))
        });
        [self.messages.next_end(), spin].into_iter().flatten().min()
    }

    fn say(&mut self, level: Level, text: impl Into<String>) {
        self.messages.add(level, "", text, self.now);
        self.dirty = true;
    }

    fn send(&mut self, command: Command) {
        self.effects.push(Effect::Send(command));
    }

    fn set_focus(&mut self, pane: Pane) {
        if !self.screen.panes().contains(&pane) {
            self.show(Screen::Explore);
        }
        if pane != self.focus {
            self.typed.clear();
        }
        self.focus = pane;
    }
}
