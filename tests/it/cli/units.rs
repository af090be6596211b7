//! `--unit` as a user gives it.

use serde_json::Value;

use super::{home, output, refusal, steerscope};

const PROMPT: &str = "Once upon a time there was a little child.";

fn generate(args: &[&str]) -> Value {
    let base = [
        "generate", "--prompt", PROMPT, "--vector", "she_he", "--layer", "2",
    ];
    let more = ["--max-tokens", "4", "--json"];
    let text = output(steerscope(&home()).args(base).args(more).args(args));
    serde_json::from_str(&text).expect("one JSON object")
}

#[test]
fn a_coefficient_in_any_unit_is_stated_beside_the_raw_one() {
    let raw = |value: &Value| value["steering"]["coefficient"].as_f64().unwrap();
    let plain = generate(&["--coefficient", "1.5"]);
    assert_eq!(plain["unit"], Value::Null);
    let length = raw(&generate(&["--coefficient", "1", "--unit", "unit"]));
    assert!(length > 0.0 && length < 1.0, "‖v‖ is above 1: {length}");
    let half = generate(&["--coefficient=-0.5", "--unit", "kappa"]);
    assert_eq!(half["unit"]["unit"], "kappa");
    assert_eq!(half["unit"]["given"][0], -0.5);
    assert!((half["unit"]["raw"][0].as_f64().unwrap() - raw(&half)).abs() < 1e-6);
    assert!(raw(&half) < 0.0);
    // At a right angle κ is the tangent of the turn.
    let turn = raw(&generate(&["--coefficient", "45", "--unit", "angle"]));
    assert!((turn + 2.0 * raw(&half)).abs() < 1e-3, "{turn}");
    for unit in ["behaviour-normalised", "activation-range", "iso-kl"] {
        let value = generate(&["--coefficient", "1", "--unit", unit]);
        assert!(raw(&value) > 0.0, "{unit}");
        assert!(!value["unit"]["means"].as_str().unwrap().is_empty());
    }
}

#[test]
fn units_that_say_nothing_here_are_refused() {
    let home = home();
    let base = ["generate", "--prompt", PROMPT, "--vector", "she_he"];
    let refused = |args: &[&str]| refusal(steerscope(&home).args(base).args(args));
    let (status, said) = refused(&["--coefficient", "90", "--unit", "angle"]);
    assert_eq!(status, 2);
    assert!(said.contains("less than 90 degrees"), "{said}");
    let (status, said) = refused(&["--unit", "kappa", "--operator", "project"]);
    assert_eq!(status, 2);
    assert!(said.contains("is no length"), "{said}");
    let (status, said) = refused(&["--unit", "metres"]);
    assert_eq!(status, 2);
    assert!(said.contains("unknown unit 'metres'"), "{said}");
}

#[test]
fn a_grid_is_measured_in_the_unit_it_is_given_in() {
    let base = [
        "measure",
        "--dataset",
        "kindness",
        "--vector",
        "kindness",
        "--layer",
        "2",
    ];
    let args = [
        "--limit",
        "4",
        "--no-store",
        "--json",
        "--multipliers=-0.2,0,0.2",
        "--unit",
    ];
    let text = output(steerscope(&home()).args(base).args(args).arg("kappa"));
    let value: Value = serde_json::from_str(&text).unwrap();
    let raw = value["protocol"]["multipliers"].as_array().unwrap();
    assert_eq!(raw[1], 0.0);
    let [stated, applied] = [&value["unit"]["raw"][2], &raw[2]].map(|v| v.as_f64().unwrap());
    assert!((stated - applied).abs() < 1e-6);
    assert!((value["unit"]["given"][2].as_f64().unwrap() - 0.2).abs() < 1e-6);
    assert!((applied - 0.2).abs() > 1e-3);
}

#[test]
fn a_sweep_converts_its_grid_at_every_block_and_a_cell_is_what_measure_gives() {
    let home = home();
    let json = |args: &[&str]| -> Value {
        let text = output(steerscope(&home).args(args).arg("--json"));
        serde_json::from_str(&text).expect("one JSON object")
    };
    let data = [
        "--dataset",
        "kindness",
        "--vector",
        "kindness",
        "--limit",
        "6",
    ];
    for (unit, grid) in [
        ("kappa", "--multipliers=-0.2,0,0.2"),
        ("angle", "--multipliers=-20,0,40"),
        ("unit", "--multipliers=-3,0,3"),
        ("behaviour-normalised", "--multipliers=-1,0,1"),
        ("activation-range", "--multipliers=-1,0,1"),
    ] {
        let given = ["--unit", unit, grid, "--split", "test"];
        let swept = json(&[&["sweep", "--layers", "1-2"][..], &data, &given].concat());
        assert_eq!(swept["unit"]["unit"], unit);
        let rows = swept["rows"].as_array().expect("rows");
        assert_eq!(rows.len(), 2, "one comparison");
        assert_ne!(rows[0]["raw"], rows[1]["raw"], "{unit}");
        for row in rows {
            let block = row["block"].to_string();
            let alone = json(&[&["measure", "--layer", &block][..], &data, &given].concat());
            let raw = alone["unit"]["raw"].as_array().expect("raw");
            for (a, b) in row["raw"].as_array().expect("raw").iter().zip(raw) {
                let [a, b] = [a, b].map(|v| v.as_f64().expect("a number"));
                assert!((a - b).abs() < 1e-5, "{unit} {a} {b}");
            }
            // Slopes are per given unit here, per raw multiplier there.
            let flat = |v: &Value| -> Vec<f64> {
                let rows = v.as_array().expect("rows").iter();
                rows.flat_map(|r| r.as_array().expect("a row"))
                    .filter_map(Value::as_f64)
                    .collect()
            };
            let inputs = alone["inputs"].as_array().expect("inputs").iter();
            let theirs: Vec<Value> = inputs.map(|i| i["propensity"].clone()).collect();
            let (ours, theirs) = (flat(&row["propensity"]), flat(&Value::Array(theirs)));
            assert_eq!(ours.len(), 18);
            for (a, b) in ours.iter().zip(&theirs) {
                assert!((a - b).abs() < 1e-4, "{unit} {a} {b}");
            }
        }
    }
    let sweep = [&["sweep", "--layers", "1-2"][..], &data].concat();
    let table =
        output(
            steerscope(&home)
                .args(&sweep)
                .args(["--unit", "angle", "--multipliers=-20,0,40"]),
        );
    assert!(table.contains("multipliers in angle"), "{table}");
    assert!(table.contains("raw multipliers"), "{table}");
    let csv = output(steerscope(&home).args(&sweep).args([
        "--unit",
        "kappa",
        "--multipliers=-0.2,0,0.2",
        "--csv",
    ]));
    assert!(
        csv.contains("raw@-0.2") && csv.contains("\nkappa,1,"),
        "{csv}"
    );
    // Without a grid in the unit the default one would be absurd.
    let (status, said) = refusal(steerscope(&home).args(&sweep).args(["--unit", "kappa"]));
    assert!(status == 2 && said.contains("--length kappa"), "{said}");
    let args = [
        "--unit",
        "kappa",
        "--multipliers=-1,0,1",
        "--operator",
        "project",
    ];
    let (status, said) = refusal(steerscope(&home).args(&sweep).args(args));
    assert!(status == 2 && said.contains("is no length"), "{said}");
}
