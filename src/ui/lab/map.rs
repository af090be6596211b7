//! Layers: all blocks at all multipliers, the block's own figures beside them.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::{empty, loaded_words, number, percent, protocol, right};
use crate::app::focus::Pane;
use crate::app::hits::Target;
use crate::app::lab::layers::{Figure, Line};
use crate::app::signed;
use crate::protocol::SweepUnit;
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::ui::layout::{cut_bottom, cut_top};

/// Columns of the block's number and its mark.
const LABEL: u16 = 6;

/// Columns of the block's own figures.
#[derive(Clone, Copy)]
struct Columns {
    cell: u16,
    bar: u16,
    variance: bool,
}

pub(super) fn draw(c: &mut Canvas<'_>, area: Rect) {
    let layers = &c.app.lab().layers;
    let total = c.app.dataset().map_or(0, |d| d.items.len());
    let (text_style, muted) = (c.style(Role::Accent), c.style(Role::Muted));
    let unit = match layers.unit {
        SweepUnit::Raw => "raw vector".to_owned(),
        SweepUnit::EqualKappa => format!("equal {}", c.glyphs.kappa),
    };
    let count = format!("  n {}/{total}", layers.done());
    let stale = if layers.stale { "  stale" } else { "" };
    let figure = layers.figure.title();
    let dot = format!(" {} ", c.glyphs.dot);
    let facts = [
        (figure, text_style),
        (dot.as_str(), muted),
        (unit.as_str(), text_style),
        (count.as_str(), muted),
        (stale, c.style(Role::Stale)),
    ];
    let inner = c.pane(area, Pane::Map, &facts);
    if inner.is_empty() {
        return;
    }
    if layers.lines().next().is_none() {
        if layers.unit == SweepUnit::EqualKappa && layers.raw(0).is_some() {
            let style = c.style(Role::Muted);
            c.message(
                inner,
                "residual norms are not known: press e for the raw vector",
                style,
            );
        } else {
            empty(c, inner, "sweep all layers");
        }
        return;
    }
    let [inner, notes] = cut_bottom(inner, if inner.height >= 12 { 3 } else { 1 });
    let [head, rows] = cut_top(inner, 1);
    let columns = columns(layers.grid().len() as u16, inner.width);
    header(c, head, columns);
    body(c, rows, columns);
    footnotes(c, notes);
}

/// Cells as wide as the room allows, at most nine columns.
fn columns(multipliers: u16, width: u16) -> Columns {
    let m = multipliers.max(1);
    // Label, mean, anti.
    let fixed = LABEL + 7 + 6;
    let variance = width >= fixed + 8 + 6 * m;
    let fixed = fixed + if variance { 8 } else { 0 };
    let cell = (width.saturating_sub(fixed) / m).clamp(4, 9);
    let bar = width.saturating_sub(fixed + cell * m).min(18);
    Columns {
        cell,
        bar: if bar >= 6 { bar } else { 0 },
        variance,
    }
}

fn header(c: &mut Canvas<'_>, area: Rect, columns: Columns) {
    let (muted, accent) = (c.style(Role::Muted), c.style(Role::Accent));
    c.text(area.x, area.y, "block", muted, LABEL);
    let layers = &c.app.lab().layers;
    let at = c.app.setting().coefficient / c.app.map_scale();
    for (j, multiplier) in layers.grid().iter().enumerate() {
        let x = area.x + LABEL + j as u16 * columns.cell;
        let here = (multiplier - at).abs() < 1e-4;
        let style = if here { accent } else { muted };
        right(c, x, area.y, &signed(*multiplier), style, columns.cell - 1);
    }
    let mut x = area.x + LABEL + layers.grid().len() as u16 * columns.cell;
    right(c, x, area.y, "mean s", muted, 7);
    x += 7;
    right(c, x, area.y, "anti", muted, 6);
    x += 6;
    if columns.variance {
        right(c, x, area.y, "var s", muted, 8);
        x += 8;
    }
    if columns.bar > 0 {
        c.text(x + 1, area.y, "s per multiplier", muted, columns.bar - 1);
    }
}

