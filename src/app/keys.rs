//! A key press: to the top layer first, then to the open input, then to the focused pane.

use crate::app::App;
use crate::app::action::{Action, When};
use crate::app::editor::Editor;
use crate::app::focus::Pane;
use crate::app::input::{Key, KeyCode};
use crate::app::overlay::Overlay;
use crate::app::tokens::Purpose;
use crate::text::one_line;

/// Longest filter anyone needs (paths included).
const MAX_FILTER: usize = 1000;

impl App {
    pub(super) fn on_key(&mut self, key: Key) {
        if self.drag.take().is_some() {
            self.steering.end_drag();
        }
        if !self.overlays.is_empty() {
            self.key_in_overlay(key);
        } else if self.editor.is_some() {
            self.key_in_editor(key);
        } else if self.filtering {
            self.key_in_filter(key);
        } else if !self.typed.is_empty() && self.key_in_value(key) {
        } else if let Some(action) = self.keymap.find_main(key, self.focus) {
            self.perform_by_key(action, key);
        }
    }

    fn perform_by_key(&mut self, action: Action, key: Key) {
        let digit = key.typed().and_then(|c| c.to_digit(10));
        match (action, digit) {
            (Action::TypeValue, _) => {
                self.typed.clear();
                self.typed.extend(key.typed());
            }
            (Action::FocusPane, Some(n)) => {
                if let Some(pane) = self.screen.panes().get((n as usize).saturating_sub(1)) {
                    self.set_focus(*pane);
                }
            }
            _ => self.perform(action),
        }
    }

    fn key_in_overlay(&mut self, key: Key) {
        let when = match self.overlays.last() {
            Some(Overlay::Help(_) | Overlay::Palette(_) | Overlay::Picker(..)) => When::List,
            Some(Overlay::Sampling(_) | Overlay::Condition(_) | Overlay::Asking(_)) => When::Form,
            Some(Overlay::Extract(_)) => When::Making,
            Some(Overlay::Log(_) | Overlay::Receipt(_)) => When::Reader,
            Some(Overlay::Tokens(cursor)) => match cursor.purpose {
                Purpose::Steer => When::PromptTokens,
                Purpose::Read => When::SourceTokens,
            },
            Some(Overlay::Died(_)) => When::Died,
            None => return,
        };
        let action = self
            .keymap
            .find(key, when)
            .or_else(|| self.keymap.find(key, When::Anywhere));
        if let Some(action) = action {
            self.perform(action);
            return;
        }
        match self.overlays.last_mut() {
            Some(Overlay::Help(list) | Overlay::Palette(list) | Overlay::Picker(_, list)) => {
                edit_line(&mut list.filter, key);
                list.selected = 0;
                self.select_first_entry();
                self.preview_theme();
            }
            Some(Overlay::Sampling(form)) => match key.code {
                KeyCode::Backspace => form.backspace(),
                _ => key.typed().into_iter().for_each(|c| form.type_char(c)),
            },
            Some(Overlay::Condition(form)) => match key.code {
                KeyCode::Backspace => form.backspace(),
                _ => key.typed().into_iter().for_each(|c| form.type_char(c)),
            },
            Some(Overlay::Extract(form)) => match (key.code, key.mods.ctrl) {
                (KeyCode::Backspace, _) => form.backspace(),
                (KeyCode::Char('u' | 'w'), true) => form.clear(),
                _ => {
                    if let Some(c) = key.typed() {
                        form.type_text(c.encode_utf8(&mut [0; 4]));
                    }
                }
            },
            Some(Overlay::Asking(form)) => match key.code {
                KeyCode::Backspace => form.backspace(),
                _ => key.typed().into_iter().for_each(|c| form.type_char(c)),
            },
            _ => {}
        }
    }

