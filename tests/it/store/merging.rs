//! Shards of a job array become one store.

use steerscope::store::{Expiry, Filter, Merged, Names, Question};

use super::{cell, key, open, place};

#[test]
fn merging_twice_is_merging_once() {
    let (_a, left) = place();
    let (_b, right) = place();
    let mut store = open(&left);
    store.put(&key(0), &cell(0)).unwrap();
    store.put(&key(1), &cell(1)).unwrap();
    let mut other = open(&right);
    other.put(&key(1), &cell(1)).unwrap();
    other.put(&key(2), &cell(2)).unwrap();
    assert_eq!(store.merge(&right).unwrap(), Merged { new: 1, known: 1 });
    assert_eq!(store.merge(&right).unwrap(), Merged { new: 0, known: 2 });
    assert_eq!(store.merge(&left).unwrap(), Merged { new: 0, known: 3 });
    let blocks: Vec<usize> = store
        .list(&Filter::default())
        .unwrap()
        .iter()
        .map(|e| e.block)
        .collect();
    assert_eq!(blocks.len(), 3);
    let mine = store.find(&key(2)).unwrap().unwrap();
    assert_eq!(mine.created, other.find(&key(2)).unwrap().unwrap().created);
}

#[test]
fn a_conflict_names_both_runs_and_changes_nothing() {
    let (_a, left) = place();
    let (_b, right) = place();
    let mut store = open(&left);
    store.put(&key(5), &cell(5)).unwrap();
    let mut other = open(&right);
    other.put(&key(4), &cell(4)).unwrap();
    other.put(&key(5), &cell(6)).unwrap();
    let error = store.merge(&right).unwrap_err();
    assert_eq!(error.id(), "store-conflict");
    let said = error.to_string();
    for named in [
        "run 1 of",
        "run 2 of",
        &left.display().to_string(),
        &right.display().to_string(),
    ] {
        assert!(said.contains(named), "{said}");
    }
    assert!(!store.has(&key(4)).unwrap(), "all or nothing");
}

fn question(details: &str) -> Question {
    Question {
        kind: "controls/1",
        key: key(1),
        details: details.to_owned(),
        block: 1,
        names: Names::default(),
    }
}

#[test]
fn answers_are_found_by_their_whole_question_merged_and_removed() {
    let (_a, left) = place();
    let (_b, right) = place();
    let mut store = open(&left);
    store.keep_answer(&question("a"), "1").unwrap();
    // The first answer stays.
    store.keep_answer(&question("a"), "2").unwrap();
    let other = Question {
        kind: "tax/1",
        ..question("a")
    };
    assert_eq!(store.answer(&question("a")).unwrap().as_deref(), Some("1"));
    assert_eq!(store.answer(&question("b")).unwrap(), None);
    assert_eq!(store.answer(&other).unwrap(), None);
    let mut theirs = open(&right);
    theirs.keep_answer(&question("b"), "3").unwrap();
    theirs.keep_answer(&question("a"), "4").unwrap();
    store.merge(&right).unwrap();
    assert_eq!(store.answers().unwrap(), 2);
    assert_eq!(store.answer(&question("b")).unwrap().as_deref(), Some("3"));
    assert_eq!(store.answer(&question("a")).unwrap().as_deref(), Some("1"));
    let named = |vector: &str| Expiry {
        filter: Filter {
            vector: Some(vector.to_owned()),
            ..Filter::default()
        },
        ..Expiry::default()
    };
    store.gc(&named("x")).unwrap();
    assert_eq!(store.answers().unwrap(), 2, "another vector");
    store.gc(&named("cccc")).unwrap();
    assert_eq!(store.answers().unwrap(), 0);
}
