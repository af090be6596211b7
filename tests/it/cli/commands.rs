//! What the commands print.

use serde_json::Value;

use super::{home, output, shared, steerscope};

fn json(command: &mut assert_cmd::Command) -> Value {
    serde_json::from_str(&output(command)).expect("nothing but one JSON object on standard output")
}

#[test]
fn measure_prints_one_json_object_with_everything_a_figure_needs() {
    let home = home();
    let value = json(steerscope(&home).args([
        "measure",
        "--dataset",
        "kindness",
        "--limit",
        "12",
        "--json",
    ]));
    assert_eq!(value["schema_version"], 2);
    assert_eq!(value["inputs"].as_array().unwrap().len(), 12);
    assert_eq!(value["summary"]["n"], 12);
    for key in [
        "mean",
        "median",
        "sd",
        "quartiles",
        "anti_steerable",
        "ci95",
    ] {
        assert!(!value["summary"][key].is_null(), "summary.{key}");
    }
    for key in ["block", "mask", "multipliers", "split", "template"] {
        assert!(!value["protocol"][key].is_null(), "protocol.{key}");
    }
    assert_eq!(value["protocol"]["split"]["seed"], 0);
    let input = &value["inputs"][0];
    assert_eq!(input["propensity"].as_array().unwrap().len(), 7);
    assert!(input["id"].is_u64() && input["steerability"].is_f64());
    assert_eq!(value["model"]["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn the_same_measurement_twice_is_the_same_text() {
    let home = home();
    let run = || {
        output(steerscope(&home).args(["measure", "--dataset", "she_he", "--limit", "8", "--json"]))
    };
    assert_eq!(run(), run());
}

#[test]
fn csv_has_one_line_for_each_input() {
    let home = home();
    let text = output(steerscope(&home).args([
        "measure",
        "--dataset",
        "she_he",
        "--limit",
        "9",
        "--csv",
        "--multipliers=-2,0,2",
    ]));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "id,steerability,propensity@-2,propensity@0,propensity@2"
    );
    assert_eq!(lines.len(), 10);
}

#[test]
fn an_extracted_vector_is_measured_like_the_one_extracted_on_the_way() {
    let home = home();
    let file = home.path().join("v.safetensors");
    output(
        steerscope(&home)
            .args(["extract", "--dataset", "she_he", "--out"])
            .arg(&file),
    );
    let arguments = [
        "measure",
        "--dataset",
        "she_he",
        "--limit",
        "6",
        "--layer",
        "3",
        "--json",
    ];
    let on_the_way = json(steerscope(&home).args(arguments));
    let from_file = json(steerscope(&home).args(arguments).arg("--vector").arg(&file));
    assert_eq!(on_the_way["inputs"], from_file["inputs"]);
    assert_eq!(on_the_way["vector"]["id"], from_file["vector"]["id"]);
}

#[test]
fn coefficient_zero_writes_the_unsteered_text() {
    let home = home();
    let value = json(steerscope(&home).args([
        "generate",
        "--prompt",
        "Once upon a time",
        "--vector",
        "she_he",
        "--coefficient",
        "0",
        "--max-tokens",
        "12",
        "--json",
    ]));
    assert_eq!(value["baseline"], value["steered"]);
    assert!(!value["baseline"]["text"].as_str().unwrap().is_empty());
}

#[test]
fn the_prompt_may_come_from_standard_input_and_a_seed_repeats_its_text() {
    let home = home();
    let run = |seed: &str| {
        let mut command = steerscope(&home);
        command.args([
            "generate",
            "--temperature",
            "1",
            "--max-tokens",
            "16",
            "--seed",
            seed,
        ]);
        output(command.write_stdin("Once upon a time\n"))
    };
    assert_eq!(run("7"), run("7"));
    assert_ne!(run("7"), run("8"));
}

#[test]
fn list_names_every_bundled_asset() {
    let home = home();
    let value = json(steerscope(&home).args(["list", "--json"]));
    for (kind, name) in [("vectors", "she_he"), ("datasets", "kindness")] {
        let entries = value[kind].as_array().unwrap();
        assert!(
            entries.iter().any(|e| e["asset"]["bundled"] == name),
            "{kind}: {name}"
        );
    }
}

#[test]
fn a_foreign_directory_and_a_public_data_set_run_by_the_same_command() {
    let home = home();
    let (Some(model), Some(data)) = (
        shared("models/stories260K"),
        shared("data/mwe_persona__politically-liberal.jsonl"),
    ) else {
        return;
    };
    let mut command = steerscope(&home);
    command
        .arg("measure")
        .arg("--model")
        .arg(&model)
        .arg("--dataset")
        .arg(&data);
    let value = json(command.args(["--limit", "8", "--json"]));
    assert_eq!(value["summary"]["n"], 8);
    assert_eq!(value["model"]["n_blocks"], 5);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    use std::process::{Command, Stdio};
    let home = home();
    let mut child = Command::new(env!("CARGO_BIN_EXE_steerscope"))
        .env("STEERSCOPE_HOME", home.path())
        .args(["measure", "--dataset", "she_he", "--limit", "64", "--csv"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
