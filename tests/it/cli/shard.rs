//! `sweep --shard`: parts of a sweep, joined again.

use std::collections::BTreeSet;

use serde_json::Value;
use tempfile::TempDir;

use super::{home, output, refusal, steerscope};

const SWEEP: [&str; 9] = [
    "sweep",
    "--dataset",
    "kindness",
    "--vector",
    "kindness",
    "--limit",
    "8",
    "--multipliers=-1,0,1",
    "--json",
];

/// The object on standard output, and standard error.
fn sweep(home: &TempDir, more: &[&str]) -> (Value, String) {
    let done = steerscope(home).args(SWEEP).args(more).output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{said}");
    (serde_json::from_slice(&done.stdout).unwrap(), said)
}

#[test]
fn the_parts_joined_are_the_whole_sweep() {
    let home = home();
    let (whole, _) = sweep(&home, &["--no-store"]);
    let (mut seen, mut cells) = (BTreeSet::new(), 0);
    let file = |i: usize| home.path().join(format!("part{i}.sqlite"));
    // More parts than the fourteen cells: the last two are empty.
    for i in 1..=16 {
        let shard = format!("{i}/16");
        let (part, said) = sweep(
            &home,
            &["--shard", &shard, "--store", file(i).to_str().unwrap()],
        );
        assert_eq!(part["shard"], shard.as_str());
        assert!(part["suggested_block"].is_null());
        let rows = part["rows"].as_array().unwrap();
        assert_eq!(rows.len(), usize::from(i <= 14), "{said}");
        let words = format!("part {shard}: {} of 14 cells, {}", rows.len(), rows.len());
        assert!(said.contains(&words), "{said}");
        for row in rows {
            assert!(seen.insert((row["unit"].to_string(), row["block"].as_u64())));
            assert!(whole["rows"].as_array().unwrap().contains(row), "{row}");
            cells += 1;
        }
    }
    assert_eq!(cells, 14);

    let joined = home.path().join("joined.sqlite");
    let joined = joined.to_str().unwrap();
    let files: Vec<String> = (1..=16).map(|i| file(i).display().to_string()).collect();
    output(
        steerscope(&home)
            .args(["runs", "merge", "--store", joined])
            .args(&files),
    );
    let (all, said) = sweep(&home, &["--store", joined]);
    assert!(said.contains("14 of 14 cells from the store"), "{said}");
    assert_eq!(all, whole);
    // A part finds its cells too, and says that nothing was left to do.
    let (_, said) = sweep(&home, &["--shard", "2/3", "--store", joined]);
    assert!(said.contains("5 of 14 cells, 0 computed"), "{said}");
}

#[test]
fn a_part_that_does_not_exist_or_would_be_lost_is_refused() {
    let home = home();
    for (shard, word) in [
        ("0/4", "I/N"),
        ("5/4", "no part 5 of 4"),
        ("1/0", "I/N"),
        ("3", "I/N"),
        ("a/b", "'a/b'"),
        ("-1/4", "-1/4"),
    ] {
        let shard = format!("--shard={shard}");
        let (status, said) = refusal(steerscope(&home).args(SWEEP).arg(shard));
        assert_eq!(status, 2, "{said}");
        assert!(said.contains(word), "{said}");
    }
    let (status, said) =
        refusal(
            steerscope(&home)
                .args(SWEEP)
                .args(["--shard", "1/2", "--no-store"]),
        );
    assert!(status == 2 && said.contains("--no-store"), "{said}");
    // Nowhere to keep anything: refused before it is computed.
    let file = home.path().join("occupied");
    std::fs::write(&file, "").unwrap();
    let place = file.join("runs.sqlite");
    let (status, said) = refusal(
        steerscope(&home)
            .args(SWEEP)
            .args(["--shard", "1/2", "--store"])
            .arg(place),
    );
    assert!(status == 1 && said.contains("in a store only"), "{said}");
}
