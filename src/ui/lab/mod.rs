//! The laboratory's screens: a line of tabs, one panel, and what its figures belong to.

mod controls;
mod datasets;
mod factors;
mod fan;
mod map;
mod plots;
mod predictors;
mod several;
mod shift;
mod tokens;

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::focus::Pane;
use crate::app::hits::Target;
use crate::app::screen::Screen;
use crate::protocol::Gated;
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::ui::layout::{self, cut_bottom, cut_left, cut_top};

/// Draws the screen below the title line.
pub(super) fn draw(c: &mut Canvas<'_>, area: Rect) {
    let [line, body] = cut_top(area, 1);
    tabs(c, line);
    if body.width < 30 || body.height < 5 {
        let muted = c.style(Role::Muted);
        c.message(body, "this screen needs 30 columns and 8 rows", muted);
        return;
    }
    if c.app.is_zoomed() {
        layout::pane(c, body, c.app.focus());
        return;
    }
    match c.app.screen() {
        Screen::Layers if body.width >= 110 && body.height >= 16 => {
            let [left, right] = cut_left(body, body.width * 62 / 100);
            layout::pane(c, left, Pane::Map);
            let [upper, lower] = cut_top(right, right.height / 2);
            layout::pane(c, upper, Pane::Histogram);
            layout::pane(c, lower, Pane::Curve);
        }
        Screen::Layers if matches!(c.app.focus(), Pane::Histogram | Pane::Curve) => {
            let [upper, lower] = cut_bottom(body, body.height / 2);
            layout::pane(c, upper, Pane::Map);
            layout::pane(c, lower, c.app.focus());
            c.hits.panes = Screen::Layers.panes().to_vec();
        }
        screen => {
            let first = screen.panes().first().copied().unwrap_or(Pane::Map);
            layout::pane(c, body, first);
            c.hits.panes = screen.panes().to_vec();
        }
    }
}

/// Draws one of its panels.
pub(super) fn pane(c: &mut Canvas<'_>, area: Rect, pane: Pane) {
    match pane {
        Pane::Map => map::draw(c, area),
        Pane::Factors => factors::draw(c, area),
        Pane::Shift => shift::draw(c, area),
        Pane::Predictors => predictors::draw(c, area),
        Pane::Controls => controls::draw(c, area),
        Pane::Tokens => tokens::draw(c, area),
        Pane::Fan => fan::draw(c, area),
        Pane::Datasets if c.app.lab().across_vectors => several::draw(c, area),
        _ => datasets::draw(c, area),
    }
}

/// The line of tabs.
pub(super) fn tabs(c: &mut Canvas<'_>, area: Rect) {
    let label = |i: usize, screen: Screen, form: usize| {
        let (name, key) = (screen.title(), i + 3);
        let here = screen == c.app.screen();
        match form {
            0 => format!(" F{key} {name} "),
            1 => format!("F{key} {name}"),
            2 => format!("F{key} {}", short(screen)),
            _ if here => format!("F{key} {}", short(screen)),
            _ => format!("F{key}"),
        }
    };
    let all = || Screen::ALL.into_iter().enumerate();
    let width = |form| -> usize {
        all()
            .map(|(i, s)| text::width(&label(i, s, form)) + 1)
            .sum()
    };
    let form = (0..3)
        .find(|form| width(*form) < usize::from(area.width))
        .unwrap_or(3);
    let labels: Vec<(Screen, String)> = all().map(|(i, s)| (s, label(i, s, form))).collect();
    let mut x = area.x + 1;
    for (screen, label) in labels {
        let here = screen == c.app.screen();
        let style = c.style(if here { Role::Selection } else { Role::Muted });
        let room = area.right().saturating_sub(x);
        let used = c.raw(x, area.y, &label, style, room);
        let tab = Rect {
            x,
            width: used,
            height: 1,
            y: area.y,
        };
        c.region(tab, Target::Tab(screen));
        x += used + 1;
    }
}

/// A tab's name where room is short.
fn short(screen: Screen) -> &'static str {
    match screen {
        Screen::Explore => "text",
        Screen::Shift => "shift",
        Screen::Predictors => "predict",
        Screen::Datasets => "sets",
        other => other.title(),
    }
}