fn body(c: &mut Canvas<'_>, area: Rect, columns: Columns) {
    let layers = &c.app.lab().layers;
    let lines: Vec<&Line> = layers.lines().collect();
    let here = c.app.setting().block;
    let at = lines.iter().position(|l| l.block >= here).unwrap_or(0);
    // Few blocks get taller rows: a small model's map is to be read from the back of a room too.
    let tall = (usize::from(area.height) / lines.len().max(1)).clamp(1, 3) as u16;
    let height = usize::from(area.height / tall);
    let first = at
        .saturating_sub(height / 2)
        .min(lines.len().saturating_sub(height));
    let most = largest(&lines, layers.figure);
    let steepest = (lines.iter().filter_map(|l| l.mean))
        .fold(0.0f64, |a, m| a.max(m.abs()))
        .max(1e-9);
    let suggested = layers.suggested();
    for (row, line) in lines.iter().enumerate().skip(first).take(height) {
        let strip = Rect {
            y: area.y + (row - first) as u16 * tall,
            height: tall,
            ..area
        };
        let y = strip.y + tall / 2;
        let is_here = line.block == here;
        let label = if is_here { Role::Focus } else { Role::Text };
        let mark = if is_here { c.glyphs.here } else { " " };
        let label_style = c.style(label);
        c.text(area.x, y, mark, label_style, 1);
        right(c, area.x + 1, y, &line.block.to_string(), label_style, 3);
        if suggested == Some(line.block) {
            let style = c.style(Role::Accent);
            c.text(area.x + 4, y, c.glyphs.measured, style, 1);
        }
        cells(c, strip, columns, line, most);
        figures(c, strip, columns, line, steepest);
    }
}

/// What full colour stands for: the largest finite figure.
fn largest(lines: &[&Line], figure: Figure) -> f64 {
    if figure == Figure::WrongWay {
        return 1.0;
    }
    let values = lines.iter().flat_map(|l| &l.cells);
    let finite = values
        .filter_map(|cell| cell.get(figure))
        .filter(|v| v.is_finite());
    finite.fold(0.0f64, |a, v| a.max(v.abs())).max(1e-9)
}

fn cells(c: &mut Canvas<'_>, area: Rect, columns: Columns, line: &Line, most: f64) {
    let layers = &c.app.lab().layers;
    let figure = layers.figure;
    let at = c.app.setting().coefficient / c.app.map_scale();
    let middle = area.y + area.height / 2;
    for (j, multiplier) in layers.grid().iter().enumerate() {
        let value = line.cells.get(j).and_then(|cell| cell.get(figure));
        let shown = match figure {
            Figure::WrongWay => percent(value),
            _ => number(value),
        };
        // More than half of the inputs the wrong way is bad, half is chance.
        let heat = match (figure, value) {
            (_, None) => 0.0,
            (Figure::WrongWay, Some(v)) => 1.0 - 2.0 * v,
            (_, Some(v)) => v / most,
        };
        let mut style = if layers.stale {
            c.style(Role::Stale)
        } else {
            c.theme.heat(heat)
        };
        let is_here = line.block == c.app.setting().block && (multiplier - at).abs() < 1e-4;
        if is_here {
            style = style.add_modifier(Modifier::BOLD | Modifier::UNDERLINED);
        }
        let x = area.x + LABEL + j as u16 * columns.cell;
        let cell = Rect {
            x,
            y: area.y,
            width: columns.cell,
            height: area.height,
        };
        c.fill(cell, " ", style.remove_modifier(Modifier::UNDERLINED));
        right(c, x, middle, &shown, style, columns.cell - 1);
        if is_here && text::width(&shown) + 1 < usize::from(columns.cell) {
            let mark = c.style(Role::Focus).patch(Style {
                bg: style.bg,
                fg: style.fg.filter(|_| style.bg.is_some()),
                ..Style::new()
            });
            c.text(x, middle, c.glyphs.here, mark, 1);
        }
        c.region(cell, Target::Cell(line.block, j));
    }
}

