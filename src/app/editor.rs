//! Multi-line prompt editor with recall of earlier prompts.

use crate::text::{next_boundary, previous_boundary, sanitize};

/// Longest prompt the editor takes, in bytes.
const MAX_BYTES: usize = 32_768;

/// Text under edit and the cursor in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Editor {
    text: String,
    cursor: usize,
    /// Place in the history while recalling; `None`: the draft itself.
    recalled: Option<usize>,
    draft: String,
}

impl Editor {
    /// An editor on `text`, cursor at its end.
    pub fn new(text: &str) -> Self {
        let text = sanitize(text);
        Self {
            cursor: text.len(),
            text,
            ..Self::default()
        }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Byte index of the cursor, always at a grapheme boundary.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Inserts at the cursor; hostile characters are dropped.
    pub fn insert(&mut self, text: &str) {
        let clean = sanitize(text);
        if self.text.len() + clean.len() > MAX_BYTES {
            return;
        }
        self.text.insert_str(self.cursor, &clean);
        self.cursor += clean.len();
        self.recalled = None;
    }

    /// Deletes before the cursor.
    pub fn backspace(&mut self) {
        let from = previous_boundary(&self.text, self.cursor);
        self.cut(from, self.cursor);
    }

    /// Deletes after the cursor.
    pub fn delete(&mut self) {
        let to = next_boundary(&self.text, self.cursor);
        self.cut(self.cursor, to);
    }

    /// Deletes the word before the cursor.
    pub fn delete_word(&mut self) {
        let head = self.text.get(..self.cursor).unwrap_or_default();
        let kept = head
            .trim_end()
            .trim_end_matches(|c: char| !c.is_whitespace())
            .len();
        self.cut(kept, self.cursor);
    }

    /// Deletes from the start of the line to the cursor.
    pub fn delete_line(&mut self) {
        self.cut(self.line_start(), self.cursor);
    }

    fn cut(&mut self, from: usize, to: usize) {
        if from < to && self.text.is_char_boundary(from) && self.text.is_char_boundary(to) {
            self.text.replace_range(from..to, "");
            self.cursor = from;
            self.recalled = None;
        }
    }

    /// Cursor left.
    pub fn left(&mut self) {
        self.cursor = previous_boundary(&self.text, self.cursor);
    }

    /// Cursor right.
    pub fn right(&mut self) {
        self.cursor = next_boundary(&self.text, self.cursor);
    }

    /// Cursor to the start of the line.
    pub fn home(&mut self) {
        self.cursor = self.line_start();
    }

    /// Cursor to the end of the line.
    pub fn end(&mut self) {
        self.cursor = self.line_end();
    }

    fn line_start(&self) -> usize {
        self.text
            .get(..self.cursor)
            .and_then(|h| h.rfind('\n'))
            .map_or(0, |i| i + 1)
    }

    fn line_end(&self) -> usize {
        self.text
            .get(self.cursor..)
            .and_then(|t| t.find('\n'))
            .map_or(self.text.len(), |i| self.cursor + i)
    }

    /// A line up; from the first line, the next older prompt.
    pub fn up(&mut self, history: &[String]) {
        let start = self.line_start();
        if start > 0 {
            let column = self.cursor - start;
            self.cursor = start - 1;
            self.go_to_column(column);
            return;
        }
        let at = self.recalled.unwrap_or(history.len());
        if let Some((i, older)) = at.checked_sub(1).and_then(|i| Some((i, history.get(i)?))) {
            if self.recalled.is_none() {
                self.draft.clone_from(&self.text);
            }
            self.recall(Some(i), older);
        }
    }

    /// A line down; from the last line, the next newer prompt, then the draft.
    pub fn down(&mut self, history: &[String]) {
        let end = self.line_end();
        if end < self.text.len() {
            let column = self.cursor - self.line_start();
            self.cursor = end + 1;
            self.go_to_column(column);
            return;
        }
        if let Some(i) = self.recalled {
            match history.get(i + 1) {
                Some(newer) => self.recall(Some(i + 1), newer),
                None => {
                    let draft = std::mem::take(&mut self.draft);
                    self.recall(None, &draft);
                }
            }
        }
    }

    fn recall(&mut self, place: Option<usize>, text: &str) {
        self.recalled = place;
        self.text = sanitize(text);
        self.cursor = self.text.len();
    }

    fn go_to_column(&mut self, column: usize) {
        let (start, end) = (self.line_start(), self.line_end());
        let mut at = start;
        while at < end && at - start < column {
            at = next_boundary(&self.text, at);
        }
        self.cursor = at.min(end);
    }
}
