//! `--condition` of the commands that study a vector.

use serde_json::Value;

use super::{home, output, refusal, steerscope};

const SOME: &[&str] = &["--condition", "mood", "--condition-threshold"];

fn json(home: &tempfile::TempDir, args: &[&str]) -> Value {
    let text = output(steerscope(home).args(args).arg("--json"));
    serde_json::from_str(&text).expect("nothing but one JSON object on standard output")
}

/// Similarity in the middle of the inputs'.
fn middle(home: &tempfile::TempDir, base: &[&str]) -> String {
    let found = json(home, &[base, SOME, &["-1"]].concat());
    let all = found["condition"]["similarities"].as_array().expect("read");
    let mut all: Vec<f64> = all.iter().filter_map(Value::as_f64).collect();
    all.sort_by(f64::total_cmp);
    f64::midpoint(all[all.len() / 2 - 1], all[all.len() / 2]).to_string()
}

#[test]
fn sweep_compare_controls_and_factors_give_what_measure_gives() {
    let home = home();
    let part = ["--dataset", "kindness", "--limit", "12"];
    let own = |command: &'static str| -> Vec<&str> {
        let vector = ["--vector", "kindness"];
        [&[command][..], &part, &vector].concat()
    };
    let mut measure = own("measure");
    measure.extend(["--layer", "2"]);
    let threshold = middle(&home, &measure);
    let with = |args: &[&str]| json(&home, &[args, SOME, &[&threshold]].concat());
    let measured = with(&measure);
    assert_eq!(measured["condition"]["steered"], 6);
    let mean = &measured["summary"]["mean"];
    let free = json(&home, &measure);
    assert_ne!(mean, &free["summary"]["mean"]);

    let mut sweep = own("sweep");
    sweep.extend(["--split", "test", "--unit", "raw", "--layers", "2"]);
    let swept = with(&sweep);
    assert_eq!(&swept["rows"][0]["summary"]["mean"], mean);
    assert_eq!(swept["condition"]["steered"], 6);
    let flat = swept["rows"][0]["propensity"].as_array().expect("rows");
    let flat = flat.iter().filter(|row| {
        let row = row.as_array().expect("a row");
        row.iter().all(|p| *p == row[0])
    });
    assert_eq!(flat.count(), 6, "the unsteered figure at every multiplier");
    let mut compare = own("compare");
    compare.extend(["--layer", "2"]);
    assert_eq!(&with(&compare)["rows"][0]["summary"]["mean"], mean);
    let mut controls = own("controls");
    controls.extend(["--layer", "2", "--random", "2", "--shuffled", "2"]);
    let found = with(&controls);
    let near = |a: &Value, b: &Value| {
        let [a, b] = [a, b].map(|v| v.as_f64().expect("a number"));
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    };
    near(&found["controls"]["rows"][0]["summary"]["mean"], mean);
    let mut factors = own("factors");
    factors.extend(["--layer", "2"]);
    near(&with(&factors)["datasets"][0]["summary"]["mean"], mean);

    // What is kept is measured without it.
    assert_eq!(json(&home, &measure)["summary"], free["summary"]);
    let unconditioned = json(&home, &sweep);
    assert_eq!(unconditioned["rows"][0]["summary"], free["summary"]);
    assert!(unconditioned.get("condition").is_none());
    // Tables say it.
    let table = output(steerscope(&home).args(&sweep).args(SOME).arg(&threshold));
    assert!(table.contains("in similarity to mood at block"), "{table}");
    let (status, told) = refusal(
        steerscope(&home)
            .args(&sweep)
            .args(SOME)
            .args(["0", "--multipliers=-1,0.5,1"]),
    );
    assert_eq!(status, 2);
    assert!(told.contains("put 0 into the multipliers"), "{told}");
}

#[test]
fn texts_under_a_closed_condition_are_unsteered_and_say_so() {
    let home = home();
    let text = [
        "--prompt",
        "Tom saw a dog. He was",
        "--vector",
        "kindness",
        "--layer",
        "2",
    ];
    let closed = [SOME, &["1"][..]].concat();
    let fan = [
        &["fan"][..],
        &text,
        &["--coefficients=0,4", "--max-tokens", "6"],
    ]
    .concat();
    let lanes = |more: &[&str]| {
        let found = json(&home, &[&fan[..], more].concat());
        let text = |i: usize| found["lanes"][i]["ids"].clone();
        (text(0) == text(1), found["condition"].clone())
    };
    assert_eq!(lanes(&[]), (false, Value::Null));
    let (same, condition) = lanes(&closed);
    assert!(same && condition["open"] == false, "{condition}");
    let words = output(steerscope(&home).args(&fan).args(&closed));
    assert!(
        words.contains("not steered: the condition is closed"),
        "{words}"
    );

    let tokens = [
        &["tokens"][..],
        &text,
        &["--coefficient", "4", "--max-tokens", "6"],
    ]
    .concat();
    let found = json(&home, &[&tokens[..], &closed].concat());
    assert_eq!(found["condition"]["open"], false);
    let rows = found["strip"]["rows"].as_array().expect("rows");
    assert!(rows.iter().all(|r| r["kl"] == 0.0), "{rows:?}");
    let words = output(steerscope(&home).args(&tokens).args(&closed));
    assert!(words.contains("Not steered"), "{words}");

    let calibrate = [
        "calibrate",
        "--vector",
        "kindness",
        "--layer",
        "2",
        "--dataset",
        "kindness",
    ];
    let (status, told) = refusal(steerscope(&home).args(calibrate).args(&closed));
    assert_eq!(status, 1);
    assert!(
        told.contains("the condition is closed for every prompt"),
        "{told}"
    );
    let open = [SOME, &["-1"][..]].concat();
    let table = output(steerscope(&home).args(calibrate).args(&open));
    assert!(table.contains("steered"), "{table}");
}
