//! What steering costs, under the propensity curve: perplexity and top-1 accuracy of the neutral text
//! over the same multipliers, a row of heights for each.

use ratatui::layout::Rect;

use crate::app::curve::interpolate;
use crate::app::signed;
use crate::protocol::TaxLine;
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;

/// Perplexity that fills a cell, over that of the unsteered model.
const FULL: f32 = 4.0;
/// Perplexities from here on are a warning, and a text that falls apart.
const COSTLY: [f32; 2] = [1.5, 3.0];
/// Shares of the accuracy lost likewise.
const LOST: [f32; 2] = [0.1, 0.3];

/// Both costs over the coefficients, relative to the unsteered model.
struct Costs {
    coefficients: Vec<f32>,
    /// Perplexity over the unsteered one.
    perplexity: Vec<f32>,
    /// Top-1 accuracy over the unsteered one.
    top1: Vec<f32>,
    /// Unsteered top-1 accuracy.
    before: f32,
}

impl Costs {
    fn of(line: &TaxLine) -> Option<Self> {
        let (zero, rows) = (&line.unsteered, &line.rows);
        let usable = zero.perplexity.is_finite() && zero.perplexity > 0.0 && zero.top1 > 0.0;
        usable.then(|| Self {
            coefficients: rows.iter().map(|t| t.coefficient).collect(),
            // A text that cannot be predicted at all is off every scale.
            perplexity: (rows.iter())
                .map(|t| (t.perplexity / zero.perplexity) as f32)
                .map(|r| if r.is_finite() { r } else { 1e6 })
                .collect(),
            top1: rows.iter().map(|t| (t.top1 / zero.top1) as f32).collect(),
            before: zero.top1 as f32,
        })
    }

    fn perplexity_at(&self, coefficient: f32) -> Option<(f32, bool)> {
        interpolate(&self.coefficients, &self.perplexity, coefficient)
    }

    fn top1_at(&self, coefficient: f32) -> Option<(f32, bool)> {
        interpolate(&self.coefficients, &self.top1, coefficient)
    }
}

/// Rows that the strips take of a pane with so many.
pub(super) fn rows(c: &Canvas<'_>, height: u16) -> u16 {
    match (c.app.tax_line(), height) {
        (None, _) | (_, 0..=7) => 0,
        (_, 8..=10) => 1,
        _ => 2,
    }
}

/// What the present coefficient costs, in words of at most `room` columns; empty where it is not known.
pub(super) fn words(c: &Canvas<'_>, room: usize) -> String {
    let Some(costs) = c.app.tax_line().and_then(Costs::of) else {
        return String::new();
    };
    if c.app
        .tax_line()
        .is_some_and(|t| t.gate.is_some_and(|g| !g.open))
    {
        let forms = [
            "no tax: the condition is closed for the neutral text",
            "no tax: condition closed",
            "no tax",
        ];
        let fits = |words: &&str| text::width(words) <= room;
        return forms.into_iter().find(fits).unwrap_or_default().to_owned();
    }
    let coefficient = c.app.setting().coefficient;
    let (Some((ppl, between)), Some((top1, _))) =
        (costs.perplexity_at(coefficient), costs.top1_at(coefficient))
    else {
        return String::new();
    };
    let about = if between { c.glyphs.about } else { "" };
    let ppl = if ppl < 1000.0 {
        format!("{ppl:.2}")
    } else {
        ">1000".to_owned()
    };
    let ppl = format!("{about}ppl ×{ppl}");
    let lost = format!("top-1 {:+.0}%", 100.0 * costs.before * (top1 - 1.0));
    let forms = [
        format!("tax at {}: {ppl}, {lost}", signed(coefficient)),
        format!("{ppl}, {lost}"),
        ppl,
    ];
    let fits = |words: &String| text::width(words) <= room;
    forms.into_iter().find(fits).unwrap_or_default()
}

/// Draws the strips below a curve whose columns stand for the coefficients that `at` gives.
pub(super) fn draw(c: &mut Canvas<'_>, area: Rect, left: u16, at: &dyn Fn(u16) -> f32) {
    let Some(costs) = c.app.tax_line().and_then(Costs::of) else {
        return;
    };
    let muted = c.style(Role::Muted);
    let width = area.right().saturating_sub(left);
    let grade = |value: f32, limits: [f32; 2]| match value {
        v if v >= limits[1] => Role::Negative,
        v if v >= limits[0] => Role::Warning,
        _ => Role::Band,
    };
    for row in 0..area.height {
        let y = area.y + row;
        let name = if row == 0 { "ppl" } else { "top-1" };
        c.text(area.x, y, name, muted, left.saturating_sub(area.x));
        for i in 0..width {
            let value = if row == 0 {
                costs.perplexity_at(at(i))
            } else {
                costs.top1_at(at(i))
            };
            let Some((value, _)) = value else { continue };
            let (share, role) = if row == 0 {
                (value.max(1.0).ln() / FULL.ln(), grade(value, COSTLY))
            } else {
                (value, grade(1.0 - value, LOST))
            };
            let eighths = (share * 8.0).round().clamp(1.0, 8.0) as usize;
            let style = ratatui::style::Style {
                bg: None,
                ..c.style(if role == Role::Band {
                    Role::Curve
                } else {
                    role
                })
            };
            let symbol = c.glyphs.eighth(eighths);
            c.cell(left + i, y, symbol, style);
        }
    }
}
