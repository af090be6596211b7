//! What lies over the screen: toasts, pickers, palette, help, dialog, log, the dead-engine panel.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::action::Action;
use crate::app::hits::Target;
use crate::app::messages::Level;
use crate::app::overlay::{Choice, Entry, FIELDS, Form, List, Overlay};
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::ui::{asking, condition, receipt, tokens, vectors};

/// Draws the top layer and the toasts; returns where the terminal's cursor belongs, if anywhere.
pub(super) fn draw(c: &mut Canvas<'_>, screen: Rect) -> Option<Rect> {
    if screen.width < 10 || screen.height < 3 {
        return None;
    }
    let app = c.app;
    let cursor = match app.overlay() {
        Some(Overlay::Help(list)) => entries(c, screen, "keys", list),
        Some(Overlay::Palette(list)) => entries(c, screen, "actions", list),
        Some(Overlay::Picker(kind, list)) => entries(c, screen, kind.title(), list),
        Some(Overlay::Sampling(form)) => sampling(c, screen, form),
        Some(Overlay::Log(back)) => log(c, screen, *back),
        Some(Overlay::Extract(form)) => vectors::making::form(c, screen, form),
        Some(Overlay::Condition(form)) => condition::draw(c, screen, form),
        Some(Overlay::Asking(form)) => asking::draw(c, screen, form),
        Some(Overlay::Tokens(cursor)) => tokens::draw(c, screen, *cursor),
        Some(Overlay::Receipt(scroll)) => receipt::draw(c, screen, *scroll),
        Some(Overlay::Died(reason)) => died(c, screen, reason),
        None => None,
    };
    if !matches!(app.overlay(), Some(Overlay::Log(_) | Overlay::Died(_))) {
        toasts(c, screen);
    }
    cursor
}

pub(super) fn centred(screen: Rect, width: u16, height: u16) -> Rect {
    let width = width.min(screen.width);
    let height = height.min(screen.height);
    Rect {
        x: screen.x + (screen.width - width) / 2,
        y: screen.y + (screen.height - height) / 2,
        width,
        height,
    }
}

pub(super) fn open(c: &mut Canvas<'_>, area: Rect, title: &[(&str, Style)]) -> Rect {
    c.clear(area);
    c.region(area, Target::Overlay);
    c.frame(area, title, true)
}

fn entries(c: &mut Canvas<'_>, screen: Rect, title: &str, list: &List) -> Option<Rect> {
    let all = c.app.entries();
    let width = (screen.width * 4 / 5).clamp(40, 92);
    let height = (all.len() as u16 + 3).clamp(6, (screen.height * 4 / 5).max(8));
    let area = centred(screen, width, height);
    let (name, muted) = (c.style(Role::Focus), c.style(Role::Muted));
    let count = format!(
        "  {}",
        all.iter().filter(|e| e.choice != Choice::Heading).count()
    );
    let inner = open(c, area, &[(title, name), (&count, muted)]);
    if inner.is_empty() {
        return None;
    }
    let accent = c.style(Role::Accent);
    let prompt = format!("{} ", c.glyphs.here);
    let shown = tail(&list.filter, usize::from(inner.width).saturating_sub(4));
    let used = c.pieces(
        inner.x,
        inner.y,
        &[
            (&prompt, accent),
            (shown, c.style(Role::Text)),
            (c.glyphs.cursor, accent),
        ],
        inner.width,
    );
    if list.filter.is_empty() {
        let hint = match c.app.overlay() {
            Some(Overlay::Picker(kind, _)) => kind.hint(),
            _ => " type to filter",
        };
        c.text(
            inner.x + used,
            inner.y,
            hint,
            muted,
            inner.width.saturating_sub(used),
        );
    }
    let rows = Rect {
        y: inner.y + 1,
        height: inner.height - 1,
        ..inner
    };
    let visible = usize::from(rows.height);
    c.hits.overlay_height = visible;
    c.hits.overlay_lines = all.len();
    if all.is_empty() {
        c.message(rows, "nothing matches", muted);
        return None;
    }
    let selected = list.selected.min(all.len() - 1);
    let first = selected
        .saturating_sub(visible / 2)
        .min(all.len().saturating_sub(visible));
    let label_width = all
        .iter()
        .filter(|e| e.choice != Choice::Heading)
        .map(|e| text::width(&e.label))
        .max()
        .unwrap_or(0)
        .min(usize::from(rows.width) / 2) as u16;
    for (i, entry) in all.iter().enumerate().skip(first).take(visible) {
        let row = Rect {
            y: rows.y + (i - first) as u16,
            height: 1,
            ..rows
        };
        c.region(row, Target::OverlayRow(i));
        draw_entry(c, row, entry, label_width, i == selected);
    }
    None
}

