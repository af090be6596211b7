//! Prompt shift: vectors made under one prompt, tested under another.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::plots::scatter;
use super::{empty, number, protocol, right, site_words};
use crate::app::focus::Pane;
use crate::app::hits::Target;
use crate::protocol::{ShiftTable, Study};
use crate::stats::spearman;
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::ui::layout::{cut_bottom, cut_left, cut_top};

/// What the matrix shows.
#[derive(Clone, Copy, PartialEq)]
enum Matrix {
    Steerability,
    Relative,
    Variance,
    Cosine,
}

impl Matrix {
    const ALL: [Self; 4] = [
        Self::Steerability,
        Self::Relative,
        Self::Variance,
        Self::Cosine,
    ];

    fn of(figure: usize) -> Self {
        Self::ALL
            .get(figure % 4)
            .copied()
            .unwrap_or(Self::Steerability)
    }

    fn title(self) -> &'static str {
        match self {
            Self::Steerability => "mean steerability",
            Self::Relative => "relative steerability",
            Self::Variance => "variance of steerability",
            Self::Cosine => "cosine of the vectors",
        }
    }

    fn values(self, table: &ShiftTable) -> &[Vec<Option<f64>>] {
        match self {
            Self::Steerability => &table.steerability,
            Self::Relative => &table.relative,
            Self::Variance => &table.variance,
            Self::Cosine => &table.cosine,
        }
    }
}

pub(super) fn draw(c: &mut Canvas<'_>, area: Rect) {
    let lab = c.app.lab();
    let matrix = Matrix::of(lab.figure);
    let (accent, muted) = (c.style(Role::Accent), c.style(Role::Muted));
    let stale = if lab.shifts.stale { "  stale" } else { "" };
    let facts = [(matrix.title(), accent), (stale, c.style(Role::Stale))];
    let inner = c.pane(area, Pane::Shift, &facts);
    if inner.is_empty() {
        return;
    }
    let tables = &lab.shifts.items;
    if tables.is_empty() {
        empty(c, inner, "test the vector under other prompts");
        return;
    }
    let selected = lab.row.min(tables.len() - 1);
    let Some(table) = tables.get(selected) else {
        return;
    };
    let [inner, notes] = cut_bottom(inner, if inner.height >= 14 { 3 } else { 1 });
    let [inner, list] = if tables.len() > 1 && inner.width >= 100 {
        let [left, right] = cut_left(inner, inner.width - 28);
        [left, right]
    } else {
        [inner, Rect::default()]
    };
    let wide = inner.width >= 100;
    let (left, plots) = if wide {
        let [left, side] = cut_left(inner, 66.min(inner.width * 3 / 5));
        let [_, side] = cut_left(side, 1);
        (left, cut_top(side, side.height / 2))
    } else if inner.height >= 24 {
        let [upper, lower] = cut_top(inner, inner.height - 12);
        (upper, cut_left(lower, lower.width / 2))
    } else {
        (inner, [Rect::default(); 2])
    };
    heat(c, left, table, matrix);
    scatters(c, plots, table, tables);
    if list.width > 0 {
        names(c, list, tables, selected);
    }
    footnotes(c, notes, table, muted);
}

fn heat(c: &mut Canvas<'_>, area: Rect, table: &ShiftTable, matrix: Matrix) {
    let (muted, plain) = (c.style(Role::Muted), c.style(Role::Text));
    let values = matrix.values(table);
    let columns = if matrix == Matrix::Cosine {
        &table.train
    } else {
        &table.test
    };
    let [title, rest] = cut_top(area, 2);
    let name = text::one_line(&table.dataset);
    let what = if matrix == Matrix::Cosine {
        format!("{name}: vectors by setting")
    } else {
        format!("{name}: vector made under (rows), tested under (columns)")
    };
    c.text(title.x, title.y, &what, plain, title.width);
    let label = 9;
    let n = columns.len().max(1) as u16;
    let cell = (area.width.saturating_sub(label) / n).clamp(6, 11);
    for (j, column) in columns.iter().enumerate() {
        right(
            c,
            title.x + label + j as u16 * cell,
            title.y + 1,
            column,
            muted,
            cell - 1,
        );
    }
    let tall = (rest.height / values.len().max(1) as u16).clamp(1, 3);
    let most = (values.iter().flatten().flatten())
        .fold(0.0f64, |a, v| a.max(v.abs()))
        .max(1e-9);
    for (i, row) in values.iter().enumerate() {
        let y = rest.y + i as u16 * tall;
        if y + tall > rest.bottom() {
            break;
        }
        let middle = y + tall / 2;
        let train = table.train.get(i).map_or("", String::as_str);
        c.text(rest.x, middle, train, muted, label);
        for (j, value) in row.iter().enumerate() {
            let full = match matrix {
                Matrix::Cosine => 1.0,
                Matrix::Relative => 1.5,
                _ => most,
            };
            let style = if c.app.lab().shifts.stale {
                c.style(Role::Stale)
            } else {
                c.theme.heat(value.map_or(0.0, |v| v / full))
            };
            let x = rest.x + label + j as u16 * cell;
            let place = Rect {
                x,
                y,
                width: cell,
                height: tall,
            };
            c.fill(place, " ", style);
            right(c, x, middle, &number(*value), style, cell - 1);
        }
    }
}

