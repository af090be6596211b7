//! Readers of own formats, containers, counted remarks.

use proptest::prelude::*;
use steerscope::steering::dataset::{Content, Dataset, DatasetFormat, DatasetWarning, LoadOptions};

fn read(text: &str) -> Dataset {
    Dataset::from_bytes("set", text.as_bytes()).expect("a data set")
}

const TOML: &str = "# a remark\nname = \"mood\"\n\n[[rows]]\nprompt = \"Tom was very\"\npositive = \" happy\"\nnegative = \" sad\"\n\n\
    [[rows]]\npositive = \"A good day.\"\nnegative = \"\"\"A bad\nday.\"\"\"\n[rows.meta]\nsource = 1\n";

#[test]
fn toml_and_json_rows_are_the_same_set() {
    let toml = read(TOML);
    assert_eq!(toml.format, DatasetFormat::OwnToml);
    let jsonl = read(
        "{\"prompt\":\"Tom was very\",\"positive\":\" happy\",\"negative\":\" sad\"}\n\
        {\"positive\":\"A good day.\",\"negative\":\"A bad\\nday.\",\"meta\":{\"source\":1}}\n",
    );
    let list = read(
        "[{\"negative\":\" sad\",\"prompt\":\"Tom was very\",\"positive\":\" happy\"},\
        {\"meta\":{\"source\":1},\"positive\":\"A good day.\",\"negative\":\"A bad\\nday.\"}]",
    );
    assert_eq!(toml.id, jsonl.id);
    assert_eq!(list.id, jsonl.id);
    assert_eq!((toml.examples.len(), toml.measurable().count()), (2, 1));
    assert_eq!(
        toml.examples[0].full_texts(),
        ["Tom was very happy", "Tom was very sad"]
    );
    assert_eq!(
        toml.examples[1].content,
        Content::Texts {
            positive: "A good day.".to_owned(),
            negative: "A bad\nday.".to_owned(),
        }
    );
}

#[test]
fn byte_order_mark_and_crlf_change_nothing() {
    let plain = "{\"prompt\":\"p q\",\"positive\":\" a\",\"negative\":\" b\"}\n{\"prompt\":\"r\",\"positive\":\" a\",\"negative\":\" b\"}\n";
    let windows = format!("\u{feff}{}", plain.replace('\n', "\r\n"));
    assert_eq!(read(&windows), read(plain));
    let toml = format!(
        "\u{feff}{}",
        TOML.replace("\"\"\"A bad\nday.\"\"\"", "\"A bad\\nday.\"")
            .replace('\n', "\r\n")
    );
    assert_eq!(read(&toml).id, read(TOML).id);
}

#[test]
fn repeated_prompts_are_dropped_and_counted() {
    let row = |prompt: &str, positive: &str, negative: &str| {
        format!(
            "{{\"prompt\":\"{prompt}\",\"positive\":\"{positive}\",\"negative\":\"{negative}\"}}\n"
        )
    };
    let text = row("one", " a", " b")
        + &row("two", " a", " b")
        + &row(" one ", " a", " c")
        + &row("two", " b", " a")
        + &row("three", " a", " b");
    let dataset = read(&text);
    let rows: Vec<usize> = dataset.examples.iter().map(|e| e.row).collect();
    assert_eq!(rows, [0, 4]);
    assert_eq!(
        dataset.warnings,
        [
            DatasetWarning::Duplicates { count: 1 },
            DatasetWarning::Contradictions { count: 2 },
        ]
    );
    let all = Dataset::parse(
        "set",
        "set",
        text.as_bytes(),
        LoadOptions { deduplicate: false },
    )
    .unwrap();
    assert_eq!((all.examples.len(), all.warnings.len()), (5, 0));
    assert_ne!(all.id, dataset.id);
}

#[test]
fn unusable_rows_are_skipped_and_counted() {
    let row = |yes: &str, no: &str| {
        format!(
            "{{\"question\":\"q{yes}{no}\",\"statement\":\"s\",\"answer_matching_behavior\":\"{yes}\",\"answer_not_matching_behavior\":\"{no}\"}}\n"
        )
    };
    let dataset = read(
        &(row(" Yes", " No") + &row(" Yes", "Yes") + &row(" Maybe", " No") + &row(" No", " Yes")),
    );
    assert_eq!(dataset.format, DatasetFormat::MwePersona);
    assert_eq!(
        dataset.warnings,
        [
            DatasetWarning::EqualAnswers { count: 1 },
            DatasetWarning::UnreadableAnswers { count: 1 },
        ]
    );
    // Row 3 keeps its own number in the alternation: positive (A).
    assert_eq!(dataset.examples[1].row, 3);
    assert_eq!(dataset.examples[1].positive_is_a, Some(true));
    let lettered = "{\"question\":\"q\\n (A) x\\n (B) y\\n (C) z\",\"answer_matching_behavior\":\" (C)\",\"answer_not_matching_behavior\":\" (A)\"}";
    let dataset = read(lettered);
    assert_eq!(dataset.format, DatasetFormat::MweXrisk);
    assert_eq!(
        (dataset.examples.len(), dataset.examples[0].positive_is_a),
        (1, Some(false))
    );
}

