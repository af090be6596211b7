//! A vector in the making: how far it is, its blocks, what its pairs predict. And the dialog before it.

use ratatui::layout::Rect;

use super::DOMINATED;
use crate::app::extraction::{ExtractForm, FIELDS};
use crate::app::hits::Target;
use crate::protocol::ExtractReport;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::ui::lab::right;
use crate::ui::overlay::{centred, open};

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
            "reading pairs"
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
        "  {} of {} pairs, read at {}",
        report.done, report.total, report.read
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

/// Draws the dialog.
pub(in crate::ui) fn form(c: &mut Canvas<'_>, screen: Rect, form: &ExtractForm) -> Option<Rect> {
    let area = centred(screen, 76, FIELDS.len() as u16 + 4);
    let name = c.style(Role::Focus);
    let inner = open(c, area, &[("new vector", name)]);
    let (muted, accent, plain) = (
        c.style(Role::Muted),
        c.style(Role::Accent),
        c.style(Role::Text),
    );
    for (i, label) in FIELDS.iter().enumerate() {
        let y = inner.y + i as u16;
        if y >= inner.bottom() {
            break;
        }
        c.region(
            Rect {
                y,
                height: 1,
                ..inner
            },
            Target::OverlayRow(i),
        );
        let at = form.at == i;
        let here = if at { c.glyphs.here } else { " " };
        c.text(inner.x, y, here, accent, 1);
        c.text(inner.x + 2, y, label, plain, 10);
        let cursor = if at && i >= 3 { c.glyphs.cursor } else { "" };
        let value = form.value(i);
        let used = c.pieces(inner.x + 13, y, &[(&value, accent), (cursor, accent)], 26);
        let from = inner.x + 13 + used.max(22) + 2;
        let room = inner.right().saturating_sub(from);
        c.text(from, y, form.hint(i), muted, room);
    }
    let y = inner.y + FIELDS.len() as u16 + 1;
    if y < inner.bottom() {
        let words = "left and right change, enter starts, esc leaves";
        c.text(inner.x + 2, y, words, muted, inner.width.saturating_sub(2));
    }
    c.hits.overlay_height = FIELDS.len();
    None
}
