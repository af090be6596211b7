//! The histogram of per-input steerability: zero always an edge, the anti-steerable part in its
//! own colour and pattern, the last finished one behind the one that fills.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::experiment::{Measurement, Summary};
use crate::app::focus::Pane;
use crate::app::hits::Target;
use crate::protocol::{ControlGroup, ControlsTable, Study};
use crate::text;
use crate::ui::Role;
use crate::ui::bars::{Bars, count_bars};
use crate::ui::canvas::Canvas;

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
        &random(c),
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
    let z = z(c);
    let mean = format!("{} mean {:+.2}{z}", g.mean, s.mean);
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

/// Controls behind the figures, where they are those of the same condition.
fn controls<'a>(c: &Canvas<'a>) -> Option<&'a ControlsTable> {
    let lab = c.app.lab();
    let same = |asked: &Study| match asked {
        Study::Controls(study) => study.condition == c.app.condition(),
        _ => false,
    };
    let comparable = lab.controls_shown && lab.controls.asked.as_ref().is_some_and(same);
    lab.controls().filter(|_| comparable)
}

/// How far the mean stands apart from random directions; empty while that is not known.
fn z(c: &Canvas<'_>) -> String {
    controls(c)
        .and_then(|t| t.z_random)
        .map_or_else(String::new, |z| format!(" z {z:+.1}"))
}

/// Slopes of all random directions, and how many directions there are.
fn random(c: &Canvas<'_>) -> (Vec<f64>, usize) {
    let group = controls(c).and_then(|t| t.groups.iter().find(|g| g.group == ControlGroup::Random));
    group.map_or_else(Default::default, |g| {
        let slopes = g.slopes.iter().map(|s| f64::from(*s));
        (slopes.filter(|s| s.is_finite()).collect(), g.means.len())
    })
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
        .map(|n| *n as f64)
        .chain(bars.before.values().copied())
        .fold(1.0, f64::max);
    let axis = area.y + rows;
    let column = |k: i64| left + (k - bars.first) as u16 * each;
    let selected = c.app.selected_range();
    let height = |count: f64| {
        let eighths = (count * f64::from(rows) * 8.0 / most) as usize;
        if count > 0.0 { eighths.max(1) } else { 0 }
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
        let before = bars.before.get(&k).copied().unwrap_or(0.0);
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
            height(count as f64),
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
        c.text(area.x, area.y, &format!("{most:.0}"), muted, 5);
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
