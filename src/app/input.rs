//! Keys and pointer events as the app sees them, free of any terminal library.
//!
//! `runtime` converts the terminal's events into these; a key has one written form
//! (`ctrl-p`, `F1`, `[`) that prints and parses as inverses.

use std::fmt;
use std::str::FromStr;

/// A key without its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyCode {
    /// A character; upper-case letters come as such, without [`Mods::shift`].
    Char(char),
    /// Return.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Shift and Tab.
    BackTab,
    /// Backspace.
    Backspace,
    /// Delete forward.
    Delete,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Function key.
    F(u8),
    /// Anything else (media keys and the like): never bound, never fatal.
    Other,
}

/// Modifiers held with a key or a pointer event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Mods {
    /// Control.
    pub ctrl: bool,
    /// Alt or Meta.
    pub alt: bool,
    /// Shift; cleared for characters, whose case says it.
    pub shift: bool,
}

/// One key press.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Which key.
    pub code: KeyCode,
    /// Modifiers.
    pub mods: Mods,
}

impl Key {
    /// A key with modifiers, brought to the one form the bindings use.
    pub fn new(code: KeyCode, mut mods: Mods) -> Self {
        if matches!(code, KeyCode::Char(_) | KeyCode::BackTab) {
            mods.shift = false;
        }
        let code = match code {
            KeyCode::Tab if mods.shift => {
                mods.shift = false;
                KeyCode::BackTab
            }
            KeyCode::Char(c) if mods.ctrl => KeyCode::Char(c.to_ascii_lowercase()),
            other => other,
        };
        Self { code, mods }
    }

    /// A key without modifiers.
    pub fn plain(code: KeyCode) -> Self {
        Self::new(code, Mods::default())
    }

    /// A character key without modifiers.
    pub fn char(c: char) -> Self {
        Self::plain(KeyCode::Char(c))
    }

    /// A character key with Control.
    pub fn ctrl(c: char) -> Self {
        Self::new(
            KeyCode::Char(c),
            Mods {
                ctrl: true,
                ..Mods::default()
            },
        )
    }

    /// The character this key types into a text input, if it does.
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if !self.mods.ctrl && !self.mods.alt && !c.is_control() => Some(c),
            _ => None,
        }
    }
}

const NAMED: [(&str, KeyCode); 17] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backtab", KeyCode::BackTab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("space", KeyCode::Char(' ')),
    ("minus", KeyCode::Char('-')),
    ("other", KeyCode::Other),
];

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.mods.ctrl || self.mods.alt || self.mods.shift;
        for (on, name) in [
            (self.mods.ctrl, "ctrl-"),
            (self.mods.alt, "alt-"),
            (self.mods.shift, "shift-"),
        ] {
            if on {
                f.write_str(name)?;
            }
        }
        match self.code {
            KeyCode::F(n) => write!(f, "F{n}"),
            KeyCode::Char('-') if !held => f.write_str("-"),
            code => match (NAMED.iter().find(|(_, c)| *c == code), code) {
                (Some((name, _)), _) => f.write_str(name),
                (None, KeyCode::Char(c)) => write!(f, "{c}"),
                _ => f.write_str("other"),
            },
        }
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut mods = Mods::default();
        let mut rest = text;
        loop {
            if let Some(r) = rest.strip_prefix("ctrl-") {
                (mods.ctrl, rest) = (true, r);
            } else if let Some(r) = rest.strip_prefix("alt-") {
                (mods.alt, rest) = (true, r);
            } else if let Some(r) = rest.strip_prefix("shift-") {
                (mods.shift, rest) = (true, r);
            } else {
                break;
            }
        }
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(c), None) => KeyCode::Char(c),
            (Some('F'), Some(_)) => {
                let n = rest.trim_start_matches('F');
                KeyCode::F(n.parse().map_err(|_| format!("unknown key '{text}'"))?)
            }
            _ => NAMED
                .iter()
                .find(|(name, _)| *name == rest)
                .map(|(_, code)| *code)
                .ok_or_else(|| {
                    format!("unknown key '{text}'; write it like ctrl-p, F1 or enter")
                })?,
        };
        Ok(Self::new(code, mods))
    }
}

/// What the pointer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseKind {
    /// Main button pressed.
    Down,
    /// Moved with the main button held.
    Drag,
    /// Main button released.
    Up,
    /// Wheel away from the user.
    ScrollUp,
    /// Wheel towards the user.
    ScrollDown,
}

/// One pointer event at a 0-based cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mouse {
    /// What happened.
    pub kind: MouseKind,
    /// Column.
    pub column: u16,
    /// Row.
    pub row: u16,
}
