//! Controls: the vector's inputs above those of other directions of its length.

use ratatui::layout::Rect;

use super::plots::{Axis, ridge};
use super::{empty, loaded_words, number, percent, protocol, right};
use crate::app::focus::Pane;
use crate::protocol::{ControlGroup, ControlReport, ControlsTable, Study};
use crate::stats::{anti_steerable_count, mean, sd};
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::ui::layout::{cut_bottom, cut_top};

pub(super) fn draw(c: &mut Canvas<'_>, area: Rect) {
    let lab = c.app.lab();
    let (accent, muted) = (c.style(Role::Accent), c.style(Role::Muted));
    let table = lab.controls.items.first();
    let stale = if lab.controls.stale { "  stale" } else { "" };
    let count = table.map_or_else(String::new, |t| {
        format!("  n {}/{}", t.inputs.0, t.inputs.1)
    });
    let facts = [
        ("other directions of the same length", accent),
        (count.as_str(), muted),
        (stale, c.style(Role::Stale)),
    ];
    let inner = c.pane(area, Pane::Controls, &facts);
    if inner.is_empty() {
        return;
    }
    let Some(table) = table.filter(|t| !t.groups.is_empty()) else {
        empty(c, inner, "measure controls");
        return;
    };
    let [inner, line] = cut_bottom(inner, 1);
    let [verdict, rows] = cut_top(inner, 2);
    headline(c, verdict, table);
    groups(c, rows, table);
    let block = match &lab.controls.asked {
        Some(Study::Controls(study)) => study.block.0.to_string(),
        _ => "-".to_owned(),
    };
    let words = loaded_words(c, &[format!("block {block}"), "seed 0".to_owned()]);
    protocol(c, line, &words);
}

/// z, and in words what it says.
fn headline(c: &mut Canvas<'_>, area: Rect, table: &ControlsTable) {
    let z = |z: Option<f64>| z.map_or_else(|| "-".to_owned(), |z| format!("{z:+.1}"));
    let verdict = match table.z_random {
        Some(z) if z.abs() < 2.0 => ("no more than a random push does", Role::Negative),
        Some(z) if z < 0.0 => (
            "against its intention, more than a random push",
            Role::Negative,
        ),
        Some(z) if z < 3.0 => ("hardly more than a random push", Role::Warning),
        Some(_) => ("more than a random push of this length", Role::Positive),
        None => ("not known yet", Role::Muted),
    };
    let (text_style, accent) = (c.style(Role::Text), c.style(Role::Accent));
    let random = format!("z {} against random directions", z(table.z_random));
    let shuffled = format!(", {} against shuffled labels: ", z(table.z_shuffled));
    let style = c.style(verdict.1);
    let as_good = rivals(c, table);
    if !as_good.is_empty() {
        let warning = c.style(Role::Warning);
        c.text(area.x, area.y + 1, &as_good, warning, area.width);
    }
    let pieces = [
        (random.as_str(), accent),
        (shuffled.as_str(), text_style),
        (verdict.0, style),
    ];
    c.pieces(area.x, area.y, &pieces, area.width);
}

/// What does nine tenths of the vector's work or more without being it: then it is not "the" direction.
fn rivals(c: &Canvas<'_>, table: &ControlsTable) -> String {
    let of = |group: ControlGroup| {
        let found = table.groups.iter().filter(move |g| g.group == group);
        found.filter_map(|g| mean(&g.means)).collect::<Vec<f64>>()
    };
    let Some(own) = of(ControlGroup::Vector)
        .first()
        .copied()
        .filter(|m| *m > 0.0)
    else {
        return String::new();
    };
    let others = of(ControlGroup::Other);
    let as_much = others.iter().filter(|m| **m >= 0.9 * own).count();
    // Under a condition the vector reaches some prompts, the system text all of them.
    let alike = c.app.setting().condition.is_none();
    let prompt = alike && of(ControlGroup::Prompt).iter().any(|m| *m >= 0.9 * own);
    let mut words = Vec::new();
    if as_much > 0 {
        words.push(format!(
            "{as_much} of {} vectors of other behaviours do as much",
            others.len()
        ));
    }
    if prompt {
        words.push("the system text alone does as much".to_owned());
    }
    words.join("; ")
}

