//! Predictors: what the pairs' activations say before anything is steered.

use ratatui::layout::Rect;

use super::plots::{Axis, ridge};
use super::{empty, protocol, right};
use crate::app::focus::Pane;
use crate::app::hits::Target;
use crate::protocol::{Apart, Prediction};
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::ui::layout::{cut_bottom, cut_top};

pub(super) fn draw(c: &mut Canvas<'_>, area: Rect) {
    let lab = c.app.lab();
    let stale = if lab.predictions.stale { "  stale" } else { "" };
    let facts = [
        ("before any steering", c.style(Role::Accent)),
        (stale, c.style(Role::Stale)),
    ];
    let inner = c.pane(area, Pane::Predictors, &facts);
    if inner.is_empty() {
        return;
    }
    let items = &lab.predictions.items;
    let Some(last) = items.len().checked_sub(1) else {
        empty(c, inner, "read the pairs' activations");
        return;
    };
    let selected = lab.row.min(last);
    let [inner, line] = cut_bottom(inner, 1);
    let list_rows = if items.len() > 1 {
        (items.len() as u16 + 2).min(inner.height / 2)
    } else {
        0
    };
    let [list, one] = cut_top(inner, list_rows);
    if list.height > 0 {
        table(c, list, items, selected);
    }
    if let Some(prediction) = items.get(selected) {
        details(c, one, prediction);
        let words = [
            format!("block {}", prediction.block),
            format!("v: mean of {} training pairs, seed 0", prediction.pairs),
            "held out: validation pairs".to_owned(),
            "kproj = 2(a - mid).v/|v|^2".to_owned(),
        ];
        protocol(c, line, &words);
    }
}

fn plain(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"))
}

fn d_prime(apart: &Apart) -> String {
    if apart.separated {
        "separated".to_owned()
    } else {
        apart
            .d_prime
            .map_or_else(|| "-".to_owned(), |d| format!("{d:.2}"))
    }
}

fn table(c: &mut Canvas<'_>, area: Rect, items: &[Prediction], selected: usize) {
    let (muted, text_style, focus) = (
        c.style(Role::Muted),
        c.style(Role::Text),
        c.style(Role::Focus),
    );
    let names = items.iter().map(|p| text::width(&p.dataset));
    let name = (names.max().unwrap_or(8) as u16 + 3)
        .min(area.width / 3)
        .max(10);
    let heads = [
        "pairs", "agree", "left out", "d' held", "AUC held", "overlap", "d' in", "stable",
    ];
    c.text(area.x + 2, area.y, "data set", muted, name);
    for (j, head) in heads.into_iter().enumerate() {
        right(c, area.x + name + j as u16 * 9, area.y, head, muted, 9);
    }
    let height = usize::from(area.height.saturating_sub(2));
    let first = selected
        .saturating_sub(height / 2)
        .min(items.len().saturating_sub(height));
    for (i, p) in items.iter().enumerate().skip(first).take(height) {
        let y = area.y + 1 + (i - first) as u16;
        let style = if i == selected { focus } else { text_style };
        if i == selected {
            c.text(area.x, y, c.glyphs.here, style, 1);
        }
        c.text(area.x + 2, y, &text::one_line(&p.dataset), style, name - 3);
        let held = p.held_out.as_ref();
        let values = [
            p.pairs.to_string(),
            plain(p.directional),
            plain(p.leave_one_out),
            held.map_or_else(|| "-".to_owned(), d_prime),
            plain(held.and_then(|h| h.auc)),
            plain(held.and_then(|h| h.overlap)),
            d_prime(&p.in_sample),
            plain(p.stability.map(|s| s.0)),
        ];
        for (j, value) in values.into_iter().enumerate() {
            right(c, area.x + name + j as u16 * 9, y, &value, style, 9);
        }
        let strip = Rect {
            y,
            height: 1,
            ..area
        };
        c.region(strip, Target::LabRow(i));
    }
}

