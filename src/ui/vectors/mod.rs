//! The library of vectors: a table of all of them, and one figure about the selected one.

mod card;
mod cosines;
mod extraction;
pub(super) mod making;

use ratatui::layout::Rect;

use crate::app::focus::Pane;
use crate::app::library::LibraryFigure;
use crate::protocol::{Asset, VectorFacts};
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::ui::layout::{cut_left, cut_top};

/// Cosines of vectors of different behaviours above this are a conflict.
pub(super) const CONFLICT: f32 = 0.5;
/// Shares of the two largest coordinates above this are worth a warning.
pub(super) const DOMINATED: f32 = 0.5;

/// Draws the screen's pane.
pub(super) fn draw(c: &mut Canvas<'_>, area: Rect) {
    let library = c.app.library();
    let (accent, muted) = (c.style(Role::Accent), c.style(Role::Muted));
    let figure = match library.figure {
        LibraryFigure::Card => "card and norms",
        LibraryFigure::Cosines if library.without_top => "cosines without the top two coordinates",
        LibraryFigure::Cosines => "cosines between vectors",
        LibraryFigure::Across => "cosines between blocks",
        LibraryFigure::Extraction => "new vector",
    };
    let count = match library.marked() {
        0 => format!("{}  ", library.rows().len()),
        n => format!("{}, {n} marked  ", library.rows().len()),
    };
    let inner = c.pane(area, Pane::Vectors, &[(&count, muted), (figure, accent)]);
    if inner.is_empty() {
        return;
    }
    if library.rows().len() == 0 {
        c.message(inner, "no vectors: press v and type a path", muted);
        return;
    }
    let side_by_side = inner.width >= 96;
    let [list, figure] = if side_by_side {
        cut_left(inner, (inner.width * 46 / 100).min(64))
    } else {
        let rows = (library.rows().len() as u16 + 1).min(inner.height / 2);
        cut_top(inner, rows.max(3))
    };
    table(c, list);
    let figure = if side_by_side {
        Rect {
            x: figure.x + 1,
            width: figure.width.saturating_sub(1),
            ..figure
        }
    } else {
        figure
    };
    // A tiny terminal has room for the list alone.
    if figure.height < 2 {
        return;
    }
    match c.app.library().figure {
        LibraryFigure::Card => card::draw(c, figure),
        LibraryFigure::Cosines => cosines::between_vectors(c, figure),
        LibraryFigure::Across => cosines::between_blocks(c, figure),
        LibraryFigure::Extraction => extraction::draw(c, figure),
    }
}

/// What is known of the selected vector.
fn selected<'a>(c: &Canvas<'a>) -> Option<(&'a Asset, Option<&'a Result<VectorFacts, String>>)> {
    let library = c.app.library();
    let asset = library.rows().nth(library.selected()?)?;
    Some((asset, library.facts(asset)))
}

/// Columns of the figures in the table.
const FIGURES: u16 = 7 + 7 + 6;

fn table(c: &mut Canvas<'_>, area: Rect) {
    let library = c.app.library();
    let (muted, plain) = (c.style(Role::Muted), c.style(Role::Text));
    let block = c.app.setting().block;
    let names = area.width.saturating_sub(FIGURES + 12);
    let kappa = c.glyphs.kappa;
    let head = format!("  {:<width$}", "vector", width = usize::from(names));
    c.text(area.x, area.y, &head, muted, names + 2);
    let x = area.x + names + 2;
    super::lab::right(c, x, area.y, c.glyphs.norm, muted, 7);
    super::lab::right(c, x + 7, area.y, kappa, muted, 7);
    super::lab::right(c, x + 14, area.y, "top 2", muted, 6);
    c.text(x + 21, area.y, &format!("block {block}"), muted, 10);
    let rows = Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(1),
        ..area
    };
    let visible = usize::from(rows.height);
    let at = library.selected().unwrap_or(0);
    let all = library.rows().len();
    let first = at
        .saturating_sub(visible / 2)
        .min(all.saturating_sub(visible));
    let loaded = c.app.vector().map(|v| v.asset.clone());
    let residual = (c.app.dataset()).and_then(|d| d.residual_norms.get(block).copied());
    let assets: Vec<Asset> = library.rows().cloned().collect();
    for (i, asset) in assets.iter().enumerate().skip(first).take(visible) {
        let y = rows.y + (i - first) as u16;
        let is_loaded = loaded.as_ref() == Some(asset);
        let library = c.app.library();
        let facts = library.facts(asset);
        let (mark, style) = match facts {
            _ if is_loaded => (c.glyphs.live, c.style(Role::Steered)),
            Some(Err(_)) => (c.glyphs.cross, c.style(Role::Error)),
            Some(Ok(f)) if f.misfit.is_some() => (c.glyphs.cross, muted),
            _ => (" ", plain),
        };
        c.text(area.x, y, mark, style, 1);
        if library.is_marked(i) {
            let accent = c.style(Role::Accent);
            c.text(area.x + 1, y, c.glyphs.check, accent, 1);
        }
        let name = text::one_line(&asset.label());
        let fits = !matches!(facts, Some(Ok(f)) if f.misfit.is_some());
        let name_style = if fits { plain } else { muted };
        c.text(area.x + 2, y, &name, name_style, names);
        match facts {
            Some(Ok(f)) if f.misfit.is_none() => {
                let norm = f.norms.get(block).copied().flatten();
                let figure = |v: Option<f32>, digits: usize| {
                    v.map_or_else(|| "-".to_owned(), |v| format!("{v:.digits$}"))
                };
                let relative = norm.zip(residual.filter(|h| *h > 0.0)).map(|(n, h)| n / h);
                super::lab::right(c, x, y, &figure(norm, 2), plain, 7);
                super::lab::right(c, x + 7, y, &figure(relative, 3), plain, 7);
                let top = f.top_two.get(block).copied().flatten();
                let share = top.map_or_else(|| "-".to_owned(), |t| format!("{:.0}%", 100.0 * t));
                let warn = top.is_some_and(|t| t > DOMINATED);
                let style = c.style(if warn { Role::Warning } else { Role::Text });
                super::lab::right(c, x + 14, y, &share, style, 6);
                let note = match (is_loaded, library.is_changed(i), f.recommended) {
                    (true, ..) => "loaded".to_owned(),
                    (_, true, _) => "changed".to_owned(),
                    (_, _, Some(b)) => format!("best {b}"),
                    _ => String::new(),
                };
                let style = c.style(if is_loaded {
                    Role::Steered
                } else {
                    Role::Muted
                });
                c.text(x + 21, y, &note, style, 10);
            }
            Some(Ok(_)) => {
                c.text(x, y, "made for another model", muted, area.right() - x);
            }
            Some(Err(_)) => {
                let error = c.style(Role::Error);
                c.text(x, y, "refused", error, area.right() - x);
            }
            None => {
                c.text(x, y, "reading", muted, area.right() - x);
            }
        }
        if i == at {
            c.select(Rect {
                y,
                height: 1,
                ..area
            });
        }
    }
}