fn draw_entry(c: &mut Canvas<'_>, row: Rect, entry: &Entry, label_width: u16, selected: bool) {
    if entry.choice == Choice::Heading {
        let style = c.style(Role::Title);
        c.text(row.x, row.y, &entry.label, style, row.width);
    } else {
        let (text_style, muted, accent) = (
            c.style(Role::Text),
            c.style(Role::Muted),
            c.style(Role::Accent),
        );
        let label_style = if entry.enabled { text_style } else { muted };
        let here = if selected { c.glyphs.here } else { " " };
        c.text(row.x, row.y, here, accent, 1);
        c.text(row.x + 2, row.y, &entry.label, label_style, label_width);
        let note = text::width(&entry.note) as u16;
        let at = row.right().saturating_sub(note + 1);
        let from = row.x + 2 + label_width + 2;
        c.text(
            from,
            row.y,
            &entry.detail,
            muted,
            at.saturating_sub(from + 1),
        );
        c.text(at.max(row.x + 2), row.y, &entry.note, accent, note);
    }
    if selected {
        c.select(row);
    }
}

/// The end of a line that is longer than its room.
pub(super) fn tail(line: &str, columns: usize) -> &str {
    let mut start = 0;
    while text::width(line.get(start..).unwrap_or_default()) > columns {
        start = text::next_boundary(line, start);
    }
    line.get(start..).unwrap_or_default()
}

fn sampling(c: &mut Canvas<'_>, screen: Rect, form: &Form) -> Option<Rect> {
    let area = centred(screen, 52, FIELDS.len() as u16 + 4);
    let name = c.style(Role::Focus);
    let inner = open(c, area, &[("sampling", name)]);
    let (muted, accent, plain) = (
        c.style(Role::Muted),
        c.style(Role::Accent),
        c.style(Role::Text),
    );
    for (i, ((label, hint), value)) in FIELDS.iter().zip(&form.values).enumerate() {
        let y = inner.y + i as u16;
        if y >= inner.bottom() {
            break;
        }
        let row = Rect {
            y,
            height: 1,
            ..inner
        };
        c.region(row, Target::OverlayRow(i));
        let at = form.at == i;
        let here = if at { c.glyphs.here } else { " " };
        let cursor = if at { c.glyphs.cursor } else { "" };
        c.text(row.x, y, here, accent, 1);
        c.text(row.x + 2, y, label, plain, 12);
        let used = c.pieces(row.x + 15, y, &[(value, accent), (cursor, accent)], 14);
        let from = row.x + 15 + used.max(10) + 2;
        c.text(from, y, hint, muted, row.right().saturating_sub(from));
    }
    let y = inner.y + FIELDS.len() as u16 + 1;
    if y < inner.bottom() {
        let (line, style) = match &form.error {
            Some(error) => (format!("{} {error}", c.glyphs.cross), c.style(Role::Error)),
            None => ("enter takes the values, esc leaves them".to_owned(), muted),
        };
        c.text(inner.x + 2, y, &line, style, inner.width.saturating_sub(2));
    }
    c.hits.overlay_height = FIELDS.len();
    None
}

fn level_style(c: &Canvas<'_>, level: Level) -> (Style, &'static str) {
    match level {
        Level::Info => (c.style(Role::Muted), "note"),
        Level::Warning => (c.style(Role::Warning), "warning"),
        Level::Error => (c.style(Role::Error), "error"),
    }
}

