//! `tokens` as a user runs it.

use serde_json::Value;

use super::{home, output, refusal, steerscope};

const PROMPT: &str = "Once upon a time there was a little child.";

fn json(args: &[&str]) -> Value {
    let home = home();
    let base = ["tokens", "--prompt", PROMPT, "--vector", "she_he", "--json"];
    let text = output(steerscope(&home).args(base).args(args));
    serde_json::from_str(&text).expect("one JSON object")
}

#[test]
fn without_a_text_the_steered_model_writes_it() {
    let value = json(&["--coefficient", "1.5", "--max-tokens", "12"]);
    assert_eq!(
        (&value["schema_version"], &value["text_from"]),
        (&1.into(), &"steered_greedy".into())
    );
    let strip = &value["strip"];
    let rows = strip["rows"].as_array().unwrap();
    let prompt = strip["prompt_len"].as_u64().unwrap();
    assert_eq!(rows.len(), 13);
    assert_eq!(rows[0]["position"], prompt - 1);
    // What the steered model wrote is what it holds most likely.
    for row in &rows[..12] {
        assert_eq!(row["steered"]["rank"], 1, "{row}");
        assert_eq!(row["steered"]["top"][0]["id"], row["next"]["id"]);
        assert_eq!(row["unsteered"]["top"].as_array().unwrap().len(), 5);
    }
    assert!(strip["kl"]["sum"].as_f64().unwrap() > 0.0);
    assert_eq!(strip["kl"]["n"], 12);
    assert_eq!(value["lens"], Value::Null);
}

#[test]
fn a_given_text_frozen_and_a_lens() {
    let text = [" She", " was", " very happy."].concat();
    let args = [
        "--text",
        &text,
        "--layer",
        "2",
        "--coefficient=-1",
        "--whole",
        "--top",
        "3",
    ];
    let plain = json(&args);
    let frozen = json(&[&args[..], &["--frozen", "--lens", "8"]].concat());
    assert_eq!(plain["text"], text);
    assert_eq!(
        (&plain["text_from"], &plain["strip"]["frozen"]),
        (&"given".into(), &false.into())
    );
    assert_eq!(frozen["strip"]["frozen"], true);
    assert_ne!(plain["strip"]["kl"], frozen["strip"]["kl"]);
    let rows = plain["strip"]["rows"].as_array().unwrap();
    assert_eq!(
        rows.len(),
        plain["strip"]["tokens"].as_array().unwrap().len()
    );
    assert_eq!(rows[0]["kl"], 0.0);
    let lens = &frozen["lens"];
    assert_eq!(lens["position"], 8);
    let rows = lens["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 7);
    assert_eq!(
        rows[6]["unsteered"]["top"],
        frozen["strip"]["rows"][8]["unsteered"]["top"]
    );
}

#[test]
fn the_table_marks_the_first_difference_and_sums_up() {
    let home = home();
    let args = [
        "tokens",
        "--prompt",
        PROMPT,
        "--vector",
        "she_he",
        "--coefficient",
        "2",
    ];
    let text = output(
        steerscope(&home)
            .args(args)
            .args(["--max-tokens", "10", "--lens", "12"]),
    );
    assert_eq!(text.matches("<- first difference").count(), 1, "{text}");
    for words in [
        "sum",
        "mean",
        "95th percentile",
        "differs first after position",
        "<- site",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let off = output(steerscope(&home).args(&args[..5]).args([
        "--coefficient",
        "0",
        "--max-tokens",
        "4",
    ]));
    assert!(
        off.contains("sum 0.0000") && off.contains("the same everywhere"),
        "{off}"
    );
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let home = home();
    let long = "word ".repeat(400);
    let cases: [(&[&str], i32, &str); 7] = [
        (&["--prompt", PROMPT, "--text", ""], 1, "continuation"),
        (
            &["--prompt", PROMPT, "--text", &long],
            1,
            "shorten the text",
        ),
        (&["--prompt", PROMPT, "--layer", "99"], 1, "blocks 0 to 6"),
        (
            &["--prompt", PROMPT, "--text", " She", "--lens", "500"],
            1,
            "no position 500",
        ),
        (&["--prompt", PROMPT, "--coefficient", "nan"], 2, "finite"),
        (
            &["--prompt", PROMPT, "--text", " a", "--max-tokens", "3"],
            2,
            "cannot be used with",
        ),
        (&["--prompt", PROMPT, "--top", "0"], 2, "above 0"),
    ];
    for (args, status, words) in cases {
        let base = ["tokens", "--vector", "she_he"];
        let (got, said) = refusal(steerscope(&home).args(base).args(args));
        assert_eq!(got, status, "{args:?}: {said}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
    let (status, said) = refusal(steerscope(&home).args(["tokens", "--prompt", PROMPT]));
    assert!(status == 2 && said.contains("--vector"), "{said}");
}
