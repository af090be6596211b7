//! Colour depth, nearest colours and contrast.

use ratatui::style::{Color, Style};

/// How many colours the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// No colour at all (`NO_COLOR`, `TERM=dumb`).
    None,
    /// The 16 colours of the terminal.
    Ansi16,
    /// The 256-colour table.
    Indexed,
    /// 24-bit colour.
    True,
}

/// The sixteen as most terminals draw them, for nearest matches only.
const SIXTEEN: [(Color, [u8; 3]); 16] = [
    (Color::Black, [0, 0, 0]),
    (Color::Red, [205, 49, 49]),
    (Color::Green, [13, 188, 121]),
    (Color::Yellow, [229, 229, 16]),
    (Color::Blue, [36, 114, 200]),
    (Color::Magenta, [188, 63, 188]),
    (Color::Cyan, [17, 168, 205]),
    (Color::Gray, [204, 204, 204]),
    (Color::DarkGray, [102, 102, 102]),
    (Color::LightRed, [241, 76, 76]),
    (Color::LightGreen, [35, 209, 139]),
    (Color::LightYellow, [245, 245, 67]),
    (Color::LightBlue, [59, 142, 234]),
    (Color::LightMagenta, [214, 112, 214]),
    (Color::LightCyan, [41, 184, 219]),
    (Color::White, [242, 242, 242]),
];

/// The style with colours the terminal can show. At 16 colours the theme's background is the
/// terminal's own, since the nearest of sixteen would be far off.
pub(super) fn at_depth(style: Style, depth: Depth) -> Style {
    let map = |color: Option<Color>| match (color, depth) {
        (_, Depth::None) => None,
        (Some(Color::Rgb(r, g, b)), Depth::Indexed) => Some(indexed([r, g, b])),
        (Some(Color::Rgb(r, g, b)), Depth::Ansi16) => Some(nearest16([r, g, b])),
        (other, _) => other,
    };
    let dark = |c: Color| matches!(c, Color::Black | Color::White | Color::Gray);
    Style {
        fg: map(style.fg).filter(|c| depth != Depth::Ansi16 || !dark(*c) || style.bg.is_some()),
        bg: map(style.bg).filter(|c| depth != Depth::Ansi16 || !dark(*c)),
        ..style
    }
}

/// Distance that weighs channels as the eye does.
fn distance(a: [u8; 3], b: [u8; 3]) -> i32 {
    let [dr, dg, db] = [0, 1, 2]
        .map(|i: usize| i32::from(*a.get(i).unwrap_or(&0)) - i32::from(*b.get(i).unwrap_or(&0)));
    3 * dr * dr + 6 * dg * dg + db * db
}

fn nearest16(rgb: [u8; 3]) -> Color {
    SIXTEEN
        .iter()
        .min_by_key(|(_, c)| distance(*c, rgb))
        .map_or(Color::Reset, |(c, _)| *c)
}

/// Red, green, blue of an entry of the 256-colour table from 16 on.
fn table(i: u8) -> [u8; 3] {
    if i >= 232 {
        let grey = 8 + 10 * (i - 232);
        return [grey; 3];
    }
    let level = |v: u8| if v == 0 { 0 } else { 55 + 40 * v };
    let n = i.saturating_sub(16);
    [level(n / 36), level(n / 6 % 6), level(n % 6)]
}

/// The first 16 entries are skipped: users redefine them.
fn indexed(rgb: [u8; 3]) -> Color {
    (16..=255u8)
        .min_by_key(|i| distance(table(*i), rgb))
        .map_or(Color::Reset, Color::Indexed)
}

/// Red, green, blue; the sixteen as most terminals draw them, `None` for the terminal's own.
pub(super) fn rgb(color: Color) -> Option<[u8; 3]> {
    match color {
        Color::Rgb(r, g, b) => Some([r, g, b]),
        Color::Indexed(i) if i >= 16 => Some(table(i)),
        named => SIXTEEN.iter().find(|(c, _)| *c == named).map(|(_, v)| *v),
    }
}

/// WCAG contrast ratio of two 24-bit colours; `None` for the terminal's own colours.
pub fn contrast(a: Color, b: Color) -> Option<f64> {
    let (x, y) = (luminance(a)?, luminance(b)?);
    Some((x.max(y) + 0.05) / (x.min(y) + 0.05))
}

fn luminance(color: Color) -> Option<f64> {
    let Color::Rgb(r, g, b) = color else {
        return None;
    };
    let channel = |v: u8| {
        let s = f64::from(v) / 255.0;
        if s <= 0.04045 {
            s / 12.92
        } else {
            ((s + 0.055) / 1.055).powf(2.4)
        }
    };
    Some(0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b))
}
