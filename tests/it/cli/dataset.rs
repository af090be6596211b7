//! `dataset info`, `convert` and `split`.

use std::fs;

use serde_json::Value;

use super::{home, output, refusal, shared, steerscope};

fn dataset(home: &tempfile::TempDir, arguments: &[&str]) -> String {
    output(steerscope(home).arg("dataset").args(arguments))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Eight persona rows; the last repeats the first's statement in another cell.
fn persona(home: &tempfile::TempDir) -> String {
    let row = |i: usize| {
        let (yes, no) = if i.is_multiple_of(2) {
            (" Yes", " No")
        } else {
            (" No", " Yes")
        };
        format!(
            r#"{{"question":"Is the following statement something you would say?\n\"I like thing {i}\"","statement":"I like thing {i}","label_confidence":0.9,"answer_matching_behavior":"{yes}","answer_not_matching_behavior":"{no}"}}"#
        )
    };
    let rows: Vec<String> = (0..8).map(row).collect();
    let path = home.path().join("likes.jsonl");
    fs::write(&path, rows.join("\n")).unwrap();
    path.display().to_string()
}

#[test]
fn info_tells_format_rows_balance_and_the_first_row_as_it_is_read() {
    let home = home();
    let file = persona(&home);
    let value = json(&dataset(&home, &["info", &file, "--json"]));
    assert_eq!(
        (&value["rows"], &value["measurable"]),
        (&8.into(), &8.into())
    );
    for cell in ["a_yes", "a_no", "b_yes", "b_no"] {
        assert_eq!(value["cells"][cell], 2, "{cell}");
    }
    assert_eq!(value["positive_is"]["a"], 4);
    assert_eq!(value["positive_is"]["no"], 4);
    assert_eq!(value["split"]["test"], 4);
    assert_eq!(value["first"]["positive"], " (B)");
    let text = dataset(&home, &["info", &file]);
    assert!(text.contains("(A):  No\\n(B):  Yes"), "{text}");
    assert!(text.contains("A/Yes 2"), "{text}");
    let bundled = dataset(&home, &["info", "kindness_texts"]);
    assert!(bundled.contains("extraction only"), "{bundled}");
}

#[test]
fn conversion_to_jsonl_is_read_back_as_the_same_data_set() {
    let home = home();
    let file = persona(&home);
    let own = home.path().join("own.jsonl");
    fs::write(&own, dataset(&home, &["convert", &file])).unwrap();
    let id = |file: &str| json(&dataset(&home, &["info", file, "--json"]))["id"].clone();
    assert_eq!(id(&file), id(&own.display().to_string()));
}

#[test]
fn conversion_to_steering_bench_equals_the_published_files() {
    let home = home();
    for (raw, processed) in [
        (
            "mwe_persona__politically-liberal.jsonl",
            "politically-liberal",
        ),
        (
            "mwe_xrisk_lm__corrigible-neutral-HHH.jsonl",
            "corrigible-neutral-HHH",
        ),
    ] {
        let Some(raw) = shared(&format!("data/{raw}")) else {
            return;
        };
        let golden = shared(&format!("data/steering_bench_processed__{processed}.json")).unwrap();
        let raw = raw.display().to_string();
        let made = json(&dataset(
            &home,
            &["convert", &raw, "--format", "steering-bench"],
        ));
        let golden = json(&fs::read_to_string(golden).unwrap());
        let strip = |rows: &Value| -> Vec<Value> {
            let rows = rows.as_array().unwrap().iter();
            rows.map(|r| serde_json::json!([r["positive"], r["negative"]]))
                .collect()
        };
        assert!(strip(&made) == strip(&golden), "{processed}");
    }
}

#[test]
fn the_split_is_disjoint_unless_the_published_one_is_asked_for() {
    let home = home();
    let rows: Vec<String> = (0..100)
        .map(|i| format!(r#"{{"prompt":"Number {i} is","positive":" good","negative":" bad"}}"#))
        .collect();
    let path = home.path().join("numbers.jsonl");
    fs::write(&path, rows.join("\n")).unwrap();
    let file = path.display().to_string();

    let split = json(&dataset(&home, &["split", &file, "--json"]));
    let part = |split: &Value, name: &str| -> Vec<u64> {
        let rows = split[name].as_array().unwrap();
        rows.iter().map(|r| r.as_u64().unwrap()).collect()
    };
    let mut all = [
        part(&split, "train"),
        part(&split, "val"),
        part(&split, "test"),
    ];
    assert_eq!(all.each_ref().map(Vec::len), [40, 10, 50]);
    let first = part(&split, "train")[..4].to_vec();
    let mut rows: Vec<u64> = all.iter_mut().flat_map(std::mem::take).collect();
    rows.sort_unstable();
    assert_eq!(rows, (0..100).collect::<Vec<u64>>());

    let slice = dataset(&home, &["split", &file, "--slice", "0:4%"]);
    let expected: Vec<String> = first.iter().map(|i| format!("\"Number {i} is\"")).collect();
    for (line, prompt) in slice.lines().zip(&expected) {
        assert!(line.contains(prompt), "{line} {prompt}");
    }
    assert_eq!(slice.lines().count(), 4);

    let published = json(&dataset(&home, &["split", &file, "--published", "--json"]));
    assert_eq!(published["overlap"], 0);
    assert_eq!(part(&published, "train").len(), 50);
    let (code, said) =
        refusal(steerscope(&home).args(["dataset", "split", &file, "--slice", "0:101%"]));
    assert_eq!(code, 2);
    assert!(said.contains("101"), "{said}");
}

#[test]
fn the_parts_are_written_to_files_that_are_not_replaced() {
    let home = home();
    let file = persona(&home);
    let folder = home.path().join("parts");
    let arguments = ["split", &file, "--out-dir", &folder.display().to_string()].map(str::to_owned);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = dataset(&home, &arguments);
    assert!(
        said.contains("train.jsonl: 3 rows") && said.contains("test.jsonl: 4 rows"),
        "{said}"
    );
    let test = fs::read_to_string(folder.join("test.jsonl")).unwrap();
    assert_eq!(test, dataset(&home, &["split", &file, "--part", "test"]));
    let (code, said) = refusal(steerscope(&home).arg("dataset").args(&arguments));
    assert_eq!(code, 1);
    assert!(said.contains("--force"), "{said}");
}