/// One data set: figures with what they would be by chance, and the two sides along v.
fn details(c: &mut Canvas<'_>, area: Rect, p: &Prediction) {
    let (accent, muted, text_style) = (
        c.style(Role::Accent),
        c.style(Role::Muted),
        c.style(Role::Text),
    );
    let n = p.pairs.max(1) as f64;
    let held = p.held_out.as_ref();
    let chance = 1.0 / n.sqrt();
    let mut rows: Vec<(&str, String, String)> = vec![
        (
            "directional agreement",
            plain(p.directional),
            format!("mean cos(d, v); unrelated pairs give {chance:.2}"),
        ),
        (
            "leave-one-out agreement",
            plain(p.leave_one_out),
            "the same without the pair itself; unrelated pairs give 0".to_owned(),
        ),
        (
            "d' on held-out pairs",
            held.map_or_else(|| "-".to_owned(), d_prime),
            "distance of the two sides in standard deviations".to_owned(),
        ),
        (
            "AUC on held-out pairs",
            plain(held.and_then(|h| h.auc)),
            "0.5: no separation, 1: complete".to_owned(),
        ),
        (
            "overlap on held-out pairs",
            plain(held.and_then(|h| h.overlap)),
            "1: the same, 0: apart".to_owned(),
        ),
        (
            "d' on the vector's own pairs",
            d_prime(&p.in_sample),
            "inflated: v was fitted on them".to_owned(),
        ),
    ];
    if let Some((mean, min, pairs)) = p.stability {
        rows.push((
            "stability under subsampling",
            format!("{mean:.3}"),
            format!("cos of v and means of {pairs} random pairs; smallest {min:.2}"),
        ));
    }
    rows.push((
        "pairwise agreement",
        plain(p.pairwise),
        "mean of the full cosine matrix".to_owned(),
    ));
    rows.push((
        "euclidean spread",
        plain(p.euclidean),
        "-mean |d - mean d| / mean |d|; nearer 0 is better".to_owned(),
    ));
    rows.push((
        "norm variance",
        plain(p.norm_variance),
        "-var |d| / mean |d|; nearer 0 is better".to_owned(),
    ));
    let [title, rest] = cut_top(area, 1);
    let name = text::one_line(&p.dataset);
    let dropped = if p.dropped > 0 {
        format!(", {} pairs without a difference", p.dropped)
    } else {
        String::new()
    };
    let norm = format!(
        "   {} {:.2}, {} pairs{dropped}",
        c.glyphs.norm, p.norm, p.pairs
    );
    c.pieces(
        title.x,
        title.y,
        &[(&name, accent), (&norm, muted)],
        title.width,
    );
    let figures = (rows.len() as u16).min(rest.height.saturating_sub(6).max(rest.height / 2));
    let [list, plot] = cut_top(rest, figures);
    for (i, (name, value, about)) in rows.iter().take(usize::from(list.height)).enumerate() {
        let y = list.y + i as u16;
        c.text(list.x, y, name, text_style, 30);
        right(c, list.x + 29, y, value, accent, 10);
        c.text(list.x + 41, y, about, muted, list.width.saturating_sub(41));
    }
    let (apart, title) = match held {
        Some(held) => (held, "held-out pairs along v"),
        None => (&p.in_sample, "the vector's own pairs along v (inflated)"),
    };
    sides(c, plot, apart, title);
}

fn sides(c: &mut Canvas<'_>, area: Rect, apart: &Apart, title: &str) {
    if area.height < 5 || apart.positive.is_empty() {
        return;
    }
    let muted = c.style(Role::Muted);
    let label = 11;
    let widen = |v: &[f32]| v.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
    let (up, down) = (widen(&apart.positive), widen(&apart.negative));
    let axis = Axis::over(
        up.iter().chain(&down).copied(),
        area.x + label,
        area.width.saturating_sub(label + 1),
    );
    let tall = (area.height.saturating_sub(2) / 2).clamp(1, 6);
    let top = area.y + 1;
    c.text(
        area.x + label,
        area.y,
        &format!("{title}: {} of each side", apart.n),
        muted,
        area.width - label,
    );
    let stale = c.app.lab().predictions.stale;
    ridge(c, axis, top, tall, &up, stale);
    ridge(c, axis, top + tall, tall, &down, stale);
    c.text(area.x, top + tall - 1, "positive", muted, label - 1);
    c.text(area.x, top + 2 * tall - 1, "negative", muted, label - 1);
    axis.labels(c, top + 2 * tall);
}
