//! The two sliders: block (0-based) and coefficient (bipolar, zero marked).

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::focus::Pane;
use crate::app::hits::Target;
use crate::app::signed;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::units::{CoefficientUnit, Operator};

/// Layer slider in a box.
pub(super) fn layer(c: &mut Canvas<'_>, area: Rect) {
    let (accent, muted) = (c.style(Role::Accent), c.style(Role::Muted));
    let (value, rest) = layer_value(c);
    let norm = norm_fact(c);
    let narrow = area.height < 4;
    let gap = if narrow { "  " } else { "" };
    let tail = if narrow { norm.as_str() } else { "" };
    let inner = c.pane(
        area,
        Pane::Layer,
        &[
            (&value, accent),
            (&rest, muted),
            (gap, muted),
            (tail, muted),
        ],
    );
    layer_track(
        c,
        Rect {
            height: inner.height.min(1),
            ..inner
        },
    );
    if inner.height >= 2 {
        let note = match c.app.norm_at(c.app.setting().block) {
            Some(_) => format!("{norm} at block {}", c.app.setting().block),
            None if c.app.vector().is_some() => "the file has no vector here".to_owned(),
            None if c.app.is_loading() => "loading".to_owned(),
            None => "no vector: press v".to_owned(),
        };
        c.text(inner.x, inner.y + 1, &note, muted, inner.width);
    }
}

/// Coefficient slider in a box.
pub(super) fn coefficient(c: &mut Canvas<'_>, area: Rect) {
    let accent = c.style(Role::Accent);
    let muted = c.style(Role::Muted);
    let warning = c.style(Role::Warning);
    let value = coefficient_value(c);
    let off = if c.app.setting().enabled { "" } else { " off" };
    let units = units(c);
    let narrow = area.height < 4;
    let tail = if narrow {
        format!("  {units}")
    } else {
        String::new()
    };
    let inner = c.pane(
        area,
        Pane::Coefficient,
        &[(&value, accent), (off, warning), (&tail, muted)],
    );
    if let Some(found) = c.app.calibrated_here() {
        let words = format!(
            "{} {:.1} nat at {}",
            c.glyphs.measured,
            found.achieved,
            signed(found.coefficient)
        );
        let style = c.style(Role::Accent);
        c.note(area, &[(&words, style)]);
    } else if let Some(words) = turn(c) {
        c.note(area, &[(&words, muted)]);
    }
    let track = Rect {
        height: inner.height.min(1),
        ..inner
    };
    coefficient_track(c, track);
    if inner.height >= 3 {
        scale_labels(
            c,
            Rect {
                y: inner.y + 1,
                height: 1,
                ..track
            },
        );
        c.text(inner.x, inner.y + 2, &units, muted, inner.width);
    } else if inner.height == 2 {
        c.text(inner.x, inner.y + 1, &units, muted, inner.width);
    }
}

/// Layer slider on one line.
pub(super) fn layer_line(c: &mut Canvas<'_>, area: Rect) {
    let (value, rest) = layer_value(c);
    let value = format!("{value}{rest}");
    one_line(c, area, Pane::Layer, &value, layer_track);
}

/// Coefficient slider on one line.
pub(super) fn coefficient_line(c: &mut Canvas<'_>, area: Rect) {
    let beside = if c.app.unit() == CoefficientUnit::Raw {
        let kappa = c.app.readout().kappa;
        kappa.map(|k| format!(" {} {k:+.2}", c.glyphs.kappa))
    } else {
        Some(format!(" c {}", signed(c.app.setting().coefficient)))
    };
    let value = format!("{}{}", coefficient_value(c), beside.unwrap_or_default());
    one_line(c, area, Pane::Coefficient, &value, coefficient_track);
}

