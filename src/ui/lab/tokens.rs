//! Tokens: the steered text coloured by how much the vector changed each choice, the two sides'
//! candidates at the cursor, and the same over the blocks.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::{empty, gate, number, protocol, right};
use crate::app::focus::Pane;
use crate::app::hits::Target;
use crate::app::signed;
use crate::protocol::{Likely, Study, TokenRow, TokenStrip};
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::ui::layout::{cut_bottom, cut_left};

/// KL at which a token has full colour, nats.
const FULL: f64 = 2.0;

pub(super) fn draw(c: &mut Canvas<'_>, area: Rect) {
    let lab = c.app.lab();
    let attention = if lab.frozen {
        "frozen attention"
    } else {
        "free attention"
    };
    let (accent, muted) = (c.style(Role::Accent), c.style(Role::Muted));
    let stale = if lab.strips.stale { "  stale" } else { "" };
    let judged = lab.strip().and_then(|s| s.gate);
    let (condition, style) = gate(c, judged);
    // Where nothing is steered, that comes first.
    let what = match judged {
        Some(gate) if !gate.open => "",
        _ => "KL(steered to unsteered) per token",
    };
    let facts = [
        (what, accent),
        (condition.as_str(), style),
        ("  ", muted),
        (attention, muted),
        (stale, c.style(Role::Stale)),
    ];
    let inner = c.pane(area, Pane::Tokens, &facts);
    if inner.is_empty() {
        return;
    }
    let Some(strip) = lab.strip().filter(|s| !s.rows.is_empty()) else {
        if c.app.compare().shown().is_none_or(|g| g.steered.is_empty()) {
            c.message(
                inner,
                "no steered text yet: generate one on the explore screen",
                muted,
            );
        } else {
            empty(c, inner, "read the steered text token by token");
        }
        return;
    };
    let at = lab.row.min(strip.rows.len() - 1);
    let [inner, line] = cut_bottom(inner, 1);
    let below = if inner.height >= 14 {
        (inner.height / 2).min(22)
    } else {
        inner.height / 2
    };
    let [upper, lower] = cut_bottom(inner, below);
    flow(c, upper, strip, at);
    let [left, lens] = if lower.width >= 90 {
        cut_left(lower, lower.width * 2 / 5)
    } else {
        [lower, Rect::default()]
    };
    if let Some(row) = strip.rows.get(at) {
        at_cursor(c, left, row, at);
    }
    self::lens(c, lens, strip, at);
    setting(c, line, strip);
}

/// Glyph that says how large a KL is without colour.
fn weight(kl: f64) -> Option<usize> {
    (kl >= 0.05).then(|| ((kl / FULL * 8.0).ceil() as usize).clamp(1, 8))
}

/// The text with a row of bars above each line.
fn flow(c: &mut Canvas<'_>, area: Rect, strip: &TokenStrip, at: usize) {
    let cells = place(strip, area.width);
    let line_of = |i: usize| cells.get(i).map_or(0, |p| p.1);
    let shown = usize::from(area.height / 2).max(1);
    let first = line_of(at).saturating_sub(shown / 2);
    let muted = c.style(Role::Muted);
    for (i, (row, (x, line, width))) in strip.rows.iter().zip(&cells).enumerate() {
        let Some(y) = line.checked_sub(first).filter(|l| *l < shown) else {
            continue;
        };
        let y = area.y + 2 * y as u16;
        let heat = c.theme.heat((row.kl / FULL).min(1.0));
        let mut style = if row.kl < 0.05 {
            c.style(Role::Text)
        } else {
            heat
        };
        if i == at {
            style = style.add_modifier(Modifier::REVERSED | Modifier::BOLD);
        }
        let spot = Rect {
            x: area.x + x,
            y,
            width: *width,
            height: 2,
        };
        let bar = c.style(Role::Steered);
        if let Some(eighths) = weight(row.kl) {
            c.text(spot.x, y, c.glyphs.eighth(eighths), bar, 1);
        }
        if strip.diverges == Some(i) {
            let style = c.style(Role::Diverge);
            c.text(spot.x, y, c.glyphs.diverge, style, 1);
        }
        c.text(spot.x, y + 1, &shown_text(row), style, *width);
        c.region(spot, Target::Token(i));
    }
    if first > 0 {
        c.text(
            area.right().saturating_sub(1),
            area.y,
            c.glyphs.ellipsis,
            muted,
            1,
        );
    }
}

fn shown_text(row: &TokenRow) -> String {
    let flat = text::one_line(&row.text);
    if flat.trim().is_empty() {
        "_".repeat(flat.len().max(1))
    } else {
        flat
    }
}

/// Column, line and width of every token; a line never breaks within one.
fn place(strip: &TokenStrip, width: u16) -> Vec<(u16, usize, u16)> {
    let (mut x, mut line) = (0u16, 0usize);
    let mut out = Vec::with_capacity(strip.rows.len());
    for row in &strip.rows {
        let w = (text::width(&shown_text(row)) as u16).clamp(1, width.max(1));
        if x + w > width {
            x = 0;
            line += 1;
        }
        out.push((x, line, w));
        x += w;
    }
    out
}

