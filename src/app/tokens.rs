//! A text token by token: which positions of the prompt are steered, or which of a source's first text
//! are read in extraction, chosen with the cursor.

use crate::app::messages::Level;
use crate::app::overlay::Overlay;
use crate::app::{App, Engine};
use crate::protocol::{Command, PromptPart, PromptToken, covers};
use crate::units::{Mask, RunId};

/// What tokens are chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// To be steered.
    #[default]
    Steer,
    /// To be read in extraction.
    Read,
}

/// Cursor and selection on the tokens of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenCursor {
    /// What for.
    pub purpose: Purpose,
    /// Which of the ways to say the selected positions is meant.
    pub wording: usize,
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
    /// The tokens of another text are asked for.
    pub(super) fn ask(&mut self, run: RunId) {
        self.asked = Some(run);
        self.tokens.clear();
    }

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
        self.prompt_tokens.ask(run);
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
        let choice = (self.prompt_tokens.tokens.iter()).position(|t| t.part == PromptPart::Choice);
        if let Some(cursor) = self.token_cursor() {
            cursor.at = match cursor.purpose {
                Purpose::Steer => first.min(n.saturating_sub(1)),
                Purpose::Read => choice.unwrap_or(n.saturating_sub(1)),
            };
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
            cursor.wording = 0;
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

    /// The ways to say the selected positions, for texts of any length.
    pub fn readings(&self) -> Vec<String> {
        match self.overlays.last() {
            Some(Overlay::Tokens(cursor)) if !self.prompt_tokens.tokens.is_empty() => {
                let parts: Vec<_> = self.prompt_tokens.tokens.iter().map(|t| t.part).collect();
                readings(&parts, cursor.selected())
            }
            _ => Vec::new(),
        }
    }

    /// The one that is meant.
    pub fn reading(&self) -> Option<String> {
        let Some(Overlay::Tokens(cursor)) = self.overlays.last() else {
            return None;
        };
        let all = self.readings();
        all.get(cursor.wording % all.len().max(1)).cloned()
    }

    /// The next way to say the selected positions.
    pub(super) fn next_reading(&mut self) {
        if let Some(cursor) = self.token_cursor() {
            cursor.wording += 1;
        }
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

/// Ways to say tokens `first..=last` of a text, what holds for texts of any length before bare numbers.
fn readings(parts: &[PromptPart], (first, last): (usize, usize)) -> Vec<String> {
    let n = parts.len();
    let answered = |p: &PromptPart| matches!(p, PromptPart::Answer | PromptPart::Choice);
    let prompt = parts.iter().take_while(|p| !answered(p)).count();
    // Tokens of the kind, if the selection is all of them and no others.
    let is_all = |kind: &dyn Fn(&PromptPart) -> bool| {
        let mut of_kind = (0..n).filter(|i| parts.get(*i).is_some_and(kind));
        of_kind.next() == Some(first)
            && (first..=last).all(|i| parts.get(i).is_some_and(kind))
            && of_kind.next_back().unwrap_or(first) == last
    };
    let one = first == last;
    let mut ways = Vec::new();
    let mut way = |holds: bool, words: &str| {
        if holds {
            ways.push(words.to_owned());
        }
    };
    way(
        one && parts.get(first) == Some(&PromptPart::Choice),
        "answer",
    );
    way(one && last + 1 == n, "last");
    way(one && prompt < n && last + 1 == prompt, "prompt_last");
    way(!one && is_all(&|p| *p == PromptPart::User), "user");
    way(!one && is_all(&|p| *p == PromptPart::System), "system");
    way(!one && is_all(&answered), "assistant");
    way(prompt < n && (first, last + 1) == (0, prompt), "prompt");
    way(!one && (first, last + 1) == (1, n), "all");
    way(!one && (first, last + 1) == (0, n), "every");
    if one && last + 1 < n {
        ways.push(format!("-{}", n - last));
    }
    ways.push(format!("{first}..{}", last + 1));
    ways
}
