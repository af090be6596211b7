//! Toasts and the log they are repeated in.

use std::collections::VecDeque;
use std::time::Duration;

/// How serious a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For the record.
    Info,
    /// Worth knowing before trusting a figure.
    Warning,
    /// Something was refused or failed.
    Error,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// How serious.
    pub level: Level,
    /// Stable id of a failure; empty otherwise.
    pub id: String,
    /// Plain sentence.
    pub text: String,
    /// Time since start.
    pub at: Duration,
    /// Until when it shows as a toast; `None`: until a key closes it.
    until: Option<Duration>,
    toast: bool,
}

const KEPT: usize = 1000;
const TOASTS: usize = 3;
const SHOWN: Duration = Duration::from_secs(4);

/// All messages of the session, bounded.
#[derive(Debug, Clone, Default)]
pub struct Messages {
    log: VecDeque<Message>,
}

impl Messages {
    /// Adds a message with a toast; errors stay until closed.
    pub fn add(&mut self, level: Level, id: &str, text: impl Into<String>, now: Duration) {
        self.push(level, id, text.into(), now, true);
    }

    /// Adds a message to the log only.
    pub fn note(&mut self, text: impl Into<String>, now: Duration) {
        self.push(Level::Info, "", text.into(), now, false);
    }

    fn push(&mut self, level: Level, id: &str, text: String, at: Duration, toast: bool) {
        // The same toast twice would push others out: the newer one replaces it.
        if let Some(old) = self
            .log
            .iter_mut()
            .rev()
            .find(|m| m.toast && m.text == text)
        {
            old.toast = false;
        }
        let until = (level < Level::Error).then_some(at + SHOWN);
        self.log.push_back(Message {
            level,
            id: id.to_owned(),
            text,
            at,
            until,
            toast,
        });
        if self.log.len() > KEPT {
            self.log.pop_front();
        }
    }

    /// Every message, oldest first.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Message> + ExactSizeIterator {
        self.log.iter()
    }

    /// Messages on screen, newest first: errors before others, at most three.
    pub fn toasts(&self) -> Vec<&Message> {
        let mut shown: Vec<&Message> = self.log.iter().rev().filter(|m| m.toast).collect();
        shown.sort_by_key(|m| m.level != Level::Error);
        shown.truncate(TOASTS);
        shown
    }

    /// Whether an error waits to be closed.
    pub fn has_error(&self) -> bool {
        self.log.iter().any(|m| m.toast && m.level == Level::Error)
    }

    /// Closes all toasts; returns whether there was any.
    pub fn close(&mut self) -> bool {
        let mut any = false;
        for m in &mut self.log {
            any |= std::mem::take(&mut m.toast);
        }
        any
    }

    /// Drops toasts whose time is over; returns whether any went.
    pub fn tick(&mut self, now: Duration) -> bool {
        let mut any = false;
        for m in self
            .log
            .iter_mut()
            .filter(|m| m.toast && m.until.is_some_and(|u| u <= now))
        {
            m.toast = false;
            any = true;
        }
        any
    }

    /// When the next toast goes.
    pub fn next_end(&self) -> Option<Duration> {
        self.log
            .iter()
            .filter(|m| m.toast)
            .filter_map(|m| m.until)
            .min()
    }
}
