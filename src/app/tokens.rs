//! The prompt token by token: which positions are steered, chosen with the cursor.

use crate::app::messages::Level;
use crate::app::overlay::Overlay;
use crate::app::{App, Engine};
use crate::protocol::{Command, PromptToken, covers};
use crate::units::{Mask, RunId};

/// Cursor and selection on the tokens of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenCursor {
    /// Token under the cursor.
    pub at: usize,
    /// Where the selection began, once it did.
    pub anchor: Option<usize>,
}

impl TokenCursor {
    /// First and last selected token; the one under the cursor without a selection.
    pub fn selected(&self) -> (usize, usize) {
        let other = self.anchor.unwrap_or(self.at);
        (self.at.min(other), self.at.max(other))
    }
}

/// The tokens of the open prompt, once they are read.
#[derive(Debug, Default)]
pub struct PromptTokens {
    asked: Option<RunId>,
    tokens: Vec<PromptToken>,
}

impl PromptTokens {
    /// The tokens.
    pub fn tokens(&self) -> &[PromptToken] {
        &self.tokens
    }
}

impl App {
    /// The tokens of the open prompt.
    pub fn prompt_tokens(&self) -> &PromptTokens {
        &self.prompt_tokens
    }

    /// Whether the present mask steers a position of the prompt.
    pub fn is_steered(&self, position: usize) -> bool {
        covers(
            self.steering.now().mask,
            position,
            self.prompt_tokens.tokens.len(),
        )
    }

    /// Opens the prompt token by token.
    pub(super) fn open_tokens(&mut self) {
        if self.engine != Engine::Ready || self.prompts.active_text().is_empty() {
            self.say(Level::Info, "no prompt is open; press a to write one");
            return;
        }
        let run = self.next_run();
        self.prompt_tokens = PromptTokens {
            asked: Some(run),
            tokens: Vec::new(),
        };
        let prompt = self.prompts.active_text().to_owned();
        let chat = self.chat_format();
        self.send(Command::ReadPrompt { run, prompt, chat });
        self.overlays.push(Overlay::Tokens(TokenCursor::default()));
    }

    pub(super) fn prompt_read(&mut self, run: RunId, tokens: Vec<PromptToken>) -> bool {
        if self.prompt_tokens.asked != Some(run) {
            return false;
        }
        self.prompt_tokens.tokens = tokens;
        // The cursor begins where steering does.
        let n = self.prompt_tokens.tokens.len();
        let first = self.steering.now().mask.first_position(n);
        if let Some(cursor) = self.token_cursor() {
            cursor.at = first.min(n.saturating_sub(1));
        }
        true
    }

    fn token_cursor(&mut self) -> Option<&mut TokenCursor> {
        match self.overlays.last_mut() {
            Some(Overlay::Tokens(cursor)) => Some(cursor),
            _ => None,
        }
    }

    pub(super) fn move_token(&mut self, by: isize) {
        let last = self.prompt_tokens.tokens.len().saturating_sub(1);
        if let Some(cursor) = self.token_cursor() {
            cursor.at = cursor.at.min(last).saturating_add_signed(by).min(last);
        }
    }

    /// Begins a selection here, or gives it up.
    pub(super) fn anchor_token(&mut self) {
        if let Some(cursor) = self.token_cursor() {
            cursor.anchor = match cursor.anchor {
                None => Some(cursor.at),
                Some(_) => None,
            };
        }
    }

    /// Selects the whole part that the cursor stands in.
    pub(super) fn select_part(&mut self) {
        let tokens: Vec<_> = self.prompt_tokens.tokens.iter().map(|t| t.part).collect();
        let Some(cursor) = self.token_cursor() else {
            return;
        };
        let Some(part) = tokens.get(cursor.at) else {
            return;
        };
        let before = tokens[..cursor.at].iter().rev().take_while(|p| *p == part);
        let first = cursor.at - before.count();
        let after = tokens[cursor.at..].iter().take_while(|p| *p == part);
        let last = cursor.at + after.count() - 1;
        (cursor.anchor, cursor.at) = (Some(first), last);
    }

    /// Steers what is selected and nothing else.
    pub(super) fn steer_selection(&mut self) {
        let n = self.prompt_tokens.tokens.len();
        let Some(cursor) = self.token_cursor().copied().filter(|_| n > 0) else {
            return;
        };
        let (lo, last) = cursor.selected();
        let mask = Mask::PromptRange { lo, hi: last + 1 };
        self.overlays.pop();
        self.change(|s| s.mask = mask);
        self.say(
            Level::Info,
            format!("steering positions {lo} to {last} of every prompt; m chooses another mask"),
        );
    }

    /// One of the named masks.
    pub(super) fn steer_named(&mut self, mask: Mask) {
        self.overlays.pop();
        self.change(|s| s.mask = mask);
    }
}