fn correlation(rho: Option<f64>) -> String {
    rho.map_or_else(|| "Spearman -".to_owned(), |r| format!("Spearman {r:+.2}"))
}

/// One data set: what goes with the gap; several: with against without the shift.
fn scatters(
    c: &mut Canvas<'_>,
    [upper, lower]: [Rect; 2],
    table: &ShiftTable,
    tables: &[ShiftTable],
) {
    let own = c.style(Role::Curve);
    if tables.len() > 1 {
        let (points, rho) = shifted(tables);
        let title = format!("shifted s over data sets, {}", correlation(rho));
        scatter(c, upper, &points, ("s, BASE to BASE", &title), own);
    } else {
        let title = format!("relative s, {}", correlation(table.gap_correlation));
        scatter(c, upper, &table.gaps, ("propensity gap", &title), own);
    }
    let title = format!(
        "cosine of vectors, {}",
        correlation(table.cosine_correlation)
    );
    scatter(c, lower, &table.cosines, ("propensity gap", &title), own);
}

/// BASE → BASE against the mean of the shifts that Tan et al. report, over data sets.
fn shifted(tables: &[ShiftTable]) -> (Vec<(f64, f64)>, Option<f64>) {
    let reported = [
        ("BASE", "USER_NEG"),
        ("BASE", "USER_POS"),
        ("SYS_POS", "USER_NEG"),
        ("SYS_NEG", "USER_POS"),
    ];
    let at = |t: &ShiftTable, train: &str, test: &str| {
        let i = t.train.iter().position(|n| n == train)?;
        let j = t.test.iter().position(|n| n == test)?;
        t.steerability.get(i)?.get(j).copied().flatten()
    };
    let mut points = Vec::new();
    for t in tables {
        let Some(id) = at(t, "BASE", "BASE") else {
            continue;
        };
        let shifts: Vec<f64> = (reported.iter()).filter_map(|(a, b)| at(t, a, b)).collect();
        if let Some(mean) = crate::stats::mean(&shifts) {
            points.push((id, mean));
        }
    }
    let (x, y): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
    let rho = (points.len() >= 4).then(|| spearman(&x, &y)).flatten();
    (points, rho)
}

fn names(c: &mut Canvas<'_>, area: Rect, tables: &[ShiftTable], selected: usize) {
    let (muted, plain, focus) = (
        c.style(Role::Muted),
        c.style(Role::Text),
        c.style(Role::Focus),
    );
    c.text(area.x + 2, area.y, "data set", muted, area.width);
    right(c, area.x, area.y, "s BASE", muted, area.width);
    let height = usize::from(area.height.saturating_sub(1));
    let first = selected
        .saturating_sub(height / 2)
        .min(tables.len().saturating_sub(height));
    for (i, table) in tables.iter().enumerate().skip(first).take(height) {
        let y = area.y + 1 + (i - first) as u16;
        let style: Style = if i == selected { focus } else { plain };
        if i == selected {
            c.text(area.x, y, c.glyphs.here, style, 1);
        }
        c.text(
            area.x + 2,
            y,
            &text::one_line(&table.dataset),
            style,
            area.width.saturating_sub(10),
        );
        let base = table
            .steerability
            .first()
            .and_then(|row| row.first())
            .copied()
            .flatten();
        right(c, area.x, y, &number(base), style, area.width);
        let strip = Rect {
            y,
            height: 1,
            ..area
        };
        c.region(strip, Target::LabRow(i));
    }
}

fn footnotes(c: &mut Canvas<'_>, area: Rect, table: &ShiftTable, muted: Style) {
    let (positive, negative, fallback) = &table.sentences;
    if area.height >= 3 {
        let made = if *fallback {
            " (made from the name; write your own into sentences.toml)"
        } else {
            ""
        };
        c.text(
            area.x,
            area.y,
            &format!("+ {}{made}", text::one_line(positive)),
            muted,
            area.width,
        );
        c.text(
            area.x,
            area.y + 1,
            &format!("- {}", text::one_line(negative)),
            muted,
            area.width,
        );
    }
    let (block, norms) = match &c.app.lab().shifts.asked {
        Some(Study::Shift(s)) => (s.block.0, s.norm_matched),
        _ => (0, true),
    };
    let chat = if table.chat {
        "chat template".to_owned()
    } else {
        "no chat template: system text before the question".to_owned()
    };
    let rows = if table.left_out > 0 {
        format!("{} inputs, {} left out", table.rows, table.left_out)
    } else {
        format!("{} inputs", table.rows)
    };
    let norms = if norms {
        "norms matched to BASE"
    } else {
        "own norms"
    };
    let line = Rect {
        y: area.bottom() - 1,
        height: 1,
        ..area
    };
    // The settings word the rows themselves.
    let more = [format!("block {block}"), rows, norms.to_owned(), chat];
    // They reword the prompts that a condition would judge, too.
    let condition = match c.app.setting().condition {
        Some(_) => "without the condition".to_owned(),
        None => String::new(),
    };
    let mut words = site_words(c, &more, condition);
    words.push("test part, seed 0".to_owned());
    protocol(c, line, &words);
}
