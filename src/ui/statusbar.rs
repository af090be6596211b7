//! Title, status and footer lines.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::action::{Action, When};
use crate::app::bindings::BINDINGS;
use crate::app::hits::Target;
use crate::app::keymap::holds_in;
use crate::app::overlay::Overlay;
use crate::app::progress::short;
use crate::app::tokens::Purpose;
use crate::app::{Engine, signed};
use crate::protocol::{ChatSupport, Stage, StudyKind};
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::units::Edit;

/// Hints in the footer at most.
const HINTS: usize = 7;

/// Model, device, vector, site, coefficient, data set, state: what matters least goes first when
/// there is no room.
pub(super) fn title(c: &mut Canvas<'_>, area: Rect) {
    let app = c.app;
    let style = c.style(Role::Title);
    let (muted, accent, text_style) = (
        c.style(Role::Muted),
        c.style(Role::Accent),
        c.style(Role::Text),
    );
    let (state, state_style) = state(c);
    let setting = app.setting();
    let model = match (app.model(), app.wanted_model()) {
        (Some(m), _) => {
            format!("{} {}", text::one_line(&m.name), parameters(m.parameters))
        }
        (None, wanted) => text::one_line(&wanted.to_string()),
    };
    let device = app
        .model()
        .map(|m| text::one_line(&m.device))
        .unwrap_or_default();
    let block = match app.blocks() {
        0 => String::new(),
        n => format!("block {}/{}", setting.block, n - 1),
    };
    let kappa = app
        .readout()
        .kappa
        .map(|k| format!(" ({} {k:+.2})", c.glyphs.kappa))
        .unwrap_or_default();
    let coefficient = format!("c {}{kappa}", signed(setting.coefficient));
    let vector = app
        .vector()
        .map(|v| format!("vector {}", text::one_line(&v.name)))
        .unwrap_or_default();
    let dataset = app
        .dataset()
        .map(|d| {
            let template = app.model().is_some_and(|m| m.chat == ChatSupport::Template);
            let chat = match (&d.asking.chat, template) {
                (None, _) => "",
                (Some(_), true) => ", chat",
                (Some(_), false) => ", questions",
            };
            format!("on {} ({}{chat})", text::one_line(&d.name), d.items.len())
        })
        .unwrap_or_default();
    // In reading order, with the rank at which a fact is dropped (0 stays).
    let parity = app.dataset().filter(|d| d.words.badge.is_some());
    let parity = parity.map_or("", |_| "paper parity").to_owned();
    let facts: [(u8, String, Style); 8] = [
        // Never dropped: these figures compare with no others.
        (0, parity, c.style(Role::Warning)),
        (5, "steerscope".to_owned(), style),
        (3, model, text_style),
        (6, device, muted),
        (2, vector, c.style(Role::Steered)),
        (1, block, accent),
        (0, coefficient, accent),
        (4, dataset, text_style),
    ];
    let dot = format!(" {} ", c.glyphs.dot);
    let room = usize::from(area.width).saturating_sub(text::width(&state) + 3);
    let mut limit = 7;
    let shown = loop {
        let shown: Vec<&(u8, String, Style)> = facts
            .iter()
            .filter(|f| f.0 < limit && !f.1.is_empty())
            .collect();
        let width: usize = shown.iter().map(|f| text::width(&f.1) + 3).sum();
        if width <= room + 3 || limit == 1 {
            break shown;
        }
        limit -= 1;
    };
    let mut x = area.x + 1;
    for (i, (_, fact, style)) in shown.into_iter().enumerate() {
        if i > 0 {
            x += c.text(x, area.y, &dot, muted, area.right().saturating_sub(x));
        }
        x += c.text(x, area.y, fact, *style, area.right().saturating_sub(x));
    }
    let len = text::width(&state) as u16;
    let at = area.right().saturating_sub(len + 1);
    if at > x {
        c.text(at, area.y, &state, state_style, len);
    }
}

fn parameters(n: usize) -> String {
    match n {
        0..1_000_000 => format!("{:.0}K", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}M", n as f64 / 1e6),
        _ => format!("{:.1}B", n as f64 / 1e9),
    }
}

fn state(c: &Canvas<'_>) -> (String, Style) {
    let app = c.app;
    let running = app.compare().is_running()
        || app.experiment().is_running()
        || app.lab().running().is_some();
    match app.engine() {
        Engine::Dead => (
            format!("{} engine stopped", c.glyphs.cross),
            c.style(Role::Error),
        ),
        Engine::Empty => (format!("{} no model", c.glyphs.cross), c.style(Role::Error)),
        Engine::Starting => (
            format!("{} loading", c.glyphs.spin(app.spin())),
            c.style(Role::Warning),
        ),
        Engine::Ready if !app.setting().enabled => (
            format!("{} vector off", c.glyphs.live),
            c.style(Role::Warning),
        ),
        Engine::Ready if running => (
            format!("{} working", c.glyphs.spin(app.spin())),
            c.style(Role::Warning),
        ),
        Engine::Ready => (format!("{} live", c.glyphs.live), c.style(Role::Positive)),
    }
}

