//! `measure` with its store, and `runs`.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::{home, output, refusal, steerscope};

const MEASURE: [&str; 7] = [
    "measure",
    "--dataset",
    "kindness",
    "--limit",
    "6",
    "--vector",
    "kindness",
];

/// Standard output and standard error of a measurement.
fn measure(home: &TempDir, more: &[&str]) -> (String, String) {
    let done = steerscope(home).args(MEASURE).args(more).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    (
        String::from_utf8(done.stdout).unwrap(),
        String::from_utf8(done.stderr).unwrap(),
    )
}

fn runs(home: &TempDir, arguments: &[&str]) -> String {
    output(steerscope(home).arg("runs").args(arguments))
}

fn list(home: &TempDir) -> Vec<Value> {
    let object: Value = serde_json::from_str(&runs(home, &["list", "--json"])).unwrap();
    object["runs"].as_array().unwrap().clone()
}

#[test]
fn a_second_measurement_comes_from_the_store_and_says_the_same() {
    let home = home();
    let (first, said) = measure(&home, &["--json"]);
    assert!(!said.contains("from the store"), "{said}");
    let (second, said) = measure(&home, &["--json"]);
    assert!(said.contains("from the store"), "{said}");
    assert_eq!(first, second);
    let (anew, said) = measure(&home, &["--json", "--no-store"]);
    assert!(!said.contains("from the store"), "{said}");
    assert_eq!(first, anew);
    let value: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(value["protocol"]["propensity"], "answer_logit");
    assert_eq!(value["protocol"]["split"]["part"], "test");
    assert_eq!(list(&home).len(), 1);
}

#[test]
fn every_changed_setting_is_measured_and_kept_apart() {
    let home = home();
    measure(&home, &[]);
    let changes: [&[&str]; 5] = [
        &["--layer", "1"],
        &["--mask", "all"],
        &["--multipliers=-1,0,1"],
        &["--split", "train"],
        &["--seed", "1"],
    ];
    for (i, change) in changes.iter().enumerate() {
        let (_, said) = measure(&home, change);
        assert!(!said.contains("from the store"), "{change:?}: {said}");
        assert_eq!(list(&home).len(), i + 2);
    }
    let (_, said) = measure(&home, &["--no-store", "--coefficient", "2"]);
    assert!(!said.contains("store"), "{said}");
    assert_eq!(list(&home).len(), 6, "nothing was kept");
}

#[test]
fn a_store_that_cannot_be_used_is_a_remark_and_the_result_is_printed() {
    let home = home();
    let file = home.path().join("notes.txt");
    fs::write(
        &file,
        "no database at all, but longer than a header ".repeat(30),
    )
    .unwrap();
    let before = fs::read(&file).unwrap();
    let (printed, said) = measure(&home, &["--json", "--store", &file.display().to_string()]);
    assert!(
        said.contains("not kept") && said.contains("notes.txt"),
        "{said}"
    );
    assert_eq!(printed, measure(&home, &["--json", "--no-store"]).0);
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn runs_are_listed_shown_and_removed() {
    let home = home();
    measure(&home, &["--layer", "1"]);
    measure(&home, &["--layer", "2"]);
    let table = runs(&home, &["list"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("run  measured"), "{table}");
    assert_eq!(lines.len(), 3);
    assert!(
        lines[1].contains("kindness") && lines[1].contains('%'),
        "{table}"
    );

    let shown: Value = serde_json::from_str(&runs(&home, &["show", "2", "--json"])).unwrap();
    let measured: Value =
        serde_json::from_str(&measure(&home, &["--layer", "2", "--json"]).0).unwrap();
    assert_eq!(shown["protocol"], measured["protocol"]);
    assert_eq!(shown["summary"], measured["summary"]);
    assert_eq!(shown["curve"], measured["curve"]);
    assert_eq!(
        shown["inputs"][3]["propensity"],
        measured["inputs"][3]["propensity"]
    );
    assert!(runs(&home, &["show", "1"]).contains("mean steerability"));
    let (code, said) = refusal(steerscope(&home).args(["runs", "show", "9"]));
    assert_eq!(code, 1);
    assert!(said.contains("runs list"), "{said}");

    let (code, said) = refusal(steerscope(&home).args(["runs", "gc"]));
    assert_eq!(code, 2);
    assert!(said.contains("--older-than"), "{said}");
    let kept = runs(&home, &["gc", "--keep", "1", "--dry-run"]);
    assert!(kept.contains("1 runs would be removed: 1"), "{kept}");
    assert_eq!(list(&home).len(), 2);
    assert!(runs(&home, &["gc", "--older-than", "1"]).contains("no runs removed"));
    runs(&home, &["gc", "--layer", "2"]);
    assert_eq!(list(&home)[0]["block"], 1);
}

#[test]
fn exports_go_to_standard_output_or_to_a_file_that_is_not_replaced() {
    let home = home();
    measure(&home, &[]);
    let csv = runs(&home, &["export", "--format", "csv"]);
    assert_eq!(csv.lines().count(), 1 + 6 * 7);
    let json: Vec<Value> =
        serde_json::from_str(&runs(&home, &["export", "--format", "json"])).unwrap();
    assert_eq!(json.len(), 42);
    assert_eq!(json[0]["template"], "plain");
    let file = home.path().join("runs.parquet");
    let arguments = |more: &[&str]| {
        let mut command = steerscope(&home);
        command.args(["runs", "export", "--format", "parquet", "--out"]);
        command.arg(&file).args(more);
        command
    };
    output(&mut arguments(&[]));
    assert!(fs::read(&file).unwrap().starts_with(b"PAR1"));
    let (code, said) = refusal(&mut arguments(&[]));
    assert_eq!(code, 1);
    assert!(said.contains("--force"), "{said}");
    output(&mut arguments(&["--force"]));
}

#[test]
fn stores_of_two_machines_are_merged_into_one() {
    let (one, two) = (home(), home());
    measure(&one, &["--layer", "1"]);
    measure(&two, &["--layer", "1"]);
    measure(&two, &["--layer", "3"]);
    let other = two.path().join("data").join("runs.sqlite");
    let said = runs(&one, &["merge", &other.display().to_string()]);
    assert!(said.contains("1 new runs, 1 known"), "{said}");
    let (_, said) = measure(&one, &["--layer", "3"]);
    assert!(said.contains("from the store"), "{said}");
    let (code, said) = refusal(steerscope(&one).args(["runs", "merge", "/no/such/store"]));
    assert_eq!(code, 1);
    assert!(said.contains("/no/such/store"), "{said}");
}

#[test]
fn without_a_store_runs_says_so_and_makes_none() {
    let home = home();
    let (code, said) = refusal(steerscope(&home).args(["runs", "list"]));
    assert_eq!(code, 1);
    assert!(
        said.contains("runs.sqlite") && said.contains("measure"),
        "{said}"
    );
    assert!(!Path::new(&home.path().join("data")).exists());
}
