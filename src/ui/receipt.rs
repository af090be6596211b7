//! The receipt: what was probed, and each check with its outcome.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::overlay::{centred, open};
use crate::app::receipt::Proved;
use crate::protocol::{ReceiptReport, Verdict};
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;

/// Columns of a fact's name, and of a check's name and outcome.
const NAME: u16 = 13;
const OUTCOME: u16 = 21;

/// A line of the overlay.
struct Line {
    left: String,
    style: Style,
    /// Column at which `words` begin.
    indent: u16,
    words: String,
}

/// Draws the overlay; `scroll` rows are above it.
pub(super) fn draw(c: &mut Canvas<'_>, screen: Rect, scroll: usize) -> Option<Rect> {
    let width = (screen.width * 9 / 10).min(110);
    let inside = usize::from(width.saturating_sub(4));
    let app = c.app;
    let lines = match (app.proof().report(), app.proof().refused()) {
        (Some(report), _) => lines(c, report, inside),
        (None, Some(reason)) => {
            let error = c.style(Role::Error);
            let wrapped = text::wrap(reason, inside.max(8)).into_iter();
            let line = |range: std::ops::Range<usize>| Line {
                left: String::new(),
                style: error,
                indent: 0,
                words: reason.get(range).unwrap_or_default().to_owned(),
            };
            wrapped.map(line).collect()
        }
        (None, None) => Vec::new(),
    };
    // On a few rows the least height gives way.
    let most = (screen.height * 9 / 10).max(3);
    let height = (lines.len() as u16 + 2).max(6).min(most);
    let area = centred(screen, width, height);
    let (name, (mark, role)) = (c.style(Role::Focus), verdict(c));
    let mark_style = c.style(role);
    let inner = open(c, area, &[("receipt  ", name), (&mark, mark_style)]);
    let visible = usize::from(inner.height);
    c.hits.overlay_height = visible;
    c.hits.overlay_lines = lines.len();
    let muted = c.style(Role::Muted);
    if lines.is_empty() {
        let words = match app.proved() {
            Proved::Nothing => "no vector is applied: choose one with v",
            _ => "the checks are under way",
        };
        c.message(inner, words, muted);
        return None;
    }
    let first = scroll.min(lines.len().saturating_sub(visible));
    let plain = c.style(Role::Text);
    for (i, line) in lines.iter().skip(first).take(visible).enumerate() {
        let y = inner.y + i as u16;
        let from = inner.x + 1 + line.indent;
        c.text(inner.x + 1, y, &line.left, line.style, OUTCOME);
        let room = inner.right().saturating_sub(from);
        c.text(from, y, &line.words, plain, room);
    }
    c.note(area, &[("y copies the JSON  esc closes", muted)]);
    None
}

fn lines(c: &Canvas<'_>, report: &ReceiptReport, width: usize) -> Vec<Line> {
    let muted = c.style(Role::Muted);
    let mut out: Vec<Line> = Vec::new();
    let mut push = |left: String, style: Style, words: &str, indent: u16| {
        let room = width.saturating_sub(usize::from(indent)).max(8);
        for (i, range) in text::wrap(words, room).into_iter().enumerate() {
            let left = if i == 0 { left.clone() } else { String::new() };
            out.push(Line {
                left,
                style,
                indent,
                words: words.get(range).unwrap_or_default().to_owned(),
            });
        }
    };
    for (name, value) in &report.facts {
        push(name.clone(), muted, value, NAME);
    }
    push(String::new(), muted, " ", NAME);
    for (i, line) in report.lines.iter().enumerate() {
        let (role, glyph) = outcome(c, line.verdict);
        let left = format!(
            "{} {glyph} {:<9}{:<7}",
            i + 1,
            line.check,
            line.verdict.word()
        );
        push(left, c.style(role), &line.words, OUTCOME);
    }
    if !report.is_complete() {
        let left = format!("{} of {} checks", report.lines.len(), report.checks);
        push(left, muted, " ", NAME);
    }
    out
}

fn outcome(c: &Canvas<'_>, verdict: Verdict) -> (Role, &'static str) {
    match verdict {
        Verdict::Pass => (Role::Added, c.glyphs.check),
        Verdict::Skipped => (Role::Muted, c.glyphs.dot),
        Verdict::Warn => (Role::Warning, c.glyphs.diverge),
        Verdict::Fail => (Role::Error, c.glyphs.cross),
    }
}

/// The mark beside the word "steered", and its colour.
pub(super) fn verdict(c: &Canvas<'_>) -> (String, Role) {
    match c.app.proved() {
        Proved::Nothing => (String::new(), Role::Muted),
        Proved::Pending => ("unproved".to_owned(), Role::Muted),
        Proved::Holds { warns: false } => (format!("{} proved", c.glyphs.check), Role::Added),
        Proved::Holds { warns: true } => (
            format!("{} proved, with warnings", c.glyphs.check),
            Role::Warning,
        ),
        Proved::Fails => (format!("{} NOT PROVED", c.glyphs.cross), Role::Error),
    }
}
