//! The histogram of per-input steerability: zero always an edge, the anti-steerable part in its
//! own colour and pattern, the last finished one behind the one that fills.

use std::collections::BTreeMap;

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::experiment::{Measurement, Summary};
use crate::app::focus::Pane;
use crate::app::hits::Target;
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;

/// Bars at integer places relative to zero: place k covers `(k·width, (k + 1)·width]`.
#[derive(Debug, Default)]
struct Bars {
    width: f64,
    now: BTreeMap<i64, usize>,
    before: BTreeMap<i64, usize>,
    first: i64,
    last: i64,
}

/// Draws the pane.
pub(super) fn draw(c: &mut Canvas<'_>, area: Rect) {
    let current = c.app.experiment().current();
    let ghost = c.app.experiment().ghost();
    let total = current.map_or(0, |m| m.results.len());
    let done = current.map_or(0, |m| m.done);
    let count = format!("n {done}/{total}");
    let muted = c.style(Role::Muted);
    let stale = c.style(Role::Stale);
    let running = c.app.experiment().is_running();
    let before = match ghost {
        Some(g) if done == 0 => format!("  was b{}", g.key.block),
        _ if !running && total > 0 && done < total => "  stopped".to_owned(),
        _ => String::new(),
    };
    let facts: &[(&str, Style)] = if total > 0 {
        &[(&count, muted), (&before, stale)]
    } else {
        &[]
    };
    let inner = c.pane(area, Pane::Histogram, facts);
    if inner.is_empty() {
        return;
    }
    let shown = current.filter(|m| m.done > 0).or(ghost);
    let Some((measurement, summary)) = shown.and_then(|m| Some((m, m.summary()?))) else {
        let what = waiting(c);
        c.message(inner, &what, muted);
        return;
    };
    let is_ghost = done == 0;
    let used = headline(c, inner, &summary, is_ghost);
    let plot = Rect {
        y: inner.y + used,
        height: inner.height - used,
        ..inner
    };
    if plot.height < 2 || plot.width < 8 {
        return;
    }
    let bars = count_bars(
        current.filter(|m| m.done > 0),
        ghost,
        usize::from(plot.width),
    );
    plot_bars(c, plot, &bars, measurement, &summary, is_ghost);
}

fn waiting(c: &Canvas<'_>) -> String {
    if c.app.is_loading() {
        "loading".to_owned()
    } else if c.app.vector().is_none() {
        "no vector: press v".to_owned()
    } else if c.app.dataset().is_none() {
        "no data set: press d".to_owned()
    } else if c.app.norm_at(c.app.setting().block).is_none() {
        format!("the file has no vector at block {}", c.app.setting().block)
    } else if c.app.experiment().is_running() {
        "measuring".to_owned()
    } else {
        "no input measured".to_owned()
    }
}

/// Figures above the bars; returns the rows they took.
fn headline(c: &mut Canvas<'_>, area: Rect, s: &Summary, is_ghost: bool) -> u16 {
    let g = c.glyphs;
    let percent = |p: f64| (100.0 * p).round();
    let share = s.anti_steerable as f64 / s.n.max(1) as f64;
    let anti = format!("{} anti-steerable {}%", g.bar_negative, percent(share));
    let interval = format!(
        " [{}{}{}]",
        percent(s.interval.low),
        g.to,
        percent(s.interval.high)
    );
    let mean = format!("{} mean {:+.2}", g.mean, s.mean);
    let median = format!("{} median {:+.2}", g.median, s.median);
    let pick = |role| c.style(if is_ghost { Role::Stale } else { role });
    let (negative, muted, plain) = (pick(Role::Negative), pick(Role::Muted), pick(Role::Text));
    let first = text::width(&anti) + text::width(&interval);
    let both = first + text::width(&mean) + text::width(&median) + 4;
    let head = [(anti.as_str(), negative), (interval.as_str(), muted)];
    let tail = [
        (mean.as_str(), plain),
        ("  ", plain),
        (median.as_str(), plain),
    ];
    if both <= usize::from(area.width) {
        let all = [head[0], head[1], ("  ", plain), tail[0], tail[1], tail[2]];
        c.pieces(area.x, area.y, &all, area.width);
        return 1;
    }
    c.pieces(area.x, area.y, &head, area.width);
    if area.height >= 6 {
        c.pieces(area.x, area.y + 1, &tail, area.width);
        return 2;
    }
    1
}