fn one_line(
    c: &mut Canvas<'_>,
    area: Rect,
    pane: Pane,
    value: &str,
    track: fn(&mut Canvas<'_>, Rect),
) {
    if area.is_empty() {
        return;
    }
    let focused = c.app.focus() == pane;
    c.region(area, Target::Pane(pane));
    c.hits.panes.push(pane);
    let name = c.style(if focused { Role::Focus } else { Role::Text });
    let accent = c.style(Role::Accent);
    let mark = if focused { c.glyphs.here } else { " " };
    let short = if area.width < 60 { "" } else { pane.title() };
    let label = format!("{mark}{} {short} ", c.app.screen().number(pane));
    let used = c.pieces(
        area.x,
        area.y,
        &[(&label, name), (value, accent), (" ", name)],
        area.width,
    );
    track(
        c,
        Rect {
            x: area.x + used,
            width: area.width - used,
            ..area
        },
    );
}

fn layer_value(c: &Canvas<'_>) -> (String, String) {
    let typed = c.app.typed();
    let block = c.app.setting().block;
    let value = if c.app.focus() == Pane::Layer && !typed.is_empty() {
        format!("{typed}{}", c.glyphs.cursor)
    } else {
        block.to_string()
    };
    let last = c.app.blocks().checked_sub(1);
    (
        value,
        last.map(|l| format!(" of 0{}{l}", c.glyphs.to))
            .unwrap_or_default(),
    )
}

fn coefficient_value(c: &Canvas<'_>) -> String {
    let typed = c.app.typed();
    if c.app.focus() == Pane::Coefficient && !typed.is_empty() {
        format!("{typed}{}", c.glyphs.cursor)
    } else {
        c.app
            .coefficient_words(c.app.setting().coefficient, c.glyphs.kappa)
    }
}

fn norm_fact(c: &Canvas<'_>) -> String {
    let norm = c.app.norm_at(c.app.setting().block);
    norm.map(|n| format!("{} {n:.2}", c.glyphs.norm))
        .unwrap_or_default()
}

/// What adding does to a typical residual vector at a right angle; the raw coefficient where another
/// unit is shown.
fn turn(c: &Canvas<'_>) -> Option<String> {
    let setting = c.app.setting();
    if setting.edit.operator != Operator::Add || setting.effective() == 0.0 {
        return None;
    }
    let (angle, ratio) = c.app.unit_scale().turn(f64::from(setting.coefficient))?;
    let raw = if c.app.unit() == CoefficientUnit::Raw {
        String::new()
    } else {
        format!("c {} ", signed(setting.coefficient))
    };
    let angle = if c.glyphs.kappa.is_ascii() {
        format!("{angle:.0} deg")
    } else {
        format!("{angle:.0}°")
    };
    Some(format!("{raw}turns {angle}, norm x{ratio:.2}"))
}

/// Effective norm and residual-relative value.
fn units(c: &Canvas<'_>) -> String {
    let r = c.app.readout();
    let g = c.glyphs;
    let norm = r.norm.map(|n| format!("c{}{} {n:+.2}", g.times, g.norm));
    let kappa = r.kappa.map(|k| format!("{} {k:+.3}", g.kappa));
    match (norm, kappa) {
        (Some(n), Some(k)) => format!("{n}  {k}"),
        (Some(n), None) => n,
        _ => String::new(),
    }
}

fn layer_track(c: &mut Canvas<'_>, area: Rect) {
    let blocks = c.app.blocks();
    if area.width < 2 || area.height == 0 {
        return;
    }
    c.region(area, Target::LayerTrack);
    let line = c.style(Role::Border);
    c.fill(area, c.glyphs.track, line);
    if blocks == 0 {
        return;
    }
    let across = usize::from(area.width - 1);
    let column = |b: usize| area.x + (b * across / (blocks - 1).max(1)) as u16;
    let (muted, known_style) = (c.style(Role::Muted), c.style(Role::Positive));
    let known: Vec<usize> = c
        .app
        .vector()
        .map(|v| {
            let of_vector = c.app.experiment().kept().filter(|m| m.key.vector == v.id);
            of_vector.map(|m| m.key.block).collect()
        })
        .unwrap_or_default();
    for b in 0..blocks {
        let (symbol, style) = if c.app.vector().is_some() && c.app.norm_at(b).is_none() {
            (c.glyphs.missing, muted)
        } else if known.contains(&b) {
            (c.glyphs.known, known_style)
        } else if blocks * 2 <= usize::from(area.width) {
            (c.glyphs.tick, muted)
        } else {
            continue;
        };
        c.cell(column(b), area.y, symbol, style);
    }
    let handle = handle_style(c, Pane::Layer);
    c.cell(
        column(c.app.setting().block.min(blocks - 1)),
        area.y,
        c.glyphs.handle,
        handle,
    );
}

fn coefficient_track(c: &mut Canvas<'_>, area: Rect) {
    if area.width < 3 || area.height == 0 {
        return;
    }
    // An odd number of columns: the middle one is zero.
    let width = area.width - (1 - area.width % 2);
    let area = Rect { width, ..area };
    c.region(area, Target::CoefficientTrack);
    let line = c.style(Role::Border);
    c.fill(area, c.glyphs.track, line);
    let scale = c.app.scale();
    let setting = c.app.setting();
    let column = |value: f32| area.x + scale.column_of(value, width);
    let muted = c.style(Role::Muted);
    for m in c
        .app
        .multipliers()
        .iter()
        .filter(|m| m.abs() <= scale.max())
    {
        c.cell(column(*m), area.y, c.glyphs.tick, muted);
    }
    calibrated(c, area, &column);
    let (zero, at) = (column(0.0), column(setting.coefficient));
    let (sign, fill) = match setting.coefficient {
        v if !setting.enabled || v == 0.0 => (Role::Muted, None),
        v if v < 0.0 => (Role::Negative, Some(at + 1..zero)),
        _ => (Role::Positive, Some(zero + 1..at)),
    };
    let filled = c.style(sign);
    for x in fill.into_iter().flatten() {
        c.cell(x, area.y, c.glyphs.filled, filled);
    }
    let zero_style = c.style(Role::Zero);
    c.cell(zero, area.y, c.glyphs.zero, zero_style);
    let handle = handle_style(c, Pane::Coefficient);
    c.cell(at, area.y, c.glyphs.handle, handle);
}

/// The usable band of a calibrated vector on the track, and the solved coefficient.
fn calibrated(c: &mut Canvas<'_>, area: Rect, column: &dyn Fn(f32) -> u16) {
    let Some(found) = c.app.calibrated_here() else {
        return;
    };
    let (band, beyond, mark) = (
        c.style(Role::Positive),
        c.style(Role::Warning),
        c.style(Role::Accent),
    );
    let end = c.app.scale().max().copysign(found.coefficient);
    if let (Some(low), high) = found.band {
        let (from, to) = (column(low), column(high.unwrap_or(end)));
        for x in from.min(to)..=from.max(to) {
            c.cell(x, area.y, c.glyphs.gauge, band);
        }
    }
    if let Some(high) = found.band.1.filter(|h| h.abs() < c.app.scale().max()) {
        let (from, to) = (column(high), column(end));
        for x in from.min(to)..=from.max(to) {
            c.cell(x, area.y, c.glyphs.level, beyond);
        }
    }
    if found.coefficient.abs() <= c.app.scale().max() {
        c.cell(column(found.coefficient), area.y, c.glyphs.measured, mark);
    }
}

fn handle_style(c: &Canvas<'_>, pane: Pane) -> Style {
    c.style(if c.app.focus() == pane {
        Role::Focus
    } else {
        Role::Accent
    })
}

fn scale_labels(c: &mut Canvas<'_>, area: Rect) {
    let width = area.width - (1 - area.width % 2).min(area.width);
    let muted = c.style(Role::Muted);
    let zero = c.style(Role::Zero);
    let max = signed(c.app.scale().max());
    let min = signed(-c.app.scale().max());
    c.text(area.x, area.y, &min, muted, width);
    c.text(area.x + width / 2, area.y, "0", zero, 1);
    let len = max.len() as u16;
    c.text(area.x + width.saturating_sub(len), area.y, &max, muted, len);
}
