//! `steerscope extract` as a user runs it.

use std::fs;

use serde_json::Value;

use super::{home, output, refusal, steerscope};

fn json(command: &mut assert_cmd::Command) -> Value {
    serde_json::from_str(&output(command)).unwrap()
}

/// Mean steerability of `kindness` under a vector at block 2.
fn slope(home: &tempfile::TempDir, file: &str, coefficient: &str) -> f64 {
    let value = json(steerscope(home).args([
        "measure",
        "--dataset",
        "kindness",
        "--layer",
        "2",
        "--limit",
        "24",
        "--json",
        "--vector",
        file,
        "--coefficient",
        coefficient,
    ]));
    value["summary"]["mean"].as_f64().unwrap()
}

#[test]
fn every_method_of_pairs_and_texts_makes_a_vector_that_steers() {
    let home = home();
    for method in [
        "mean",
        "pca",
        "logistic",
        "lat",
        "repeng_diff",
        "repeng_center",
        "corpus_mean",
        "diffmean_tokens",
        "refusal_mean",
    ] {
        let file = home.path().join(format!("{method}.safetensors"));
        let file = file.to_str().unwrap();
        let value = json(steerscope(&home).args([
            "extract",
            "--dataset",
            "kindness_texts",
            "--method",
            method,
            "--json",
            "--out",
            file,
        ]));
        assert_eq!(value["method"], method);
        assert_eq!(value["blocks"].as_array().unwrap().len(), 7);
        for block in value["blocks"].as_array().unwrap() {
            let share = block["top_two_share"].as_f64().unwrap();
            assert!(share > 0.0 && share < 1.0);
            assert!(block["cosine_to_mean"].is_f64());
        }
        let unit = value["unit"] == "unit_norm";
        let norm = value["norms"][2].as_f64().unwrap();
        assert_eq!(unit, (norm - 1.0).abs() < 1e-5, "{method}");
        let coefficient = if unit { "40" } else { "1" };
        assert!(slope(&home, file, coefficient) > 0.0, "{method}");
    }
}

#[test]
fn responses_are_generated_shown_and_called_unfiltered() {
    let home = home();
    let prompts = home.path().join("prompts.txt");
    fs::write(&prompts, "Tom saw a dog. He\n\nMom was tired. Ben\n").unwrap();
    let file = home.path().join("v.safetensors");
    let value = json(
        steerscope(&home)
            .args([
                "extract",
                "--method",
                "persona_mean",
                "--json",
                "--max-tokens",
                "8",
            ])
            .args([
                "--trait",
                "I am gentle and kind.",
                "--anti",
                "I am cruel and mean.",
                "--prompts",
            ])
            .arg(&prompts)
            .arg("--out")
            .arg(&file),
    );
    assert_eq!(value["pairs"], 2);
    assert_eq!(value["responses"].as_array().unwrap().len(), 2);
    let said = value["metadata"]["filter"].as_str().unwrap();
    assert!(
        said.contains("unfiltered") && said.contains("2 pairs"),
        "{said}"
    );
}

#[test]
fn a_pair_of_prompts_is_added_position_by_position() {
    let home = home();
    let file = home.path().join("v.safetensors");
    let file = file.to_str().unwrap();
    let value = json(steerscope(&home).args([
        "extract",
        "--method",
        "actadd",
        "--pair",
        "I am kind and good.",
        "I am mean.",
        "--json",
        "--out",
        file,
    ]));
    let positions = value["positions"].as_u64().unwrap();
    assert!(positions > 3);
    assert_eq!(value["norms"][0][0], 0.0);
    let generate = |coefficient: &str| {
        json(steerscope(&home).args([
            "generate",
            "--prompt",
            "Tom saw a small dog in the park. He was",
            "--vector",
            file,
            "--layer",
            "2",
            "--coefficient",
            coefficient,
            "--max-tokens",
            "12",
            "--json",
        ]))
    };
    let off = generate("0");
    assert_eq!(off["baseline"], off["steered"]);
    let on = generate("8");
    assert_eq!(on["baseline"], off["baseline"]);
    assert_ne!(on["baseline"], on["steered"]);
    let measure = |more: &[&str]| {
        let base = ["measure", "--dataset", "kindness", "--vector", file];
        let mut command = steerscope(&home);
        command
            .args(base)
            .args(["--layer", "2", "--limit", "6"])
            .args(more);
        command
    };
    let value = json(&mut measure(&["--multipliers=-4,0,4", "--json"]));
    assert_eq!(value["per_position"], positions);
    let slopes = value["inputs"].as_array().unwrap().iter();
    assert!(slopes.clone().count() == 6 && slopes.clone().all(|i| i["steerability"] != 0.0));
    // Multiplier 0 is what any vector has there.
    let plain = ["measure", "--dataset", "kindness", "--vector", "kindness"];
    let plain = json(
        steerscope(&home)
            .args(plain)
            .args(["--limit", "6", "--json"]),
    );
    for (row, plain) in slopes.zip(plain["inputs"].as_array().unwrap()) {
        assert_eq!(row["id"], plain["id"]);
        assert_eq!(row["propensity"][1], plain["propensity"][3]);
    }
    let table = output(&mut measure(&[]));
    assert!(table.contains("row t is added at position t"), "{table}");
    for more in [
        &["--mask", "all"][..],
        &["--unit", "kappa"],
        &["--operator", "project"],
    ] {
        let (code, said) = refusal(&mut measure(more));
        assert!(code == 2 && said.contains(more[0]), "{said}");
    }
    // One direction is another thing.
    let (code, said) =
        refusal(steerscope(&home).args(["sweep", "--dataset", "kindness", "--vector", file]));
    assert_eq!(code, 1);
    assert!(
        said.contains("add_per_position") && said.contains("steerscope measure"),
        "{said}"
    );
}