fn place(value: f64, width: f64) -> i64 {
    let k = (value / width).ceil() as i64 - 1;
    if value > 0.0 { k.max(0) } else { k.min(-1) }
}

/// Counts at a common width. While a run fills, the width and the range of the finished one
/// behind it hold, so that the axis does not jump.
fn count_bars(current: Option<&Measurement>, ghost: Option<&Measurement>, columns: usize) -> Bars {
    let widths = [ghost, current]
        .into_iter()
        .flatten()
        .map(|m| m.histogram.width());
    let Some(width) = widths.into_iter().find(|w| *w > 0.0) else {
        return Bars::default();
    };
    let tally = |m: Option<&Measurement>| {
        let mut counts = BTreeMap::new();
        let slopes = m.into_iter().flat_map(|m| m.results.iter().flatten());
        for s in slopes
            .map(|r| f64::from(r.steerability))
            .filter(|s| s.is_finite())
        {
            *counts.entry(place(s, width)).or_insert(0) += 1;
        }
        counts
    };
    let (now, before) = (tally(current), tally(ghost));
    let places = || now.keys().chain(before.keys());
    // Zero stays in view: the bars left and right of it are always part of the range.
    let first = places().min().map_or(-1, |k| (*k).min(-1));
    let last = places().max().map_or(0, |k| (*k).max(0));
    let bars = Bars {
        width,
        now,
        before,
        first,
        last,
    };
    merge(bars, columns)
}

/// Joins neighbouring bars, never across zero, until they fit the columns.
fn merge(bars: Bars, columns: usize) -> Bars {
    let span = usize::try_from(bars.last.saturating_sub(bars.first)).unwrap_or(usize::MAX);
    let each = (span.saturating_add(columns) / columns.max(1)).max(1);
    if each == 1 {
        return bars;
    }
    let each = i64::try_from(each).unwrap_or(i64::MAX);
    let join = |counts: BTreeMap<i64, usize>| {
        let mut out = BTreeMap::new();
        for (k, n) in counts {
            *out.entry(k.div_euclid(each)).or_insert(0) += n;
        }
        out
    };
    Bars {
        width: bars.width * each as f64,
        now: join(bars.now),
        before: join(bars.before),
        first: bars.first.div_euclid(each),
        last: bars.last.div_euclid(each),
    }
}

fn plot_bars(
    c: &mut Canvas<'_>,
    area: Rect,
    bars: &Bars,
    shown: &Measurement,
    summary: &Summary,
    is_ghost: bool,
) {
    let n = (bars.last - bars.first + 1).max(1) as u16;
    let each = (area.width / n).clamp(1, 8);
    let left = area.x + (area.width - (each * n).min(area.width)) / 2;
    let gap = u16::from(each >= 3);
    // Bars, axis, and numbers below it if there is room.
    let numbers = u16::from(area.height >= 3);
    let rows = area.height - 1 - numbers;
    let most = bars
        .now
        .values()
        .chain(bars.before.values())
        .max()
        .copied()
        .unwrap_or(1)
        .max(1);
    let axis = area.y + rows;
    let column = |k: i64| left + (k - bars.first) as u16 * each;
    let selected = c.app.selected_range();
    let height = |count: usize| {
        let eighths = count * usize::from(rows) * 8 / most;
        if count > 0 { eighths.max(1) } else { 0 }
    };
    let axis_style = c.style(Role::Border);
    c.fill(
        Rect {
            y: axis,
            height: 1,
            ..area
        },
        c.glyphs.axis,
        axis_style,
    );
    for k in bars.first..=bars.last {
        let x = column(k);
        if x >= area.right() {
            break;
        }
        let width = (each - gap).min(area.right() - x);
        let before = bars.before.get(&k).copied().unwrap_or(0);
        draw_ghost(
            c,
            Rect {
                x,
                y: area.y,
                width,
                height: rows,
            },
            height(before),
        );
        let count = bars.now.get(&k).copied().unwrap_or(0);
        let middle = (k as f64 + 0.5) * bars.width;
        let chosen = selected.is_some_and(|(low, high)| middle > low && middle <= high);
        if chosen {
            let style = c.style(Role::Focus);
            c.fill(
                Rect {
                    x,
                    y: axis,
                    width,
                    height: 1,
                },
                c.glyphs.filled,
                style,
            );
        }
        draw_bar(
            c,
            Rect {
                x,
                y: area.y,
                width,
                height: rows,
            },
            height(count),
            k < 0,
            chosen,
        );
        let bin = (bars.now.contains_key(&k) && !is_ghost)
            .then(|| bin_in(shown, k, bars.width))
            .flatten();
        if let Some(bin) = bin {
            let column = Rect {
                x,
                y: area.y,
                width: each,
                height: rows + 1,
            };
            c.region(column, Target::Bar(bin));
        }
    }
    if column(0) < area.right() {
        let zero = c.style(Role::Zero);
        c.cell(column(0), axis, c.glyphs.axis_zero, zero);
    }
    if numbers > 0 {
        label_axis(c, area, bars, column(0));
    }
    let muted = c.style(Role::Muted);
    if rows >= 3 {
        c.text(area.x, area.y, &most.to_string(), muted, 5);
    }
    let at = |value: f64| {
        let x = f64::from(left) + (value / bars.width - bars.first as f64) * f64::from(each);
        (x.max(0.0) as u16).clamp(area.x, area.right() - 1)
    };
    let style = c.style(if is_ghost { Role::Stale } else { Role::Accent });
    c.cell(at(summary.median), axis, c.glyphs.median, style);
    c.cell(at(summary.mean), axis, c.glyphs.mean, style);
}

