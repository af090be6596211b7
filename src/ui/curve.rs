//! The propensity curve: mean with quartile band over the multipliers, the coefficient marked,
//! the open input's own curve on top.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::curve::{CurvePoint, interpolate};
use crate::app::experiment::Measurement;
use crate::app::focus::Pane;
use crate::app::signed;
use crate::protocol::Tax;
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::ui::histogram::number;
use crate::ui::layout::cut_bottom;
use crate::ui::tax;

/// Maps values to dots: two per column, four per row.
struct Axes {
    area: Rect,
    x: (f32, f32),
    y: (f32, f32),
}

impl Axes {
    fn column(&self, x: f32) -> u16 {
        let share = (x - self.x.0) / (self.x.1 - self.x.0);
        let most = f32::from(self.area.width.saturating_sub(1));
        self.area.x + (share * most).round().clamp(0.0, most) as u16
    }

    /// Multiplier at a dot column.
    fn multiplier(&self, dot: u16) -> f32 {
        let most = f32::from(self.area.width * 2 - 1).max(1.0);
        self.x.0 + (self.x.1 - self.x.0) * f32::from(dot) / most
    }

    /// Dot row from the top.
    fn dot_row(&self, y: f32) -> i32 {
        let most = f32::from(self.area.height * 4 - 1);
        let share = (self.y.1 - y) / (self.y.1 - self.y.0);
        (share * most).round().clamp(-1e6, 1e6) as i32
    }

    fn row(&self, y: f32) -> Option<u16> {
        let dot = self.dot_row(y);
        let row = u16::try_from(dot / 4)
            .ok()
            .filter(|r| dot >= 0 && *r < self.area.height)?;
        Some(self.area.y + row)
    }
}

/// What a calibrated coefficient costs on a neutral text, where the line over the grid is not known.
fn calibrated(c: &Canvas<'_>) -> String {
    let Some(found) = c.app.calibrated_here() else {
        return String::new();
    };
    let at = |wanted: f32| {
        let near = |t: &&Tax| (t.coefficient - wanted).abs() <= 1e-3 * wanted.abs().max(1.0);
        found.tax.iter().find(near)
    };
    match (at(0.0), at(found.coefficient)) {
        (Some(before), Some(after)) => format!(
            "tax{} at {}: ppl x{:.2}, top-1 {:+.0}%",
            if c.app.setting().condition.is_some() {
                " where steered"
            } else {
                ""
            },
            signed(found.coefficient),
            after.perplexity / before.perplexity,
            100.0 * (after.top1 - before.top1)
        ),
        _ => String::new(),
    }
}

