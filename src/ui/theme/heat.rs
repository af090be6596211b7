//! Cells of heat maps: from the negative role's colour through the background to the positive one's.

use ratatui::style::{Color, Modifier, Style};

use super::color::{Depth, at_depth, contrast, rgb};
use super::{Role, Theme};

/// Below this share of the scale a cell is plain text.
const FAINT: f64 = 0.08;

impl Theme {
    /// Style of a cell whose value is `t` on a scale from −1 to 1. Without colours large values are
    /// bold, the largest reversed; the number in the cell carries the sign.
    pub fn heat(&self, t: f64) -> Style {
        let t = if t.is_finite() {
            t.clamp(-1.0, 1.0)
        } else {
            0.0
        };
        let plain = self.get(Role::Text);
        if t.abs() < FAINT {
            return plain;
        }
        let role = self.get(if t < 0.0 {
            Role::Negative
        } else {
            Role::Positive
        });
        match self.depth {
            Depth::None if t.abs() > 0.75 => plain.add_modifier(Modifier::REVERSED),
            Depth::None if t.abs() > 0.4 => plain.add_modifier(Modifier::BOLD),
            Depth::None => plain,
            Depth::Ansi16 if t.abs() > 0.6 => role.add_modifier(Modifier::REVERSED),
            Depth::Ansi16 => role,
            Depth::Indexed | Depth::True => self.blended(role, t.abs()),
        }
    }

    fn blended(&self, role: Style, share: f64) -> Style {
        let Some(full) = role.fg.and_then(rgb) else {
            return role;
        };
        // Where the terminal's own background is not known, dark to full tones stand out on any.
        let known = self.get(Role::Background).bg.and_then(rgb);
        if known.is_none() && share < 0.25 {
            return role;
        }
        let ground = known.unwrap_or([0, 0, 0]);
        let share = if known.is_some() {
            share
        } else {
            0.3 + 0.7 * share
        };
        let mix = |a: u8, b: u8| {
            let x = f64::from(a) + (f64::from(b) - f64::from(a)) * share;
            x.round().clamp(0.0, 255.0) as u8
        };
        let [r, g, b] = [0, 1, 2].map(|i| mix(ground[i], full[i]));
        let back = Color::Rgb(r, g, b);
        let (light, dark) = (Color::Rgb(255, 255, 255), Color::Rgb(0, 0, 0));
        let on = |c| contrast(c, back).unwrap_or(0.0);
        let ink = if on(light) >= on(dark) { light } else { dark };
        at_depth(Style::new().fg(ink).bg(back), self.depth)
    }
}
