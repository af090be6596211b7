//! Cleaning, cutting and wrapping text.

use proptest::prelude::*;
use steerscope::text::{
    next_boundary, one_line, previous_boundary, sanitize, truncate, width, wrap,
};

#[test]
fn escape_sequences_and_control_characters_are_removed() {
    assert_eq!(sanitize("a\u{1b}[31mred\u{1b}[0m b"), "ared b");
    assert_eq!(sanitize("\u{1b}]0;title\u{7}x"), "x");
    assert_eq!(sanitize("\u{1b}]52;c;aGk=\u{1b}\\x"), "x");
    assert_eq!(sanitize("\u{1b}(Bplain\u{1b}7"), "plain");
    assert_eq!(sanitize("\u{9b}2Jcleared\u{85}next"), "cleared\nnext");
    assert_eq!(sanitize("a\u{0}\u{8}b\u{7f}c"), "abc");
}

#[test]
fn an_unfinished_command_does_not_swallow_the_next_line() {
    assert_eq!(sanitize("\u{1b}]0;never ends\nnext"), "\nnext");
}

#[test]
fn tabs_newlines_and_directions_are_tamed() {
    assert_eq!(sanitize("a\tb\r\nc\rd"), "a    b\nc\nd");
    assert_eq!(sanitize("\u{202e}evil\u{202c}\u{200b}"), "evil");
    assert_eq!(one_line("a\nb"), "a b");
}

#[test]
fn joined_emoji_keep_their_first_scalar_and_marks_are_bounded() {
    assert_eq!(sanitize("x👨\u{200d}👩\u{200d}👧y"), "x👨y");
    let piled = format!("e{}", "\u{301}".repeat(50));
    assert!(sanitize(&piled).chars().count() <= 4);
    assert_eq!(sanitize("é"), "é");
}

#[test]
fn lines_break_at_words_and_long_words_are_cut() {
    let lines = |text: &str, columns| -> Vec<String> {
        wrap(text, columns)
            .into_iter()
            .map(|r| text[r].to_owned())
            .collect()
    };
    assert_eq!(lines("the quick brown fox", 10), ["the quick", "brown fox"]);
    assert_eq!(lines("abcdefghij", 4), ["abcd", "efgh", "ij"]);
    assert_eq!(lines("a\n\nb", 4), ["a", "", "b"]);
    assert_eq!(lines("", 4), [""]);
    assert_eq!(lines("字字字", 4), ["字字", "字"]);
    assert_eq!(lines("one two   ", 7), ["one two"]);
}

#[test]
fn cutting_respects_the_display_width() {
    assert_eq!(truncate("hello", 5, "…"), "hello");
    assert_eq!(truncate("hello!", 5, "…"), "hell…");
    assert_eq!(truncate("字字字", 4, "…"), "字…");
    assert_eq!(truncate("abc", 0, "…"), "");
}

#[test]
fn a_cluster_wider_than_a_line_is_cut_too() {
    let text = "\u{3041}\u{dd8}x";
    let lines: Vec<&str> = wrap(text, 2).into_iter().map(|line| &text[line]).collect();
    assert_eq!(lines, ["\u{3041}", "\u{dd8}x"]);
    assert_eq!(wrap(text, 4).len(), 1);
}

proptest! {
    #[test]
    fn sanitized_text_has_no_control_characters_and_is_stable(text in any::<String>()) {
        let clean = sanitize(&text);
        prop_assert!(clean.chars().all(|c| c == '\n' || !c.is_control()));
        prop_assert_eq!(sanitize(&clean), clean);
    }

    #[test]
    fn wrapped_lines_fit_and_lose_only_blanks(text in any::<String>(), columns in 2usize..40) {
        let text = sanitize(&text);
        let lines = wrap(&text, columns);
        let mut end = 0;
        for line in &lines {
            prop_assert!(line.start >= end && line.end <= text.len());
            prop_assert!(text[end..line.start].chars().all(char::is_whitespace));
            prop_assert!(width(&text[line.clone()]) <= columns, "{:?}", &text[line.clone()]);
            end = line.end;
        }
        prop_assert!(text[end..].chars().all(char::is_whitespace));
    }

    #[test]
    fn cuts_fit(text in any::<String>(), columns in 0usize..30) {
        prop_assert!(width(&truncate(&sanitize(&text), columns, "…")) <= columns);
    }

    #[test]
    fn boundaries_walk_through_the_text_and_back(text in any::<String>()) {
        let mut at = 0;
        while at < text.len() {
            let next = next_boundary(&text, at);
            prop_assert!(next > at && text.is_char_boundary(next));
            at = next;
        }
        while at > 0 {
            let before = previous_boundary(&text, at);
            prop_assert!(before < at && text.is_char_boundary(before));
            at = before;
        }
    }
}
