//! Vectors side by side on the loaded data set: the distribution of per-input steerability of each at
//! its block, sorted by median, with mean, interval and anti-steerable share.

use ratatui::layout::Rect;

use super::plots::{Axis, ridge};
use super::{datasets, empty, loaded_words, number, protocol, right};
use crate::app::focus::Pane;
use crate::app::hits::Target;
use crate::protocol::{Study, SweepUnit, VectorResponse, VectorsTable};
use crate::stats::{anti_steerable_count, mean, median};
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::ui::layout::{cut_bottom, cut_top};

/// A vector's finite slopes.
struct Row<'a> {
    response: &'a VectorResponse,
    place: usize,
    slopes: Vec<f64>,
    median: Option<f64>,
}

impl<'a> Row<'a> {
    fn new((place, response): (usize, &'a VectorResponse)) -> Self {
        let slopes: Vec<f64> = (response.slopes.iter())
            .map(|s| f64::from(*s))
            .filter(|s| s.is_finite())
            .collect();
        Self {
            median: median(&slopes),
            response,
            place,
            slopes,
        }
    }

    fn anti(&self) -> f64 {
        anti_steerable_count(&self.slopes) as f64 / self.slopes.len().max(1) as f64
    }
}

pub(super) fn draw(c: &mut Canvas<'_>, area: Rect) {
    let lab = c.app.lab();
    let (accent, muted) = (c.style(Role::Accent), c.style(Role::Muted));
    let table = lab.vectors();
    let dataset = c.app.dataset().map(|d| text::one_line(&d.name));
    let on = format!(" on {}", dataset.unwrap_or_default());
    let unit = match lab.vectors_unit {
        SweepUnit::Raw => "  as they are",
        SweepUnit::EqualKappa if c.glyphs.ascii => "  at equal kappa",
        SweepUnit::EqualKappa => "  at equal κ",
    };
    let blocks = if lab.one_block {
        ", one block"
    } else {
        ", own blocks"
    };
    let stale = if lab.several.stale { "  stale" } else { "" };
    let facts = [
        ("steerability per input", accent),
        (on.as_str(), muted),
        (unit, accent),
        (blocks, muted),
        (stale, c.style(Role::Stale)),
    ];
    let short = &facts[1..];
    let facts = if area.width < 100 { short } else { &facts };
    let inner = c.pane(area, Pane::Datasets, facts);
    if inner.is_empty() {
        return;
    }
    let Some(table) = table.filter(|t| !t.rows.is_empty()) else {
        empty(c, inner, "compare the vectors");
        return;
    };
    let mut rows: Vec<Row<'_>> = table.rows.iter().enumerate().map(Row::new).collect();
    let low = f64::NEG_INFINITY;
    rows.sort_by(|a, b| {
        let (a, b) = (a.median.unwrap_or(low), b.median.unwrap_or(low));
        b.total_cmp(&a)
    });
    let [inner, notes] = cut_bottom(inner, if inner.height >= 9 { 2 } else { 1 });
    rows_of(c, inner, &rows);
    if notes.height > 1 {
        c.text(notes.x, notes.y, &remark(c, table), muted, notes.width);
    }
    let line = Rect {
        y: notes.bottom() - 1,
        height: 1,
        ..notes
    };
    let words = loaded_words(c, &[count(c, table)]);
    protocol(c, line, &words);
}

/// How many vectors, chosen how, over how many inputs.
fn count(c: &Canvas<'_>, table: &VectorsTable) -> String {
    let (_, all) = c.app.compared_vectors();
    let n = table.rows.len();
    let which = match c.app.library().marked() {
        0 => "vectors",
        _ => "marked vectors",
    };
    let of = if all > n {
        format!(" of {all}")
    } else {
        String::new()
    };
    let (done, total) = table.inputs;
    let so_far = if done < total {
        format!(", {done} of {total} inputs")
    } else {
        String::new()
    };
    format!("{n}{of} {which}{so_far}")
}

/// What multiplier 1 is, and what the marks in the table mean.
fn remark(c: &Canvas<'_>, table: &VectorsTable) -> String {
    let kappa = c.glyphs.kappa;
    let mut words = match &table.reference {
        None => "multiplier 1 is each vector as it is".to_owned(),
        Some((name, value)) => {
            let name = text::one_line(name);
            format!("multiplier 1 is {kappa} {value:.3} for all, that of {name}")
        }
    };
    let asked = match &c.app.lab().several.asked {
        Some(Study::Vectors(study)) => study.own_blocks,
        _ => false,
    };
    if asked && table.rows.iter().any(|r| !r.recommended) {
        words.push_str("; * recommends no block: the slider's");
    }
    if c.app.library().marked() == 0 {
        words.push_str("; space on F12 marks the vectors to compare");
    }
    words
}

/// Where the columns stand.
struct Columns {
    name: u16,
    ridge: u16,
    interval: u16,
    scale: u16,
    bar: u16,
}

/// Columns of the block, of the number of inputs.
const BLOCK: u16 = 5;
const COUNT: u16 = 5;
const FIGURE: u16 = 7;

fn columns(area: Rect, rows: &[Row<'_>]) -> Columns {
    let names = rows.iter().map(|r| text::width(&r.response.name)).max();
    let name = (names.unwrap_or(8) as u16 + 1).clamp(9, (area.width / 4).max(9));
    let interval = if area.width >= 96 { 15 } else { 0 };
    let scaled = rows
        .iter()
        .any(|r| r.response.scale.to_bits() != 1f32.to_bits());
    let scale = if scaled && area.width >= 76 { 8 } else { 0 };
    let bar = if area.width >= 110 { 12 } else { 0 };
    let tail = 2 * FIGURE + interval + scale + 6 + bar;
    Columns {
        name,
        ridge: area
            .width
            .saturating_sub(2 + name + BLOCK + COUNT + tail + 2),
        interval,
        scale,
        bar,
    }
}

fn rows_of(c: &mut Canvas<'_>, area: Rect, rows: &[Row<'_>]) {
    let [head, list] = cut_top(area, 1);
    let [list, axis_line] = cut_bottom(list, 1);
    let muted = c.style(Role::Muted);
    let at = columns(area, rows);
    let x = area.x + 2 + at.name + BLOCK + COUNT;
    let values = rows.iter().flat_map(|r| r.slopes.iter().copied());
    let axis = Axis::over(values, x + 1, at.ridge.saturating_sub(1));
    let tail = x + at.ridge + 1;
    c.text(head.x + 2, head.y, "vector", muted, at.name);
    right(c, head.x + 2 + at.name, head.y, "at", muted, BLOCK - 1);
    right(c, head.x + 2 + at.name + BLOCK, head.y, "n", muted, COUNT);
    c.text(x + 1, head.y, "inputs by slope", muted, at.ridge);
    let mut y = tail;
    for (title, width) in [
        ("median", FIGURE),
        ("mean", FIGURE),
        ("95% CI", at.interval),
        ("1 is", at.scale),
        ("anti", 6),
    ] {
        if width > 0 {
            right(c, y, head.y, title, muted, width);
        }
        y += width;
    }
    let tall = (usize::from(list.height) / rows.len().max(1)).clamp(1, 3) as u16;
    let shown = usize::from(list.height / tall);
    let here = (rows.iter().position(|r| r.place == c.app.lab().row)).unwrap_or(0);
    let first = here
        .saturating_sub(shown / 2)
        .min(rows.len().saturating_sub(shown));
    for (i, row) in rows.iter().enumerate().skip(first).take(shown) {
        let top = list.y + (i - first) as u16 * tall;
        ridge(c, axis, top, tall, &row.slopes, c.app.lab().several.stale);
        figures(c, area.x, top + tall - 1, &at, row);
        let strip = Rect {
            y: top,
            height: tall,
            ..area
        };
        c.region(strip, Target::LabRow(row.place));
    }
    axis.labels(c, axis_line.y);
}

fn figures(c: &mut Canvas<'_>, left: u16, y: u16, at: &Columns, row: &Row<'_>) {
    let (plain, muted) = (c.style(Role::Text), c.style(Role::Muted));
    let focus = c.style(Role::Focus);
    let r = row.response;
    let is_here = row.place == c.app.lab().row;
    let is_loaded = c.app.vector().is_some_and(|v| v.asset == r.asset);
    let style = match (is_here, is_loaded) {
        (true, _) => focus,
        (_, true) => c.style(Role::Steered),
        _ => plain,
    };
    if is_here {
        c.text(left, y, c.glyphs.here, focus, 1);
    }
    if is_loaded {
        let steered = c.style(Role::Steered);
        c.text(left + 1, y, c.glyphs.live, steered, 1);
    }
    let mut x = left + 2;
    c.text(x, y, &text::one_line(&r.name), style, at.name - 1);
    x += at.name;
    let own = match &c.app.lab().several.asked {
        Some(Study::Vectors(study)) => study.own_blocks,
        _ => false,
    };
    right(c, x, y, &r.block.to_string(), plain, BLOCK - 1);
    if own && !r.recommended {
        c.text(x + BLOCK - 1, y, "*", muted, 1);
    }
    x += BLOCK;
    right(c, x, y, &row.slopes.len().to_string(), muted, COUNT);
    x += COUNT + at.ridge + 1;
    let role = match row.median {
        Some(m) if m > 0.0 => Role::Positive,
        Some(_) => Role::Negative,
        None => Role::Muted,
    };
    let sign = c.style(role);
    right(c, x, y, &number(row.median), sign, FIGURE);
    x += FIGURE;
    right(c, x, y, &number(mean(&row.slopes)), plain, FIGURE);
    x += FIGURE;
    if at.interval > 0 {
        let words = r.interval.map_or_else(
            || "-".to_owned(),
            |(low, high)| format!("{}..{}", number(Some(low)), number(Some(high))),
        );
        right(c, x, y, &words, muted, at.interval);
        x += at.interval;
    }
    if at.scale > 0 {
        let words = format!("×{:.2}", r.scale);
        right(c, x, y, &words, muted, at.scale);
        x += at.scale;
    }
    datasets::anti(c, x, y, row.anti(), at.bar);
}
