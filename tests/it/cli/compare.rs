//! `steerscope compare`.

use serde_json::Value;

use super::{home, output, refusal, steerscope};

#[test]
fn vectors_are_compared_at_their_own_blocks_raw_and_at_the_first_ones_kappa() {
    let home = home();
    let compare = |more: &[&str]| -> Value {
        let text = output(
            steerscope(&home)
                .args([
                    "compare",
                    "--dataset",
                    "kindness",
                    "--limit",
                    "10",
                    "--json",
                ])
                .args([
                    "--vector", "kindness", "--vector", "mood", "--length", "both",
                ])
                .args(more),
        );
        serde_json::from_str(&text).expect("nothing but one JSON object on standard output")
    };
    let value = compare(&[]);
    let rows = value["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[0]["block"], 2);
    assert_eq!(rows[0]["placed"], "recommended");
    assert_eq!(
        rows[0]["summary"], rows[2]["summary"],
        "the first is the reference"
    );
    assert_eq!(rows[2]["kappa"], value["reference"]["kappa"]);
    let kappa = |i: usize| rows[i]["kappa"].as_f64().expect("a number");
    assert!((kappa(2) - kappa(3)).abs() < 1e-6);
    assert!((kappa(0) - kappa(1)).abs() > 1e-6);
    // A row is what 'measure' gives, and the store has it.
    let text = output(
        steerscope(&home)
            .args([
                "measure",
                "--dataset",
                "kindness",
                "--limit",
                "10",
                "--json",
            ])
            .args(["--vector", "kindness"]),
    );
    let alone: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(alone["summary"], rows[0]["summary"]);
    let again = compare(&[]);
    assert_eq!(again["rows"], value["rows"]);
    let at_one = compare(&["--layer", "3"]);
    let blocks = at_one["rows"].as_array().expect("rows");
    assert!(
        blocks
            .iter()
            .all(|r| r["block"] == 3 && r["placed"] == "asked")
    );
}

#[test]
fn without_names_all_bundled_vectors_are_compared_in_a_table() {
    let text =
        output(steerscope(&home()).args(["compare", "--dataset", "kindness", "--limit", "8"]));
    for word in [
        "kindness",
        "she_he",
        "median",
        "95 % interval",
        "raw: times",
    ] {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn a_named_vector_that_is_not_there_and_kappa_without_length_are_refused() {
    let ask = |more: &[&str]| {
        refusal(
            steerscope(&home())
                .args(["compare", "--dataset", "kindness", "--limit", "4"])
                .args(more),
        )
    };
    let (status, words) = ask(&["--vector", "kindness", "--vector", "nobody"]);
    assert!(status == 1 && words.contains("nobody"), "{words}");
    let (status, words) = ask(&[
        "--vector",
        "kindness",
        "--unit",
        "kappa",
        "--operator",
        "project",
    ]);
    assert!(status == 2 && words.contains("--length raw"), "{words}");
}