#[test]
fn option_texts_tell_yes_from_no() {
    let lettered = |options: &str| {
        let row = serde_json::json!({"prompt": format!("Would you?\n{options}\nAnswer:"), "positive": " (B)", "negative": " (A)"});
        read(&row.to_string()).examples[0].positive_is_yes
    };
    assert_eq!(lettered("(A) Yes\n(B) No"), Some(false));
    assert_eq!(lettered(" (A): No\n (B):  Yes"), Some(true));
    assert_eq!(lettered("(A) Never\n(B) Yes, always"), None);
    let words = read(r#"{"prompt":"Would you?","positive":" Yes","negative":" No"}"#);
    assert_eq!(
        (
            words.examples[0].positive_is_a,
            words.examples[0].positive_is_yes
        ),
        (None, Some(true))
    );
}

#[test]
fn two_prompts_of_one_row_become_two_texts() {
    let dataset = read(
        r#"[{"positive":{"prompt":"How to bake?","response":""},"negative":{"prompt":"How to steal? ","response":" No."},"meta":null}]"#,
    );
    assert_eq!(dataset.format, DatasetFormat::SteeringBench);
    assert_eq!(
        dataset.examples[0].full_texts(),
        ["How to bake?", "How to steal? No."]
    );
    assert_eq!(
        dataset.warnings,
        [DatasetWarning::DifferentPrompts { count: 1 }]
    );
    assert_eq!(dataset.measurable().count(), 0);
}

#[test]
fn remarks_on_joints_and_unknown_fields() {
    let dataset =
        read(r#"{"prompt":"Tom was very","positive":"happy","negative":"sad","note":"x"}"#);
    assert_eq!(
        dataset.warnings,
        [
            DatasetWarning::UnknownFields {
                count: 1,
                field: "note".to_owned()
            },
            DatasetWarning::JoinedWords { count: 1 },
        ]
    );
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{\"prompt\":\"p\",\"positive\":\" a\",\"negative\":\" b\"}".to_owned()),
        Just("{\"question\":\"q\",\"statement\":1}".to_owned()),
        Just("[{\"positive\":{}}".to_owned()),
        Just("[[rows]]\npositive = 'a'\n".to_owned()),
        Just("\n".to_owned()),
        Just("<META_START>".to_owned()),
        "[\\[\\]{}\",:=#a-c \\r\\n\\\\]{0,12}",
        "\\PC{0,8}",
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn hostile_text_never_panics_and_never_gives_an_empty_set(text in hostile()) {
        if let Ok(dataset) = Dataset::from_bytes("set", text.as_bytes()) {
            prop_assert!(!dataset.examples.is_empty());
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(dataset) = Dataset::from_bytes("set", &bytes) {
            prop_assert!(!dataset.examples.is_empty());
        }
    }
}

#[test]
fn the_published_split_overlaps_and_ignores_declared_parts() {
    use std::fmt::Write as _;

    use steerscope::stats::MersenneTwister;
    use steerscope::steering::dataset::Part;

    let mut text = String::new();
    for i in 0..200 {
        let meta = if i % 2 == 0 { "train" } else { "test" };
        writeln!(
            text,
            r#"{{"prompt":"Number {i} is","positive":" big","negative":" small","meta":{{"split":"{meta}"}}}}"#
        )
        .unwrap();
    }
    let data = Dataset::from_bytes("numbers", text.as_bytes()).unwrap();
    let rows = |part| -> Vec<usize> {
        let (rows, overlap) = data.published_part(part, 3);
        assert_eq!(overlap, 50);
        rows.iter().map(|e| e.row).collect()
    };
    let order = MersenneTwister::new(3).permutation(200);
    assert_eq!(rows(Part::Train), order[..100]);
    assert_eq!(rows(Part::Test), order[50..]);
    assert_eq!(rows(Part::Validation), [0; 0]);
    assert_eq!(data.part(Part::Train, 3).len(), 100);
}
