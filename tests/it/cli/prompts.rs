//! `--template`, `--system`, `--memory` and the store of `factors` and `shift`.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::{home, refusal, steerscope};
use crate::chat::model::llama_3;

/// The object on standard output, and standard error.
fn run(home: &TempDir, arguments: &[&str]) -> (Value, String) {
    let done = steerscope(home).args(arguments).arg("--json").output();
    let done = done.unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{said}");
    (serde_json::from_slice(&done.stdout).unwrap(), said)
}

const MEASURE: [&str; 7] = [
    "measure",
    "--dataset",
    "kindness",
    "--limit",
    "6",
    "--layer",
    "1",
];

#[test]
fn a_chat_model_is_measured_in_its_own_format() {
    let (home, made) = (home(), llama_3());
    let model = ["--model", path(made.path())];
    let of = |more: &[&str]| run(&home, &[&MEASURE[..], &model, more].concat());
    let (plain, _) = of(&[]);
    let (chat, said) = of(&["--template", "chat"]);
    assert!(!said.contains("chat template"), "{said}");
    assert_eq!(chat["protocol"]["template"], "chat");
    assert_eq!(
        chat["protocol"]["system"],
        "You are a helpful, honest and concise assistant."
    );
    assert!(plain["protocol"]["system"].is_null());
    assert_ne!(plain["inputs"], chat["inputs"]);
    assert_ne!(
        plain["vector"]["id"], chat["vector"]["id"],
        "extracted in it too"
    );
    let (brief, _) = of(&["--template", "chat", "--system", "Be brief."]);
    assert_eq!(brief["protocol"]["system"], "Be brief.");
    assert_ne!(brief["inputs"], chat["inputs"]);
    let (none, _) = of(&["--template", "chat", "--system", ""]);
    assert!(none["protocol"]["system"].is_null());
    let (again, said) = of(&["--template", "chat"]);
    assert!(said.contains("from the store"), "{said}");
    assert_eq!(again, chat);

    let table = steerscope(&home)
        .args(MEASURE)
        .args(model)
        .args(["--template", "chat"])
        .output();
    let table = String::from_utf8(table.unwrap().stdout).unwrap();
    assert!(
        table.contains("chat template, system text \"You are a helpful"),
        "{table}"
    );
    for command in ["sweep", "factors", "predict"] {
        let arguments = [
            command,
            "--dataset",
            "kindness",
            "--limit",
            "6",
            "--template",
            "chat",
        ];
        let (value, _) = run(&home, &[&arguments[..], &model].concat());
        let text = value.to_string();
        assert!(text.contains(r#""template":"chat""#), "{command}: {text}");
        assert!(text.contains("helpful, honest"), "{command}: {text}");
    }
}

#[test]
fn a_base_model_says_what_it_reads_instead_and_a_system_text_needs_a_chat() {
    let home = home();
    let (value, said) = run(&home, &[&MEASURE[..], &["--template", "chat"]].concat());
    assert!(said.contains("without a chat template"), "{said}");
    assert_eq!(value["protocol"]["template"], "question");
    for command in ["measure", "sweep", "factors", "predict"] {
        let arguments = [command, "--dataset", "kindness", "--system", "Be brief."];
        let (status, said) = refusal(steerscope(&home).args(arguments));
        assert!(status == 2 && said.contains("--template chat"), "{said}");
    }
    let arguments = [
        "predict",
        "--dataset",
        "kindness_texts",
        "--template",
        "chat",
    ];
    let (status, said) = refusal(steerscope(&home).args(arguments));
    assert!(status == 1 && said.contains("whole texts"), "{said}");
}

#[test]
fn little_memory_gives_the_same_numbers_and_a_remark() {
    let home = home();
    let sweep = [
        "sweep",
        "--dataset",
        "kindness",
        "--vector",
        "kindness",
        "--limit",
        "20",
        "--no-store",
        "--length",
        "raw",
    ];
    let (ample, said) = run(&home, &sweep);
    assert!(!said.contains("--memory"), "{said}");
    // All of its cells go up together, so that even then no prompt is needed twice.
    let (tiny, said) = run(&home, &[&sweep[..], &["--memory", "100K"]].concat());
    assert!(!said.contains("--memory"), "{said}");
    assert_eq!(tiny, ample);
    let both = [&sweep[..8], &["--length", "both", "--mask", "from_answer"]].concat();
    let (ample, _) = run(&home, &both);
    let (tiny, _) = run(&home, &[&both[..], &["--memory", "1"]].concat());
    assert_eq!(tiny, ample);
    for size in ["0", "2X", "much"] {
        let arguments = [&MEASURE[..], &["--memory", size]].concat();
        let (status, said) = refusal(steerscope(&home).args(arguments));
        assert!(status == 2 && said.contains("512M"), "{said}");
    }
}

#[test]
fn factors_and_measure_share_their_cells() {
    let home = home();
    run(&home, &[&MEASURE[..], &["--vector", "kindness"]].concat());
    let factors = [&["factors"], &MEASURE[1..], &["--vector", "kindness"]].concat();
    let (first, said) = run(&home, &factors);
    assert!(said.contains("1 of 1 data sets from the store"), "{said}");
    let (anew, said) = run(&home, &[&factors[..], &["--no-store"]].concat());
    assert!(!said.contains("from the store"), "{said}");
    assert_eq!(first, anew);
}

#[test]
fn a_second_shift_comes_from_the_store() {
    let home = home();
    let shift = [
        "shift",
        "--dataset",
        "kindness",
        "--layer",
        "2",
        "--limit",
        "8",
        "--pairs",
        "8",
        "--multipliers=-1,0,1",
        "--memory",
        "1M",
    ];
    let (first, said) = run(&home, &shift);
    assert!(!said.contains("from the store"), "{said}");
    let (second, said) = run(&home, &shift);
    assert!(said.contains("30 of 30 cells from the store"), "{said}");
    assert_eq!(first, second);
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
