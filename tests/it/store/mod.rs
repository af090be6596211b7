//! The run store: nothing is lost, mixed up or silently replaced.

mod export;
mod faults;
mod merging;
mod processes;
mod protocol;
mod roundtrip;

use std::path::PathBuf;

use steerscope::store::{Cell, Input, Key, Names, Store};

/// A folder that goes away, and a store's path in it.
pub fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("runs.sqlite");
    (folder, path)
}

pub fn key(block: usize) -> Key {
    Key {
        model: "a".repeat(64),
        config: "b".repeat(64),
        vector: "c".repeat(64),
        dataset: "d".repeat(64),
        inputs: "e".repeat(64),
        protocol: format!(
            r#"{{"statistics":1,"block":{block},"mask":"all","operator":"add","split":{{"kind":"disjoint","part":"test","seed":3,"limit":null}}}}"#
        ),
    }
}

/// Two inputs, three multipliers.
pub fn cell(block: usize) -> Cell {
    let names = Names {
        model: "tiny".into(),
        vector: "mood".into(),
        dataset: "rows".into(),
    };
    let input = |row, a| Input {
        row,
        positive_is_a: a,
        positive_is_yes: None,
    };
    Cell::new(
        names,
        block,
        vec![-1.0, 0.0, 1.0],
        vec![input(7, Some(true)), input(2, None)],
        &[vec![-0.1, 0.25, block as f32], vec![3.0e-41, f32::NAN, 1.5]],
    )
}

pub fn open(path: &std::path::Path) -> Store {
    Store::open(path).unwrap()
}
