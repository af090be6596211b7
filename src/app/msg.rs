//! What reaches [`App::update`](super::App::update) and what it asks for.

use std::path::PathBuf;
use std::time::Duration;

use crate::app::input::{Key, Mouse};
use crate::protocol::{Asking, Asset, Command, Event, ModelSource, ResponseFigure, Sampling};
use crate::units::{DEFAULT_MULTIPLIERS, Edit, Mask};

/// Anything that reaches update.
#[derive(Debug, Clone, PartialEq)]
pub enum Msg {
    /// A key was pressed (no releases, no repeats reported apart).
    Key(Key),
    /// The pointer did something.
    Mouse(Mouse),
    /// Bracketed paste.
    Paste(String),
    /// The terminal has this many columns and rows.
    Resize(u16, u16),
    /// The worker reports.
    Worker(Event),
    /// Time since the program started. Sent before each batch of other messages and whenever
    /// [`App::next_tick`](super::App::next_tick) is due; the app reads no other clock.
    Tick(Duration),
}

/// What update asks the shell to do.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a few per key press; nearly all of them are commands"
)]
pub enum Effect {
    /// Hand this to the worker.
    Send(Command),
    /// Start a new worker in place of the dead one. Further effects of the same batch are meant
    /// for the new one.
    RestartEngine,
    /// Put this on the clipboard.
    CopyText(String),
    /// Draw this to a file of this stem in the working directory.
    ExportFigure(Box<ResponseFigure>, String),
    /// Keep these typed prompts, oldest first, for the next start.
    SaveHistory(Vec<String>),
    /// Forget what is on the terminal and draw everything anew.
    Redraw,
    /// Leave the terminal and stop, as the shell's job control expects; redraw on return.
    Suspend,
    /// Leave.
    Quit,
}

/// Which characters the terminal can draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum GlyphSet {
    /// Block elements, braille, box drawing.
    #[default]
    Unicode,
    /// ASCII only.
    Ascii,
}

/// What the app starts with.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Model to load first.
    pub model: ModelSource,
    /// Vector to load first; `None`: chosen from the catalog.
    pub vector: Option<Asset>,
    /// Data set to load first; `None`: the vector's companion.
    pub dataset: Option<Asset>,
    /// Block to start at; `None`: the vector's recommendation.
    pub block: Option<usize>,
    /// Raw coefficient to start at.
    pub coefficient: f32,
    /// Steered positions.
    pub mask: Mask,
    /// What is done there, and at which point of the block.
    pub edit: Edit,
    /// Multiplier grid of the slope, at least three distinct values.
    pub multipliers: Vec<f32>,
    /// How rows are asked.
    pub asking: Asking,
    /// Text generation.
    pub sampling: Sampling,
    /// Typed prompts of earlier sessions, oldest first.
    pub history: Vec<String>,
    /// Theme names the theme picker offers, in its order.
    pub themes: Vec<String>,
    /// Theme to start with.
    pub theme: String,
    /// Characters the terminal can draw.
    pub glyphs: GlyphSet,
    /// Whether moving marks (the spinner) are shown.
    pub animation: bool,
    /// Directory that typed paths starting with `~/` stand for.
    pub home: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: ModelSource::Bundled,
            vector: None,
            dataset: None,
            block: None,
            coefficient: 1.0,
            mask: Mask::default(),
            edit: Edit::ADD,
            multipliers: DEFAULT_MULTIPLIERS.to_vec(),
            asking: Asking::default(),
            sampling: Sampling::default(),
            history: Vec::new(),
            themes: vec!["default".to_owned()],
            theme: "default".to_owned(),
            glyphs: GlyphSet::default(),
            animation: true,
            home: None,
        }
    }
}
