//! Spurious factors: a stacked bar per data set, and the four cells of the selected one.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::datasets::{self, count_width};
use super::plots::{Axis, boxed};
use super::{empty, number, percent, protocol, protocol_words, right};
use crate::app::focus::Pane;
use crate::app::hits::Target;
use crate::protocol::DatasetResponse;
use crate::stats::{FactorEffect, FactorRow, SpuriousFactors};
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::ui::layout::{cut_bottom, cut_top};

/// A data set with its decomposition.
struct Row<'a> {
    response: &'a DatasetResponse,
    factors: SpuriousFactors,
}

pub(super) fn draw(c: &mut Canvas<'_>, area: Rect) {
    let lab = c.app.lab();
    let in_variance = lab.figure % 2 == 1;
    let what = if in_variance {
        "variance of steerability"
    } else {
        "shares of the variance"
    };
    let vectors = super::datasets::which_vectors(c);
    let (accent, muted) = (c.style(Role::Accent), c.style(Role::Muted));
    let stale = if lab.responses.stale { "  stale" } else { "" };
    let dot = format!(" {} ", c.glyphs.dot);
    let facts = [
        (what, accent),
        (dot.as_str(), muted),
        (vectors.as_str(), muted),
        (stale, c.style(Role::Stale)),
    ];
    let inner = c.pane(area, Pane::Factors, &facts);
    if inner.is_empty() {
        return;
    }
    let rows: Vec<Row<'_>> = lab.responses.items.iter().map(decomposed).collect();
    if rows.is_empty() {
        empty(c, inner, "measure every data set");
        return;
    }
    let selected = lab.row.min(rows.len() - 1);
    let boxes = if inner.height >= 16 { 9 } else { 0 };
    let [inner, line] = cut_bottom(inner, 1);
    let [stacks, cells] = cut_bottom(inner, boxes);
    self::stacks(c, stacks, &rows, selected, in_variance);
    if let Some(row) = rows.get(selected).filter(|_| cells.height > 0) {
        four_cells(c, cells, row);
    }
    let words = protocol_words(c, &[format!("block {}", block(c))]);
    protocol(c, line, &words);
}

/// Block that the figures belong to.
pub(super) fn block(c: &Canvas<'_>) -> String {
    match &c.app.lab().responses.asked {
        Some(crate::protocol::Study::Datasets(study)) => study.block.0.to_string(),
        _ => "-".to_owned(),
    }
}

fn decomposed(response: &DatasetResponse) -> Row<'_> {
    let rows: Vec<FactorRow> = response
        .inputs
        .iter()
        .map(|(slope, a, yes)| FactorRow {
            steerability: f64::from(*slope),
            positive_is_a: *a,
            positive_is_yes: *yes,
        })
        .collect();
    Row {
        response,
        factors: SpuriousFactors::of_rows(&rows),
    }
}

/// Letter, word, rest: a style and a filling each, so that they differ without colours.
fn parts(c: &Canvas<'_>) -> [(&'static str, Style); 3] {
    let g = c.glyphs;
    [
        (g.bar, c.style(Role::Negative)),
        (g.bar_negative, c.style(Role::Own)),
        (g.ghost, c.style(Role::Muted)),
    ]
}

fn stacks(c: &mut Canvas<'_>, area: Rect, rows: &[Row<'_>], selected: usize, in_variance: bool) {
    let [head, list] = cut_top(area, 1);
    let names = rows.iter().map(|r| text::width(&r.response.dataset));
    let name = (names.max().unwrap_or(8) as u16 + 1)
        .min(area.width / 4)
        .max(8);
    let count = count_width(rows.iter().map(|r| r.response));
    let fixed = name + 2 + count + 7 + 7 + 6 + 6;
    let bar = area.width.saturating_sub(fixed + 1);
    let muted = c.style(Role::Muted);
    let parts = parts(c);
    c.text(head.x + 2, head.y, "data set", muted, name);
    let mut x = head.x + 2 + name;
    for (title, width) in [
        ("n", count),
        ("mean s", 7),
        ("var s", 7),
        ("A/B", 6),
        ("Yes/No", 6),
    ] {
        right(c, x, head.y, title, muted, width);
        x += width;
    }
    let legend = [
        (parts[0].0, parts[0].1),
        (" letter  ", muted),
        (parts[1].0, parts[1].1),
        (" Yes/No  ", muted),
        (parts[2].0, parts[2].1),
        (" rest", muted),
    ];
    c.pieces(x + 1, head.y, &legend, bar);
    let largest = (rows.iter())
        .filter_map(|r| r.factors.variance.map(|v| v.total))
        .fold(1e-12, f64::max);
    let height = usize::from(list.height);
    let first = selected
        .saturating_sub(height / 2)
        .min(rows.len().saturating_sub(height));
    for (i, row) in rows.iter().enumerate().skip(first).take(height) {
        let y = list.y + (i - first) as u16;
        one_stack(
            c,
            Rect {
                y,
                height: 1,
                ..list
            },
            row,
            (name, count, bar),
            in_variance.then_some(largest),
        );
        let strip = Rect {
            y,
            height: 1,
            width: name + 2,
            ..list
        };
        if i == selected {
            let style = c.style(Role::Focus);
            c.text(list.x, y, c.glyphs.here, style, 1);
        }
        c.region(strip, Target::LabRow(i));
    }
}

