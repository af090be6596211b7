//! The two text panes: streaming text with the words that differ and the first differing token.

use std::ops::Range;

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_segmentation::UnicodeSegmentation;

use crate::app::Engine;
use crate::app::compare::{Generation, LaneText};
use crate::app::focus::Pane;
use crate::app::receipt::Proved;
use crate::protocol::{FinishReason, Reference};
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::ui::receipt;
use crate::units::Lane;

/// Says that the prompt was given in the chat format, from long to short.
const CHAT: [&str; 2] = ["chat format", "chat"];

/// Draws one lane.
pub(super) fn draw(c: &mut Canvas<'_>, area: Rect, pane: Pane) {
    let lane = if pane == Pane::Baseline {
        Lane::Baseline
    } else {
        Lane::Steered
    };
    let compare = c.app.compare();
    let stale = compare.is_stale();
    let shown = compare.shown();
    let title = match lane {
        Lane::Baseline => c.app.reference_title(),
        Lane::Steered => pane.title(),
    };
    let room = usize::from(area.width).saturating_sub(title.len() + 8);
    let fact = match (lane, stale, shown) {
        (_, true, Some(g)) => (label(g, "was ", room), Role::Stale),
        (Lane::Baseline, false, Some(g)) if g.request.reference != Reference::Unsteered => {
            (control(g, room), Role::Baseline)
        }
        (Lane::Baseline, false, Some(g)) if g.request.chat.is_some() => {
            let fits = CHAT.iter().find(|t| t.len() <= room);
            (fits.copied().unwrap_or_default().to_owned(), Role::Accent)
        }
        (Lane::Steered, false, Some(g)) => (label(g, "", room), Role::Steered),
        _ => (String::new(), Role::Text),
    };
    let fact_style = c.style(fact.1);
    let (mark, mark_style) = gate_mark(c, lane, stale, room, text::width(&fact.0));
    let fits = text::width(&fact.0) + text::width(&mark) + 2 <= room;
    let facts: &[(&str, Style)] = match (fact.0.is_empty(), mark.is_empty()) {
        (true, _) => &[],
        (false, true) => &[(fact.0.as_str(), fact_style)],
        // What is not proved is said before what it claims to be.
        (false, false) if !fits => &[(mark.as_str(), mark_style)],
        (false, false) => &[
            (fact.0.as_str(), fact_style),
            ("  ", fact_style),
            (mark.as_str(), mark_style),
        ],
    };
    let inner = c.pane(area, pane, facts);
    c.hits.text_height = usize::from(inner.height);
    let Some(generation) = shown else {
        let style = c.style(Role::Muted);
        c.message(inner, empty(c), style);
        return;
    };
    if let (Lane::Baseline, Some(Err(why))) = (lane, &generation.about) {
        let style = c.style(if stale { Role::Stale } else { Role::Muted });
        c.message(inner, &text::one_line(why), style);
        return;
    }
    let text = generation.lane(lane);
    body(c, inner, text, lane, stale);
    foot(c, area, generation, text, lane);
}

/// What the condition says of the prompt, before the receipt's mark. The unsteered text under a steered
/// label would be a lie, so a closed prompt is said in any room.
fn gate_mark(
    c: &Canvas<'_>,
    lane: Lane,
    stale: bool,
    room: usize,
    label: usize,
) -> (String, Style) {
    let (mark, style) = proof_mark(c, lane, stale);
    let Some(gate) = c
        .app
        .shown_gate()
        .filter(|_| lane == Lane::Steered && !stale)
    else {
        return (mark, style);
    };
    let similarity = gate
        .similarity
        .map_or_else(String::new, |s| format!("similarity {s:.2}"));
    if gate.open {
        let words = format!("{similarity} {mark}");
        let fits = label + text::width(&words) + 2 <= room;
        return if fits { (words, style) } else { (mark, style) };
    }
    let long = format!("not steered, {similarity}");
    let fits = text::width(&long) <= room;
    let words = if fits { long } else { "not steered".to_owned() };
    (words, c.style(Role::Warning))
}

/// The receipt in a word or a glyph, for the steered lane of the present setting.
fn proof_mark(c: &Canvas<'_>, lane: Lane, stale: bool) -> (String, Style) {
    if lane == Lane::Baseline || stale || c.app.setting().effective() == 0.0 {
        return (String::new(), Style::new());
    }
    let (words, role) = receipt::verdict(c);
    let glyph = match c.app.proved() {
        Proved::Fails => words,
        Proved::Holds { warns: true } => format!("{}{}", c.glyphs.check, c.glyphs.diverge),
        Proved::Holds { warns: false } => c.glyphs.check.to_owned(),
        Proved::Pending | Proved::Nothing => String::new(),
    };
    (glyph, c.style(role))
}

/// What a control on the left is, as long as there is room: its words, then the site.
fn control(generation: &Generation, room: usize) -> String {
    let words = match &generation.about {
        Some(Ok(words)) => text::one_line(words),
        _ => String::new(),
    };
    if !generation.request.reference.is_steered() {
        return words;
    }
    let [_, site, short] = &generation.label;
    let gap = if words.is_empty() { "" } else { "  " };
    [site, short]
        .iter()
        .map(|site| format!("{words}{gap}{site}"))
        .find(|all| text::width(all) <= room)
        .unwrap_or_else(|| short.clone())
}

