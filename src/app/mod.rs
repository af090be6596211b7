//! Application state: pure data and one update function.
//!
//! `runtime` turns terminal and worker events into [`Msg`]s, calls [`App::update`] for each,
//! then [`App::flush`] once per batch, carries out the [`Effect`]s and draws when
//! [`App::dirty`]. This module does no IO and reads no clock: the time comes in with
//! [`Msg::Tick`].

pub mod action;
pub mod focus;
pub mod hits;
pub mod input;
pub mod msg;

use std::time::Duration;

pub use hits::Hits;
pub use msg::{Effect, GlyphSet, Msg, Settings};

/// The whole state of the program's face.
#[derive(Debug)]
pub struct App {
    settings: Settings,
    dirty: bool,
}

impl App {
    /// The state before anything is loaded. The first [`App::flush`] asks for the model.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            dirty: true,
        }
    }

    /// Takes in one message. Repeated changes of the setting are folded: what the worker is to
    /// compute comes out of [`App::flush`].
    pub fn update(&mut self, _msg: Msg) -> Vec<Effect> {
        self.dirty = true;
        Vec::new()
    }

    /// Ends a batch of messages: at most one request per kind of work for the newest setting.
    pub fn flush(&mut self) -> Vec<Effect> {
        Vec::new()
    }

    /// Whether the screen differs from the last frame.
    pub fn dirty(&self) -> bool {
        self.dirty
    }

    /// A frame was drawn; its regions serve the pointer until the next one.
    pub fn drawn(&mut self, _hits: Hits) {
        self.dirty = false;
    }

    /// Time since start at which a [`Msg::Tick`] would change something; `None`: the app sleeps
    /// until the next event.
    pub fn next_tick(&self) -> Option<Duration> {
        None
    }

    /// Name of the theme to draw with.
    pub fn theme(&self) -> &str {
        &self.settings.theme
    }

    /// Characters to draw with.
    pub fn glyphs(&self) -> GlyphSet {
        self.settings.glyphs
    }
}
