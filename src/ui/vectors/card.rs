//! The selected vector in words, and its norms and shares block by block.

use ratatui::layout::Rect;

use super::{DOMINATED, selected};
use crate::protocol::VectorFacts;
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;

/// Columns of a fact's name.
const NAME: u16 = 10;

pub(super) fn draw(c: &mut Canvas<'_>, area: Rect) {
    let Some((asset, facts)) = selected(c) else {
        return;
    };
    let (accent, muted) = (c.style(Role::Accent), c.style(Role::Muted));
    c.text(
        area.x,
        area.y,
        &text::one_line(&asset.label()),
        accent,
        area.width,
    );
    let below = Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(1),
        ..area
    };
    match facts {
        None => c.message(below, "reading", muted),
        Some(Err(reason)) => {
            let style = c.style(Role::Error);
            paragraph(c, below, reason, style);
        }
        Some(Ok(facts)) => {
            let used = words(c, below, facts);
            let rest = Rect {
                y: below.y + used + 1,
                height: below.height.saturating_sub(used + 1),
                ..below
            };
            norms(c, rest, facts);
        }
    }
}

fn paragraph(c: &mut Canvas<'_>, area: Rect, words: &str, style: ratatui::style::Style) -> u16 {
    let lines = text::wrap(words, usize::from(area.width).max(8));
    let mut y = area.y;
    for line in lines {
        if y >= area.bottom() {
            break;
        }
        let line = words.get(line).unwrap_or_default();
        c.text(area.x, y, line, style, area.width);
        y += 1;
    }
    y - area.y
}

/// Facts of file and card, at most half of the height; returns the rows used.
fn words(c: &mut Canvas<'_>, area: Rect, facts: &VectorFacts) -> u16 {
    let (muted, plain, warning) = (
        c.style(Role::Muted),
        c.style(Role::Text),
        c.style(Role::Warning),
    );
    let mut lines: Vec<(&str, String, ratatui::style::Style)> = Vec::new();
    if let Some(misfit) = &facts.misfit {
        lines.push(("", misfit.clone(), c.style(Role::Error)));
    }
    if !facts.sentence.is_empty() {
        lines.push(("file", facts.sentence.clone(), plain));
    }
    let unit = facts.unit.as_deref().unwrap_or("unit unknown");
    let method = facts.method.as_deref().unwrap_or("unknown");
    lines.push(("method", format!("{method}, {}, {unit}", facts.edit), plain));
    for (name, value) in &facts.card {
        lines.push((name, value.clone(), plain));
    }
    for words in &facts.warnings {
        lines.push(("note", words.clone(), warning));
    }
    let most = area.height.saturating_sub(6).max(area.height / 2);
    let room = usize::from(area.width.saturating_sub(NAME)).max(8);
    let mut y = area.y;
    for (name, value, style) in lines {
        let wrapped = text::wrap(&value, room);
        for (i, range) in wrapped.into_iter().enumerate().take(3) {
            if y >= area.y + most {
                return y - area.y;
            }
            if i == 0 {
                c.text(area.x, y, name, muted, NAME);
            }
            let line = value.get(range).unwrap_or_default();
            c.text(area.x + NAME, y, line, style, area.width - NAME);
            y += 1;
        }
    }
    y - area.y
}

/// A bar per block: ‖v‖ over H, with the share of the two largest coordinates behind it.
fn norms(c: &mut Canvas<'_>, area: Rect, facts: &VectorFacts) {
    if area.height < 2 || facts.misfit.is_some() {
        return;
    }
    let (muted, plain) = (c.style(Role::Muted), c.style(Role::Text));
    let residual = c
        .app
        .dataset()
        .map(|d| d.residual_norms.clone())
        .unwrap_or_default();
    let relative = |b: usize| {
        let norm = facts.norms.get(b).copied().flatten()?;
        let h = residual.get(b).copied().filter(|h| *h > 0.0);
        Some(h.map_or(norm, |h| norm / h))
    };
    let blocks = facts.norms.len();
    let most = (0..blocks).filter_map(relative).fold(1e-9_f32, f32::max);
    let what = if residual.is_empty() {
        c.glyphs.norm
    } else {
        c.glyphs.kappa
    };
    let head = format!("block  {what} of c = 1, share of the top two coordinates");
    c.text(area.x, area.y, &head, muted, area.width);
    let visible = usize::from(area.height - 1);
    let here = c.app.setting().block;
    let first = here
        .saturating_sub(visible / 2)
        .min(blocks.saturating_sub(visible));
    let bar = area.width.saturating_sub(4 + 9 + 9);
    for b in (first..blocks).take(visible) {
        let y = area.y + 1 + (b - first) as u16;
        let mark = if b == here { c.glyphs.here } else { " " };
        let style = c.style(if b == here { Role::Focus } else { Role::Text });
        c.text(area.x, y, &format!("{mark}{b:>3}"), style, 4);
        let Some(value) = relative(b) else {
            c.text(
                area.x + 5,
                y,
                "no direction",
                muted,
                area.width.saturating_sub(5),
            );
            continue;
        };
        c.text(area.x + 5, y, &format!("{value:>7.3}"), plain, 8);
        let length = (f32::from(bar) * value / most).round() as u16;
        let filled = c.style(if b == here {
            Role::Steered
        } else {
            Role::Curve
        });
        for x in 0..length.min(bar) {
            c.cell(area.x + 13 + x, y, c.glyphs.bar, filled);
        }
        if let Some(share) = facts.top_two.get(b).copied().flatten() {
            let warn = share > DOMINATED;
            let style = c.style(if warn { Role::Warning } else { Role::Muted });
            let words = format!("{:>4.0}%", 100.0 * share);
            c.text(area.x + 13 + bar + 2, y, &words, style, 6);
        }
    }
}
