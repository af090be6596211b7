//! Cosines as heat maps: between vectors at one block, and of one vector between its blocks.

use ratatui::layout::Rect;

use super::{CONFLICT, selected};
use crate::protocol::{Asset, VectorFacts};
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;

/// Columns of a cell.
const CELL: u16 = 6;

/// A cell's number without a leading zero.
fn words(value: f32) -> String {
    format!("{value:+.2}").replacen("0.", ".", 1)
}

pub(super) fn between_vectors(c: &mut Canvas<'_>, area: Rect) {
    let library = c.app.library();
    let block = c.app.setting().block;
    let fits = |asset: &&Asset| {
        matches!(library.facts(asset), Some(Ok(f)) if f.misfit.is_none()
            && f.norms.get(block).copied().flatten().is_some())
    };
    let vectors: Vec<&Asset> = library.rows().filter(fits).collect();
    let muted = c.style(Role::Muted);
    if library.is_reading() {
        c.message(area, "reading", muted);
        return;
    }
    if vectors.is_empty() {
        c.message(area, "no vector has a direction at this block", muted);
        return;
    }
    let longest = vectors.iter().map(|a| text::width(&a.label())).max();
    let names = (longest.unwrap_or(0) as u16 + 4).clamp(8, (area.width / 3).max(8));
    let columns = usize::from(area.width.saturating_sub(names) / CELL);
    let conflict = c.style(Role::Warning);
    c.text(area.x, area.y, &format!("block {block}"), muted, names);
    for j in 0..vectors.len().min(columns) {
        let x = area.x + names + j as u16 * CELL;
        crate::ui::lab::right(c, x, area.y, &format!("{}", j + 1), muted, CELL - 1);
    }
    let rows = usize::from(area.height.saturating_sub(3));
    let at = selected(c).and_then(|(asset, _)| vectors.iter().position(|v| *v == asset));
    let first = at
        .unwrap_or(0)
        .saturating_sub(rows / 2)
        .min(vectors.len().saturating_sub(rows));
    let mut conflicts = Vec::new();
    for (i, a) in vectors.iter().enumerate() {
        for (j, b) in vectors.iter().enumerate().skip(i + 1) {
            if let Some(v) = library.cosine(block, a, b).filter(|v| v.abs() > CONFLICT) {
                conflicts.push((i, j, v));
            }
        }
    }
    for (i, a) in vectors.iter().enumerate().skip(first).take(rows) {
        let y = area.y + 1 + (i - first) as u16;
        let style = c.style(if at == Some(i) {
            Role::Focus
        } else {
            Role::Text
        });
        let label = format!("{:>2} {}", i + 1, text::one_line(&a.label()));
        c.text(area.x, y, &label, style, names - 1);
        for (j, b) in vectors.iter().enumerate().take(columns) {
            let x = area.x + names + j as u16 * CELL;
            match c.app.library().cosine(block, a, b) {
                Some(_) if i == j => {
                    crate::ui::lab::right(c, x, y, c.glyphs.dot, muted, CELL - 1);
                }
                Some(v) => {
                    let style = c.theme.heat(f64::from(v));
                    crate::ui::lab::right(c, x, y, &words(v), style, CELL - 1);
                }
                None => crate::ui::lab::right(c, x, y, "-", muted, CELL - 1),
            }
        }
    }
    let y = area.y + 1 + (vectors.len().min(rows) as u16);
    if y + 1 < area.bottom() {
        let name = |i: usize| vectors.get(i).map_or_else(String::new, |a| a.label());
        let (line, style) = match conflicts.as_slice() {
            [] => (format!("no two overlap by more than {CONFLICT}"), muted),
            all => {
                let pairs: Vec<String> = (all.iter().take(4))
                    .map(|(i, j, v)| format!("{} and {} {}", name(*i), name(*j), words(*v)))
                    .collect();
                (
                    format!("{} {}", c.glyphs.diverge, pairs.join(", ")),
                    conflict,
                )
            }
        };
        c.text(area.x, y + 1, &line, style, area.width);
    }
}

pub(super) fn between_blocks(c: &mut Canvas<'_>, area: Rect) {
    let muted = c.style(Role::Muted);
    let Some((asset, Some(Ok(facts)))) = selected(c) else {
        c.message(area, "nothing is known of this vector", muted);
        return;
    };
    let accent = c.style(Role::Accent);
    c.text(
        area.x,
        area.y,
        &text::one_line(&asset.label()),
        accent,
        area.width,
    );
    let n = facts.norms.len();
    let here = c.app.setting().block;
    let cell = if usize::from(area.width) >= 5 + n * usize::from(CELL) {
        CELL
    } else {
        2
    };
    let columns = usize::from(area.width.saturating_sub(5) / cell).min(n);
    let rows = usize::from(area.height.saturating_sub(3)).min(n);
    let window = |size: usize| here.saturating_sub(size / 2).min(n.saturating_sub(size));
    let (left, top) = (window(columns), window(rows));
    if cell == CELL {
        for b in left..left + columns {
            let x = area.x + 5 + (b - left) as u16 * cell;
            crate::ui::lab::right(c, x, area.y + 1, &b.to_string(), muted, cell - 1);
        }
    } else {
        let words = format!(
            "blocks {left} to {}, darker is closer to +1 or -1",
            left + columns - 1
        );
        c.text(
            area.x + 5,
            area.y + 1,
            &words,
            muted,
            area.width.saturating_sub(5),
        );
    }
    for a in top..top + rows {
        let y = area.y + 2 + (a - top) as u16;
        let style = c.style(if a == here { Role::Focus } else { Role::Text });
        crate::ui::lab::right(c, area.x, y, &a.to_string(), style, 4);
        for b in left..left + columns {
            let x = area.x + 5 + (b - left) as u16 * cell;
            let Some(v) = at(facts, n, a, b) else {
                c.text(x, y, " -", muted, cell);
                continue;
            };
            let style = c.theme.heat(f64::from(v));
            let shown = if cell == CELL {
                words(v)
            } else {
                glyph(v).to_owned()
            };
            crate::ui::lab::right(c, x, y, &shown, style, cell - 1);
        }
    }
    let y = area.y + 2 + rows as u16;
    if y < area.bottom() {
        let beside = at(facts, n, here, here + 1).map_or_else(String::new, |v| {
            format!("block {here} and {}: {}: ", here + 1, words(v))
        });
        let line =
            format!("{beside}a neighbour steers too, only less: the receipt (V) tells them apart");
        c.text(area.x, y, &line, muted, area.width);
    }
}

fn at(facts: &VectorFacts, n: usize, a: usize, b: usize) -> Option<f32> {
    (a < n && b < n)
        .then(|| facts.across.get(a * n + b).copied().flatten())
        .flatten()
}

/// A cell too narrow for a number.
fn glyph(v: f32) -> &'static str {
    match v {
        v if v > 0.8 => "#",
        v if v > 0.5 => "+",
        v if v < -0.5 => "=",
        v if v < -0.2 => "-",
        _ => ".",
    }
}
