//! Text helpers: cleaning hostile text, measuring, cutting and wrapping by grapheme.
//!
//! Generated text and file contents may hold escape sequences, control and direction marks or
//! piles of combining characters; [`sanitize`] makes them safe to draw. A leaf module.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Combining marks kept per grapheme; more would spill over neighbouring lines.
const MAX_SCALARS: usize = 4;

/// Text without escape sequences, control characters (newlines stay, tabs become spaces),
/// direction overrides and invisible characters; joined emoji keep their first scalar, because
/// terminals disagree on the width of the rest.
pub fn sanitize(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_csi(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_string(&mut chars),
            '\n' | '\u{2028}' | '\u{2029}' | '\u{85}' => plain.push('\n'),
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    plain.push('\n');
                }
            }
            '\t' => plain.push_str("    "),
            c if c.is_control() || is_invisible(c) => {}
            c => plain.push(c),
        }
    }
    if plain.is_ascii() {
        return plain;
    }
    let mut out = String::with_capacity(plain.len());
    for grapheme in plain.graphemes(true) {
        if grapheme == "\n" {
            out.push('\n');
        } else if grapheme.contains('\u{200d}') {
            out.extend(grapheme.chars().next());
        } else if grapheme.width() > 0 {
            out.extend(
                grapheme
                    .chars()
                    .filter(|c| !is_selector(*c))
                    .take(MAX_SCALARS),
            );
        }
    }
    out
}

/// One line of sanitized text: line breaks become spaces.
pub fn one_line(text: &str) -> String {
    sanitize(text).replace('\n', " ")
}

fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_escape(chars: &mut Chars<'_>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_csi(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            skip_string(chars);
        }
        Some(' '..='/') => {
            while chars.next_if(|c| (' '..='/').contains(c)).is_some() {}
            chars.next_if(|c| ('0'..='~').contains(c));
        }
        Some('0'..='~') => {
            chars.next();
        }
        _ => {}
    }
}

fn skip_csi(chars: &mut Chars<'_>) {
    while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
    chars.next_if(|c| ('@'..='~').contains(c));
}

/// Skips an operating-system command and its kin, to the terminator or the end of the line: a
/// missing terminator must not swallow the rest of a text.
fn skip_string(chars: &mut Chars<'_>) {
    while let Some(&c) = chars.peek() {
        match c {
            '\u{7}' | '\u{9c}' => {
                chars.next();
                return;
            }
            '\u{1b}' => {
                chars.next();
                chars.next_if_eq(&'\\');
                return;
            }
            '\n' => return,
            _ => {
                chars.next();
            }
        }
    }
}

/// Columns the text takes in a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The longest beginning of `text` that fits into `columns`, with `ellipsis` at its end if
/// anything was cut.
pub fn truncate(text: &str, columns: usize, ellipsis: &str) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(ellipsis.width());
    let mut out = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        used += grapheme.width();
        if used > room {
            break;
        }
        out.push_str(grapheme);
    }
    if ellipsis.width() <= columns {
        out.push_str(ellipsis);
    }
    out
}

/// Byte ranges of the lines of `text` wrapped at words to at most `columns`; a blank at a break
/// belongs to no line, a word longer than a line is cut by grapheme (a wider grapheme by scalar), newlines end lines.
pub fn wrap(text: &str, columns: usize) -> Vec<Range<usize>> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        wrap_line(line, start, columns, &mut lines);
        start += line.len() + 1;
    }
    lines
}

fn wrap_line(line: &str, offset: usize, columns: usize, lines: &mut Vec<Range<usize>>) {
    let mut begin = 0;
    let mut used = 0;
    // End of the last word and start of the next one, where a break is possible.
    let mut gap: Option<(usize, usize, usize)> = None;
    let mut at = 0;
    let mut in_blank = false;
    for grapheme in clusters(line, columns) {
        let blank = grapheme.chars().all(char::is_whitespace);
        let w = grapheme.width();
        if blank {
            if !in_blank {
                gap = Some((at, at, used));
            }
            if let Some(g) = &mut gap {
                g.1 = at + grapheme.len();
                g.2 = used + w;
            }
        }
        in_blank = blank;
        if used + w > columns && !blank {
            match gap.take() {
                Some((end, next, used_to)) if end > begin => {
                    lines.push(offset + begin..offset + end);
                    begin = next;
                    used = used.saturating_sub(used_to);
                }
                _ => {
                    if at > begin {
                        lines.push(offset + begin..offset + at);
                    }
                    begin = at;
                    used = 0;
                }
            }
        }
        used += w;
        at += grapheme.len();
    }
    let end = if in_blank && used > columns {
        gap.map_or(at, |g| g.0).max(begin)
    } else {
        at
    };
    lines.push(offset + begin..offset + end);
}

/// Graphemes; those wider than a line scalar by scalar: a cluster of letters and vowel signs may take three columns.
fn clusters(line: &str, columns: usize) -> impl Iterator<Item = &str> {
    line.graphemes(true).flat_map(move |cluster| {
        let size = if cluster.width() > columns {
            1
        } else {
            cluster.chars().count()
        };
        let mut rest = cluster;
        std::iter::from_fn(move || {
            let end = rest.char_indices().nth(size).map_or(rest.len(), |(i, _)| i);
            let (piece, behind) = rest.split_at_checked(end)?;
            rest = behind;
            (!piece.is_empty()).then_some(piece)
        })
    })
}

/// Byte index of the grapheme boundary after `at`.
pub fn next_boundary(text: &str, at: usize) -> usize {
    text.get(at..)
        .and_then(|rest| rest.graphemes(true).next())
        .map_or(text.len(), |g| at + g.len())
}

/// Byte index of the grapheme boundary before `at`.
pub fn previous_boundary(text: &str, at: usize) -> usize {
    text.get(..at)
        .and_then(|head| head.graphemes(true).next_back())
        .map_or(0, |g| at - g.len())
}
