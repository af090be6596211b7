//! Stores that cannot be used: said clearly, and never a reason to stop measuring.

use std::fs;

use steerscope::store::{Filter, Keeping, Put, Store, StoreError};

use super::{cell, key, open, place};

#[test]
fn a_store_of_a_newer_program_is_refused_with_both_layouts_and_left_alone() {
    let (_folder, path) = place();
    open(&path).put(&key(0), &cell(0)).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    let error = Store::open(&path).unwrap_err();
    assert_eq!(error.id(), "store-newer");
    let said = error.to_string();
    assert!(
        said.contains("99") && said.contains(env!("CARGO_PKG_VERSION")),
        "{said}"
    );
    let raw = rusqlite::Connection::open(&path).unwrap();
    let cells: i64 = raw
        .query_row("SELECT count(*) FROM cell", [], |r| r.get(0))
        .unwrap();
    assert_eq!(cells, 1);
}

#[test]
fn a_file_of_something_else_is_refused_and_not_changed() {
    let (folder, path) = place();
    let text = folder.path().join("notes.txt");
    fs::write(
        &text,
        "certainly not a database, but a text of some length".repeat(40),
    )
    .unwrap();
    let before = fs::read(&text).unwrap();
    assert_eq!(Store::open(&text).unwrap_err().id(), "store-foreign");
    assert_eq!(fs::read(&text).unwrap(), before);

    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch("CREATE TABLE photos (id INTEGER)")
        .unwrap();
    drop(raw);
    let before = fs::read(&path).unwrap();
    assert_eq!(Store::open(&path).unwrap_err().id(), "store-foreign");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_full_disk_loses_the_cell_under_way_and_nothing_that_was_kept() {
    let (_folder, path) = place();
    let mut store = open(&path);
    store.put(&key(0), &cell(0)).unwrap();
    store.limit_size(8192).unwrap();
    let mut kept = 0;
    let error = loop {
        let block = kept + 1;
        match store.put(&key(block), &cell(block)) {
            Ok(Put::New(_)) if kept < 1000 => kept = block,
            Ok(_) => panic!("the limit does not hold"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.id(), "store-full");
    assert!(error.to_string().contains("runs gc"), "{error}");
    for block in 0..=kept {
        assert!(store.has(&key(block)).unwrap());
    }
    store.limit_size(1 << 30).unwrap();
    store.put(&key(kept + 1), &cell(0)).unwrap();
}

#[test]
fn where_no_store_can_be_made_work_goes_on_without_one() {
    let (folder, _) = place();
    // A folder that cannot be made: its parent is a file. Permissions do not stop root.
    let file = folder.path().join("occupied");
    fs::write(&file, "").unwrap();
    let path = file.join("runs.sqlite");
    assert_eq!(Store::open(&path).unwrap_err().id(), "store-read-only");
    let mut keeping = Keeping::open(&path);
    let fault = keeping.take_fault().unwrap();
    assert!(fault.to_string().contains("--store"), "{fault}");
    assert_eq!(keeping.put(&key(0), &cell(0)), None);
    assert_eq!(keeping.find(&key(0)), None);
    assert!(keeping.take_fault().is_none(), "it is said once");
}

#[test]
fn damage_is_named_with_its_run_and_other_runs_stay_readable() {
    let (_folder, path) = place();
    let mut store = open(&path);
    for block in 0..4 {
        store.put(&key(block), &cell(block)).unwrap();
    }
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch(
        "UPDATE cell SET propensities = substr(propensities, 1, 23) WHERE id = 1;
         UPDATE cell SET propensities = substr(propensities, 1, 20) WHERE id = 2;
         UPDATE cell SET model = 'of another revision' WHERE id = 3;",
    )
    .unwrap();
    for run in 1..=3 {
        match store.show(run) {
            Err(StoreError::Damaged { run: named, .. }) => assert_eq!(named, run),
            other => panic!("run {run}: {other:?}"),
        }
    }
    assert_eq!(store.show(4).unwrap().cell.block, 3);
    // A list reads no figures, so that one damaged run does not hide the others.
    let listed = store.list(&Filter::default()).unwrap();
    assert_eq!(
        listed.iter().map(|e| e.run).collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    assert!(listed.iter().all(|e| (e.n, e.finite) == (2, 1)));
    assert_eq!(store.show(5).unwrap_err().id(), "store-run-unknown");
    let mut keeping = Keeping::open(&path);
    assert_eq!(keeping.find(&key(0)), None);
    assert_eq!(keeping.take_fault().unwrap().id(), "store-damaged");
}

#[test]
fn a_store_that_does_not_exist_is_not_made_by_reading() {
    let (_folder, path) = place();
    assert_eq!(
        Store::open_existing(&path).unwrap_err().id(),
        "store-missing"
    );
    assert!(!path.exists());
}
