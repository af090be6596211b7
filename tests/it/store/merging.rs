//! Shards of a job array become one store.

use steerscope::store::{Filter, Merged};

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
