//! `factors`, `predict` and `shift` as a user runs them.

use serde_json::Value;

use super::{home, output, refusal, steerscope};

fn json(args: &[&str]) -> Value {
    let home = home();
    let text = output(steerscope(&home).args(args).arg("--json"));
    serde_json::from_str(&text).expect("one JSON object")
}

#[test]
fn factors_recovers_the_letter_habit() {
    let value = json(&[
        "factors",
        "--dataset",
        "outdoors",
        "--vector",
        "outdoors",
        "--limit",
        "64",
    ]);
    assert_eq!(value["schema_version"], 1);
    let entry = &value["datasets"][0];
    assert_eq!(
        (
            entry["factors"]["n"].as_u64(),
            entry["protocol"]["split"]["part"].as_str()
        ),
        (Some(64), Some("test"))
    );
    let shares: Vec<f64> = (0..3)
        .map(|i| entry["factors"]["shares"][i].as_f64().unwrap())
        .collect();
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(shares[0] > 0.5, "{shares:?}");
    assert_eq!(entry["factors"]["cells"].as_array().unwrap().len(), 4);
}

#[test]
fn factors_of_two_data_sets_end_in_a_bar_for_each() {
    let home = home();
    let text = output(steerscope(&home).args([
        "factors",
        "--dataset",
        "outdoors",
        "--dataset",
        "she_he",
        "--limit",
        "8",
    ]));
    assert!(
        text.contains("A/Yes") && text.contains("unexplained"),
        "{text}"
    );
    let last: Vec<&str> = text.lines().rev().take(2).collect();
    assert!(
        last[1].starts_with("outdoors") && last[0].starts_with("she_he"),
        "{text}"
    );
    // Answers that are no letters and no Yes or No leave everything unexplained.
    assert!(last[0].ends_with(&".".repeat(40)), "{text}");
}

#[test]
fn predict_shows_held_out_beside_in_sample() {
    let value = json(&["predict", "--dataset", "kindness", "--layer", "2"]);
    let predictors = &value["datasets"][0]["predictors"];
    assert_eq!(predictors["held_out"]["n"], 32);
    assert_eq!(predictors["in_sample"]["n"], 96);
    for key in [
        "directional",
        "leave_one_out",
        "pairwise",
        "euclidean",
        "norm_variance",
    ] {
        assert!(predictors["agreement"][key].is_f64(), "{key}");
    }
    assert!((predictors["in_sample"]["kproj_positive"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    assert!(predictors["stability"]["mean"].as_f64().unwrap() > 0.9);
    let home = home();
    let text = output(steerscope(&home).args(["predict", "--dataset", "kindness_texts"]));
    assert!(
        text.contains("held out") && text.contains("leave-one-out"),
        "{text}"
    );
    let same = json(&["predict", "--dataset", "kindness", "--held-out", "train"]);
    assert!(same["datasets"][0]["predictors"]["held_out"].is_null());
}

#[test]
fn shift_prints_the_matrix_and_takes_sentences_of_the_users_own() {
    let common = [
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
    ];
    let value = json(&common);
    let entry = &value["datasets"][0];
    assert_eq!(entry["sentences"]["positive"], "You are kind.");
    let cells = entry["matrix"]["cells"].as_array().unwrap();
    assert_eq!((cells.len(), cells[5].as_array().unwrap().len()), (6, 5));
    assert_eq!(entry["matrix"]["relative"].as_array().unwrap().len(), 25);
    assert_eq!(entry["inputs"], 8);
    assert_eq!(value["settings"][4], "USER_NEG");

    let home = home();
    let file = home.path().join("data/sentences.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(
        &file,
        "[kindness]\npositive = \"Be nice.\"\nnegative = \"Be nasty.\"\n",
    )
    .unwrap();
    let text = output(steerscope(&home).args(common));
    assert!(
        text.contains("+ Be nice.") && text.contains("USER_NEG") && text.contains("MEAN"),
        "{text}"
    );

    std::fs::write(&file, "[kindness]\npositive = 3\n").unwrap();
    let (status, said) = refusal(steerscope(&home).args(common));
    assert_eq!(status, 1);
    assert!(
        said.contains("line 2") && said.contains("sentences.toml"),
        "{said}"
    );
}

#[test]
fn refusals_name_what_is_wrong() {
    let home = home();
    let (status, said) =
        refusal(steerscope(&home).args(["predict", "--dataset", "kindness", "--layer", "99"]));
    assert!(status == 1 && said.contains("no block 99"), "{said}");
    let (status, said) =
        refusal(steerscope(&home).args(["shift", "--dataset", "kindness", "--multipliers=1,2"]));
    assert!(status == 2 && said.contains("distinct"), "{said}");
    let (status, said) = refusal(steerscope(&home).args(["shift", "--dataset", "kindness_texts"]));
    assert!(status == 1 && said.contains("kindness_texts"), "{said}");
}
