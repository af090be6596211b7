//! The prompt token by token, with what the mask steers.

use ratatui::layout::Rect;

use super::overlay::{centred, open};
use crate::app::App;
use crate::app::tokens::{Purpose, TokenCursor};
use crate::protocol::PromptPart;
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;

/// Draws the overlay.
pub(super) fn draw(c: &mut Canvas<'_>, screen: Rect, cursor: TokenCursor) -> Option<Rect> {
    let width = (screen.width * 9 / 10).min(110);
    let tokens = c.app.prompt_tokens().tokens().to_vec();
    let area = centred(screen, width, (screen.height * 7 / 10).max(8));
    let (name, muted, accent) = (
        c.style(Role::Focus),
        c.style(Role::Muted),
        c.style(Role::Accent),
    );
    let what = match cursor.purpose {
        Purpose::Steer => "mask",
        Purpose::Read => "read",
    };
    let count = format!("{} tokens  {what} ", tokens.len());
    let read = cursor.purpose == Purpose::Read;
    let (title, mask) = if read {
        let words = c.app.reading().unwrap_or_default();
        ("first text of the source  ", words)
    } else {
        ("prompt  ", c.app.setting().mask.to_string())
    };
    let inner = open(c, area, &[(title, name), (&count, muted), (&mask, accent)]);
    if tokens.is_empty() {
        c.message(inner, "reading the text", muted);
        return None;
    }
    let (first, last) = cursor.selected();
    let at = cursor.at.min(tokens.len() - 1);
    let lines = layout(&tokens, usize::from(inner.width));
    let text_rows = usize::from(inner.height.saturating_sub(3));
    let here = lines
        .iter()
        .position(|line| line.iter().any(|(i, _)| *i == at));
    // Two rows each: the words, and below them what is steered.
    let visible = (text_rows / 2).max(1);
    let top = here
        .unwrap_or(0)
        .saturating_sub(visible / 2)
        .min(lines.len().saturating_sub(visible));
    for (row, line) in lines.iter().skip(top).take(visible).enumerate() {
        let y = inner.y + 2 * row as u16;
        for (i, x) in line {
            let Some(token) = tokens.get(*i) else {
                continue;
            };
            let word = shown(&token.text);
            let columns = text::width(&word) as u16;
            let x = inner.x + *x as u16;
            let role = match token.part {
                PromptPart::Template => Role::Muted,
                PromptPart::System => Role::Baseline,
                PromptPart::User | PromptPart::Text => Role::Text,
                PromptPart::Answer | PromptPart::Choice => Role::Accent,
            };
            let selected = cursor.anchor.is_some() && (first..=last).contains(i);
            let style = if *i == at || selected {
                c.style(Role::Selection)
            } else {
                c.style(role)
            };
            c.raw(x, y, &word, style, columns);
            if is_on(c.app, cursor, *i) {
                let steered = c.style(Role::Steered);
                for dx in 0..columns {
                    c.cell(x + dx, y + 1, c.glyphs.filled, steered);
                }
            } else if *i == at {
                c.cell(x, y + 1, c.glyphs.here, accent);
            }
        }
    }
    let y = inner.bottom() - 2;
    if let Some(token) = tokens.get(at) {
        let what = format!(
            "position {at}, {} text{}",
            token.part.name(),
            if !read && c.app.is_steered(at) {
                ", steered"
            } else {
                ""
            }
        );
        let range = if cursor.anchor.is_some() {
            format!("   selected {first} to {last}")
        } else {
            String::new()
        };
        let plain = c.style(Role::Text);
        c.pieces(inner.x, y, &[(&what, plain), (&range, accent)], inner.width);
    }
    let words = if read {
        readings(c)
    } else {
        "tokens that are generated stand after these; from_answer steers them alone".to_owned()
    };
    c.text(inner.x, y + 1, &words, muted, inner.width);
    None
}

/// Whether a token is marked: steered by the mask, or about to be read.
fn is_on(app: &App, cursor: TokenCursor, i: usize) -> bool {
    let (first, last) = cursor.selected();
    match cursor.purpose {
        Purpose::Steer => app.is_steered(i),
        Purpose::Read => (first..=last).contains(&i),
    }
}

/// What is read in texts of any length, and what else it could be called.
fn readings(c: &Canvas<'_>) -> String {
    let meant = c.app.reading().unwrap_or_default();
    let others: Vec<String> = (c.app.readings().into_iter())
        .filter(|words| *words != meant)
        .collect();
    let of_each = format!("reads {meant} of every text");
    if others.is_empty() {
        of_each
    } else {
        format!("{of_each}; tab for {}", others.join(", "))
    }
}

/// Special characters made visible.
fn shown(token: &str) -> String {
    let mut word: String = token
        .chars()
        .map(|c| match c {
            '\n' => '↵',
            '\t' => '→',
            c if c.is_control() => '?',
            c => c,
        })
        .collect();
    if word.is_empty() {
        word.push('?');
    }
    word
}

/// Tokens on lines: number and column of each.
fn layout(tokens: &[crate::protocol::PromptToken], width: usize) -> Vec<Vec<(usize, usize)>> {
    let mut lines = vec![Vec::new()];
    let mut x = 0;
    for (i, token) in tokens.iter().enumerate() {
        let columns = text::width(&shown(&token.text));
        if x > 0 && x + columns > width {
            lines.push(Vec::new());
            x = 0;
        }
        if let Some(line) = lines.last_mut() {
            line.push((i, x));
        }
        x += columns;
        if token.text.ends_with('\n') {
            lines.push(Vec::new());
            x = 0;
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}
