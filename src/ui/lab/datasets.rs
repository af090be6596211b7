//! Data sets side by side: the distribution of per-input steerability of each, sorted by median
//! (Tan et al. 2407.12404, Figure 1), with the anti-steerable share.

use ratatui::layout::Rect;

use super::plots::{Axis, ridge};
use super::{empty, factors, number, percent, protocol, protocol_words, right};
use crate::app::focus::Pane;
use crate::app::hits::Target;
use crate::protocol::{DatasetResponse, DatasetsStudy, Study};
use crate::stats::{anti_steerable_count, median};
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::ui::layout::{cut_bottom, cut_top};

/// A data set's finite slopes.
struct Row<'a> {
    response: &'a DatasetResponse,
    place: usize,
    slopes: Vec<f64>,
    median: f64,
}

impl Row<'_> {
    fn anti(&self) -> f64 {
        anti_steerable_count(&self.slopes) as f64 / self.slopes.len().max(1) as f64
    }
}

/// Whose vectors the figures belong to.
pub(super) fn which_vectors(c: &Canvas<'_>) -> String {
    match &c.app.lab().responses.asked {
        Some(Study::Datasets(DatasetsStudy {
            vector: Some(_), ..
        })) => {
            let name = c
                .app
                .lab()
                .responses
                .items
                .first()
                .map(|r| text::one_line(&r.vector));
            format!("vector {}", name.unwrap_or_default())
        }
        _ => "each with the mean of its training pairs".to_owned(),
    }
}

pub(super) fn draw(c: &mut Canvas<'_>, area: Rect) {
    let lab = c.app.lab();
    let vectors = which_vectors(c);
    let muted = c.style(Role::Muted);
    let stale = if lab.responses.stale { "  stale" } else { "" };
    let facts = [
        ("steerability per input", c.style(Role::Accent)),
        ("  ", muted),
        (vectors.as_str(), muted),
        (stale, c.style(Role::Stale)),
    ];
    let inner = c.pane(area, Pane::Datasets, &facts);
    if inner.is_empty() {
        return;
    }
    let mut rows: Vec<Row<'_>> = lab.responses.items.iter().enumerate().map(row).collect();
    if rows.is_empty() {
        empty(c, inner, "measure every data set");
        return;
    }
    rows.sort_by(|a, b| b.median.total_cmp(&a.median));
    let published = rows.iter().any(|r| r.response.published.is_some());
    let notes = if published && inner.height >= 10 {
        2
    } else {
        1
    };
    let [inner, notes] = cut_bottom(inner, notes);
    table(c, inner, &rows);
    if notes.height > 1 {
        let source = rows.iter().find_map(|r| r.response.published.as_ref());
        let words = source.map_or_else(String::new, |p| {
            format!(
                "published: {}; another model, split and propensity: compare ranks, not digits",
                p.source
            )
        });
        c.text(notes.x, notes.y, &words, muted, notes.width);
    }
    let line = Rect {
        y: notes.bottom() - 1,
        height: 1,
        ..notes
    };
    let words = protocol_words(c, &[format!("block {}", factors::block(c))]);
    protocol(c, line, &words);
}

fn row((place, response): (usize, &DatasetResponse)) -> Row<'_> {
    let slopes: Vec<f64> = response
        .inputs
        .iter()
        .map(|i| f64::from(i.0))
        .filter(|s| s.is_finite())
        .collect();
    Row {
        median: median(&slopes).unwrap_or(f64::NEG_INFINITY),
        response,
        place,
        slopes,
    }
}

