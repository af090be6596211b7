//! A vector in the making: how far it is, its blocks, what its pairs predict.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::DOMINATED;
use crate::protocol::ExtractReport;
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::ui::lab::right;

/// Draws the report.
pub(super) fn draw(c: &mut Canvas<'_>, area: Rect) {
    let muted = c.style(Role::Muted);
    let lab = c.app.lab();
    let Some(report) = lab
        .extractions
        .items
        .first()
        .filter(|_| !lab.extractions.stale)
    else {
        let words = if lab.running().is_some() {
            "reading"
        } else {
            "press E to make a vector"
        };
        c.message(area, words, muted);
        return;
    };
    let report = report.clone();
    let used = head(c, area, &report);
    blocks(
        c,
        Rect {
            y: area.y + used,
            height: area.height.saturating_sub(used),
            ..area
        },
        &report,
    );
}

fn head(c: &mut Canvas<'_>, area: Rect, report: &ExtractReport) -> u16 {
    let (accent, muted, plain) = (
        c.style(Role::Accent),
        c.style(Role::Muted),
        c.style(Role::Text),
    );
    let far = format!(
        "  {} of {} {}, read at {}",
        report.done, report.total, report.counted, report.read
    );
    c.pieces(
        area.x,
        area.y,
        &[(&report.name, accent), (&far, plain)],
        area.width,
    );
    let state = match (&report.file, report.complete) {
        (Some(path), true) => format!("written: {}", path.display()),
        (Some(path), false) => format!(
            "stopped early, what was read is written: {}",
            path.display()
        ),
        (None, _) => "x stops and keeps what was read".to_owned(),
    };
    c.text(area.x, area.y + 1, &state, muted, area.width);
    if let Some(about) = &report.about {
        return paragraph(
            c,
            Rect {
                y: area.y + 3,
                ..area
            },
            about,
            plain,
            3,
        ) + 4;
    }
    if let Some(said) = &report.said {
        let mut used = 3;
        for (name, words) in ["trait", "opposite"].iter().zip(said) {
            let y = area.y + used;
            c.text(area.x, y, name, muted, 9);
            let at = Rect {
                x: area.x + 10,
                y,
                width: area.width.saturating_sub(10),
                height: area.height.saturating_sub(used),
            };
            used += paragraph(c, at, &text::one_line(words), plain, 3);
        }
        return used + 1;
    }
    let figure = |name: &str, value: Option<f64>| {
        value.map_or_else(|| format!("{name} -"), |v| format!("{name} {v:.2}"))
    };
    let predictors = [
        figure("agreement", report.directional),
        figure("leave-one-out", report.leave_one_out),
        figure("d'", report.d_prime),
        figure("AUC", report.auc),
    ];
    let line = format!("block {}: {}", report.block, predictors.join("  "));
    c.text(area.x, area.y + 3, &line, plain, area.width);
    5
}

fn blocks(c: &mut Canvas<'_>, area: Rect, report: &ExtractReport) {
    if area.height < 2 {
        return;
    }
    let (muted, plain) = (c.style(Role::Muted), c.style(Role::Text));
    let columns = [
        ("block", 6),
        ("norm", 10),
        ("share", 8),
        ("cos mean", 10),
        ("top 2", 8),
    ];
    let mut x = area.x;
    for (name, width) in columns {
        right(c, x, area.y, name, muted, width);
        x += width;
    }
    let rows = usize::from(area.height - 1);
    let here = report.blocks.iter().position(|b| b.block == report.block);
    let first = here
        .unwrap_or(0)
        .saturating_sub(rows / 2)
        .min(report.blocks.len().saturating_sub(rows));
    for (i, b) in report.blocks.iter().skip(first).take(rows).enumerate() {
        let y = area.y + 1 + i as u16;
        let style = if Some(i + first) == here {
            c.style(Role::Focus)
        } else {
            plain
        };
        let share = b
            .explained
            .map_or_else(|| "-".to_owned(), |s| format!("{:.0}%", 100.0 * s));
        let cosine = b
            .cosine_to_mean
            .map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
        let cells = [
            b.block.to_string(),
            format!("{:.3}", b.norm),
            share,
            cosine,
            format!("{:.0}%", 100.0 * b.top_two),
        ];
        let mut x = area.x;
        for ((cell, (name, width)), k) in cells.iter().zip(columns).zip(0..) {
            let low = name == "cos mean" && b.cosine_to_mean.is_some_and(|v| v.abs() < 0.5);
            let style = match k {
                0 => style,
                _ if low || (k == 4 && b.top_two > f64::from(DOMINATED)) => c.style(Role::Warning),
                _ => plain,
            };
            right(c, x, y, cell, style, width);
            x += width;
        }
        if !b.sign_defined {
            let warning = c.style(Role::Warning);
            c.text(
                x + 1,
                y,
                "sign undefined",
                warning,
                area.right().saturating_sub(x + 1),
            );
        }
    }
}

/// Some lines of a text; returns how many.
fn paragraph(c: &mut Canvas<'_>, area: Rect, words: &str, style: Style, most: usize) -> u16 {
    let mut used = 0;
    for line in text::wrap(words, usize::from(area.width).max(8))
        .into_iter()
        .take(most)
    {
        if used < area.height {
            let line = words.get(line).unwrap_or_default();
            c.text(area.x, area.y + used, line, style, area.width);
        }
        used += 1;
    }
    used.max(1)
}
