//! Keys to actions: the default keys of the binding table, parsed once.

use crate::app::action::{Action, Binding, When};
use crate::app::bindings::BINDINGS;
use crate::app::focus::Pane;
use crate::app::input::Key;

/// Parsed keys of the table.
#[derive(Debug, Clone)]
pub struct Keymap {
    keys: Vec<(Key, &'static Binding)>,
}

impl Default for Keymap {
    fn default() -> Self {
        let keys = BINDINGS
            .iter()
            .flat_map(|b| {
                b.keys
                    .iter()
                    .filter_map(move |k| Some((k.parse().ok()?, b)))
            })
            .collect();
        Self { keys }
    }
}

impl Keymap {
    /// Action of a key outside the main screen's panes.
    pub fn find(&self, key: Key, when: When) -> Option<Action> {
        self.keys
            .iter()
            .find(|(k, b)| *k == key && b.when == when)
            .map(|(_, b)| b.action)
    }

    /// Action of a key on the main screen: the focused pane's first, then the screen's.
    pub fn find_main(&self, key: Key, pane: Pane) -> Option<Action> {
        let of_pane = self
            .keys
            .iter()
            .find(|(k, b)| *k == key && holds_in(b.when, pane));
        of_pane
            .map(|(_, b)| b.action)
            .or_else(|| self.find(key, When::Main))
            .or_else(|| self.find(key, When::Anywhere))
    }
}

/// Whether a binding belongs to this pane.
pub fn holds_in(when: When, pane: Pane) -> bool {
    matches!(when, When::In(panes) if panes.contains(&pane))
}