/// Bin of the histogram whose inputs lie in the drawn bar; the fullest one of merged bins.
fn bin_in(m: &Measurement, k: i64, width: f64) -> Option<usize> {
    let (low, high) = (k as f64 * width, (k + 1) as f64 * width);
    let bins = m.histogram.bars().enumerate();
    bins.filter(|(_, b)| b.count > 0 && b.high > low + width * 1e-9 && b.low < high - width * 1e-9)
        .max_by_key(|(_, b)| b.count)
        .map(|(i, _)| i)
}

fn draw_bar(c: &mut Canvas<'_>, area: Rect, eighths: usize, negative: bool, chosen: bool) {
    let style = match (chosen, negative) {
        (true, _) => c.style(Role::Selection),
        (_, true) => c.style(Role::Negative),
        (_, false) => c.style(Role::Positive),
    };
    let full = if negative {
        c.glyphs.bar_negative
    } else {
        c.glyphs.bar
    };
    for row in 0..area.height {
        let y = area.bottom() - 1 - row;
        let left = eighths.saturating_sub(usize::from(row) * 8);
        let symbol = match left {
            0 if chosen && row == 0 => " ",
            0 => break,
            1..8 => c.glyphs.eighth(left),
            _ => full,
        };
        for x in area.left()..area.right() {
            c.cell(x, y, symbol, style);
        }
    }
}

fn draw_ghost(c: &mut Canvas<'_>, area: Rect, eighths: usize) {
    let style = c.style(Role::Stale);
    for row in 0..area.height {
        if eighths.saturating_sub(usize::from(row) * 8) < 4 {
            break;
        }
        for x in area.left()..area.right() {
            c.cell(x, area.bottom() - 1 - row, c.glyphs.ghost, style);
        }
    }
}

fn label_axis(c: &mut Canvas<'_>, area: Rect, bars: &Bars, zero: u16) {
    let y = area.bottom() - 1;
    let (muted, zero_style) = (c.style(Role::Muted), c.style(Role::Zero));
    let low = number(bars.first as f64 * bars.width);
    let high = number((bars.last + 1) as f64 * bars.width);
    let len = text::width(&high) as u16;
    let right = area.right().saturating_sub(len);
    let left_end = area.x + text::width(&low) as u16;
    if zero > left_end && zero + 1 < right || area.width < 12 {
        c.text(area.x, y, &low, muted, area.width);
        c.text(right, y, &high, muted, len);
    } else if zero <= left_end {
        c.text(right, y, &high, muted, len);
    } else {
        c.text(area.x, y, &low, muted, area.width);
    }
    c.cell(zero.min(area.right() - 1), y, "0", zero_style);
}

/// A number for an axis, as short as it can be read.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        a if a < 10.0 => format!("{value:+.2}"),
        a if a < 1000.0 => format!("{value:+.1}"),
        a if a < 1e6 => format!("{value:+.0}"),
        _ => format!("{value:+.0e}"),
    }
}
