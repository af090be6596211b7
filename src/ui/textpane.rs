//! The two text panes: streaming text with the words that differ and the first differing token.

use std::ops::Range;

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_segmentation::UnicodeSegmentation;

use crate::app::Engine;
use crate::app::compare::{Generation, LaneText};
use crate::app::focus::Pane;
use crate::protocol::FinishReason;
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::units::Lane;

/// Draws one lane.
pub(super) fn draw(c: &mut Canvas<'_>, area: Rect, pane: Pane) {
    let lane = if pane == Pane::Baseline { Lane::Baseline } else { Lane::Steered };
    let compare = c.app.compare();
    let stale = compare.is_stale();
    let shown = compare.shown();
    let label = shown.map(|g| g.label.clone()).unwrap_or_default();
    let fact = match (lane, stale, shown) {
        (_, true, Some(_)) => (format!("before: {label}"), Role::Stale),
        (Lane::Steered, false, Some(_)) => (label, Role::Steered),
        _ => (String::new(), Role::Text),
    };
    let fact_style = c.style(fact.1);
    let facts: &[(&str, Style)] =
        if fact.0.is_empty() { &[] } else { &[(fact.0.as_str(), fact_style)] };
    let inner = c.pane(area, pane, facts);
    c.hits.text_height = usize::from(inner.height);
    let Some(generation) = shown else {
        let style = c.style(Role::Muted);
        c.message(inner, empty(c), style);
        return;
    };
    let text = generation.lane(lane);
    body(c, inner, text, lane, stale);
    foot(c, area, generation, text, lane);
}

