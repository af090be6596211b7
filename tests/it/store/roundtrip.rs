//! What is put in comes out, and nothing else does.

use steerscope::store::{Expiry, Filter, Put, SCHEMA_VERSION, StoreError};

use super::{cell, key, open, place};

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn a_cell_comes_back_bit_for_bit_after_the_store_was_closed() {
    let (_folder, path) = place();
    let kept = cell(3);
    assert_eq!(open(&path).put(&key(3), &kept).unwrap(), Put::New(1));
    let found = open(&path).find(&key(3)).unwrap().unwrap();
    assert_eq!(bits(&found.propensities), bits(&kept.propensities));
    assert_eq!(bits(&found.multipliers), bits(&kept.multipliers));
    assert_eq!(found.inputs, kept.inputs);
    assert_eq!(found.names, kept.names);
    assert_eq!((found.block, found.created), (3, kept.created));
    assert_eq!(found.program, env!("CARGO_PKG_VERSION"));
    assert_eq!(found.steerability()[1], None, "one propensity is NaN");
}

#[test]
fn a_change_of_any_part_of_the_key_finds_nothing() {
    let (_folder, path) = place();
    let mut store = open(&path);
    store.put(&key(3), &cell(3)).unwrap();
    for part in 0..6 {
        let mut other = key(3);
        let field = [
            &mut other.model,
            &mut other.config,
            &mut other.vector,
            &mut other.dataset,
            &mut other.inputs,
            &mut other.protocol,
        ];
        field.into_iter().nth(part).unwrap().push('0');
        assert_eq!(store.find(&other).unwrap(), None, "part {part}");
        assert!(!store.has(&other).unwrap());
    }
    assert!(store.has(&key(3)).unwrap());
}

#[test]
fn text_that_moves_from_one_part_of_a_key_to_the_next_is_another_key() {
    let (mut left, mut right) = (key(0), key(0));
    left.vector = "ab".into();
    left.dataset = "c".into();
    right.vector = "a".into();
    right.dataset = "bc".into();
    assert_ne!(left.digest(), right.digest());
}

#[test]
fn the_same_numbers_again_are_known_and_others_are_refused_with_both_named() {
    let (_folder, path) = place();
    let mut store = open(&path);
    store.put(&key(1), &cell(1)).unwrap();
    assert_eq!(store.put(&key(1), &cell(1)).unwrap(), Put::Known(1));
    let mut rounded = cell(1);
    rounded.propensities[0] += 1e-5;
    assert_eq!(store.put(&key(1), &rounded).unwrap(), Put::Known(1));

    let mut moved = cell(1);
    moved.propensities[0] += 0.01;
    let mut unfinite = cell(1);
    unfinite.propensities[0] = f32::NAN;
    let mut other_inputs = cell(1);
    other_inputs.inputs[0].row = 8;
    for other in [moved, unfinite, other_inputs] {
        let error = store.put(&key(1), &other).unwrap_err();
        assert_eq!(error.id(), "store-conflict");
        let said = error.to_string();
        assert!(
            said.contains("run 1") && said.contains("measured"),
            "{said}"
        );
    }
    let kept = store.find(&key(1)).unwrap().unwrap();
    assert_eq!(bits(&kept.propensities), bits(&cell(1).propensities));
}

#[test]
fn a_cell_with_figures_missing_is_not_kept() {
    let (_folder, path) = place();
    let mut store = open(&path);
    let mut torn = cell(1);
    torn.propensities.pop();
    assert!(matches!(
        store.put(&key(1), &torn),
        Err(StoreError::Shape { got: 5, .. })
    ));
    assert_eq!(store.list(&Filter::default()).unwrap(), vec![]);
}

#[test]
fn a_list_is_narrowed_by_names_hashes_layer_and_number() {
    let (_folder, path) = place();
    let mut store = open(&path);
    for block in 0..4 {
        let mut named = cell(block);
        named.names.vector = format!("Vector {block}");
        named.created = 1000 - block as u64;
        store.put(&key(block), &named).unwrap();
    }
    let blocks = |filter: &Filter| -> Vec<usize> {
        let entries = store.list(filter).unwrap();
        entries.iter().map(|e| e.block).collect()
    };
    assert_eq!(blocks(&Filter::default()), [3, 2, 1, 0], "oldest first");
    let text = |s: &str| Some(s.to_owned());
    let by_name = Filter {
        vector: text("vector 2"),
        ..Filter::default()
    };
    assert_eq!(blocks(&by_name), [2]);
    let by_hash = Filter {
        model: text("aaaa"),
        block: Some(1),
        ..Filter::default()
    };
    assert_eq!(blocks(&by_hash), [1]);
    let by_run = Filter {
        runs: vec![1, 4],
        ..Filter::default()
    };
    assert_eq!(blocks(&by_run), [3, 0]);
    let hostile = Filter {
        dataset: text("' OR 1 --"),
        ..Filter::default()
    };
    assert_eq!(blocks(&hostile), [0; 0]);
    let entry = &store.list(&by_run).unwrap()[0];
    assert_eq!((entry.n, entry.finite), (2, 1), "one input is not finite");
    assert!((entry.mean.unwrap() - 3.1 / 2.0).abs() < 1e-6);
}

#[test]
fn collection_removes_the_old_and_keeps_the_newest() {
    let (_folder, path) = place();
    let mut store = open(&path);
    for block in 0..5 {
        let mut dated = cell(block);
        dated.created = 1000 * block as u64;
        store.put(&key(block), &dated).unwrap();
    }
    let expiry = |before, keep| Expiry {
        filter: Filter::default(),
        before,
        keep,
    };
    assert_eq!(store.expired(&expiry(Some(2000), 0)).unwrap(), [1, 2]);
    assert_eq!(store.expired(&expiry(None, 2)).unwrap(), [1, 2, 3]);
    assert_eq!(store.expired(&expiry(Some(2000), 4)).unwrap(), [1]);
    assert_eq!(store.gc(&expiry(None, 2)).unwrap(), [1, 2, 3]);
    assert_eq!(store.find(&key(0)).unwrap(), None);
    assert!(store.has(&key(4)).unwrap());
    assert_eq!(
        store.put(&key(0), &cell(0)).unwrap(),
        Put::New(6),
        "numbers are not reused"
    );
}

#[test]
fn a_store_of_the_first_layout_is_brought_up_to_date_with_its_cells() {
    let (_folder, path) = place();
    open(&path).put(&key(2), &cell(2)).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch(
        "DROP TABLE answer; DROP TABLE summary; DROP INDEX cell_by_time; PRAGMA user_version = 1",
    )
    .unwrap();
    drop(raw);
    let store = open(&path);
    assert!(store.has(&key(2)).unwrap());
    let listed = store.list(&Filter::default()).unwrap();
    assert_eq!((listed[0].run, listed[0].n, listed[0].finite), (1, 2, 1));
    drop(store);
    let raw = rusqlite::Connection::open(&path).unwrap();
    let version: i64 = raw
        .pragma_query_value(None, "user_version", |r| r.get(0))
        .unwrap();
    assert_eq!(version, SCHEMA_VERSION);
    let indices: i64 = raw
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name = 'cell_by_time'",
            [],
            |r| r.get(0),
        )
        .unwrap();
    assert_eq!(indices, 1);
}