fn log(c: &mut Canvas<'_>, screen: Rect, back: usize) -> Option<Rect> {
    let area = centred(screen, screen.width * 9 / 10, screen.height * 4 / 5);
    let name = c.style(Role::Focus);
    let inner = open(c, area, &[("messages", name)]);
    let mut lines: Vec<(String, String, Style)> = Vec::new();
    let room = usize::from(inner.width.saturating_sub(18)).max(8);
    for m in c.app.messages().all() {
        let (style, word) = level_style(c, m.level);
        let id = if m.id.is_empty() {
            String::new()
        } else {
            format!("[{}] ", m.id)
        };
        let message = format!("{id}{}", m.text);
        for (i, line) in text::wrap(&message, room).into_iter().enumerate() {
            let head = if i == 0 {
                format!("{:>7.1}s {word}", m.at.as_secs_f64())
            } else {
                String::new()
            };
            lines.push((
                head,
                message.get(line).unwrap_or_default().to_owned(),
                style,
            ));
        }
    }
    let height = usize::from(inner.height);
    c.hits.overlay_height = height;
    c.hits.overlay_lines = lines.len();
    let muted = c.style(Role::Muted);
    if lines.is_empty() {
        c.message(inner, "no messages", muted);
    }
    let first = lines.len().saturating_sub(height.saturating_add(back));
    for (i, (head, line, style)) in lines.iter().skip(first).take(height).enumerate() {
        let y = inner.y + i as u16;
        c.text(inner.x, y, head, *style, 17);
        let plain = c.style(Role::Text);
        c.text(inner.x + 18, y, line, plain, inner.width.saturating_sub(18));
    }
    None
}

fn died(c: &mut Canvas<'_>, screen: Rect, reason: &str) -> Option<Rect> {
    let width = 64.min(screen.width);
    let text =
        format!("{reason}\n\nTexts and figures on screen stay. Loaded files are read again.");
    let lines = text::wrap(&text, usize::from(width.saturating_sub(4)).max(8));
    let area = centred(screen, width, lines.len() as u16 + 5);
    let error = c.style(Role::Error);
    let title = format!("{} the engine stopped", c.glyphs.cross);
    let inner = open(c, area, &[(&title, error)]);
    let plain = c.style(Role::Text);
    let room = usize::from(inner.height.saturating_sub(2));
    for (i, line) in lines.into_iter().enumerate().take(room) {
        let line = text.get(line).unwrap_or_default();
        c.text(
            inner.x + 1,
            inner.y + 1 + i as u16,
            line,
            plain,
            inner.width.saturating_sub(2),
        );
    }
    let y = inner.bottom().saturating_sub(1).max(inner.y);
    let (selection, muted) = (c.style(Role::Selection), c.style(Role::Muted));
    let button = " r restart engine ";
    let used = c.text(inner.x + 1, y, button, selection, inner.width);
    c.region(
        Rect {
            x: inner.x + 1,
            y,
            width: used,
            height: 1,
        },
        Target::Run(Action::RestartEngine),
    );
    let x = inner.x + used + 3;
    let used = c.text(x, y, "q quit", muted, inner.right().saturating_sub(x));
    c.region(
        Rect {
            x,
            y,
            width: used,
            height: 1,
        },
        Target::Run(Action::Quit),
    );
    let x = x + used + 2;
    c.text(
        x,
        y,
        "esc look around",
        muted,
        inner.right().saturating_sub(x),
    );
    None
}

/// Messages at the top right, over the panes.
fn toasts(c: &mut Canvas<'_>, screen: Rect) {
    let width = (screen.width * 2 / 5).clamp(28, 56).min(screen.width);
    let mut y = screen.y + 1;
    for message in c.app.messages().toasts() {
        let (style, word) = level_style(c, message.level);
        let lines = text::wrap(&message.text, usize::from(width.saturating_sub(4)).max(8));
        let height = (lines.len().min(6) as u16) + 2;
        if y + height > screen.bottom() {
            return;
        }
        let area = Rect {
            x: screen.right() - width,
            y,
            width,
            height,
        };
        c.clear(area);
        let id = if message.id.is_empty() {
            String::new()
        } else {
            format!(" {}", message.id)
        };
        let is_error = message.level == Level::Error;
        let muted = c.style(Role::Muted);
        let inner = c.frame(area, &[(word, style), (&id, muted)], is_error);
        if is_error {
            c.note(area, &[("esc closes", muted)]);
            c.region(area, Target::Run(Action::Close));
        }
        for (i, line) in lines.into_iter().take(6).enumerate() {
            let line = message.text.get(line).unwrap_or_default();
            let plain = c.style(Role::Text);
            c.text(
                inner.x + 1,
                inner.y + i as u16,
                line,
                plain,
                inner.width.saturating_sub(1),
            );
        }
        y += height;
    }
}
