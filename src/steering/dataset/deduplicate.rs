//! Dropping repeated prompts, so that a split cannot leak.

use std::collections::{HashMap, HashSet};

use super::example::{Content, Example};
use super::reader::Rows;
use super::warning::DatasetWarning;

/// Keeps the first row of each prompt (outer whitespace ignored); where rows with one prompt
/// disagree about the positive answer all of them go. Pairs of texts count as repeated when both
/// texts are.
pub(super) fn deduplicate(rows: &mut Rows) {
    let mut agreed: HashMap<Key, (String, bool)> = HashMap::new();
    for example in &rows.examples {
        let (key, positive) = key(example);
        let entry = agreed
            .entry(key)
            .or_insert_with(|| (positive.clone(), true));
        entry.1 &= entry.0 == positive;
    }
    let (mut repeated, mut contradicting) = (0, 0);
    let mut seen: HashSet<Key> = HashSet::with_capacity(agreed.len());
    rows.examples.retain(|example| {
        let (key, _) = key(example);
        if !agreed.get(&key).is_some_and(|(_, agree)| *agree) {
            contradicting += 1;
            return false;
        }
        let first = seen.insert(key);
        repeated += usize::from(!first);
        first
    });
    rows.warn(repeated, |count| DatasetWarning::Duplicates { count });
    rows.warn(contradicting, |count| DatasetWarning::Contradictions {
        count,
    });
}

type Key = (String, Option<String>);

fn key(example: &Example) -> (Key, String) {
    match &example.content {
        Content::Answers {
            prompt, positive, ..
        } => ((prompt.trim().to_owned(), None), positive.trim().to_owned()),
        Content::Texts { positive, negative } => (
            (positive.trim().to_owned(), Some(negative.trim().to_owned())),
            String::new(),
        ),
    }
}