fn label(generation: &Generation, lead: &str, room: usize) -> String {
    let fits = |label: &&String| text::width(lead) + text::width(label) <= room;
    let [.., shortest] = &generation.label;
    let label = generation.label.iter().find(fits).unwrap_or(shortest);
    format!("{lead}{label}")
}

fn empty(c: &Canvas<'_>) -> &'static str {
    match c.app.engine() {
        Engine::Starting => "loading the model",
        Engine::Empty => "no model: press M to choose one",
        Engine::Dead => "the engine is not running",
        Engine::Ready if c.app.is_loading() => "loading vector and data set",
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
    let width = inner.width - 2;
    let growing = c.app.compare().is_running() && !stale;
    let end = lane.text.len();
    let text = &if growing {
        format!("{}{}", lane.text, lane.remainder())
    } else {
        lane.text.clone()
    };
    let lines = text::wrap(text, usize::from(width));
    c.hits.text_lines = c.hits.text_lines.max(lines.len());
    let height = usize::from(inner.height);
    let last = lines.len().saturating_sub(height);
    // A first text is followed while it grows; else the beginning shows, where texts part.
    let follow = growing && lane.finished.is_none() && !lane.has_previous();
    let first = c
        .app
        .text_scroll()
        .unwrap_or(if follow { last } else { 0 })
        .min(last);
    c.hits.text_first = first;
    let marked = if which == Lane::Baseline {
        Role::Removed
    } else {
        Role::Added
    };
    let gutter = if which == Lane::Baseline {
        c.glyphs.removed
    } else {
        c.glyphs.added
    };
    let styles = Styles {
        plain: c.style(if stale { Role::Stale } else { Role::Text }),
        changed: if stale {
            c.style(Role::Stale).add_modifier(Modifier::UNDERLINED)
        } else {
            c.style(marked)
        },
        diverge: c.style(if stale { Role::Stale } else { Role::Diverge }),
        old: c.style(Role::Stale),
        end,
    };
    let diverges = lane.diverges_at.map(|at| word_at(text, at));
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
            c.cell(
                inner.x,
                y,
                gutter,
                style.remove_modifier(Modifier::UNDERLINED),
            );
        }
        draw_line(
            c,
            inner.x + 1,
            y,
            text,
            line,
            lane,
            diverges.as_ref(),
            styles,
            width,
        );
        if growing && lane.finished.is_none() && line.start <= end && end <= line.end {
            let before = text.get(line.start..end).unwrap_or_default();
            let x = inner.x + 1 + (text::width(before) as u16).min(width);
            let style = c.style(Role::Accent);
            c.cell(x, y, c.glyphs.cursor, style);
        }
    }
    scroll_mark(c, inner, first, height, lines.len());
}

#[derive(Clone, Copy)]
struct Styles {
    plain: Style,
    changed: Style,
    diverge: Style,
    /// What is left of the text before.
    old: Style,
    /// Where that begins.
    end: usize,
}

#[expect(
    clippy::too_many_arguments,
    reason = "one line's place, text and marks"
)]
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
) {
    let mut used = 0;
    let mut at = line.start;
    let next_change = lane.changed.partition_point(|r| r.end <= line.start);
    let mut changes = lane.changed.iter().skip(next_change).peekable();
    for grapheme in text.get(line.clone()).unwrap_or_default().graphemes(true) {
        while changes.peek().is_some_and(|r| r.end <= at) {
            changes.next();
        }
        let style = if at >= styles.end {
            styles.old
        } else if diverges.is_some_and(|d| d.contains(&at)) {
            styles.diverge
        } else if changes.peek().is_some_and(|r| r.contains(&at)) {
            styles.changed
        } else {
            styles.plain
        };
        used += c.raw(x + used, y, grapheme, style, width.saturating_sub(used));
        at += grapheme.len();
    }
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
    let room = usize::from(area.width).saturating_sub(5);
    if lane.finished == Some(FinishReason::NonFinite) {
        let note = format!("{} {end}", c.glyphs.cross);
        let style = c.style(Role::Error);
        c.note(area, &[(&note, style)]);
        return;
    }
    let dot = c.glyphs.dot;
    let count = format!("{} tokens", lane.len());
    let (first, role) = match (which, generation.diverges) {
        (Lane::Baseline, _) => (end.to_owned(), Role::Muted),
        (_, Some(token)) if !c.app.compare().is_stale() => (
            format!("{} diverge at token {}", c.glyphs.diverge, token + 1),
            Role::Warning,
        ),
        (_, Some(token)) => (
            format!("{} diverge at token {}", c.glyphs.diverge, token + 1),
            Role::Muted,
        ),
        (_, None) if generation.is_identical() => ("no difference".to_owned(), Role::Muted),
        (_, None) => ("no difference so far".to_owned(), Role::Muted),
    };
    let style = c.style(role);
    let gap = if first.is_empty() {
        String::new()
    } else {
        format!(" {dot} ")
    };
    if text::width(&first) + text::width(&gap) + text::width(&count) <= room {
        c.note(area, &[(&first, style), (&gap, muted), (&count, muted)]);
    } else {
        c.note(area, &[(&first, style)]);
    }
}
