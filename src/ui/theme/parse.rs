//! Theme files: inheritance, palettes and the small language of styles.

use ratatui::style::{Color, Modifier, Style};
use toml::{Table, Value};

use super::Role;

/// What background a theme is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Variant {
    /// Dark backgrounds, or any.
    #[default]
    Dark,
    /// Light backgrounds.
    Light,
}

/// A theme's styles before they are fitted to a terminal.
#[derive(Debug, Clone, Default)]
pub(super) struct Parsed {
    pub(super) variant: Variant,
    styles: Vec<(Role, Style)>,
}

impl Parsed {
    pub(super) fn style(&self, role: Role) -> Style {
        self.styles
            .iter()
            .rev()
            .find(|(r, _)| *r == role)
            .map(|(_, s)| *s)
            .unwrap_or_default()
    }
}

/// A theme with everything it inherits, and what is wrong with the files on the way.
pub(super) fn resolve<'a>(
    name: &str,
    source: &dyn Fn(&str) -> Option<&'a str>,
) -> (Parsed, Vec<String>) {
    let mut warnings = Vec::new();
    let mut chain = Vec::new();
    let mut next = Some(name.to_owned());
    while let Some(current) = next.take() {
        if chain.iter().any(|(n, _)| *n == current) {
            warnings.push(format!("theme '{current}' inherits itself"));
            break;
        }
        let Some(text) = source(&current) else {
            warnings.push(format!("there is no theme '{current}'; using default"));
            if current != "default" {
                next = Some("default".to_owned());
            }
            continue;
        };
        let table: Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                let line = error.span().map_or(1, |s| line_of(text, s.start));
                warnings.push(format!(
                    "theme '{current}' line {line}: {}",
                    error.message()
                ));
                Table::new()
            }
        };
        next = table
            .get("inherits")
            .and_then(Value::as_str)
            .map(str::to_owned);
        if next.is_none() && current != "default" && !table.contains_key("standalone") {
            next = Some("default".to_owned());
        }
        chain.push((current, table));
    }
    let mut parsed = Parsed::default();
    // The nearest file's palette wins, for inherited styles too: a light variant is a palette.
    let palette: Vec<&Table> = chain
        .iter()
        .filter_map(|(_, t)| t.get("palette").and_then(Value::as_table))
        .collect();
    for (file, table) in chain.iter().rev() {
        for (key, value) in table {
            match (key.as_str(), value) {
                ("inherits" | "standalone" | "meta" | "palette", _) => {}
                ("variant", Value::String(v)) if v == "light" => parsed.variant = Variant::Light,
                ("variant", Value::String(v)) if v == "dark" => parsed.variant = Variant::Dark,
                ("styles", Value::Table(styles)) => {
                    for (role, value) in styles {
                        match read_style(role, value, &palette) {
                            Ok(style) => parsed.styles.push(style),
                            Err(why) => warnings.push(format!("theme '{file}': {why}")),
                        }
                    }
                }
                _ => warnings.push(format!("theme '{file}': unknown key '{key}'")),
            }
        }
    }
    (parsed, warnings)
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}

fn read_style(role: &str, value: &Value, palette: &[&Table]) -> Result<(Role, Style), String> {
    let known = Role::ALL.iter().find(|r| r.name() == role);
    let known = known.ok_or_else(|| format!("unknown style '{role}'"))?;
    let text = value
        .as_str()
        .ok_or_else(|| format!("'{role}' takes a text like \"red bold\""))?;
    let mut style = Style::new();
    let mut background = false;
    for word in text.split_whitespace() {
        match word {
            "on" => background = true,
            "bold" => style = style.add_modifier(Modifier::BOLD),
            "dim" => style = style.add_modifier(Modifier::DIM),
            "italic" => style = style.add_modifier(Modifier::ITALIC),
            "underline" => style = style.add_modifier(Modifier::UNDERLINED),
            "reverse" => style = style.add_modifier(Modifier::REVERSED),
            name => {
                let color = read_color(name, palette, 0)
                    .ok_or_else(|| format!("'{role}' names an unknown colour '{name}'"))?;
                style = if background {
                    style.bg(color)
                } else {
                    style.fg(color)
                };
            }
        }
    }
    Ok((*known, style))
}

fn read_color(name: &str, palette: &[&Table], depth: usize) -> Option<Color> {
    if let Some(value) = palette
        .iter()
        .find_map(|p| p.get(name))
        .filter(|_| depth < 4)
    {
        return read_color(value.as_str()?, palette, depth + 1);
    }
    if let Some(hex) = name.strip_prefix('#') {
        let number = (hex.len() == 6)
            .then(|| u32::from_str_radix(hex, 16).ok())
            .flatten()?;
        let [_, r, g, b] = number.to_be_bytes();
        return Some(Color::Rgb(r, g, b));
    }
    if name == "terminal" {
        return Some(Color::Reset);
    }
    NAMES.iter().find(|(n, _)| *n == name).map(|(_, c)| *c)
}

/// The terminal's own colours.
const NAMES: [(&str, Color); 16] = [
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("gray", Color::Gray),
    ("dark-gray", Color::DarkGray),
    ("light-red", Color::LightRed),
    ("light-green", Color::LightGreen),
    ("light-yellow", Color::LightYellow),
    ("light-blue", Color::LightBlue),
    ("light-magenta", Color::LightMagenta),
    ("light-cyan", Color::LightCyan),
    ("white", Color::White),
];
