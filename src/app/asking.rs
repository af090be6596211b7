//! The dialog for how rows are asked and read: prompts, system text, definition of the figures.

use crate::app::messages::Level;
use crate::app::overlay::Overlay;
use crate::app::{App, Engine};
use crate::protocol::{Asking, ChatFormat, ChatSupport, Command};

/// Names of the fields, in order.
pub const FIELDS: [&str; 3] = ["prompts", "system", "figures"];

/// System text of a new choice (Tan et al. 2407.12404, released code).
const SYSTEM: &str = "You are a helpful, honest and concise assistant.";

/// Longest system text.
const LONGEST: usize = 400;

/// The dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskingForm {
    chat: bool,
    system: String,
    parity: bool,
    support: ChatSupport,
    /// Field under edit.
    pub at: usize,
}

impl AskingForm {
    fn new(asking: &Asking, support: ChatSupport) -> Self {
        let chat = asking.chat.as_ref();
        Self {
            chat: chat.is_some(),
            system: chat.map_or_else(
                || SYSTEM.to_owned(),
                |c| c.system.clone().unwrap_or_default(),
            ),
            parity: asking.parity,
            support,
            at: 0,
        }
    }

    /// What a field shows.
    pub fn value(&self, field: usize) -> &str {
        match field {
            0 if !self.chat => "as written",
            0 if self.support == ChatSupport::Template => "chat template",
            0 => "plain questions",
            1 if !self.chat => "none",
            1 => &self.system,
            _ if self.parity => "paper parity",
            _ => "sound default",
        }
    }

    /// What a field means.
    pub fn hint(&self, field: usize) -> &'static str {
        match (field, self.support) {
            (0, _) if !self.chat => "each row's prompt and nothing else",
            (0, ChatSupport::Template) => "system message, then the row as a user's turn",
            (0, ChatSupport::Unusable) => "the model's template cannot be used; F2 shows why",
            (0, ChatSupport::None) => "no template came with the model: Question: ... Answer:",
            (1, _) if !self.chat => "belongs to a chat",
            (1, _) => "type it; empty for none",
            _ if self.parity => "as published: rows overlap with training, logits are summed",
            _ => "disjoint split, logit difference where the answers part",
        }
    }

    /// Whether a field is typed into.
    pub fn is_typed(&self, field: usize) -> bool {
        field == 1 && self.chat
    }

    fn asking(&self) -> Asking {
        let system = Some(self.system.trim().to_owned()).filter(|s| !s.is_empty());
        Asking {
            chat: self.chat.then_some(ChatFormat { system }),
            parity: self.parity,
        }
    }

    /// Another field.
    pub fn step(&mut self, by: isize) {
        self.at = (self.at as isize + by).rem_euclid(FIELDS.len() as isize) as usize;
    }

    /// The other value of the field.
    pub fn nudge(&mut self) {
        match self.at {
            0 => self.chat = !self.chat,
            2 => self.parity = !self.parity,
            _ => {}
        }
    }

    /// Types into the system text.
    pub fn type_char(&mut self, c: char) {
        if self.is_typed(self.at) && !c.is_control() && self.system.chars().count() < LONGEST {
            self.system.push(c);
        }
    }

    /// Deletes the last character.
    pub fn backspace(&mut self) {
        if self.is_typed(self.at) {
            self.system.pop();
        }
    }
}

impl App {
    /// How rows are asked.
    pub fn asking(&self) -> &Asking {
        &self.asking
    }

    /// Opens the dialog.
    pub(super) fn open_asking(&mut self) {
        if self.engine != Engine::Ready {
            self.say(Level::Info, "the model is not loaded yet");
            return;
        }
        let support = self.model.as_ref().map(|m| m.chat).unwrap_or_default();
        let form = AskingForm::new(&self.asking, support);
        self.overlays.push(Overlay::Asking(form));
    }

    /// Takes the dialog's choice: the data set is read anew.
    pub(super) fn take_asking(&mut self) {
        let Some(Overlay::Asking(form)) = self.overlays.pop() else {
            return;
        };
        let asking = form.asking();
        if asking == self.asking {
            return;
        }
        self.asking = asking;
        if let Some(asset) = self.wanted_dataset.clone() {
            self.load_dataset(asset);
        }
        self.lab.wanted = true;
    }

    /// Reads a data set in the way that is chosen.
    pub(super) fn send_dataset(&mut self, asset: crate::protocol::Asset) {
        let asking = self.asking.clone();
        self.send(Command::LoadDataset(asset, asking));
    }

    /// A data set could not be read: what holds is how the loaded one is asked.
    pub(super) fn asking_refused(&mut self) {
        let loaded = self.dataset.as_ref().map(|d| d.asking.clone());
        self.asking = loaded.unwrap_or_default();
    }
}