fn figures(c: &mut Canvas<'_>, area: Rect, columns: Columns, line: &Line, steepest: f64) {
    let grid = c.app.lab().layers.grid().len() as u16;
    let area = Rect {
        y: area.y + area.height / 2,
        height: 1,
        ..area
    };
    let (text_style, muted) = (c.style(Role::Text), c.style(Role::Muted));
    let role = |negative: bool| {
        if negative {
            Role::Negative
        } else {
            Role::Positive
        }
    };
    let mut x = area.x + LABEL + grid * columns.cell;
    let mean_style = c.style(role(line.mean.is_some_and(|m| m <= 0.0)));
    right(c, x, area.y, &number(line.mean), mean_style, 7);
    x += 7;
    let anti = line.anti.unwrap_or(0.0);
    let anti_style = if anti > 1.0 / 3.0 {
        c.style(Role::Negative)
    } else {
        text_style
    };
    right(c, x, area.y, &percent(line.anti), anti_style, 6);
    x += 6;
    if columns.variance {
        let variance = line.variance.map_or_else(|| "-".to_owned(), short);
        right(c, x, area.y, &variance, muted, 8);
        x += 8;
    }
    let Some(mean) = line.mean.filter(|_| columns.bar > 0) else {
        return;
    };
    let room = f64::from(columns.bar - 2);
    let eighths = ((mean.abs() / steepest) * room * 8.0).round() as usize;
    let full = if mean <= 0.0 {
        c.glyphs.bar_negative
    } else {
        c.glyphs.bar
    };
    for i in 0..(eighths / 8).max(usize::from(eighths > 3)) {
        c.cell(x + 1 + i as u16, area.y, full, mean_style);
    }
}

fn short(v: f64) -> String {
    if v < 99.995 {
        format!("{v:.2}")
    } else {
        format!("{v:.0}")
    }
}

fn footnotes(c: &mut Canvas<'_>, area: Rect) {
    let app = c.app;
    let layers = &app.lab().layers;
    let setting = app.setting();
    let (text_style, muted) = (c.style(Role::Text), c.style(Role::Muted));
    let [first, words_area] = cut_top(area, u16::from(area.height >= 2));
    if first.height > 0 {
        let suggestion = layers.suggested().map_or_else(String::new, |b| {
            format!(
                "{} suggested: block {b}, largest mean at equal {}",
                c.glyphs.measured, c.glyphs.kappa
            )
        });
        let time = layers
            .finished
            .map_or_else(String::new, |(elapsed, stored)| {
                let kept = if stored > 0 {
                    format!(", {stored} from the store")
                } else {
                    String::new()
                };
                format!("swept in {:.2} s{kept}", elapsed.as_secs_f64())
            });
        let used = c.text(area.x, area.y, &suggestion, text_style, area.width);
        let room = area.width.saturating_sub(used + 2);
        if text::width(&time) <= usize::from(room) {
            right(c, area.x + used + 2, area.y, &time, muted, room);
        }
    }
    let vector = app
        .vector()
        .map_or_else(String::new, |v| text::one_line(&v.name));
    let unit = match layers.unit {
        SweepUnit::Raw => String::new(),
        SweepUnit::EqualKappa => layers.study().map_or_else(String::new, |s| {
            let scale = layers.line(setting.block).map_or(1.0, |l| l.scale);
            format!(
                "1 here is {scale:.2} raw, as long as at block {}",
                s.reference.0
            )
        }),
    };
    let words = loaded_words(c, &[vector, unit]);
    protocol(c, words_area, &words);
}
