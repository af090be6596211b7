//! Several writers, and writers that die.

use std::process::Command;
use std::time::{Duration, Instant};

use steerscope::store::{Filter, Put, Store};

use super::{cell, key, open, place};

/// Set for the copies of this binary that the tests below start.
const WRITER: &str = "STEERSCOPE_TEST_STORE_WRITER";

/// Not a test by itself: writes cells `first..` into the store of the environment until it has
/// written `count`. Passes at once where it is not asked to.
#[test]
fn writer_process() {
    let Ok(job) = std::env::var(WRITER) else {
        return;
    };
    let parts: Vec<&str> = job.split('|').collect();
    let (first, count): (usize, usize) = (parts[1].parse().unwrap(), parts[2].parse().unwrap());
    let mut store = Store::open(parts[0].as_ref()).unwrap();
    for block in first..first + count {
        store.put(&key(block), &cell(block)).unwrap();
    }
}

fn writer(path: &std::path::Path, first: usize, count: usize) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::processes::writer_process"])
        .env(WRITER, format!("{}|{first}|{count}", path.display()))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn processes_that_make_and_fill_one_store_at_once_lose_nothing() {
    let (_folder, path) = place();
    // Overlapping ranges: some cells are put by two of them.
    let writers: Vec<_> = (0..4).map(|i| writer(&path, i * 20, 30)).collect();
    for mut child in writers {
        assert!(child.wait().unwrap().success());
    }
    let store = open(&path);
    assert_eq!(store.list(&Filter::default()).unwrap().len(), 90);
    for block in 0..90 {
        assert_eq!(store.find(&key(block)).unwrap().unwrap().block, block);
    }
    assert_sound(&path);
}

#[test]
fn a_killed_writer_leaves_every_finished_cell_and_a_sound_store() {
    let (_folder, path) = place();
    drop(open(&path));
    let mut child = writer(&path, 0, 1_000_000);
    let store = open(&path);
    let started = Instant::now();
    while store.list(&Filter::default()).unwrap().len() < 20 {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "nothing is written"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    let seen = store.list(&Filter::default()).unwrap().len();
    child.kill().unwrap();
    child.wait().unwrap();
    drop(store);
    let mut store = open(&path);
    let kept = store.list(&Filter::default()).unwrap().len();
    assert!(kept >= seen);
    for block in 0..kept {
        assert!(store.has(&key(block)).unwrap(), "cell {block} of {kept}");
    }
    assert!(matches!(
        store.put(&key(kept), &cell(kept)).unwrap(),
        Put::New(_)
    ));
    assert_sound(&path);
}

#[test]
fn a_reader_sees_whole_cells_while_another_connection_writes() {
    let (_folder, path) = place();
    let mut store = open(&path);
    let reader = open(&path);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for block in 0..200 {
                store.put(&key(block), &cell(block)).unwrap();
            }
        });
        let mut seen = 0;
        while seen < 200 {
            // A cell that is not whole would be an error.
            let now = reader.list(&Filter::default()).unwrap().len();
            assert!(now >= seen);
            seen = now;
        }
    });
}

fn assert_sound(path: &std::path::Path) {
    let raw = rusqlite::Connection::open(path).unwrap();
    let answer: String = raw
        .pragma_query_value(None, "integrity_check", |r| r.get(0))
        .unwrap();
    assert_eq!(answer, "ok");
}
