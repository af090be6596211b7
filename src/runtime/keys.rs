//! The terminal library's events as the app's own.

use crossterm::event::{
    Event as TerminalEvent, KeyCode as Code, KeyEvent, KeyEventKind, KeyModifiers, MouseButton,
    MouseEvent, MouseEventKind,
};

use crate::app::Msg;
use crate::app::input::{Key, KeyCode, Mods, Mouse, MouseKind};

/// What the app should hear of a terminal event, if anything.
pub(crate) fn message(event: TerminalEvent) -> Option<Msg> {
    match event {
        TerminalEvent::Key(key) => key_message(key),
        TerminalEvent::Mouse(mouse) => mouse_message(mouse),
        TerminalEvent::Paste(text) => Some(Msg::Paste(text)),
        TerminalEvent::Resize(columns, rows) => Some(Msg::Resize(columns, rows)),
        TerminalEvent::FocusGained | TerminalEvent::FocusLost => None,
    }
}

fn key_message(key: KeyEvent) -> Option<Msg> {
    // Some terminals report releases too; a held key comes as repeats, which count as presses.
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let code = match key.code {
        Code::Char(c) => KeyCode::Char(c),
        Code::Enter => KeyCode::Enter,
        Code::Esc => KeyCode::Esc,
        Code::Tab => KeyCode::Tab,
        Code::BackTab => KeyCode::BackTab,
        Code::Backspace => KeyCode::Backspace,
        Code::Delete => KeyCode::Delete,
        Code::Home => KeyCode::Home,
        Code::End => KeyCode::End,
        Code::PageUp => KeyCode::PageUp,
        Code::PageDown => KeyCode::PageDown,
        Code::Up => KeyCode::Up,
        Code::Down => KeyCode::Down,
        Code::Left => KeyCode::Left,
        Code::Right => KeyCode::Right,
        Code::F(n) => KeyCode::F(n),
        _ => KeyCode::Other,
    };
    let held = |m| key.modifiers.contains(m);
    let mods = Mods {
        ctrl: held(KeyModifiers::CONTROL),
        alt: held(KeyModifiers::ALT),
        shift: held(KeyModifiers::SHIFT),
    };
    Some(Msg::Key(Key::new(code, mods)))
}

fn mouse_message(mouse: MouseEvent) -> Option<Msg> {
    let kind = match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => MouseKind::Down,
        MouseEventKind::Drag(MouseButton::Left) => MouseKind::Drag,
        MouseEventKind::Up(MouseButton::Left) => MouseKind::Up,
        MouseEventKind::ScrollUp => MouseKind::ScrollUp,
        MouseEventKind::ScrollDown => MouseKind::ScrollDown,
        _ => return None,
    };
    Some(Msg::Mouse(Mouse {
        kind,
        column: mouse.column,
        row: mouse.row,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_not_a_press_and_an_unknown_key_is_harmless() {
        let release =
            KeyEvent::new_with_kind(Code::Char('x'), KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(message(TerminalEvent::Key(release)), None);
        let media = KeyEvent::new(Code::CapsLock, KeyModifiers::NONE);
        assert_eq!(
            message(TerminalEvent::Key(media)),
            Some(Msg::Key(Key::plain(KeyCode::Other)))
        );
    }

    #[test]
    fn an_upper_case_letter_comes_without_shift() {
        let key = KeyEvent::new(Code::Char('H'), KeyModifiers::SHIFT);
        assert_eq!(
            message(TerminalEvent::Key(key)),
            Some(Msg::Key(Key::char('H')))
        );
    }

    #[test]
    fn moves_without_a_button_are_not_worth_a_message() {
        let moved = MouseEvent {
            kind: MouseEventKind::Moved,
            column: 1,
            row: 1,
            modifiers: KeyModifiers::NONE,
        };
        assert_eq!(message(TerminalEvent::Mouse(moved)), None);
    }
}
