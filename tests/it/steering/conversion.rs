//! The deterministic conversion of public evaluation sets.

use serde_json::Value;
use steerscope::steering::dataset::{
    Content, Dataset, DatasetFormat, Joining, LoadOptions, steering_bench_json, to_own_jsonl,
};

use crate::measure::support::{json, shared};

const AS_PUBLISHED: LoadOptions = LoadOptions { deduplicate: false };

fn public(name: &str) -> Option<Dataset> {
    Some(
        Dataset::load_with(&shared(&format!("data/{name}"))?, AS_PUBLISHED)
            .expect("a public data set"),
    )
}

#[test]
fn converted_files_equal_the_published_ones() {
    for (raw, processed, format) in [
        (
            "mwe_persona__politically-liberal.jsonl",
            "steering_bench_processed__politically-liberal.json",
            DatasetFormat::MwePersona,
        ),
        (
            "mwe_xrisk_lm__corrigible-neutral-HHH.jsonl",
            "steering_bench_processed__corrigible-neutral-HHH.json",
            DatasetFormat::MweXrisk,
        ),
    ] {
        let (Some(dataset), Some(golden)) = (public(raw), json(&format!("data/{processed}")))
        else {
            return;
        };
        assert_eq!(dataset.format, format);
        let converted = steering_bench_json(&dataset.examples);
        let (Value::Array(got), Value::Array(want)) = (&converted, &golden) else {
            panic!("lists")
        };
        assert_eq!(got.len(), want.len());
        for (row, (got, want)) in got.iter().zip(want).enumerate() {
            assert_eq!(got, want, "{raw} row {row}");
        }
        let read = public(processed).expect("present");
        assert_eq!(read.format, DatasetFormat::SteeringBench);
        assert_eq!(
            read.id, dataset.id,
            "raw and processed file hold the same texts"
        );
    }
}

#[test]
fn the_four_persona_cells_are_equally_filled_in_every_prefix() {
    for name in [
        "politically-liberal",
        "narcissism",
        "interest-in-science",
        "believes-it-has-phenomenal-consciousness",
    ] {
        let Some(dataset) = public(&format!("mwe_persona__{name}.jsonl")) else {
            return;
        };
        assert_eq!(dataset.examples.len(), 1000);
        let mut cells = [0; 4];
        for (row, example) in dataset.examples.iter().enumerate() {
            let (a, yes) = (
                example.positive_is_a.unwrap(),
                example.positive_is_yes.unwrap(),
            );
            cells[usize::from(a) * 2 + usize::from(yes)] += 1;
            if (row + 1) % 4 == 0 {
                assert_eq!(cells, [(row + 1) / 4; 4], "{name} up to row {row}");
            }
        }
    }
}

#[test]
fn lettered_files_are_balanced_and_keep_their_leading_space() {
    for name in [
        "corrigible-neutral-HHH",
        "myopic-reward",
        "survival-instinct",
    ] {
        let Some(dataset) = public(&format!("mwe_xrisk_lm__{name}.jsonl")) else {
            return;
        };
        let a = dataset
            .examples
            .iter()
            .filter(|e| e.positive_is_a == Some(true))
            .count();
        assert_eq!((a, dataset.examples.len()), (500, 1000), "{name}");
        let Content::Answers {
            positive, joining, ..
        } = &dataset.examples[0].content
        else {
            panic!("answers")
        };
        assert!(positive.starts_with(" (") && *joining == Joining::TrimmedWithSpace);
    }
}