#[test]
fn texts_of_two_files_are_paired_line_by_line() {
    let home = home();
    let (positive, negative) = (home.path().join("p.txt"), home.path().join("n.jsonl"));
    fs::write(&positive, "Tom was so happy.\\nHe sang.\nShe laughed.\n").unwrap();
    fs::write(
        &negative,
        "{\"text\":\"Tom was so sad.\\nHe cried.\"}\n{\"text\":\"She fell.\"}\n",
    )
    .unwrap();
    let run = |method: &str, out: &str| {
        let mut command = steerscope(&home);
        command.args(["extract", "--method", method, "--json", "--positive"]);
        command.arg(&positive).arg("--negative").arg(&negative);
        command.arg("--out").arg(home.path().join(out));
        command
    };
    let paired = json(&mut run("mean", "a.safetensors"));
    assert_eq!(
        (&paired["pairs"], &paired["read"]),
        (&Value::from(2), &Value::from("last"))
    );
    let corpora = json(&mut run("corpus_mean", "b.safetensors"));
    let (a, b) = (&paired["norms"], &corpora["norms"]);
    let norm = |v: &Value| v[3].as_f64().unwrap();
    assert!(
        (norm(a) - norm(b)).abs() < 1e-4,
        "the mean of differences is the difference of means"
    );
    fs::write(&negative, "She fell.\n").unwrap();
    let (code, said) = refusal(&mut run("mean", "c.safetensors"));
    assert_eq!(code, 1);
    assert!(said.contains("corpus_mean"), "{said}");
}

#[test]
fn predictors_come_from_the_same_activations() {
    let home = home();
    let file = home.path().join("v.safetensors");
    let extracted = json(
        steerscope(&home)
            .args([
                "extract",
                "--dataset",
                "kindness",
                "--layer",
                "3",
                "--json",
                "--out",
            ])
            .arg(&file),
    );
    let predicted = json(steerscope(&home).args([
        "predict",
        "--dataset",
        "kindness",
        "--layer",
        "3",
        "--json",
    ]));
    let predicted = &predicted["datasets"][0]["predictors"];
    assert_eq!(extracted["predictors"]["agreement"], predicted["agreement"]);
    assert_eq!(extracted["predictors"]["in_sample"], predicted["in_sample"]);
}

#[test]
fn what_cannot_be_made_is_refused_with_the_flag_that_helps() {
    let home = home();
    let cases: [(&[&str], i32, &str); 8] = [
        (
            &["--method", "persona_mean", "--dataset", "kindness"],
            2,
            "--trait",
        ),
        (
            &["--method", "actadd", "--dataset", "kindness"],
            2,
            "--pair",
        ),
        (&["--method", "mean"], 2, "--dataset"),
        (
            &["--method", "median", "--dataset", "kindness"],
            2,
            "repeng_center",
        ),
        (
            &["--read", "middle", "--dataset", "kindness"],
            2,
            "prompt_last",
        ),
        (
            &[
                "--method",
                "refusal_mean",
                "--read",
                "last",
                "--dataset",
                "kindness_texts",
            ],
            2,
            "--read",
        ),
        (
            &[
                "--method",
                "corpus_mean",
                "--template",
                "chat",
                "--dataset",
                "kindness_texts",
            ],
            2,
            "--template",
        ),
        (
            &["--method", "lat", "--pair", "I am kind", "I am mean"],
            1,
            "two pairs",
        ),
    ];
    for (flags, status, word) in cases {
        let out = home.path().join("v.safetensors");
        let (code, said) = refusal(
            steerscope(&home)
                .arg("extract")
                .args(flags)
                .arg("--out")
                .arg(&out),
        );
        assert_eq!(code, status, "{said}");
        assert!(said.contains(word), "{said}");
        assert!(!out.exists());
    }
}
