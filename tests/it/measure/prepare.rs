//! Tokenising and locating whole data sets.

use steerscope::measure::PreparedSet;
use steerscope::steering::Rejection;
use steerscope::steering::dataset::Dataset;

use super::support::{prepared, shared, stories, tiny};

#[test]
fn prefixes_end_before_the_first_differing_token() {
    let model = tiny();
    let set = prepared(&model);
    assert_eq!(set.inputs.len(), 5);
    for input in &set.inputs {
        let encode = |answer: &str| {
            model
                .tokenizer()
                .encode(&format!("{}{answer}", input.prompt))
                .unwrap()
        };
        let (positive, negative) = (encode(&input.positive), encode(&input.negative));
        let k = input.prefix.len();
        assert_eq!(positive[..k], input.prefix);
        assert_eq!(negative[..k], input.prefix);
        assert_eq!([positive[k], negative[k]], input.answers);
        assert_ne!(positive[k], negative[k]);
        let prompt = model.tokenizer().encode(&input.prompt).unwrap();
        assert_eq!(prompt[..input.prompt_len], input.prefix[..input.prompt_len]);
        assert!(input.prompt_len <= k);
    }
}

#[test]
fn rows_that_cannot_be_measured_are_counted_by_reason() {
    let model = tiny();
    let rows = r#"{"prompt":"She was","positive":" good","negative":" bad"}
{"prompt":"She was","positive":" good","negative":" good indeed"}
{"positive":"a whole text","negative":"another"}
"#;
    let options = steerscope::steering::dataset::LoadOptions { deduplicate: false };
    let dataset = Dataset::parse("rows", "rows", rows.as_bytes(), options).unwrap();
    let set = PreparedSet::build(&dataset, model.tokenizer(), 256).unwrap();
    assert_eq!((set.inputs.len(), set.texts_only), (1, 1));
    assert_eq!(set.rejected.count(Rejection::OneIsPrefix), 1);
    assert_eq!(set.warnings().len(), 2);
    let none = PreparedSet::build(&dataset, model.tokenizer(), 2).unwrap_err();
    assert_eq!(none.id(), "no-inputs");
    assert!(
        none.to_string().contains("longer than the model's context"),
        "{none}"
    );
}

#[test]
fn public_sets_are_prepared_with_at_most_one_bos() {
    let Some(model) = stories() else { return };
    // The smallest share that must fit a context of 512 short tokens.
    for (name, share) in [
        ("mwe_persona__narcissism.jsonl", 0.95),
        ("mwe_xrisk_lm__myopic-reward.jsonl", 0.9),
        ("caa_sycophancy__test_dataset_ab.json", 0.2),
    ] {
        let Some(path) = shared(&format!("data/{name}")) else {
            return;
        };
        let dataset = Dataset::load(&path).expect("a data set");
        let set = PreparedSet::build(&dataset, model.tokenizer(), model.config().max_positions)
            .expect("inputs");
        assert!(set.inputs.len() + set.rejected.total() == dataset.examples.len());
        let n = set.inputs.len();
        assert!(
            n as f64 > share * dataset.examples.len() as f64,
            "{name}: {n} inputs"
        );
        for input in &set.inputs {
            assert_eq!(
                input.prefix.iter().filter(|id| **id == 1).count(),
                1,
                "one BOS"
            );
            assert!(
                input.prefix.len() > input.prompt_len,
                "the letter follows an opening parenthesis"
            );
        }
    }
}