    fn key_in_editor(&mut self, key: Key) {
        let bound = self.keymap.find(key, When::Editor);
        if let Some(action) = bound.or_else(|| self.keymap.find(key, When::Anywhere)) {
            self.perform(action);
            return;
        }
        let Some(editor) = &mut self.editor else {
            return;
        };
        match (key.code, key.mods.ctrl) {
            (KeyCode::Char('w'), true) => editor.delete_word(),
            (KeyCode::Char('u'), true) => editor.delete_line(),
            (KeyCode::Char('a'), true) | (KeyCode::Home, _) => editor.home(),
            (KeyCode::Char('e'), true) | (KeyCode::End, _) => editor.end(),
            (KeyCode::Backspace, _) => editor.backspace(),
            (KeyCode::Delete, _) => editor.delete(),
            (KeyCode::Left, _) => editor.left(),
            (KeyCode::Right, _) => editor.right(),
            _ => {
                if let Some(c) = key.typed() {
                    editor.insert(c.encode_utf8(&mut [0; 4]));
                }
            }
        }
    }

    fn key_in_filter(&mut self, key: Key) {
        let bound = self.keymap.find(key, When::Filter);
        if let Some(action) = bound.or_else(|| self.keymap.find(key, When::Anywhere)) {
            self.perform(action);
            return;
        }
        edit_line(&mut self.prompts.filter, key);
        self.refresh_prompts();
    }

    /// Keys while a value is typed on a slider; others end the typing and act as usual.
    fn key_in_value(&mut self, key: Key) -> bool {
        match (key.code, key.typed()) {
            (KeyCode::Enter, _) => {
                let value = std::mem::take(&mut self.typed);
                self.set_typed_value(&value);
            }
            (KeyCode::Esc, _) => self.typed.clear(),
            (KeyCode::Backspace, _) => {
                self.typed.pop();
            }
            (_, Some(c)) if c.is_ascii_digit() || (c == '.' && !self.typed.contains('.')) => {
                if self.typed.len() < 12 {
                    self.typed.push(c);
                }
            }
            (_, Some('-')) => {
                let flipped = self.typed.strip_prefix('-').map(str::to_owned);
                self.typed = flipped.unwrap_or_else(|| format!("-{}", self.typed));
            }
            _ => {
                self.typed.clear();
                return false;
            }
        }
        true
    }

    pub(super) fn on_paste(&mut self, text: &str) {
        self.dirty = true;
        match self.overlays.last_mut() {
            Some(Overlay::Help(list) | Overlay::Palette(list) | Overlay::Picker(_, list)) => {
                paste_line(&mut list.filter, text);
                list.selected = 0;
                self.select_first_entry();
            }
            Some(Overlay::Sampling(form)) => text.chars().take(20).for_each(|c| form.type_char(c)),
            Some(Overlay::Asking(form)) => text.chars().for_each(|c| form.type_char(c)),
            Some(Overlay::Extract(form)) => form.type_text(text),
            Some(_) => {}
            None => {
                if let Some(editor) = &mut self.editor {
                    editor.insert(text);
                } else if self.filtering {
                    paste_line(&mut self.prompts.filter, text);
                    self.refresh_prompts();
                }
            }
        }
    }

    pub(super) fn open_editor(&mut self, text: &str) {
        self.set_focus(Pane::Prompts);
        self.editor = Some(Editor::new(text));
        self.filtering = false;
    }
}

fn edit_line(line: &mut String, key: Key) {
    match (key.code, key.mods.ctrl) {
        (KeyCode::Backspace, _) => {
            line.pop();
        }
        (KeyCode::Char('w'), true) => {
            let kept = line
                .trim_end()
                .trim_end_matches(|c: char| !c.is_whitespace())
                .len();
            line.truncate(kept);
        }
        _ => {
            if let Some(c) = key.typed() {
                paste_line(line, c.encode_utf8(&mut [0; 4]));
            }
        }
    }
}

fn paste_line(line: &mut String, text: &str) {
    let clean = one_line(text);
    if line.len() + clean.len() <= MAX_FILTER {
        line.push_str(&clean);
    }
}