fn title(c: &Canvas<'_>, group: &ControlReport) -> String {
    let n = group.means.len();
    match group.group {
        ControlGroup::Vector => "the vector".to_owned(),
        ControlGroup::Reversed => "reversed".to_owned(),
        ControlGroup::Random => format!("{n} random"),
        ControlGroup::Orthogonal => format!("{n} orthogonal to it"),
        ControlGroup::Permuted => "coordinates permuted".to_owned(),
        ControlGroup::Shuffled => format!("{n} shuffled labels"),
        ControlGroup::Other => format!("vector {}", text::one_line(&group.name)),
        ControlGroup::Prompt if c.app.setting().condition.is_some() => {
            "system text, every prompt".to_owned()
        }
        ControlGroup::Prompt => "system text, no vector".to_owned(),
    }
}

fn groups(c: &mut Canvas<'_>, area: Rect, table: &ControlsTable) {
    let [head, list] = cut_top(area, 1);
    let [list, axis_line] = cut_bottom(list, 1);
    let muted = c.style(Role::Muted);
    let name = 24.min(area.width / 3);
    let tail = 8 + 8 + 6;
    let width = area.width.saturating_sub(name + tail + 1);
    let finite = |g: &ControlReport| -> Vec<f64> {
        let wide = g.slopes.iter().map(|s| f64::from(*s));
        wide.filter(|s| s.is_finite()).collect()
    };
    let values: Vec<Vec<f64>> = table.groups.iter().map(finite).collect();
    let x = area.x + name;
    let axis = Axis::over(values.iter().flatten().copied(), x, width);
    c.text(head.x, head.y, "direction", muted, name);
    c.text(x, head.y, "inputs by slope", muted, width);
    let tail_x = x + width + 1;
    right(c, tail_x, head.y, "mean", muted, 8);
    right(c, tail_x + 8, head.y, "sd", muted, 8);
    right(c, tail_x + 16, head.y, "anti", muted, 6);
    let tall = (usize::from(list.height) / table.groups.len().max(1)).clamp(1, 3) as u16;
    let shown = usize::from(list.height / tall);
    for (i, (group, slopes)) in table.groups.iter().zip(&values).take(shown).enumerate() {
        let top = list.y + i as u16 * tall;
        let y = top + tall - 1;
        let role = if group.group == ControlGroup::Vector {
            Role::Steered
        } else {
            Role::Text
        };
        let style = c.style(role);
        c.text(area.x, y, &title(c, group), style, name - 1);
        ridge(c, axis, top, tall, slopes, c.app.lab().controls.stale);
        right(c, tail_x, y, &number(mean(&group.means)), style, 8);
        // Between directions where there are several, else between inputs.
        let spread = if group.means.len() > 1 {
            sd(&group.means)
        } else {
            None
        };
        let spread = spread.map_or_else(String::new, |s| format!("{s:.2}"));
        right(c, tail_x + 8, y, &spread, muted, 8);
        let anti = anti_steerable_count(slopes) as f64 / slopes.len().max(1) as f64;
        right(c, tail_x + 16, y, &percent(Some(anti)), muted, 6);
    }
    axis.labels(c, axis_line.y);
    // The last row is of another kind than the rest: say so where there is room.
    let note = "sd: of the directions' means; system text: change of propensity, to be held against multiplier 1";
    let [_, below] = cut_bottom(area, 1);
    let used = table.groups.len().min(shown) as u16 * tall;
    if list.height > used + 1 {
        c.text(below.x, list.y + used, note, muted, below.width);
    }
}