/// Figures of one token and both sides' candidates.
fn at_cursor(c: &mut Canvas<'_>, area: Rect, row: &TokenRow, at: usize) {
    let (muted, plain, accent) = (
        c.style(Role::Muted),
        c.style(Role::Text),
        c.style(Role::Accent),
    );
    let (baseline, steered) = (c.style(Role::Baseline), c.style(Role::Steered));
    let name = format!("token {at} '{}'", shown_text(row).trim());
    let kl = format!("  KL {:.3} nat", row.kl);
    c.pieces(area.x, area.y, &[(&name, accent), (&kl, plain)], area.width);
    let p = |log: f32| format!("{:.1}%", 100.0 * log.exp());
    let own = format!(
        "its probability {} unsteered, {} steered",
        p(row.log_probability.0),
        p(row.log_probability.1)
    );
    c.text(area.x, area.y + 1, &own, plain, area.width);
    let along = format!(
        "residual along v {} unsteered, {} steered",
        number(Some(f64::from(row.projection.0))),
        number(Some(f64::from(row.projection.1)))
    );
    c.text(area.x, area.y + 2, &along, muted, area.width);
    let half = area.width / 2;
    c.text(area.x, area.y + 4, "unsteered", baseline, half);
    c.text(area.x + half, area.y + 4, "steered", steered, half);
    let rows = area.height.saturating_sub(5);
    candidates(c, area.x, area.y + 5, half, rows, &row.top.0, baseline);
    candidates(
        c,
        area.x + half,
        area.y + 5,
        half,
        rows,
        &row.top.1,
        steered,
    );
}

fn candidates(
    c: &mut Canvas<'_>,
    x: u16,
    y: u16,
    width: u16,
    rows: u16,
    top: &Likely,
    style: Style,
) {
    let plain = c.style(Role::Text);
    for (i, (token, p)) in top.iter().take(usize::from(rows)).enumerate() {
        let y = y + i as u16;
        right(c, x, y, &format!("{:.1}%", 100.0 * p), style, 6);
        let token = text::one_line(token);
        c.text(x + 7, y, &token, plain, width.saturating_sub(8));
    }
}

/// The likeliest token of both sides after every block.
fn lens(c: &mut Canvas<'_>, area: Rect, strip: &TokenStrip, at: usize) {
    if area.width < 30 || area.height < 4 {
        return;
    }
    let (muted, plain) = (c.style(Role::Muted), c.style(Role::Text));
    let Some(lens) = strip.lens.as_ref().filter(|l| l.token == at) else {
        c.text(area.x, area.y, "blocks: reading", muted, area.width);
        return;
    };
    let (baseline, steered) = (c.style(Role::Baseline), c.style(Role::Steered));
    let half = (area.width - 6) / 2;
    c.text(area.x, area.y, "block", muted, 6);
    c.text(area.x + 6, area.y, "unsteered would say", baseline, half);
    c.text(
        area.x + 6 + half,
        area.y,
        "steered would say",
        steered,
        half,
    );
    // The last blocks matter most where not all fit.
    let rows = usize::from(area.height - 1);
    let skip = lens.blocks.len().saturating_sub(rows);
    for (i, (before, after)) in lens.blocks.iter().enumerate().skip(skip) {
        let y = area.y + 1 + (i - skip) as u16;
        right(c, area.x, y, &i.to_string(), muted, 4);
        let differs = before.first().map(|t| &t.0) != after.first().map(|t| &t.0);
        let style = if differs {
            c.style(Role::Diverge)
        } else {
            plain
        };
        for (x, side, style) in [
            (area.x + 6, before, plain),
            (area.x + 6 + half, after, style),
        ] {
            if let Some((token, p)) = side.first() {
                let words = format!("{:.0}% {}", 100.0 * p, text::one_line(token));
                c.text(x, y, &words, style, half.saturating_sub(1));
            }
        }
    }
}

fn setting(c: &mut Canvas<'_>, area: Rect, strip: &TokenStrip) {
    let Some(Study::Tokens(study)) = &c.app.lab().strips.asked else {
        return;
    };
    let kl: Vec<f64> = strip.rows.iter().map(|r| r.kl).collect();
    let mean = crate::stats::mean(&kl).unwrap_or(0.0);
    let parts = strip.diverges.map_or_else(
        || "both sides would choose the same tokens".to_owned(),
        |i| format!("{} first other choice at {i}", c.glyphs.diverge),
    );
    let words = [
        format!("c {} at block {}", signed(study.coefficient), study.block.0),
        format!("mask {}", study.mask),
        format!("mean KL {mean:.3} nat over {} tokens", kl.len()),
        parts,
        "one reading of the steered text by both sides".to_owned(),
    ];
    protocol(c, area, &words);
}
