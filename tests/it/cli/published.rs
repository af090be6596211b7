//! `--parity`, and published figures beside ours.

use serde_json::Value;

use super::{home, output, refusal, steerscope};

const BADGE: &str = "paper-parity: overlapping split, summed logits; not comparable";

const MEASURE: [&str; 9] = [
    "measure",
    "--dataset",
    "outdoors",
    "--layer",
    "2",
    "--limit",
    "6",
    "--parity",
    "--multipliers=-1,0,1",
];

#[test]
fn every_output_of_parity_wears_its_badge() {
    let home = home();
    let done = steerscope(&home).args(MEASURE).output().unwrap();
    let (table, said) = (
        String::from_utf8(done.stdout).unwrap(),
        String::from_utf8(done.stderr).unwrap(),
    );
    assert!(
        table.contains(BADGE) && table.contains("overlapping split"),
        "{table}"
    );
    assert!(said.contains("training rows too"), "{said}");
    assert!(said.contains("128 training pairs"), "half of 256: {said}");
    let text = output(steerscope(&home).args(MEASURE).arg("--json"));
    let value: Value = serde_json::from_str(&text).unwrap();
    assert!(value["badge"].as_str().unwrap().starts_with(BADGE));
    assert_eq!(value["protocol"]["propensity"], "sum_logits");
    assert_eq!(value["protocol"]["split"]["kind"], "published");
    let csv = output(steerscope(&home).args(MEASURE).arg("--csv"));
    assert!(csv.lines().next().unwrap().ends_with(",badge"), "{csv}");
    assert!(csv.lines().skip(1).all(|l| l.contains(BADGE)), "{csv}");
    let shown = output(steerscope(&home).args(["runs", "show", "1"]));
    assert!(shown.contains(BADGE), "{shown}");

    let sweep = [&["sweep"], &MEASURE[1..3], &MEASURE[5..]].concat();
    let sweep = [&sweep[..], &["--layers", "2", "--unit", "raw"]].concat();
    let text = output(steerscope(&home).args(&sweep).arg("--json"));
    let swept: Value = serde_json::from_str(&text).unwrap();
    assert!(swept["badge"].as_str().unwrap().starts_with(BADGE));
    assert_eq!(swept["protocol"]["split"]["part"], "test");
    // The same definition, the same numbers.
    for (i, input) in value["inputs"].as_array().unwrap().iter().enumerate() {
        assert_eq!(swept["rows"][0]["propensity"][i], input["propensity"]);
    }
    assert!(output(steerscope(&home).args(&sweep)).contains(BADGE));
    let factors = [&["factors"], &MEASURE[1..]].concat();
    let done = steerscope(&home).args(&factors).output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(said.contains("from the store"), "{said}");
    assert!(String::from_utf8(done.stdout).unwrap().contains(BADGE));

    let default: Vec<&str> = MEASURE.into_iter().filter(|a| *a != "--parity").collect();
    let text = output(steerscope(&home).args(default).arg("--json"));
    assert!(!text.contains("badge"), "{text}");
}

#[test]
fn the_published_split_has_two_parts_and_needs_more_than_fifty_rows() {
    let home = home();
    for split in ["val", "all"] {
        let (status, said) = refusal(steerscope(&home).args(MEASURE).args(["--split", split]));
        assert_eq!(status, 2, "{said}");
        assert!(said.contains("--split test or train"), "{said}");
    }
    let file = home.path().join("few.jsonl");
    let row = r#"{"prompt":"Number @ is","positive":" big","negative":" small"}"#;
    let rows: Vec<String> = (0..50).map(|i| row.replace('@', &i.to_string())).collect();
    std::fs::write(&file, rows.join("\n")).unwrap();
    let (status, said) = refusal(
        steerscope(&home)
            .args(["measure", "--vector", "kindness", "--parity", "--dataset"])
            .arg(&file),
    );
    assert!(status == 1 && said.contains("has 50 rows"), "{said}");
}

#[test]
fn published_rows_stand_beside_ours_with_the_caveat_once() {
    let home = home();
    let place = |name: &str| {
        let file = home.path().join(format!("{name}.jsonl"));
        let rows = include_str!("../../../assets/data/kindness.jsonl");
        std::fs::write(&file, rows).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let (narcissism, openness) = (place("Narcissism"), place("openness"));
    let table = output(steerscope(&home).args([
        "measure",
        "--vector",
        "kindness",
        "--limit",
        "8",
        "--dataset",
        &narcissism,
    ]));
    let published = table
        .lines()
        .find(|l| l.starts_with("published  "))
        .unwrap();
    let words: Vec<&str> = published.split_whitespace().collect();
    assert_eq!(words[1..4], ["0.11", "-0.05", "0.31"], "{table}");
    assert!(table.contains("\nours "), "{table}");
    assert_eq!(table.matches("Llama-2-7b-chat").count(), 1, "{table}");
    let table = output(steerscope(&home).args([
        "factors",
        "--vector",
        "kindness",
        "--limit",
        "8",
        "--dataset",
        &narcissism,
        "--dataset",
        &openness,
        "--dataset",
        "kindness",
    ]));
    assert_eq!(table.matches("\npublished  ").count(), 2, "{table}");
    assert_eq!(table.matches("Llama-2-7b-chat").count(), 1, "{table}");
}