/// What the condition says of the text of a panel; a closed gate is a warning.
fn gate(c: &Canvas<'_>, gate: Option<Gated>) -> (String, Style) {
    let Some(gate) = gate else {
        return (String::new(), c.style(Role::Muted));
    };
    let similarity = gate
        .similarity
        .map_or_else(String::new, |s| format!(", similarity {s:.2}"));
    if gate.open {
        return (
            format!("  condition open{similarity}"),
            c.style(Role::Muted),
        );
    }
    let words = format!("  not steered: condition closed{similarity}");
    (words, c.style(Role::Warning))
}

/// What to do on an empty panel.
fn empty(c: &mut Canvas<'_>, area: Rect, what: &str) {
    let muted = c.style(Role::Muted);
    let app = c.app;
    let message = if app.is_loading() {
        "loading".to_owned()
    } else if app.lab().running().is_some() {
        "measuring".to_owned()
    } else if app.dataset().is_none() {
        "no data set: press d".to_owned()
    } else if app.vector().is_none() && app.screen() == Screen::Layers {
        "no vector: press v".to_owned()
    } else {
        format!("press w to {what}")
    };
    c.message(area, &message, muted);
}

/// A number with its sign for a cell or a table; a dash where there is none.
fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(v) if !v.is_finite() => "-".to_owned(),
        Some(v) if v.abs() < 9.995 => format!("{v:+.2}"),
        Some(v) if v.abs() < 99.95 => format!("{v:+.1}"),
        Some(v) if v.abs() < 99_999.0 => format!("{v:+.0}"),
        Some(v) => format!("{v:+.0e}"),
    }
}

/// A share in per cent.
fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |v| format!("{:.0}%", 100.0 * v))
}

/// The study's protocol on the last lines of a panel: no figure without it.
fn protocol(c: &mut Canvas<'_>, area: Rect, pieces: &[String]) {
    let muted = c.style(Role::Muted);
    let dot = format!(" {} ", c.glyphs.dot);
    let mut line = String::new();
    let mut y = area.y;
    for piece in pieces.iter().filter(|p| !p.is_empty()) {
        let longer = if line.is_empty() {
            piece.clone()
        } else {
            format!("{line}{dot}{piece}")
        };
        if text::width(&longer) <= usize::from(area.width) {
            line = longer;
        } else if y + 1 < area.bottom() {
            c.text(area.x, y, &line, muted, area.width);
            line.clone_from(piece);
            y += 1;
        } else {
            break;
        }
    }
    c.text(area.x, y, &line, muted, area.width);
}

/// The facts of studies of the loaded data set, with how many of its prompts the condition steers.
fn loaded_words(c: &Canvas<'_>, more: &[String]) -> Vec<String> {
    let condition = c.app.condition_words();
    asked_words(
        c,
        more,
        match c.app.prompts_open() {
            Some((open, n)) => format!("{condition}: {open}/{n} prompts"),
            None => condition,
        },
    )
}

/// The facts of studies that measure rows as they are asked, under the condition if there is one.
fn protocol_words(c: &Canvas<'_>, more: &[String]) -> Vec<String> {
    asked_words(c, more, c.app.condition_words())
}

fn asked_words(c: &Canvas<'_>, more: &[String], condition: String) -> Vec<String> {
    let mut words = site_words(c, more, condition);
    if let Some(dataset) = c.app.dataset() {
        let asked = &dataset.words;
        let badge = "paper parity: not comparable with other figures";
        words.extend(asked.badge.as_ref().map(|_| badge.to_owned()));
        words.extend([asked.rows.clone(), asked.prompts.clone()]);
    }
    words
}

/// The facts that every study shares.
fn site_words(c: &Canvas<'_>, more: &[String], condition: String) -> Vec<String> {
    let app = c.app;
    let setting = app.setting();
    let mut words = more.to_vec();
    // It changes figures more than what follows, which has to go first where room is short.
    words.push(condition);
    words.push(format!("mask {}", setting.mask));
    words.push(setting.edit.to_string());
    words.push(format!(
        "slope over {} multipliers",
        app.multipliers().len()
    ));
    words
}

/// Text right-aligned in `width` columns.
pub(super) fn right(c: &mut Canvas<'_>, x: u16, y: u16, text: &str, style: Style, width: u16) {
    let len = text::width(text) as u16;
    let skip = width.saturating_sub(len);
    c.text(x + skip, y, text, style, width - skip.min(width));
}