fn empty(c: &Canvas<'_>) -> &'static str {
    match c.app.engine() {
        Engine::Starting => "loading the model",
        Engine::Dead => "the engine is not running",
        Engine::Ready if c.app.compare().is_running() => "reading the prompt",
        Engine::Ready if c.app.prompts().active_text().is_empty() => {
            "no prompt: press a to write one, d to choose a data set"
        }
        Engine::Ready => "stopped: press R to generate",
    }
}

fn body(c: &mut Canvas<'_>, inner: Rect, lane: &LaneText, which: Lane, stale: bool) {
    if inner.width < 4 || inner.height == 0 {
        return;
    }
    let (text, width) = (lane.text.as_str(), inner.width - 2);
    let lines = text::wrap(text, usize::from(width));
    c.hits.text_lines = c.hits.text_lines.max(lines.len());
    let height = usize::from(inner.height);
    let first = c
        .app
        .text_scroll()
        .unwrap_or(usize::MAX)
        .min(lines.len().saturating_sub(height));
    let marked = if which == Lane::Baseline { Role::Removed } else { Role::Added };
    let gutter = if which == Lane::Baseline { c.glyphs.removed } else { c.glyphs.added };
    let styles = Styles {
        plain: c.style(if stale { Role::Stale } else { Role::Text }),
        changed: if stale {
            c.style(Role::Stale).add_modifier(Modifier::UNDERLINED)
        } else {
            c.style(marked)
        },
        diverge: c.style(if stale { Role::Stale } else { Role::Diverge }),
    };
    let diverges = lane.diverges_at.map(|at| word_at(text, at));
    let last = lines.len().saturating_sub(1);
    for (row, line) in lines.iter().enumerate().skip(first).take(height) {
        let y = inner.y + (row - first) as u16;
        let holds = |r: &Range<usize>| r.start < line.end && r.end > line.start;
        let starts_here = diverges.as_ref().is_some_and(|d| {
            holds(d) && d.start >= line.start || d.start == line.start && d.is_empty()
        });
        if starts_here {
            let style = c.style(if stale { Role::Stale } else { Role::Warning });
            c.cell(inner.x, y, c.glyphs.diverge, style);
        } else if lane.changed.iter().any(holds) {
            let style = c.style(if stale { Role::Stale } else { marked });
            c.cell(inner.x, y, gutter, style.remove_modifier(Modifier::UNDERLINED));
        }
        let used = draw_line(c, inner.x + 1, y, text, line, lane, diverges.as_ref(), styles, width);
        if row == last && lane.finished.is_none() && !stale && c.app.compare().is_running() {
            let style = c.style(Role::Accent);
            c.cell(inner.x + 1 + used.min(width), y, c.glyphs.cursor, style);
        }
    }
    scroll_mark(c, inner, first, height, lines.len());
}

#[derive(Clone, Copy)]
struct Styles {
    plain: Style,
    changed: Style,
    diverge: Style,
}

#[expect(clippy::too_many_arguments, reason = "one line's place, text and marks")]
fn draw_line(
    c: &mut Canvas<'_>,
    x: u16,
    y: u16,
    text: &str,
    line: &Range<usize>,
    lane: &LaneText,
    diverges: Option<&Range<usize>>,
    styles: Styles,
    width: u16,
) -> u16 {
    let mut used = 0;
    let mut at = line.start;
    let next_change = lane.changed.partition_point(|r| r.end <= line.start);
    let mut changes = lane.changed.iter().skip(next_change).peekable();
    for grapheme in text.get(line.clone()).unwrap_or_default().graphemes(true) {
        while changes.peek().is_some_and(|r| r.end <= at) {
            changes.next();
        }
        let style = if diverges.is_some_and(|d| d.contains(&at)) {
            styles.diverge
        } else if changes.peek().is_some_and(|r| r.contains(&at)) {
            styles.changed
        } else {
            styles.plain
        };
        used += c.raw(x + used, y, grapheme, style, width.saturating_sub(used));
        at += grapheme.len();
    }
    used
}

/// The word that the first differing token begins, blanks before it left out.
fn word_at(text: &str, at: usize) -> Range<usize> {
    let rest = text.get(at..).unwrap_or_default();
    let start = at + (rest.len() - rest.trim_start().len());
    let word = rest.trim_start();
    let len = word.find(char::is_whitespace).unwrap_or(word.len());
    start..start + len
}

fn scroll_mark(c: &mut Canvas<'_>, inner: Rect, first: usize, height: usize, lines: usize) {
    if lines <= height || inner.height < 2 {
        return;
    }
    let most = lines - height;
    let y = inner.y + (first * usize::from(inner.height - 1) / most.max(1)) as u16;
    let style = c.style(Role::Muted);
    c.cell(inner.right() - 1, y, c.glyphs.vertical, style);
}

fn foot(c: &mut Canvas<'_>, area: Rect, generation: &Generation, lane: &LaneText, which: Lane) {
    let end = match lane.finished {
        Some(FinishReason::Eos) => "end of text",
        Some(FinishReason::Length) => "length reached",
        Some(FinishReason::Stopped) => "stopped",
        Some(FinishReason::NonFinite) => "not finite: outside the usable range",
        None => "",
    };
    let muted = c.style(Role::Muted);
    if which == Lane::Baseline || lane.finished == Some(FinishReason::NonFinite) {
        let bad = lane.finished == Some(FinishReason::NonFinite);
        let style = if bad { c.style(Role::Error) } else { muted };
        let mark = if bad { format!("{} ", c.glyphs.cross) } else { String::new() };
        let dot = if end.is_empty() { String::new() } else { format!(" {} {end}", c.glyphs.dot) };
        let note = if bad { format!("{mark}{end}") } else { format!("{} tokens{dot}", lane.len()) };
        c.note(area, &[(&note, style)]);
        return;
    }
    let note = match generation.diverges {
        Some(token) => format!("{} diverge at token {}", c.glyphs.diverge, token + 1),
        None if generation.is_identical() => "no difference".to_owned(),
        None => "no difference so far".to_owned(),
    };
    let role = if generation.diverges.is_some() && !c.app.compare().is_stale() {
        Role::Warning
    } else {
        Role::Muted
    };
    let tokens = format!("  {} {} tokens", c.glyphs.dot, lane.len());
    let style = c.style(role);
    c.note(area, &[(&note, style), (&tokens, muted)]);
}
