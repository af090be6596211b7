//! Fan: one prompt under several coefficients, decoded together.

use ratatui::layout::Rect;

use super::{empty, gate, protocol};
use crate::app::focus::Pane;
use crate::app::hits::Target;
use crate::app::lab::fan::FanLane;
use crate::protocol::{FinishReason, Study};
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::ui::layout::cut_bottom;

pub(super) fn draw(c: &mut Canvas<'_>, area: Rect) {
    let lab = c.app.lab();
    let (accent, muted) = (c.style(Role::Accent), c.style(Role::Muted));
    let stale = if lab.fan.stale { "  stale" } else { "" };
    let with = if lab.fan_controls {
        "  with controls"
    } else {
        ""
    };
    let (condition, style) = gate(c, lab.fan_gate);
    let facts = [
        ("one prompt, several coefficients", accent),
        (condition.as_str(), style),
        (with, muted),
        (stale, c.style(Role::Stale)),
    ];
    let inner = c.pane(area, Pane::Fan, &facts);
    if inner.is_empty() {
        return;
    }
    let lanes = &lab.fan.items;
    if lanes.is_empty() {
        empty(c, inner, "decode the prompt under several coefficients");
        return;
    }
    let [inner, line] = cut_bottom(inner, 1);
    let unsteered = lanes.iter().find(|l| l.label == "0");
    let columns = inner.width >= 20 * lanes.len() as u16 && inner.height >= 24;
    let n = lanes.len() as u16;
    for (i, lane) in lanes.iter().enumerate() {
        let i16 = i as u16;
        let place = if columns {
            let width = inner.width / n;
            Rect {
                x: inner.x + i16 * width,
                width,
                ..inner
            }
        } else {
            let height = (inner.height / n).max(2);
            Rect {
                y: inner.y + i16 * height,
                height: height.min(inner.bottom().saturating_sub(inner.y + i16 * height)),
                ..inner
            }
        };
        if place.height >= 2 && place.y < inner.bottom() {
            self::lane(c, place, lane, unsteered, i);
        }
    }
    let words = match &lab.fan.asked {
        Some(Study::Fan(study)) => vec![
            format!("block {}", study.block.0),
            format!("mask {}", study.mask),
            if study.sampling.temperature == 0.0 {
                "greedy".to_owned()
            } else {
                format!(
                    "T {} seed {}",
                    study.sampling.temperature, study.sampling.seed
                )
            },
            text::one_line(&study.prompt),
        ],
        _ => Vec::new(),
    };
    protocol(c, line, &words);
}

fn lane(c: &mut Canvas<'_>, area: Rect, lane: &FanLane, unsteered: Option<&FanLane>, place: usize) {
    let (muted, plain) = (c.style(Role::Muted), c.style(Role::Text));
    let label = match lane.label.parse::<f32>() {
        Ok(v) if v < 0.0 => c.style(Role::Negative),
        Ok(v) if v > 0.0 => c.style(Role::Positive),
        Ok(_) => c.style(Role::Baseline),
        Err(_) => c.style(Role::Own),
    };
    let is_closed = c.app.lab().fan_gate.is_some_and(|gate| !gate.open);
    let fact = match (lane.finished, unsteered.and_then(|u| lane.parts_from(u))) {
        _ if is_closed && lane.label != "0" => "not steered".to_owned(),
        (Some(FinishReason::NonFinite), _) => "not finite: outside the usable range".to_owned(),
        (_, Some(at)) => format!("other than unsteered from token {at}"),
        (Some(_), None) if unsteered.is_some_and(|u| u.ids == lane.ids) && lane.label != "0" => {
            "the same as unsteered".to_owned()
        }
        _ => String::new(),
    };
    let name = format!("{} ", lane.label);
    let width = area.width.saturating_sub(1);
    c.pieces(area.x, area.y, &[(&name, label), (&fact, muted)], width);
    let style = if c.app.lab().fan.stale {
        c.style(Role::Stale)
    } else {
        plain
    };
    let lines = text::wrap(&lane.text, usize::from(width));
    let rows = usize::from(area.height - 1);
    // While it grows, the end is what is read.
    let skip = if lane.finished.is_some() {
        0
    } else {
        lines.len().saturating_sub(rows)
    };
    for (i, line) in lines.into_iter().skip(skip).take(rows).enumerate() {
        let line = lane.text.get(line).unwrap_or_default();
        c.text(area.x, area.y + 1 + i as u16, line, style, width);
    }
    c.region(area, Target::LabRow(place));
}
