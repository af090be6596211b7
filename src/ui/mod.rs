//! Rendering of the application state: a pure function from [`App`] to a frame.
//!
//! From 120 columns on the screen is
//!
//! ```text
//! title       model · device · vector · block b/n · coefficient (κ) · data set · state
//! ┌ prompts ──────┬ prompt ─────────────────────────────────────┬ steerability ─┐
//! │ typed ones,   ├ unsteered ───────────┬ steered ─────────────┤ histogram     │
//! │ inputs with   │ streaming text       │ same prompt, same    │               │
//! │ their slope   │                      │ random numbers       ├ propensity ───┤
//! ├ layer ────────┤                      │                      │ curve, band   │
//! ├ coefficient ──┤                      │                      │               │
//! └───────────────┴──────────────────────┴──────────────────────┴───────────────┘
//! status      what the worker does, progress, tokens/s, last recompute
//! footer      hints of the focused pane
//! ```
//!
//! from 80 the figures move below the texts, from 60 the texts stand one above the other, and
//! below that one pane with tabs is left. Nothing here changes the state; the rectangles go back
//! to the app as [`Hits`].

mod asking;
mod bars;
mod canvas;
mod condition;
mod curve;
mod glyphs;
mod histogram;
mod lab;
mod layout;
mod overlay;
mod prompts;
mod receipt;
mod slider;
mod statusbar;
mod tax;
mod textpane;
pub mod theme;
mod tokens;
mod vectors;

use ratatui::Frame;
use ratatui::layout::Rect;

pub use glyphs::Glyphs;
pub use theme::{Depth, Look, Role, Theme};

use crate::app::{App, Hits};
use canvas::Canvas;

/// Draws the whole screen and reports where things stand in it.
pub fn render(app: &App, theme: &Theme, glyphs: &Glyphs, frame: &mut Frame<'_>) -> Hits {
    let area = frame.area();
    let mut canvas = Canvas {
        app,
        theme,
        glyphs,
        buf: frame.buffer_mut(),
        hits: Hits::default(),
    };
    canvas.clear(area);
    layout::screen(&mut canvas, area);
    let cursor = overlay::draw(&mut canvas, area);
    let Canvas { mut hits, .. } = canvas;
    let cursor: Option<Rect> = cursor;
    if let Some(at) = cursor {
        frame.set_cursor_position((at.x, at.y));
    }
    hits.regions.shrink_to_fit();
    hits
}
