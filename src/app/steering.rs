//! The setting under the user's hand and its history: block, coefficient, mask, on or off.

use std::collections::VecDeque;

use crate::units::{Edit, Mask};

/// The setting that texts and figures describe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// Block whose output is steered, 0-based.
    pub block: usize,
    /// Raw coefficient `c`.
    pub coefficient: f32,
    /// Steered positions.
    pub mask: Mask,
    /// What is done there, and at which point of the block.
    pub edit: Edit,
    /// Steer only prompts that meet it.
    pub condition: Option<ConditionSetting>,
    /// Off: the vector is held back, as if the coefficient were 0.
    pub enabled: bool,
}

/// A condition on the prompt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConditionSetting {
    /// Number of its vector among those that served in this session.
    pub vector: usize,
    /// Block whose output is compared.
    pub block: usize,
    /// Similarity at which the gate opens.
    pub threshold: f32,
    /// Above the threshold, else below it.
    pub above: bool,
}

impl Setting {
    /// The edit that takes effect: some operators do something at 0, a vector held back does nothing.
    pub fn effective_edit(&self) -> Edit {
        if self.enabled { self.edit } else { Edit::ADD }
    }

    /// The coefficient that takes effect.
    pub fn effective(&self) -> f32 {
        if self.enabled { self.coefficient } else { 0.0 }
    }
}

/// One change of the setting.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Change {
    before: Setting,
    after: Setting,
}

const KEPT: usize = 500;

/// The setting with undo and redo; a drag is one entry.
#[derive(Debug, Clone)]
pub struct Steering {
    now: Setting,
    undo: VecDeque<Change>,
    redo: Vec<Change>,
    drag: Option<Setting>,
}

impl Steering {
    /// A setting without history.
    pub fn new(now: Setting) -> Self {
        Self {
            now,
            undo: VecDeque::new(),
            redo: Vec::new(),
            drag: None,
        }
    }

    /// The present setting.
    pub fn now(&self) -> Setting {
        self.now
    }

    /// Makes a change; returns whether anything differs. Within a drag it adds no entry.
    pub fn change(&mut self, to: Setting) -> bool {
        if to == self.now {
            return false;
        }
        let before = std::mem::replace(&mut self.now, to);
        if self.drag.is_none() {
            self.push(before);
        }
        true
    }

    /// A change that is no user's doing (another model has fewer blocks): no entry.
    pub fn adjust(&mut self, to: Setting) {
        self.now = to;
    }

    /// Starts a drag.
    pub fn begin_drag(&mut self) {
        if self.drag.is_none() {
            self.drag = Some(self.now);
        }
    }

    /// Ends a drag: one entry for all of it.
    pub fn end_drag(&mut self) {
        if let Some(before) = self.drag.take()
            && before != self.now
        {
            self.push(before);
        }
    }

    /// Whether a drag is under way.
    pub fn is_dragging(&self) -> bool {
        self.drag.is_some()
    }

    fn push(&mut self, before: Setting) {
        self.redo.clear();
        self.undo.push_back(Change {
            before,
            after: self.now,
        });
        if self.undo.len() > KEPT {
            self.undo.pop_front();
        }
    }

    /// Takes the last change back.
    pub fn undo(&mut self) -> bool {
        self.end_drag();
        let Some(change) = self.undo.pop_back() else {
            return false;
        };
        self.now = change.before;
        self.redo.push(change);
        true
    }

    /// Makes the change again.
    pub fn redo(&mut self) -> bool {
        self.end_drag();
        let Some(change) = self.redo.pop() else {
            return false;
        };
        self.now = change.after;
        self.undo.push_back(change);
        true
    }

    /// Whether there is something to take back.
    pub fn can_undo(&self) -> bool {
        !self.undo.is_empty()
    }

    /// Whether there is something to make again.
    pub fn can_redo(&self) -> bool {
        !self.redo.is_empty()
    }
}
