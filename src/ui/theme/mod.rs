//! Colours by meaning, read from TOML files; the only place that knows colours.
//!
//! A theme file gives each [`Role`] a style such as `"red bold"` or `"text on surface"`, where
//! colour names are the terminal's sixteen, `#rrggbb`, or entries of its own `[palette]`. What it
//! leaves out comes from the theme it `inherits`. Mistakes are warnings, never a refusal.

mod color;
mod heat;
mod parse;

use ratatui::style::Style;

pub use color::{Depth, contrast};
pub use parse::Variant;

use crate::app::App;

macro_rules! roles {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What a style is for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Role { $($(#[$doc])* $variant,)* }

        impl Role {
            /// Every role.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Name in theme files.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

roles! {
    /// The screen behind everything.
    Background = "background",
    /// Plain text.
    Text = "text",
    /// Less important text.
    Muted = "muted",
    /// Names, values, keys.
    Accent = "accent",
    /// Border of the focused pane.
    Focus = "focus",
    /// Other borders.
    Border = "border",
    /// Title line.
    Title = "title",
    /// Selected row.
    Selection = "selection",
    /// Steered words the unsteered text lacks.
    Added = "added",
    /// Unsteered words the steered text lacks.
    Removed = "removed",
    /// First token that differs.
    Diverge = "diverge",
    /// What belongs to the unsteered lane.
    Baseline = "baseline",
    /// What belongs to the steered lane.
    Steered = "steered",
    /// Left of zero: anti-steerable.
    Negative = "negative",
    /// Zero marks.
    Zero = "zero",
    /// Right of zero.
    Positive = "positive",
    /// Results of an earlier setting.
    Stale = "stale",
    /// Quartile band of the curve.
    Band = "band",
    /// Mean curve.
    Curve = "curve",
    /// The selected input's own curve.
    Own = "own",
    /// Warnings.
    Warning = "warning",
    /// Errors.
    Error = "error",
}

/// The shipped files.
const SHIPPED: [(&str, &str); 7] = [
    ("default", include_str!("../../../themes/default.toml")),
    (
        "catppuccin-mocha",
        include_str!("../../../themes/catppuccin-mocha.toml"),
    ),
    (
        "catppuccin-latte",
        include_str!("../../../themes/catppuccin-latte.toml"),
    ),
    (
        "gruvbox-dark",
        include_str!("../../../themes/gruvbox-dark.toml"),
    ),
    (
        "gruvbox-light",
        include_str!("../../../themes/gruvbox-light.toml"),
    ),
    ("okabe-ito", include_str!("../../../themes/okabe-ito.toml")),
    ("mono", include_str!("../../../themes/mono.toml")),
];

/// Styles by meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    name: String,
    variant: Variant,
    depth: Depth,
    styles: Vec<Style>,
}

impl Theme {
    /// A shipped theme at full depth; `default` when there is none of that name.
    pub fn shipped(name: &str, depth: Depth) -> Self {
        Look::new(depth).load(name).0
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For dark or light backgrounds.
    pub fn variant(&self) -> Variant {
        self.variant
    }

    /// Style of a role.
    pub fn get(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }
}

/// The themes of this run: finds the one the app asks for, at the depth of the terminal.
#[derive(Debug)]
pub struct Look {
    depth: Depth,
    files: Vec<(String, String)>,
    current: Option<Theme>,
}

impl Look {
    /// Shipped themes at this depth; without colour every name gives `mono`.
    pub fn new(depth: Depth) -> Self {
        let files = SHIPPED
            .iter()
            .map(|(n, t)| ((*n).to_owned(), (*t).to_owned()))
            .collect();
        Self {
            depth,
            files,
            current: None,
        }
    }

    /// Adds a theme file of the user, or replaces the shipped one of that name. Returns what is
    /// wrong with it; the rest of it still holds.
    pub fn add(&mut self, name: &str, toml: &str) -> Vec<String> {
        self.files.retain(|(n, _)| n != name);
        self.files.push((name.to_owned(), toml.to_owned()));
        self.current = None;
        self.load(name).1
    }

    /// Names for the theme picker.
    pub fn names(&self) -> Vec<String> {
        self.files.iter().map(|(n, _)| n.clone()).collect()
    }

    /// Loads a theme; the texts say what is wrong with its file.
    pub fn load(&self, name: &str) -> (Theme, Vec<String>) {
        let name = if self.depth == Depth::None {
            "mono"
        } else {
            name
        };
        let source = |n: &str| {
            self.files
                .iter()
                .find(|(f, _)| f == n)
                .map(|(_, t)| t.as_str())
        };
        let (parsed, warnings) = parse::resolve(name, &source);
        let styles = Role::ALL
            .iter()
            .map(|role| color::at_depth(parsed.style(*role), self.depth))
            .collect();
        (
            Theme {
                name: name.to_owned(),
                variant: parsed.variant,
                depth: self.depth,
                styles,
            },
            warnings,
        )
    }

    /// The theme the app asks for.
    pub fn theme(&mut self, app: &App) -> &Theme {
        self.named(app.theme())
    }

    fn named(&mut self, name: &str) -> &Theme {
        let wanted = if self.depth == Depth::None {
            "mono"
        } else {
            name
        };
        let keep = self.current.take().filter(|t| t.name == wanted);
        let theme = keep.unwrap_or_else(|| self.load(wanted).0);
        self.current.insert(theme)
    }
}
