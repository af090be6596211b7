//! Colours by meaning, read from TOML files.

use crate::app::App;

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

/// Styles by meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    name: String,
}

/// The themes of this run: finds the one the app asks for, at the depth of the terminal.
#[derive(Debug)]
pub struct Look {
    depth: Depth,
    current: Theme,
}

impl Look {
    /// Shipped themes at this depth.
    pub fn new(depth: Depth) -> Self {
        Self {
            depth,
            current: Theme {
                name: "default".to_owned(),
            },
        }
    }

    /// Names for the theme picker.
    pub fn names(&self) -> Vec<String> {
        vec!["default".to_owned()]
    }

    /// The theme the app asks for.
    pub fn theme(&mut self, app: &App) -> &Theme {
        if self.current.name != app.theme() && self.depth > Depth::None {
            app.theme().clone_into(&mut self.current.name);
        }
        &self.current
    }
}
