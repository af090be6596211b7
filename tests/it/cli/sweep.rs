//! `steerscope sweep`.

use serde_json::Value;

use super::{home, output, refusal, steerscope};

fn sweep(arguments: &[&str]) -> Value {
    let home = home();
    let text = output(
        steerscope(&home)
            .args(["sweep", "--dataset", "kindness", "--limit", "12", "--json"])
            .args(arguments),
    );
    serde_json::from_str(&text).expect("nothing but one JSON object on standard output")
}

#[test]
fn the_sweep_finds_the_block_that_the_card_recommends() {
    let value = sweep(&["--vector", "kindness"]);
    assert_eq!(value["suggested_block"], 2);
    let rows = value["rows"].as_array().expect("rows");
    // Seven blocks, raw and at equal κ.
    assert_eq!(rows.len(), 14);
    let of = |unit: &str, block: u64| {
        let found = |r: &&Value| r["unit"] == unit && r["block"] == block;
        rows.iter().find(found).expect("a row").clone()
    };
    // At the reference block the two comparisons are one.
    let (raw, equal) = (of("raw", 2), of("equal_kappa", 2));
    assert_eq!(raw["summary"]["mean"], equal["summary"]["mean"]);
    assert_eq!(equal["scale"], 1.0);
    let length = |row: &Value, b: usize| {
        row["scale"].as_f64().unwrap() / value["residual_norms"][b].as_f64().unwrap()
    };
    assert!(length(&of("equal_kappa", 0), 0) > length(&equal, 2));
}

#[test]
fn a_cell_of_the_sweep_is_the_measurement_of_its_block() {
    let home = home();
    let arguments = ["--vector", "kindness", "--split", "test"];
    let swept = sweep(&[&arguments[..], &["--layers", "1-2", "--unit", "raw"]].concat());
    for block in [1, 2] {
        let text = output(
            steerscope(&home)
                .args([
                    "measure",
                    "--dataset",
                    "kindness",
                    "--limit",
                    "12",
                    "--json",
                ])
                .args(arguments)
                .args(["--layer", &block.to_string()]),
        );
        let alone: Value = serde_json::from_str(&text).expect("JSON");
        let rows = swept["rows"].as_array().expect("rows");
        let row = rows
            .iter()
            .find(|r| r["block"] == block)
            .expect("the block");
        assert_eq!(row["summary"], alone["summary"], "block {block}");
        for (i, input) in alone["inputs"].as_array().unwrap().iter().enumerate() {
            assert_eq!(row["propensity"][i], input["propensity"]);
            assert_eq!(swept["inputs"][i], input["id"]);
        }
    }
}

#[test]
fn tables_mark_the_suggestion_and_csv_has_a_line_for_each_row() {
    let home = home();
    let command = [
        "sweep",
        "--vector",
        "kindness",
        "--dataset",
        "kindness",
        "--limit",
        "8",
    ];
    let table = output(steerscope(&home).args(command));
    let marked: Vec<&str> = table.lines().filter(|l| l.contains("suggested")).collect();
    assert_eq!(marked.len(), 1, "{table}");
    assert!(marked[0].trim_start().starts_with('2'), "{table}");
    let csv = output(
        steerscope(&home)
            .args(command)
            .args(["--csv", "--layers", "0,2-3"]),
    );
    assert_eq!(csv.lines().count(), 1 + 2 * 3, "{csv}");
    assert!(csv.starts_with("unit,block,scale,n,mean"), "{csv}");
}

#[test]
fn blocks_that_are_not_there_and_words_for_blocks_are_refused() {
    for (layers, word, code) in [
        ("99", "block 99", 1),
        ("two", "'two'", 2),
        ("5-3", "5-3", 2),
    ] {
        let home = home();
        let arguments = [
            "sweep",
            "--vector",
            "kindness",
            "--dataset",
            "kindness",
            "--layers",
            layers,
        ];
        let (got, said) = refusal(steerscope(&home).args(arguments));
        assert_eq!(got, code, "{said}");
        assert!(said.contains(word), "{said}");
    }
}