/// Draws the pane.
pub(super) fn draw(c: &mut Canvas<'_>, area: Rect) {
    let experiment = c.app.experiment();
    let current = experiment.current().filter(|m| !m.curve.points.is_empty());
    let ghost = experiment.ghost();
    let (shown, is_ghost) = match (current, ghost) {
        (Some(m), Some(g)) if !m.finished && m.done * 4 < m.results.len() => (Some(g), true),
        (Some(m), _) => (Some(m), false),
        (None, g) => (g, true),
    };
    let muted = c.style(Role::Muted);
    let Some(m) = shown.filter(|m| !m.curve.points.is_empty()) else {
        let inner = c.pane(area, Pane::Curve, &[]);
        let what = if c.app.is_loading() {
            "loading"
        } else {
            "no input measured"
        };
        c.message(inner, what, muted);
        return;
    };
    let coefficient = c.app.setting().coefficient;
    let own = c.app.prompts().active_input();
    let value = m.mean_at(coefficient);
    let fact = value_text(c, value);
    let at = format!("{}: ", signed(coefficient));
    let pick = |role| c.style(if is_ghost { Role::Stale } else { role });
    let (curve, own_style) = (pick(Role::Curve), pick(Role::Own));
    let mean = format!("mean {fact}");
    let own_text = own.and_then(|i| {
        let value = m.input_at(i, coefficient)?;
        let id = c.app.prompts().items().get(i).map_or(i, |item| item.id);
        Some(format!("input {id}: {}", value_text(c, Some(value))))
    });
    let inner = c.pane(area, Pane::Curve, &[(&at, muted), (&mean, curve)]);
    let own_text = own_text.unwrap_or_default();
    let room = usize::from(area.width).saturating_sub(7 + text::width(&own_text));
    let tax = match tax::words(c, room) {
        words if words.is_empty() => calibrated(c),
        words => words,
    };
    let gap = if own_text.is_empty() || tax.is_empty() {
        ""
    } else {
        "  "
    };
    let warning = c.style(Role::Warning);
    c.note(
        area,
        &[(&own_text, own_style), (gap, own_style), (&tax, warning)],
    );
    if inner.height < 3 || inner.width < 14 {
        return;
    }
    let [inner, strips] = cut_bottom(inner, tax::rows(c, inner.height));
    let Some(axes) = axes(c, inner, m, own) else {
        return;
    };
    tax::draw(c, strips, axes.area.x, &|column| {
        axes.multiplier(column * 2)
    });
    labels(c, inner, &axes);
    band(c, &axes, &m.curve.points, is_ghost);
    zero_level(c, &axes);
    coefficient_line(c, &axes, coefficient);
    let points: Vec<(f32, f32)> = m
        .curve
        .points
        .iter()
        .map(|p| (p.multiplier, p.mean))
        .collect();
    line(c, &axes, &points, curve);
    for (x, y) in &points {
        if let Some(row) = axes.row(*y) {
            c.cell(axes.column(*x), row, c.glyphs.point, curve);
        }
    }
    if let Some(result) = own.and_then(|i| m.results.get(i)?.as_ref()) {
        let mut points: Vec<(f32, f32)> = m
            .key
            .multipliers
            .iter()
            .copied()
            .zip(result.propensity.iter().copied())
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        line(c, &axes, &points, own_style);
    }
    if let Some((y, estimated)) = value
        && let Some(row) = axes.row(y)
    {
        let style = c.style(Role::Warning);
        let symbol = if estimated {
            c.glyphs.estimated
        } else {
            c.glyphs.measured
        };
        c.cell(axes.column(coefficient), row, symbol, style);
    }
}

fn value_text(c: &Canvas<'_>, value: Option<(f32, bool)>) -> String {
    match value {
        Some((v, true)) => format!("{}{v:+.2}", c.glyphs.about),
        Some((v, false)) => format!("{v:+.2}"),
        None => "not measured".to_owned(),
    }
}

fn axes(c: &Canvas<'_>, inner: Rect, m: &Measurement, own: Option<usize>) -> Option<Axes> {
    let mut low = f32::INFINITY;
    let mut high = f32::NEG_INFINITY;
    let mut take = |v: f32| {
        if v.is_finite() {
            low = low.min(v);
            high = high.max(v);
        }
    };
    for p in &m.curve.points {
        take(p.lower);
        take(p.upper);
        take(p.mean);
    }
    let result = own.and_then(|i| m.results.get(i)?.as_ref());
    result
        .into_iter()
        .flat_map(|r| &r.propensity)
        .for_each(|v| take(*v));
    m.mean_at(c.app.setting().coefficient)
        .into_iter()
        .for_each(|v| take(v.0));
    if low > high {
        return None;
    }
    let margin = ((high - low) * 0.04)
        .max(high.abs().max(low.abs()) * 1e-3)
        .max(1e-3);
    let coefficient = c.app.setting().coefficient;
    let x = (
        m.curve.range.0.min(coefficient),
        m.curve.range.1.max(coefficient),
    );
    // Six columns for the numbers of the vertical axis, one row for those of the horizontal one.
    let area = Rect {
        x: inner.x + 6,
        y: inner.y,
        width: inner.width - 6,
        height: inner.height - 1,
    };
    let y = (low - margin, high + margin);
    ((y.1 - y.0).is_finite() && x.1 > x.0).then_some(Axes { area, x, y })
}

fn labels(c: &mut Canvas<'_>, inner: Rect, axes: &Axes) {
    let muted = c.style(Role::Muted);
    let right_aligned = |v: f32| format!("{:>5}", number(f64::from(v)));
    c.raw(inner.x, axes.area.y, &right_aligned(axes.y.1), muted, 5);
    c.raw(
        inner.x,
        axes.area.bottom() - 1,
        &right_aligned(axes.y.0),
        muted,
        5,
    );
    let y = inner.bottom() - 1;
    let (low, high) = (signed(axes.x.0), signed(axes.x.1));
    c.text(axes.area.x, y, &low, muted, 6);
    let len = text::width(&high) as u16;
    c.text(axes.area.right().saturating_sub(len), y, &high, muted, len);
    if axes.x.0 < 0.0 && axes.x.1 > 0.0 {
        let zero = c.style(Role::Zero);
        c.cell(axes.column(0.0), y, "0", zero);
    }
}

