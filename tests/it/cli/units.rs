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
