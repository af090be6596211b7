//! Moving and typing in the dialog for a new vector.

use super::form::{ExtractForm, FIRST, Field, METHODS, SOURCES};
use crate::text::{one_line, sanitize};

/// Longest text that a field takes, in bytes.
const MAX_TEXT: usize = 4000;

impl ExtractForm {
    /// Another field.
    pub fn step(&mut self, by: isize) {
        let n = self.fields().len() as isize;
        self.at = (self.at as isize + by).rem_euclid(n.max(1)) as usize;
    }

    /// To a field by its number.
    pub fn go_to(&mut self, at: usize) {
        self.at = at.min(self.fields().len().saturating_sub(1));
    }

    /// Another value of the field.
    pub fn nudge(&mut self, by: isize) {
        let turn = |at: usize, n: usize| (at as isize + by).rem_euclid(n.max(1) as isize) as usize;
        self.error = None;
        match self.field() {
            Field::Source => {
                self.source = turn(self.source, SOURCES.len());
                let first = FIRST.get(self.source).copied().unwrap_or_default();
                let first = METHODS.iter().position(|(name, _)| *name == first);
                self.method = first.unwrap_or(0);
                self.read = self.read.min(self.reads().len() - 1);
            }
            Field::Dataset => self.dataset = turn(self.dataset, self.datasets.len()),
            Field::Method => self.method = turn(self.method, METHODS.len()),
            Field::Read if self.read_is_fixed().is_none() => {
                self.read = turn(self.read, self.reads().len());
            }
            _ => {}
        }
    }

    fn typed_mut(&mut self) -> Option<&mut String> {
        match self.field() {
            Field::Positive => self.texts.get_mut(self.source)?.first_mut(),
            Field::Negative => self.texts.get_mut(self.source)?.get_mut(1),
            Field::Prompts => Some(&mut self.prompts),
            Field::Length => Some(&mut self.length),
            Field::Limit => Some(&mut self.limit),
            Field::Name => Some(&mut self.name),
            Field::Source | Field::Dataset | Field::Method | Field::Read => None,
        }
    }

    /// Whether the field under edit takes text.
    pub fn takes_text(&self) -> bool {
        self.typed(self.field()).is_some()
    }

    /// Types into the field.
    pub fn type_text(&mut self, text: &str) {
        self.error = None;
        let field = self.field();
        if field == Field::Read && self.read_is_fixed().is_none() {
            let open = |s: &str| s.starts_with(|c: char| c.is_ascii_digit() || c == '-');
            let mut words = (self.chosen.take())
                .filter(|w| self.read == 0 && open(w))
                .unwrap_or_default();
            words.extend(
                text.chars()
                    .filter(|c| c.is_ascii_digit() || "-.".contains(*c)),
            );
            words.truncate(20);
            self.chosen = Some(words).filter(|w| !w.is_empty());
            self.read = 0;
            return;
        }
        let clean = match field {
            Field::Limit | Field::Length => text.chars().filter(char::is_ascii_digit).collect(),
            Field::Name => one_line(text),
            _ => sanitize(text),
        };
        let most = match field {
            Field::Limit | Field::Length => 6,
            Field::Name => 60,
            _ => MAX_TEXT,
        };
        if let Some(value) = self.typed_mut()
            && value.len() + clean.len() <= most
        {
            value.push_str(&clean);
        }
    }

    /// Deletes the last character.
    pub fn backspace(&mut self) {
        self.error = None;
        if self.field() == Field::Read
            && self.read == 0
            && let Some(words) = &mut self.chosen
        {
            words.pop();
            if words.is_empty() {
                self.chosen = None;
            }
            return;
        }
        if let Some(value) = self.typed_mut() {
            value.pop();
        }
    }

    /// Deletes everything typed into the field.
    pub fn clear(&mut self) {
        self.error = None;
        if let Some(value) = self.typed_mut() {
            value.clear();
        }
    }
}
