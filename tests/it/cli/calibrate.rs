//! `calibrate`, `fan` and `controls` as a user runs them.

use serde_json::Value;

use super::{home, output, refusal, steerscope};

fn json(args: &[&str]) -> Value {
    let home = home();
    let text = output(steerscope(&home).args(args).arg("--json"));
    serde_json::from_str(&text).expect("one JSON object")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

#[test]
fn calibrate_prints_coefficient_band_and_tax() {
    let value = json(&["calibrate", "--vector", "mood", "--sign", "-"]);
    let calibration = &value["calibration"];
    let (best, raw) = (
        &calibration["best"],
        &calibration["best"]["coefficient"]["raw"],
    );
    assert_eq!(
        (
            value["schema_version"].as_u64(),
            calibration["sign"].as_str()
        ),
        (Some(1), Some("negative"))
    );
    assert!(number(raw) < 0.0);
    let n = calibration["history"].as_array().unwrap().len();
    assert!(n <= 12);
    if calibration["verdict"] == "reached" {
        assert!((number(&best["stat"]) - 1.0).abs() < 0.05);
    }
    let tax = value["tax"].as_array().unwrap();
    let at: Vec<f64> = tax
        .iter()
        .map(|t| number(&t["coefficient"]["raw"]))
        .collect();
    assert!(at[0] == 0.0 && (at[3] / number(raw) - 2.0).abs() < 1e-5);
    assert!(number(&tax[3]["perplexity"]) > number(&tax[0]["perplexity"]));
    let edge = |name: &str| number(&value["band"][name]["coefficient"]["kappa"]);
    assert!(edge("high") < edge("low") && edge("low") < 0.0);
}

#[test]
fn calibrate_reads_prompts_data_sets_and_fixed_texts() {
    let home = home();
    let file = |name: &str, text: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let prompts = file("prompts.txt", "The dog was\n\nOne day a boy\n");
    let text = file(
        "text.txt",
        "One day a boy and a girl went to the park and saw a dog.",
    );
    let run = |flags: &[&str]| {
        let base = ["calibrate", "--vector", "kindness", "--target", "0.5"];
        output(steerscope(&home).args(base).args(flags))
    };
    let said = run(&["--prompts", &prompts, "--neutral", &text]);
    assert!(
        said.contains("2 prompts, '") && said.contains("reached after"),
        "{said}"
    );
    assert!(
        said.contains("hardly any effect to") && said.contains("incoherent from"),
        "{said}"
    );
    let said = run(&["--dataset", "kindness", "--layer", "3"]);
    assert!(
        said.contains("8 prompts, 'kindness' (val") && said.contains("block 3"),
        "{said}"
    );
    let said = run(&["--fixed-text", &text]);
    assert!(said.contains("text.txt', "), "{said}");
    let (code, said) = refusal(steerscope(&home).args([
        "calibrate",
        "--vector",
        "kindness",
        "--prompts",
        "nowhere.txt",
    ]));
    assert!(code == 1 && said.contains("nowhere.txt"), "{said}");
}

#[test]
fn a_fan_holds_what_generate_makes() {
    let prompt = "Once upon a time there was a little child.";
    let sampled = ["--temperature", "0.8", "--seed", "4", "--max-tokens", "24"];
    let fan = json(
        &[
            &[
                "fan",
                "--prompt",
                prompt,
                "--vector",
                "she_he",
                "--coefficients=-1.5,1.5",
                "--controls",
            ][..],
            &sampled,
        ]
        .concat(),
    );
    let one = json(
        &[
            &[
                "generate",
                "--prompt",
                prompt,
                "--vector",
                "she_he",
                "--coefficient",
                "1.5",
            ][..],
            &sampled,
        ]
        .concat(),
    );
    let lanes = fan["lanes"].as_array().unwrap();
    let names: Vec<&str> = lanes
        .iter()
        .map(|l| l["direction"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "vector", "vector", "vector", "reversed", "random 0", "permuted"
        ]
    );
    assert_eq!(lanes[0]["coefficient"], 0.0);
    assert_eq!(lanes[0]["ids"], one["baseline"]["ids"]);
    assert_eq!(lanes[2]["ids"], one["steered"]["ids"]);
    assert_eq!(
        (&lanes[0]["parts_at"], &lanes[2]["text"]),
        (&Value::Null, &one["steered"]["text"])
    );
    assert_eq!(lanes[3]["ids"], lanes[1]["ids"]);
    assert!(number(&fan["tokens_per_second"]) > 0.0);
}

#[test]
fn a_fan_is_two_to_nine_coefficients() {
    let home = home();
    let base = [
        "fan",
        "--prompt",
        "Once",
        "--vector",
        "she_he",
        "--max-tokens",
        "8",
    ];
    let said = output(steerscope(&home).args(base));
    assert!(
        said.contains("── unsteered ──") && said.contains("coefficient -2"),
        "{said}"
    );
    assert!(said.contains("5 lanes"), "{said}");
    let (code, said) = refusal(steerscope(&home).args(base).arg("--coefficients=1"));
    assert!(code == 2 && said.contains("2 to 9"), "{said}");
}

#[test]
fn controls_stand_beside_the_vector() {
    let flags = [
        "controls",
        "--vector",
        "kindness",
        "--dataset",
        "kindness",
        "--limit",
        "16",
        "--other",
        "she_he",
    ];
    let value = json(&flags);
    let groups = value["groups"].as_array().unwrap();
    let names: Vec<&str> = groups.iter().map(|g| g["name"].as_str().unwrap()).collect();
    let kinds = [
        "vector",
        "reversed",
        "random",
        "orthogonal",
        "permuted",
        "shuffled labels",
    ];
    assert_eq!(&names[..6], kinds);
    assert_eq!(names.len(), 7);
    assert_eq!(
        (groups[2]["directions"].as_u64(), value["inputs"].as_u64()),
        (Some(16), Some(16))
    );
    assert!(number(&value["controls"]["z_random"]) > 3.0);
    assert_eq!(value["controls"]["z_random"], groups[2]["z"]);
    assert_eq!(value["system_text"]["n"], 16);
    assert!(
        (number(&groups[0]["mean"]) + number(&groups[1]["mean"])).abs()
            < number(&groups[0]["mean"])
    );

    let home = home();
    let table = output(steerscope(&home).args(flags));
    assert!(
        table.contains("vector z") && table.contains("system text"),
        "{table}"
    );
    let csv = output(
        steerscope(&home)
            .args(flags)
            .args(["--random", "3", "--csv"]),
    );
    // Header, vector, reversed, 3 + 3 drawn, permuted, 8 shuffled, another, system text.
    assert_eq!(csv.lines().count(), 1 + 2 + 6 + 1 + 8 + 2, "{csv}");
    assert!(csv.starts_with("control,inputs,mean"), "{csv}");
}

/// Equal but for the last digits of numbers.
fn same(a: &Value, b: &Value) {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-9 * b.abs(), "{a} {b}");
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).for_each(|(a, b)| same(a, b));
        }
        (Value::Object(a), Value::Object(b)) => {
            assert!(a.keys().eq(b.keys()));
            a.values().zip(b.values()).for_each(|(a, b)| same(a, b));
        }
        _ => assert_eq!(a, b),
    }
}

#[test]
fn controls_and_calibrations_are_kept_and_found_again() {
    let home = home();
    let run = |args: &[&str]| {
        let output = steerscope(&home).args(args).arg("--json").output().unwrap();
        assert!(output.status.success());
        let value: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        let said = String::from_utf8_lossy(&output.stderr).contains("from the store");
        (value, said)
    };
    let controls = "controls --vector mood --dataset mood --limit 6 --random 2 --shuffled 2";
    for line in [controls, "calibrate --vector mood"] {
        let args: Vec<&str> = line.split(' ').collect();
        let (first, kept) = run(&args);
        assert!(!kept);
        let (second, kept) = run(&args);
        assert!(kept, "{line}");
        same(&first, &second);
        let (anew, kept) = run(&[&args[..], &["--no-store"]].concat());
        assert!(!kept);
        same(&anew, &first);
    }
    let (_, kept) = run(&[
        "controls",
        "--vector",
        "mood",
        "--dataset",
        "mood",
        "--limit",
        "6",
        "--random",
        "3",
        "--shuffled",
        "2",
    ]);
    assert!(!kept, "other directions are another question");
}