/// What the worker does and how fast it was.
pub(super) fn status(c: &mut Canvas<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let app = c.app;
    let (muted, plain, accent) = (
        c.style(Role::Muted),
        c.style(Role::Text),
        c.style(Role::Accent),
    );
    let left = match (work(c), app.engine()) {
        (Some(_), _) => 52,
        (None, Engine::Ready) => 10,
        (None, _) => 60,
    };
    let right = facts(c, area.width.saturating_sub(left));
    let right_width = text::width(&right) as u16;
    let room = area.width.saturating_sub(right_width + 3);
    if let Some((stage, what, done, total)) = work(c) {
        let spin = format!("{} {what} ", c.glyphs.spin(app.spin()));
        let used = c.text(area.x + 1, area.y, &spin, plain, room);
        if total > 0 {
            let left = app
                .time_left(stage)
                .map_or_else(String::new, |t| format!("  {} left", short(t)));
            let count = format!(" {done}/{total}{left}");
            let room = room.saturating_sub(used);
            let gauge = room.saturating_sub(text::width(&count) as u16).min(24);
            let full = (usize::from(gauge) * done.min(total) / total) as u16;
            for i in 0..gauge {
                let (symbol, style) = if i < full {
                    (c.glyphs.gauge, accent)
                } else {
                    (c.glyphs.gauge_rest, muted)
                };
                c.cell(area.x + 1 + used + i, area.y, symbol, style);
            }
            let x = area.x + 1 + used + gauge;
            c.text(x, area.y, &count, muted, room.saturating_sub(gauge));
        }
    } else {
        let idle = match app.engine() {
            Engine::Dead => "engine stopped: press r in the panel, or : restart-engine",
            Engine::Empty => "no model: press M to choose one",
            _ => "ready",
        };
        c.text(area.x + 1, area.y, idle, muted, room);
    }
    let at = area.right().saturating_sub(right_width + 1);
    c.text(at, area.y, &right, muted, right_width);
}

/// The most telling piece of work under way.
fn work(c: &Canvas<'_>) -> Option<(Stage, &'static str, usize, usize)> {
    let app = c.app;
    let name = |stage| match stage {
        Stage::Fetch => "fetching the model, MiB",
        Stage::LoadModel => "loading the model",
        Stage::LoadVector => "loading the vector",
        Stage::LoadDataset => "loading the data set",
        Stage::Prefill => "reading the prompts",
        Stage::Measure => "measuring",
        Stage::Generate => "generating",
        Stage::Store => "keeping results",
        Stage::Probe => "probing",
        Stage::Study => match app.lab().running().map(|r| r.kind) {
            Some(StudyKind::Sweep) => "sweeping the layers",
            Some(StudyKind::Predict) => "reading activations",
            Some(StudyKind::Extract) => "extracting a vector",
            Some(StudyKind::Shift) => "shifting prompts",
            Some(StudyKind::Controls) => "measuring controls",
            Some(StudyKind::Tokens) => "reading the text",
            Some(StudyKind::Fan) => "decoding the fan",
            Some(StudyKind::Calibrate) => "calibrating",
            Some(StudyKind::Tax) => "reading the neutral text",
            Some(StudyKind::Vectors) => "comparing vectors",
            Some(StudyKind::Datasets) | None => "measuring data sets",
        },
    };
    let rank = |stage| match stage {
        Stage::Fetch | Stage::LoadModel | Stage::LoadVector | Stage::LoadDataset => 0,
        Stage::Prefill => 1,
        Stage::Measure => 2,
        Stage::Study | Stage::Store | Stage::Probe => 3,
        Stage::Generate => 4,
    };
    let reported = app.progress().iter().min_by_key(|p| rank(p.0)).copied();
    if let Some((stage, done, total)) = reported.filter(|p| rank(p.0) < 2) {
        return Some((stage, name(stage), done, total));
    }
    if app.engine() == Engine::Dead {
        return None;
    }
    if app.engine() == Engine::Starting {
        return Some((Stage::LoadModel, name(Stage::LoadModel), 0, 0));
    }
    if app.experiment().is_running() {
        let current = app.experiment().current();
        let (done, total) = current.map_or((0, 0), |m| (m.done, m.results.len()));
        if done < total {
            return Some((Stage::Measure, name(Stage::Measure), done, total));
        }
    }
    if let Some((stage, done, total)) = reported.filter(|p| p.0 == Stage::Study) {
        return Some((stage, name(stage), done, total));
    }
    if app.compare().is_running() {
        let done = app.compare().shown().filter(|_| !app.compare().is_stale());
        let done = done.map_or(0, |g| g.steered.len());
        let most = app.sampling().max_tokens;
        return Some((Stage::Generate, name(Stage::Generate), done, most));
    }
    reported.map(|(stage, done, total)| (stage, name(stage), done, total))
}