fn one_stack(
    c: &mut Canvas<'_>,
    area: Rect,
    row: &Row<'_>,
    (name, count, bar): (u16, u16, u16),
    largest: Option<f64>,
) {
    let (plain, muted) = (c.style(Role::Text), c.style(Role::Muted));
    let factors = &row.factors;
    let y = area.y;
    c.text(
        area.x + 2,
        y,
        &text::one_line(&row.response.dataset),
        plain,
        name - 1,
    );
    let mut x = area.x + 2 + name;
    let n = datasets::count(row.response, factors.n);
    right(c, x, y, &n, muted, count);
    x += count;
    let slopes: Vec<f64> = (row.response.inputs.iter())
        .map(|i| f64::from(i.0))
        .filter(|s| s.is_finite())
        .collect();
    right(c, x, y, &number(crate::stats::mean(&slopes)), plain, 7);
    x += 7;
    let variance = factors.variance.map(|v| v.total);
    let shown = variance.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
    right(c, x, y, &shown, muted, 7);
    x += 7;
    let letters = factors.letter.is_some() || !factors.cells.is_empty();
    let shares = factors.shares.filter(|_| letters);
    let share = |i: usize| percent(shares.map(|s| s[i]));
    let strong = |c: &Canvas<'_>, i: usize| {
        let most = shares.is_some_and(|s| s[i] > 0.5);
        c.style(if most { Role::Negative } else { Role::Text })
    };
    let style = strong(c, 0);
    right(c, x, y, &share(0), style, 6);
    x += 6;
    let word = if factors.yes_used {
        share(1)
    } else {
        "-".to_owned()
    };
    let style = strong(c, 1);
    right(c, x, y, &word, style, 6);
    x += 7;
    let Some(shares) = shares else {
        let why = if factors.n < 4 {
            "too few inputs"
        } else {
            "answers are no letters, no Yes or No"
        };
        c.text(x, y, why, muted, bar);
        return;
    };
    let whole = match (largest, variance) {
        (Some(largest), Some(v)) => (v / largest * f64::from(bar)).max(1.0),
        _ => f64::from(bar),
    };
    let mut done = 0.0;
    for (share, (symbol, style)) in shares.into_iter().zip(parts(c)) {
        let from = (done * whole).round() as u16;
        done += share;
        let to = (done * whole).round() as u16;
        for i in from..to.min(bar) {
            c.cell(x + i, y, symbol, style);
        }
    }
}

/// Box plots of A/Yes, A/No, B/Yes, B/No, and what the letter and the word do to the mean.
fn four_cells(c: &mut Canvas<'_>, area: Rect, row: &Row<'_>) {
    let (muted, plain, accent) = (
        c.style(Role::Muted),
        c.style(Role::Text),
        c.style(Role::Accent),
    );
    let factors = &row.factors;
    let push = |name: &str, effect: Option<FactorEffect>| {
        effect.map_or_else(String::new, |e| {
            let relative = e.relative.map_or_else(String::new, |r| {
                format!(" ({:+.0}% of the mean)", 100.0 * r)
            });
            format!("push towards {name} {:+.2}{relative}   ", e.half_difference)
        })
    };
    let name = format!("{}   ", text::one_line(&row.response.dataset));
    let pushes = format!("{}{}", push("A", factors.letter), push("Yes", factors.word));
    c.pieces(
        area.x,
        area.y + 1,
        &[(&name, accent), (&pushes, plain)],
        area.width,
    );
    let label = 14;
    let axis = Axis::over(
        row.response.inputs.iter().map(|i| f64::from(i.0)),
        area.x + label,
        area.width.saturating_sub(label + 1),
    );
    let mut y = area.y + 2;
    for cell in &factors.cells {
        if y + 1 >= area.bottom() {
            break;
        }
        c.text(
            area.x,
            y,
            &format!("{:<6} n {}", cell.name, cell.n),
            plain,
            label,
        );
        if let Some(numbers) = &cell.numbers {
            let role = if numbers.median <= 0.0 {
                Role::Negative
            } else {
                Role::Positive
            };
            let style = c.style(role);
            boxed(c, axis, y, numbers, style);
        }
        y += 1;
    }
    if factors.cells.is_empty() {
        c.text(
            area.x,
            y,
            "answers are neither option letters nor Yes and No: nothing to divide by",
            muted,
            area.width,
        );
    } else {
        axis.labels(c, y);
        c.text(area.x, y, "slope", muted, label);
        if y + 1 < area.bottom() {
            let legend = format!(
                "{} median  {} quartiles  {} range",
                c.glyphs.measured, c.glyphs.gauge, c.glyphs.axis
            );
            c.text(
                area.x + label,
                y + 1,
                &legend,
                muted,
                area.width.saturating_sub(label),
            );
        }
    }
}
