//! The deterministic conversion of the steering-bench authors' code (Tan et al. 2407.12404).

use serde_json::{Value, json};

use super::example::{Content, Example};

/// Prompt and responses of persona row `row` (0-based, file order, before any filtering).
///
/// Rows 0 and 1 have the matching answer at (B), rows 2 and 3 at (A), and so on; together with the
/// alternating Yes/No labels of the files the four cells (A/B × Yes/No) are equally filled.
pub(super) fn persona(row: usize, question: &str, matching: &str, other: &str) -> [String; 3] {
    let matching_is_b = (row / 2).is_multiple_of(2);
    let (a, b) = if matching_is_b {
        (other, matching)
    } else {
        (matching, other)
    };
    let (positive, negative) = if matching_is_b {
        ("(B)", "(A)")
    } else {
        ("(A)", "(B)")
    };
    // Options keep their leading space, so that the text reads "(A):  No" with two.
    let prompt = format!("{question}\n\nChoices:\n(A): {a}\n(B): {b}");
    [prompt, positive.to_owned(), negative.to_owned()]
}

/// Removes every match of `<META_START>[^<]*<META_END>`; an unterminated tag stays.
pub(super) fn without_meta(question: &str) -> String {
    const START: &str = "<META_START>";
    const END: &str = "<META_END>";
    let mut kept = String::with_capacity(question.len());
    let mut rest = question;
    while let Some((before, after)) = rest.split_once(START) {
        kept.push_str(before);
        match after.split_once('<') {
            // What follows the next '<' must complete the closing tag.
            Some((inner, _))
                if after
                    .strip_prefix(inner)
                    .is_some_and(|tail| tail.starts_with(END)) =>
            {
                rest = after
                    .strip_prefix(inner)
                    .and_then(|tail| tail.strip_prefix(END))
                    .unwrap_or_default();
            }
            _ => {
                kept.push_str(START);
                rest = after;
            }
        }
    }
    kept.push_str(rest);
    kept
}

/// Rows in the processed layout of steering-bench, as its own converter writes them.
pub fn steering_bench_json(examples: &[Example]) -> Value {
    let row = |e: &Example| match &e.content {
        Content::Answers {
            prompt,
            positive,
            negative,
            ..
        } => json!({
            "positive": {"prompt": prompt, "response": positive},
            "negative": {"prompt": prompt, "response": negative},
            "meta": e.meta,
            "steering_token_index": -2,
        }),
        Content::Texts { positive, negative } => json!({
            "positive": {"prompt": positive, "response": ""},
            "negative": {"prompt": negative, "response": ""},
            "meta": e.meta,
            "steering_token_index": -1,
        }),
    };
    Value::Array(examples.iter().map(row).collect())
}
