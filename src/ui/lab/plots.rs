//! Small plots that the panels share: ridges, boxes, scatters.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::stats::FiveNumbers;
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;

/// A common horizontal axis of several rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) x: u16,
    pub(super) width: u16,
}

impl Axis {
    /// Holds all finite values and zero.
    pub(super) fn over(values: impl Iterator<Item = f64>, x: u16, width: u16) -> Self {
        let (mut low, mut high) = (0.0f64, 0.0f64);
        for v in values.filter(|v| v.is_finite()) {
            low = low.min(v);
            high = high.max(v);
        }
        let pad = 0.03 * (high - low).max(1e-6);
        Self {
            low: low - pad,
            high: high + pad,
            x,
            width: width.max(1),
        }
    }

    /// Column of a value, inside the axis.
    pub(super) fn column(self, value: f64) -> u16 {
        self.x + self.index(value) as u16
    }

    fn index(self, value: f64) -> usize {
        let share = (value - self.low) / (self.high - self.low);
        let last = usize::from(self.width) - 1;
        ((share * usize::from(self.width) as f64).max(0.0) as usize).min(last)
    }

    /// Whether the middle of a column lies left of zero or on it.
    fn is_negative(self, index: usize) -> bool {
        index < self.index(0.0)
    }

    /// Ends and zero below the rows.
    pub(super) fn labels(self, c: &mut Canvas<'_>, y: u16) {
        let (muted, zero) = (c.style(Role::Muted), c.style(Role::Zero));
        let (low, high) = (format!("{:+.1}", self.low), format!("{:+.1}", self.high));
        let at = self.column(0.0);
        let right = self.x + self.width - text::width(&high) as u16;
        if at > self.x + text::width(&low) as u16 {
            c.text(self.x, y, &low, muted, self.width);
        }
        if at < right {
            c.text(right, y, &high, muted, self.width);
        }
        c.text(at, y, "0", zero, 1);
    }
}

/// One row per data set: how many values lie in each column, by the height of the cell.
pub(super) fn ridge(
    c: &mut Canvas<'_>,
    axis: Axis,
    y: u16,
    rows: u16,
    values: &[f64],
    stale: bool,
) {
    let mut counts = vec![0usize; usize::from(axis.width)];
    for v in values.iter().filter(|v| v.is_finite()) {
        // Zero counts as anti-steerable: it belongs to the column left of it.
        let mut i = axis.index(*v);
        if *v <= 0.0 && !axis.is_negative(i) {
            i = axis.index(0.0).saturating_sub(1);
        }
        if let Some(count) = counts.get_mut(i) {
            *count += 1;
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let zero = c.style(Role::Zero);
    let at = axis.column(0.0);
    for row in 0..rows {
        c.cell(at, y + row, c.glyphs.vertical, zero);
    }
    for (i, count) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
        let role = match (stale, axis.is_negative(i)) {
            (true, _) => Role::Stale,
            (_, true) => Role::Negative,
            (_, false) => Role::Positive,
        };
        let style = c.style(role);
        let mut eighths = (count * usize::from(rows) * 8).div_ceil(most);
        for row in (0..rows).rev() {
            let here = eighths.min(8);
            eighths -= here;
            if here == 0 {
                break;
            }
            let symbol = match here {
                8 if axis.is_negative(i) => c.glyphs.bar_negative,
                n => c.glyphs.eighth(n),
            };
            c.cell(axis.x + i as u16, y + row, symbol, style);
        }
    }
}

/// A box plot on one line: whiskers to the extremes, box over the quartiles, mark at the median.
pub(super) fn boxed(c: &mut Canvas<'_>, axis: Axis, y: u16, n: &FiveNumbers, style: Style) {
    let muted = c.style(Role::Muted);
    let zero = c.style(Role::Zero);
    c.cell(axis.column(0.0), y, c.glyphs.vertical, zero);
    for x in axis.column(n.min)..=axis.column(n.max) {
        c.cell(x, y, c.glyphs.axis, muted);
    }
    for x in axis.column(n.lower)..=axis.column(n.upper) {
        c.cell(x, y, c.glyphs.gauge, style);
    }
    c.cell(axis.column(n.median), y, c.glyphs.measured, style);
}

/// Points in a frame of axes; returns nothing where there are none to draw.
pub(super) fn scatter(
    c: &mut Canvas<'_>,
    area: Rect,
    points: &[(f64, f64)],
    labels: (&str, &str),
    style: Style,
) {
    let (muted, border) = (c.style(Role::Muted), c.style(Role::Border));
    let finite: Vec<(f64, f64)> = points
        .iter()
        .copied()
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .collect();
    if area.width < 16 || area.height < 5 || finite.is_empty() {
        return;
    }
    let left = 7;
    let plot = Rect {
        x: area.x + left,
        y: area.y + 1,
        width: area.width - left,
        height: area.height - 3,
    };
    let range = |values: &mut dyn Iterator<Item = f64>| {
        let (mut low, mut high) = (0.0f64, 0.0f64);
        for v in values {
            low = low.min(v);
            high = high.max(v);
        }
        let pad = 0.04 * (high - low).max(1e-6);
        (low - pad, high + pad)
    };
    let (x0, x1) = range(&mut finite.iter().map(|p| p.0));
    let (y0, y1) = range(&mut finite.iter().map(|p| p.1));
    c.text(area.x, area.y, labels.1, muted, area.width);
    for y in plot.top()..plot.bottom() {
        c.cell(plot.x - 1, y, c.glyphs.vertical, border);
    }
    c.fill(
        Rect {
            y: plot.bottom(),
            height: 1,
            ..plot
        },
        c.glyphs.axis,
        border,
    );
    let place = |v: f64, low: f64, high: f64, n: u16| {
        let share = (v - low) / (high - low);
        ((share * f64::from(n)) as u16).min(n.saturating_sub(1))
    };
    let level = plot.bottom() - 1 - place(0.0, y0, y1, plot.height);
    if y0 < -0.05 * y1.abs() {
        let zero = c.style(Role::Zero);
        c.fill(
            Rect {
                y: level,
                height: 1,
                ..plot
            },
            c.glyphs.level,
            zero,
        );
    }
    let tick = |v: f64| format!("{v:+.2}");
    c.text(area.x, plot.y, &tick(y1), muted, left - 1);
    c.text(area.x, plot.bottom() - 1, &tick(y0), muted, left - 1);
    let high = tick(x1);
    c.text(plot.x, plot.bottom() + 1, &tick(x0), muted, plot.width);
    let middle = text::width(labels.0) as u16;
    if plot.width > middle + 16 {
        let x = plot.x + (plot.width - middle) / 2;
        c.text(x, plot.bottom() + 1, labels.0, muted, middle);
    }
    let end = plot.right().saturating_sub(text::width(&high) as u16);
    c.text(end, plot.bottom() + 1, &high, muted, plot.width);
    for (x, y) in finite {
        let column = plot.x + place(x, x0, x1, plot.width);
        let row = plot.bottom() - 1 - place(y, y0, y1, plot.height);
        c.cell(column, row, c.glyphs.point, style);
    }
}