#[test]
fn duplicates_of_the_lettered_files_are_dropped() {
    for (name, dropped) in [
        ("corrigible-neutral-HHH", 11),
        ("survival-instinct", 49),
        ("myopic-reward", 177),
    ] {
        let Some(path) = shared(&format!("data/mwe_xrisk_lm__{name}.jsonl")) else {
            return;
        };
        let dataset = Dataset::load(&path).expect("a data set");
        assert_eq!(
            1000 - dataset.examples.len(),
            dropped,
            "{name}: {:?}",
            dataset.warnings
        );
    }
    for name in ["politically-liberal", "narcissism"] {
        let Some(path) = shared(&format!("data/mwe_persona__{name}.jsonl")) else {
            return;
        };
        assert_eq!(
            Dataset::load(&path).expect("a data set").examples.len(),
            1000
        );
    }
}

#[test]
fn default_slices_share_no_prompt() {
    let Some(path) = shared("data/mwe_xrisk_lm__myopic-reward.jsonl") else {
        return;
    };
    let dataset = Dataset::load(&path).expect("a data set");
    let splits = steerscope::stats::Splits::new(dataset.examples.len(), 0);
    let mut keys = std::collections::HashSet::new();
    for row in splits
        .train
        .iter()
        .chain(&splits.validation)
        .chain(&splits.test)
    {
        assert!(
            keys.insert(dataset.examples[*row].prompt_text().unwrap().trim()),
            "row {row} leaks"
        );
    }
    assert_eq!(keys.len(), dataset.examples.len());
}

#[test]
fn caa_questions_are_taken_verbatim() {
    let (Some(dataset), Some(raw)) = (
        public("caa_sycophancy__generate_dataset.json"),
        json("data/caa_sycophancy__generate_dataset.json"),
    ) else {
        return;
    };
    assert_eq!(dataset.format, DatasetFormat::Caa);
    assert_eq!(dataset.examples.len(), raw.as_array().unwrap().len());
    for (example, row) in dataset.examples.iter().zip(raw.as_array().unwrap()) {
        let Content::Answers {
            prompt,
            positive,
            negative,
            ..
        } = &example.content
        else {
            panic!("answers")
        };
        assert_eq!(
            [prompt, positive, negative].map(String::as_str),
            [
                row["question"].as_str().unwrap(),
                row["answer_matching_behavior"].as_str().unwrap(),
                row["answer_not_matching_behavior"].as_str().unwrap(),
            ]
        );
    }
}

#[test]
fn meta_tags_go_and_unterminated_ones_stay() {
    let row = |question: &str| {
        let row = serde_json::json!({"question": question, "answer_matching_behavior": " (A)",
            "answer_not_matching_behavior": " (B)"});
        let dataset = Dataset::from_bytes("meta", row.to_string().as_bytes()).unwrap();
        dataset.examples[0].prompt_text().unwrap().to_owned()
    };
    assert_eq!(
        row("a<META_START>x<META_END>b<META_START><META_END>c"),
        "abc"
    );
    assert_eq!(row("a <META_START> b"), "a <META_START> b");
    assert_eq!(
        row("a<META_START>b<c<META_END>d"),
        "a<META_START>b<c<META_END>d"
    );
    assert_eq!(
        row("<META_START>a<META_START>b<META_END>c"),
        "<META_START>ac"
    );
}

#[test]
fn canonical_rows_read_back_as_the_same_set() {
    for name in [
        "mwe_persona__narcissism.jsonl",
        "mwe_xrisk_lm__survival-instinct.jsonl",
        "caa_sycophancy__test_dataset_ab.json",
    ] {
        let Some(dataset) = public(name) else { return };
        let canonical = to_own_jsonl(&dataset.examples);
        let again = Dataset::parse(name, name, canonical.as_bytes(), AS_PUBLISHED).unwrap();
        assert_eq!(again.id, dataset.id);
        assert_eq!(again.format, DatasetFormat::OwnJsonl);
        assert_eq!(to_own_jsonl(&again.examples), canonical);
        for (a, b) in again.examples.iter().zip(&dataset.examples) {
            assert_eq!(a.full_texts(), b.full_texts());
            assert_eq!(
                (a.positive_is_a, a.positive_is_yes),
                (b.positive_is_a, b.positive_is_yes)
            );
        }
    }
}