/// Facts that fit, most telling first.
fn facts(c: &Canvas<'_>, room: u16) -> String {
    let app = c.app;
    let mut facts = Vec::new();
    if let Some((n, elapsed, from_cache)) = app.experiment().last() {
        let ms = elapsed.as_secs_f64() * 1e3;
        let time = if ms < 9.95 {
            format!("{ms:.1} ms")
        } else {
            format!("{ms:.0} ms")
        };
        let kept = if from_cache { ", kept" } else { "" };
        facts.push(format!("recomputed {n} inputs in {time}{kept}"));
    }
    if let Some((kept, prompts)) = app.memory_short() {
        facts.push(format!("memory holds {kept}/{prompts} prompts"));
    }
    if let Some(rate) = app
        .compare()
        .shown()
        .and_then(crate::app::compare::Generation::rate)
    {
        facts.push(format!("{rate:.0} tok/s"));
    }
    let s = app.sampling();
    if s.temperature == 0.0 {
        facts.push("greedy".to_owned());
    } else {
        facts.push(format!("T {} seed {}", s.temperature, s.seed));
    }
    facts.push(app.setting().mask.to_string());
    if app.setting().edit != Edit::ADD {
        facts.push(app.setting().edit.to_string());
    }
    let condition = app.condition_words();
    if !condition.is_empty() {
        // It changes what every figure means.
        let words = match app.prompts_open() {
            Some((open, n)) => format!("{condition}: {open}/{n} prompts"),
            None => condition,
        };
        facts.insert(0, words);
    }
    let dot = format!(" {} ", c.glyphs.dot);
    let mut line = String::new();
    for fact in facts {
        let longer = if line.is_empty() {
            fact
        } else {
            format!("{line}{dot}{fact}")
        };
        if text::width(&longer) > usize::from(room) {
            break;
        }
        line = longer;
    }
    line
}

/// Hints for the keys that matter now, from the binding table.
pub(super) fn footer(c: &mut Canvas<'_>, area: Rect) {
    let (key_style, muted) = (c.style(Role::Accent), c.style(Role::Muted));
    let mut x = area.x + 1;
    for (keys, label, action) in hints(c) {
        let width = text::width(&keys) + text::width(label) + 3;
        if usize::from(x) + width > usize::from(area.right()) {
            break;
        }
        let start = x;
        x += c.pieces(
            x,
            area.y,
            &[(&keys, key_style), (" ", muted), (label, muted)],
            area.right() - x,
        );
        let hint = Rect {
            x: start,
            y: area.y,
            width: x - start,
            height: 1,
        };
        c.region(hint, Target::Run(action));
        x += 2;
    }
}

/// Keys, label and action of the hints, most important first.
fn hints(c: &Canvas<'_>) -> Vec<(String, &'static str, Action)> {
    let app = c.app;
    let holds = |when: When| -> Option<u8> {
        let inside = match app.overlay() {
            Some(Overlay::Help(_) | Overlay::Palette(_) | Overlay::Picker(..)) => Some(When::List),
            Some(Overlay::Sampling(_) | Overlay::Condition(_) | Overlay::Asking(_)) => {
                Some(When::Form)
            }
            Some(Overlay::Extract(_)) => Some(When::Making),
            Some(Overlay::Log(_) | Overlay::Receipt(_)) => Some(When::Reader),
            Some(Overlay::Tokens(cursor)) => match cursor.purpose {
                Purpose::Steer => Some(When::PromptTokens),
                Purpose::Read => Some(When::SourceTokens),
            },
            Some(Overlay::Died(_)) => Some(When::Died),
            None if app.editor().is_some() => Some(When::Editor),
            None if app.is_filtering() => Some(When::Filter),
            None => None,
        };
        match inside {
            Some(context) => (when == context).then_some(0),
            None if holds_in(when, app.focus()) => Some(0),
            None => (when == When::Main).then_some(1),
        }
    };
    let mut out: Vec<((u8, u8), String, &'static str, Action)> = Vec::new();
    for b in BINDINGS {
        let (Some(context), Some((label, rank))) = (holds(b.when), b.hint) else {
            continue;
        };
        let Some(key) = b.keys.first() else { continue };
        if app.available(b.action).is_err() && !matches!(b.when, When::In(_)) {
            continue;
        }
        // What changes the coefficient anywhere needs no hint beside the slider's own.
        let own = [
            ("coefficient", crate::app::focus::Pane::Coefficient),
            ("block", crate::app::focus::Pane::Layer),
        ];
        if context == 1 && own.iter().any(|(l, p)| *l == label && *p == app.focus()) {
            continue;
        }
        let order = if label == "help" {
            (0, 9)
        } else {
            (context, rank)
        };
        match out.iter_mut().find(|h| h.2 == label) {
            Some(hint) if !hint.1.contains(*key) => hint.1 = format!("{}/{key}", hint.1),
            Some(_) => {}
            None => out.push((order, (*key).to_owned(), label, b.action)),
        }
    }
    if app.overlay().is_some() || app.editor().is_some() || app.is_filtering() {
        out.push(((0, 8), "esc".to_owned(), "close", Action::Close));
    }
    out.sort_by_key(|h| h.0);
    out.truncate(HINTS);
    out.into_iter()
        .map(|(_, keys, label, action)| (keys, label, action))
        .collect()
}
