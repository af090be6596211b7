//! Drawing on the frame's buffer: cut to the area by display width, never outside, and a note of
//! the regions for the pointer.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_segmentation::UnicodeSegmentation;

use crate::app::App;
use crate::app::focus::Pane;
use crate::app::hits::{Area, Hits, Target};
use crate::app::receipt::Proved;
use crate::text;
use crate::ui::{Glyphs, Role, Theme};

/// What a pane needs to draw itself.
pub(super) struct Canvas<'a> {
    pub(super) app: &'a App,
    pub(super) theme: &'a Theme,
    pub(super) glyphs: &'a Glyphs,
    pub(super) buf: &'a mut Buffer,
    pub(super) hits: Hits,
}

impl Canvas<'_> {
    /// Style of a role.
    pub(super) fn style(&self, role: Role) -> Style {
        self.theme.get(role)
    }

    /// Draws one line, cut with an ellipsis to `width` columns; returns the columns it took.
    pub(super) fn text(&mut self, x: u16, y: u16, text: &str, style: Style, width: u16) -> u16 {
        let shown = text::truncate(text, usize::from(width), self.glyphs.ellipsis);
        self.raw(x, y, &shown, style, width)
    }

    /// Draws one line, cut hard to `width` columns; returns the columns it took.
    pub(super) fn raw(&mut self, x: u16, y: u16, text: &str, style: Style, width: u16) -> u16 {
        let area = self.buf.area;
        let right = area.right().min(x.saturating_add(width));
        if y < area.top() || y >= area.bottom() || x >= right || x < area.left() {
            return 0;
        }
        let mut at = x;
        for grapheme in text.graphemes(true) {
            let w = text::width(grapheme) as u16;
            if at.saturating_add(w) > right {
                break;
            }
            if w == 0 {
                continue;
            }
            let symbol = if self.glyphs.ascii {
                ascii(grapheme)
            } else {
                grapheme
            };
            for i in 0..w {
                if let Some(cell) = self.buf.cell_mut((at + i, y)) {
                    let symbol = match i {
                        0 => symbol,
                        _ if symbol == "?" => "?",
                        _ => " ",
                    };
                    cell.modifier = Modifier::empty();
                    cell.set_symbol(symbol).set_style(style);
                }
            }
            at += w;
        }
        at - x
    }

    /// Draws pieces of different styles one after another; returns the columns they took.
    pub(super) fn pieces(&mut self, x: u16, y: u16, pieces: &[(&str, Style)], width: u16) -> u16 {
        let mut at = 0;
        for (piece, style) in pieces {
            at += self.text(x + at, y, piece, *style, width.saturating_sub(at));
        }
        at
    }

    /// One cell.
    pub(super) fn cell(&mut self, x: u16, y: u16, symbol: &str, style: Style) {
        if let Some(cell) = self.buf.cell_mut((x, y)) {
            // A bold title over a dim border is not dim.
            cell.modifier = Modifier::empty();
            cell.set_symbol(symbol).set_style(style);
        }
    }

    /// Marks a row as selected, in one style throughout.
    pub(super) fn select(&mut self, area: Rect) {
        let (text, selection) = (self.style(Role::Text), self.style(Role::Selection));
        let area = area.intersection(self.buf.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                if let Some(cell) = self.buf.cell_mut((x, y)) {
                    cell.modifier = Modifier::empty();
                    cell.set_style(text).set_style(selection);
                }
            }
        }
    }

    /// Fills an area with one symbol.
    pub(super) fn fill(&mut self, area: Rect, symbol: &str, style: Style) {
        let area = area.intersection(self.buf.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                self.cell(x, y, symbol, style);
            }
        }
    }

    /// Empties an area to the background.
    pub(super) fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buf.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                if let Some(cell) = self.buf.cell_mut((x, y)) {
                    cell.reset();
                }
                self.cell(x, y, " ", self.theme.get(Role::Background));
            }
        }
    }

    /// A box with a title on its top border; returns the inside.
    pub(super) fn frame(&mut self, area: Rect, title: &[(&str, Style)], focused: bool) -> Rect {
        let area = area.intersection(self.buf.area);
        if area.width < 2 || area.height < 2 {
            return Rect { height: 0, ..area };
        }
        let set = if focused {
            self.glyphs.border_focus
        } else {
            self.glyphs.border
        };
        let style = self.style(if focused { Role::Focus } else { Role::Border });
        let (left, right) = (area.left(), area.right() - 1);
        let (top, bottom) = (area.top(), area.bottom() - 1);
        for x in left + 1..right {
            self.cell(x, top, set.horizontal_top, style);
            self.cell(x, bottom, set.horizontal_bottom, style);
        }
        for y in top + 1..bottom {
            self.cell(left, y, set.vertical_left, style);
            self.cell(right, y, set.vertical_right, style);
        }
        self.cell(left, top, set.top_left, style);
        self.cell(right, top, set.top_right, style);
        self.cell(left, bottom, set.bottom_left, style);
        self.cell(right, bottom, set.bottom_right, style);
        let room = area.width.saturating_sub(4);
        if !title.is_empty() && room > 2 {
            self.cell(left + 1, top, " ", style);
            let used = self.pieces(left + 2, top, title, room);
            self.cell(left + 2 + used, top, " ", style);
        }
        Rect {
            x: left + 1,
            y: top + 1,
            width: area.width - 2,
            height: area.height - 2,
        }
    }

    /// A pane: box, number and name, `facts` behind the name, and its region.
    pub(super) fn pane(&mut self, area: Rect, pane: Pane, facts: &[(&str, Style)]) -> Rect {
        let focused = self.app.focus() == pane && self.app.overlay().is_none();
        self.region(area, Target::Pane(pane));
        self.hits.panes.push(pane);
        let number = self.app.screen().number(pane).to_string();
        let name = self.style(if focused { Role::Focus } else { Role::Text });
        let mut title = vec![
            (number.as_str(), self.style(Role::Muted)),
            (" ", name),
            (title_of(self.app, pane), name),
        ];
        if !facts.is_empty() {
            title.push(("  ", name));
            title.extend_from_slice(facts);
        }
        self.frame(area, &title, focused)
    }

    /// A note on the bottom border of a box, from the left.
    pub(super) fn note(&mut self, area: Rect, note: &[(&str, Style)]) {
        if note.is_empty() || area.width < 6 || area.height < 2 {
            return;
        }
        let y = area.bottom() - 1;
        let used = self.pieces(area.left() + 2, y, note, area.width - 5);
        if used > 0 {
            self.cell(area.left() + 1, y, " ", Style::new());
            self.cell(area.left() + 2 + used, y, " ", Style::new());
        }
    }

    /// Notes a region for the pointer.
    pub(super) fn region(&mut self, area: Rect, target: Target) {
        let area = area.intersection(self.buf.area);
        if area.is_empty() {
            return;
        }
        let area = Area {
            x: area.x,
            y: area.y,
            width: area.width,
            height: area.height,
        };
        self.hits.regions.push((area, target));
    }

    /// Wrapped lines of a message in the middle of an empty pane.
    pub(super) fn message(&mut self, area: Rect, message: &str, style: Style) {
        if area.is_empty() {
            return;
        }
        let lines = text::wrap(message, usize::from(area.width));
        let top = area.y + area.height.saturating_sub(lines.len() as u16) / 2;
        for (i, line) in lines.into_iter().enumerate().take(usize::from(area.height)) {
            let line = message.get(line).unwrap_or_default();
            let indent = usize::from(area.width).saturating_sub(text::width(line)) / 2;
            self.text(
                area.x + indent as u16,
                top + i as u16,
                line,
                style,
                area.width,
            );
        }
    }
}

/// The nearest ASCII character of one that the terminal cannot draw.
fn ascii(grapheme: &str) -> &str {
    match grapheme {
        g if g.is_ascii() => g,
        "·" | "•" => "|",
        "…" => "~",
        "–" | "—" | "−" => "-",
        "“" | "”" | "„" => "\"",
        "‘" | "’" => "'",
        "×" => "x",
        _ => "?",
    }
}

/// A text that is not proved to be steered is not called so, nor one unsteered that is a control.
fn title_of(app: &App, pane: Pane) -> &'static str {
    match (pane, app.proved()) {
        (Pane::Steered, Proved::Fails) => "text",
        (Pane::Baseline, _) => app.reference_title(),
        (Pane::Datasets, _) if app.lab().across_vectors => "vectors",
        _ => pane.title(),
    }
}
