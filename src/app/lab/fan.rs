//! One lane of a fan: a text that grows.

use crate::protocol::{FanPart, FinishReason};
use crate::text::sanitize;

/// Tokens of a lane that are kept.
const MOST: usize = 4096;

/// A coefficient's or a control's text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FanLane {
    /// Coefficient or control.
    pub label: String,
    /// Token ids so far.
    pub ids: Vec<u32>,
    /// Text so far, fit for a terminal.
    pub text: String,
    /// Why it ended, once it did.
    pub finished: Option<FinishReason>,
    raw: String,
}

impl FanLane {
    pub(super) fn new(label: String) -> Self {
        Self {
            label,
            ..Self::default()
        }
    }

    pub(super) fn take_in(&mut self, part: FanPart) {
        for token in part.tokens {
            if self.ids.len() < MOST {
                self.ids.push(token.id);
                self.raw.push_str(&token.text);
            }
        }
        self.text = sanitize(&self.raw);
        if part.finished.is_some() {
            self.finished = part.finished;
        }
    }

    /// Index of the first token that differs from another lane's; `None` while they agree.
    pub fn parts_from(&self, other: &Self) -> Option<usize> {
        let same = self.ids.iter().zip(&other.ids).take_while(|(a, b)| a == b);
        let n = same.count();
        (n < self.ids.len() && n < other.ids.len()).then_some(n)
    }
}