fn band(c: &mut Canvas<'_>, axes: &Axes, points: &[CurvePoint], is_ghost: bool) {
    let xs: Vec<f32> = points.iter().map(|p| p.multiplier).collect();
    let lower: Vec<f32> = points.iter().map(|p| p.lower).collect();
    let upper: Vec<f32> = points.iter().map(|p| p.upper).collect();
    let mut style = c.style(Role::Band);
    if is_ghost {
        style = c.style(Role::Stale);
    }
    // A theme with a background for the band needs no pattern.
    let symbol = if style.bg.is_some() {
        " "
    } else {
        c.glyphs.band
    };
    for i in 0..axes.area.width {
        let x = axes.multiplier(i * 2);
        let (Some((low, _)), Some((high, _))) =
            (interpolate(&xs, &lower, x), interpolate(&xs, &upper, x))
        else {
            continue;
        };
        let top = (axes.dot_row(high) / 4).max(0);
        let bottom = (axes.dot_row(low) / 4).min(i32::from(axes.area.height) - 1);
        for row in top..=bottom {
            c.cell(axes.area.x + i, axes.area.y + row as u16, symbol, style);
        }
    }
}

fn zero_level(c: &mut Canvas<'_>, axes: &Axes) {
    if axes.y.0 >= 0.0 || axes.y.1 <= 0.0 {
        return;
    }
    let Some(y) = axes.row(0.0) else { return };
    let style = c.style(Role::Border);
    for x in axes.area.left()..axes.area.right() {
        let empty = c.buf.cell((x, y)).is_some_and(|cell| cell.symbol() == " ");
        if empty {
            let bg = c.buf.cell((x, y)).map(|cell| cell.bg);
            let style = bg.map_or(style, |bg| style.bg(bg));
            c.cell(x, y, c.glyphs.level, style);
        }
    }
    let zero = c.style(Role::Zero);
    c.raw(axes.area.x.saturating_sub(2), y, "0", zero, 1);
}

fn coefficient_line(c: &mut Canvas<'_>, axes: &Axes, coefficient: f32) {
    let x = axes.column(coefficient);
    let style = Style {
        bg: None,
        ..c.style(Role::Zero)
    };
    for y in axes.area.top()..axes.area.bottom() {
        c.cell(x, y, c.glyphs.vertical, style);
    }
}

/// A polyline in dots; points in rising order of x.
fn line(c: &mut Canvas<'_>, axes: &Axes, points: &[(f32, f32)], style: Style) {
    let xs: Vec<f32> = points.iter().map(|p| p.0).collect();
    let ys: Vec<f32> = points.iter().map(|p| p.1).collect();
    let (width, height) = (axes.area.width, axes.area.height);
    let mut cells = vec![0u8; usize::from(width) * usize::from(height)];
    let mut last: Option<i32> = None;
    for dot in 0..width * 2 {
        let Some((y, _)) = interpolate(&xs, &ys, axes.multiplier(dot)) else {
            last = None;
            continue;
        };
        let row = axes.dot_row(y);
        // Steep parts: fill the dots between neighbours so that the line does not break.
        let from = last.map_or(row, |l| {
            if l < row {
                (l + 1).min(row)
            } else {
                (l - 1).max(row)
            }
        });
        let range = from.min(row).max(0)..=from.max(row).min(i32::from(height) * 4 - 1);
        for r in range {
            let cell = (r / 4) as usize * usize::from(width) + usize::from(dot / 2);
            if let Some(bits) = cells.get_mut(cell) {
                *bits |= 1 << (2 * (r % 4) + i32::from(dot % 2));
            }
        }
        last = Some(row);
    }
    for (i, bits) in cells.into_iter().enumerate().filter(|(_, b)| *b != 0) {
        let x = axes.area.x + (i % usize::from(width)) as u16;
        let y = axes.area.y + (i / usize::from(width)) as u16;
        let symbol = c.glyphs.dots(bits);
        c.cell(
            x,
            y,
            symbol.encode_utf8(&mut [0; 4]),
            Style { bg: None, ..style },
        );
    }
}