fn table(c: &mut Canvas<'_>, area: Rect, rows: &[Row<'_>]) {
    let [head, list] = cut_top(area, 1);
    let [list, axis_line] = cut_bottom(list, 1);
    let muted = c.style(Role::Muted);
    let names = rows.iter().map(|r| text::width(&r.response.dataset));
    let name = (names.max().unwrap_or(8) as u16 + 1)
        .min(area.width / 4)
        .max(9);
    let published = area.width >= 100 && rows.iter().any(|r| r.response.published.is_some());
    let anti_bar = if area.width >= 90 { 12 } else { 0 };
    let tail = 7 + 6 + anti_bar + if published { 16 } else { 0 };
    let count = count_width(rows.iter().map(|r| r.response));
    let ridge_width = area.width.saturating_sub(2 + name + count + tail + 1);
    let x = area.x + 2 + name + count;
    let axis = Axis::over(
        rows.iter().flat_map(|r| r.slopes.iter().copied()),
        x + 1,
        ridge_width.saturating_sub(1),
    );
    c.text(head.x + 2, head.y, "data set", muted, name);
    right(c, head.x + 2 + name, head.y, "n", muted, count);
    c.text(x + 1, head.y, "inputs by slope", muted, ridge_width);
    let tail_x = x + ridge_width + 1;
    right(c, tail_x, head.y, "median", muted, 7);
    right(c, tail_x + 7, head.y, "anti", muted, 6);
    if published {
        right(c, tail_x + 13 + anti_bar, head.y, "published", muted, 16);
    }
    let tall = (usize::from(list.height) / rows.len().max(1)).clamp(1, 3) as u16;
    let height = usize::from(list.height / tall);
    let at = (rows.iter().position(|r| r.place == c.app.lab().row)).unwrap_or(0);
    let first = at
        .saturating_sub(height / 2)
        .min(rows.len().saturating_sub(height));
    for (i, row) in rows.iter().enumerate().skip(first).take(height) {
        let top = list.y + (i - first) as u16 * tall;
        let y = top + tall - 1;
        let (plain, focus) = (c.style(Role::Text), c.style(Role::Focus));
        let is_here = row.place == c.app.lab().row;
        if is_here {
            c.text(area.x, y, c.glyphs.here, focus, 1);
        }
        let style = if is_here { focus } else { plain };
        c.text(
            area.x + 2,
            y,
            &text::one_line(&row.response.dataset),
            style,
            name - 1,
        );
        let n = self::count(row.response, row.slopes.len());
        right(c, area.x + 2 + name, y, &n, muted, count);
        ridge(c, axis, top, tall, &row.slopes, c.app.lab().responses.stale);
        let sign = if row.median <= 0.0 {
            Role::Negative
        } else {
            Role::Positive
        };
        let sign = c.style(sign);
        let middle = Some(row.median).filter(|m| m.is_finite());
        right(c, tail_x, y, &number(middle), sign, 7);
        anti(c, tail_x + 7, y, row.anti(), anti_bar);
        if let Some(p) = row.response.published.as_ref().filter(|_| published) {
            let words = format!("{:+.2} {}", p.median, percent(Some(p.anti)));
            right(c, tail_x + 13 + anti_bar, y, &words, muted, 16);
        }
        let strip = Rect {
            y: top,
            height: tall,
            ..area
        };
        c.region(strip, Target::LabRow(row.place));
    }
    axis.labels(c, axis_line.y);
}

/// Inputs with a slope; before them those that are steered, where there is a condition.
pub(super) fn count(response: &DatasetResponse, n: usize) -> String {
    match response.steered {
        Some(steered) => format!("{steered}/{n}"),
        None => n.to_string(),
    }
}

/// Columns of that figure in a list.
pub(super) fn count_width<'a>(responses: impl IntoIterator<Item = &'a DatasetResponse>) -> u16 {
    let width = |r: &DatasetResponse| text::width(&count(r, r.inputs.len())) + 1;
    let widest = responses.into_iter().map(width).max();
    (widest.unwrap_or_default() as u16).max(5)
}

/// The anti-steerable share, and a bar of it where `bar` columns allow.
pub(super) fn anti(c: &mut Canvas<'_>, x: u16, y: u16, share: f64, bar: u16) {
    let role = if share > 1.0 / 3.0 {
        Role::Negative
    } else {
        Role::Text
    };
    let style = c.style(role);
    right(c, x, y, &percent(Some(share)), style, 6);
    if bar < 4 {
        return;
    }
    let (negative, muted) = (c.style(Role::Negative), c.style(Role::Border));
    let room = bar - 2;
    let full = (share * f64::from(room)).round() as u16;
    for i in 0..room {
        let (symbol, style) = if i < full {
            (c.glyphs.bar_negative, negative)
        } else {
            (c.glyphs.gauge_rest, muted)
        };
        c.cell(x + 7 + i, y, symbol, style);
    }
}
