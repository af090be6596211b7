//! The prompt list: typed prompts and the inputs of the data set, filtered.

use std::sync::Arc;

use crate::protocol::InputItem;
use crate::text::one_line;

/// One row of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptRef {
    /// A typed prompt, by place.
    Typed(usize),
    /// An input of the data set, by index.
    Input(usize),
}

/// Typed prompts kept.
const MAX_TYPED: usize = 200;
/// Typed prompts remembered for later sessions.
const MAX_HISTORY: usize = 500;

/// Rows, selection and the prompt the texts come from.
#[derive(Debug, Clone, Default)]
pub struct Prompts {
    typed: Vec<String>,
    items: Arc<Vec<InputItem>>,
    history: Vec<String>,
    /// Text filter, as typed.
    pub filter: String,
    visible: Vec<PromptRef>,
    /// Selected row of the visible ones.
    pub selected: usize,
    active: Option<PromptRef>,
    text: String,
    /// Bytes that all inputs begin with, up to a word.
    shared: usize,
}

impl Prompts {
    /// A list with the prompts of earlier sessions for recall.
    pub fn new(history: Vec<String>) -> Self {
        Self {
            history,
            ..Self::default()
        }
    }

    /// Rows that pass the filters.
    pub fn visible(&self) -> &[PromptRef] {
        &self.visible
    }

    /// Rows without filters.
    pub fn total(&self) -> usize {
        self.typed.len() + self.items.len()
    }

    /// Typed prompts for recall, oldest first.
    pub fn history(&self) -> &[String] {
        &self.history
    }

    /// The data set's inputs.
    pub fn items(&self) -> &[InputItem] {
        &self.items
    }

    /// Text of a row.
    pub fn text_of(&self, row: PromptRef) -> &str {
        match row {
            PromptRef::Typed(i) => self.typed.get(i).map_or("", String::as_str),
            PromptRef::Input(i) => self.items.get(i).map_or("", |item| item.prompt.as_str()),
        }
    }

    /// What tells a row from the others: an input without the beginning that all of them share.
    /// The flag says that something was left out.
    pub fn distinct(&self, row: PromptRef) -> (&str, bool) {
        let text = self.text_of(row);
        match row {
            PromptRef::Input(_) if self.shared > 0 => {
                (text.get(self.shared..).unwrap_or(text), true)
            }
            _ => (text, false),
        }
    }

    /// Row the texts come from.
    pub fn active(&self) -> Option<PromptRef> {
        self.active
    }

    /// Prompt the texts come from; empty when there is none.
    pub fn active_text(&self) -> &str {
        &self.text
    }

    /// The input that is open, if it is one of the data set.
    pub fn active_input(&self) -> Option<usize> {
        match self.active? {
            PromptRef::Input(i) => Some(i),
            PromptRef::Typed(_) => None,
        }
    }

    /// Row under the selection.
    pub fn selected_row(&self) -> Option<PromptRef> {
        self.visible.get(self.selected).copied()
    }

    /// Takes a data set's inputs; the open prompt stays if it was typed, else the first opens.
    pub fn set_items(&mut self, items: Arc<Vec<InputItem>>) {
        self.items = items;
        self.shared = shared_beginning(&self.items);
        if !matches!(self.active, Some(PromptRef::Typed(_))) {
            self.active = None;
            if !self.items.is_empty() {
                self.open(PromptRef::Input(0));
            }
        }
    }

    /// Opens a row.
    pub fn open(&mut self, row: PromptRef) {
        let text = self.text_of(row);
        if !text.is_empty() {
            self.text = text.to_owned();
            self.active = Some(row);
        }
    }

    /// Adds a typed prompt, opens it and remembers it.
    pub fn submit(&mut self, text: &str) {
        self.history.retain(|h| h != text);
        self.history.push(text.to_owned());
        if self.history.len() > MAX_HISTORY {
            self.history.remove(0);
        }
        let place = self
            .typed
            .iter()
            .position(|t| t == text)
            .unwrap_or_else(|| {
                if self.typed.len() >= MAX_TYPED {
                    self.typed.remove(0);
                }
                self.typed.push(text.to_owned());
                self.typed.len() - 1
            });
        self.open(PromptRef::Typed(place));
    }

    /// Removes a typed prompt from the list; it stays in the history.
    pub fn delete(&mut self, place: usize) {
        if place >= self.typed.len() {
            return;
        }
        self.typed.remove(place);
        self.active = match self.active {
            Some(PromptRef::Typed(i)) if i == place => None,
            Some(PromptRef::Typed(i)) if i > place => Some(PromptRef::Typed(i - 1)),
            other => other,
        };
    }

    /// Applies the text filter and, for inputs, `keep`; the selection stays on its row if that
    /// is still visible.
    pub fn refresh(&mut self, keep: impl Fn(usize) -> bool, only_inputs: bool) {
        let before = self.selected_row();
        let needle = self.filter.to_lowercase();
        let passes =
            |text: &str| needle.is_empty() || one_line(text).to_lowercase().contains(&needle);
        let typed = (0..self.typed.len()).rev().map(PromptRef::Typed);
        let inputs = (0..self.items.len())
            .filter(|i| keep(*i))
            .map(PromptRef::Input);
        self.visible = typed
            .filter(|_| !only_inputs)
            .chain(inputs)
            .filter(|row| passes(self.text_of(*row)))
            .collect();
        let place = |row| self.visible.iter().position(|v| Some(*v) == row);
        self.selected = place(before)
            .or_else(|| place(self.active))
            .unwrap_or(self.selected)
            .min(self.visible.len().saturating_sub(1));
    }

    /// Moves the selection to the open prompt.
    pub fn select_active(&mut self) {
        if let Some(i) = self.visible.iter().position(|v| Some(*v) == self.active) {
            self.selected = i;
        }
    }

    /// Moves the selection by rows, within the list.
    pub fn step(&mut self, rows: isize) {
        let last = self.visible.len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(rows).min(last);
    }
}

/// Length of the common beginning of all prompts, cut back to whole words; 0 when short.
fn shared_beginning(items: &[InputItem]) -> usize {
    let Some((first, rest)) = items.split_first().filter(|(_, rest)| !rest.is_empty()) else {
        return 0;
    };
    let common = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    let shared = rest
        .iter()
        .map(|item| common(&first.prompt, &item.prompt))
        .min()
        .unwrap_or(0);
    let head = (0..=shared)
        .rev()
        .find_map(|end| first.prompt.get(..end))
        .unwrap_or_default();
    let words = head.rfind(char::is_whitespace).map_or(0, |i| i + 1);
    if words >= 12 { words } else { 0 }
}
