//! Mean-difference vectors, propensities and slopes of a real model against numbers made by
//! transformers and steering-vectors.

use std::fmt::Write as _;

use steerscope::engine::Cancel;
use steerscope::measure::{CacheOptions, PreparedSet, PromptCache, Site};
use steerscope::stats::steerability;
use steerscope::steering::dataset::Dataset;
use steerscope::steering::{PairSet, PositionRead, SteeringVector, extract_mean};
use steerscope::units::{BlockIndex, Mask};

use super::support::{json, numbers, stories};

/// The oracle's items as own rows: pairs of texts for extraction, prompts for measurement.
pub(crate) fn items() -> Option<(Dataset, Dataset)> {
    let items = json("oracle/items.json")?;
    let (mut train, mut test) = (String::new(), String::new());
    for row in items["mood"]["train"].as_array().expect("rows") {
        writeln!(train, "{row}").expect("a string");
    }
    for row in items["mood"]["test"].as_array().expect("rows") {
        let row = serde_json::json!({"prompt": row["prompt"], "positive": row["pos"], "negative": row["neg"]});
        writeln!(test, "{row}").expect("a string");
    }
    let read = |name, text: String| Dataset::from_bytes(name, text.as_bytes()).expect("a data set");
    Some((read("mood-train", train), read("mood-test", test)))
}

fn extracted() -> Option<SteeringVector> {
    let (model, (train, _)) = (stories()?, items()?);
    let pairs =
        PairSet::build(&train, model.tokenizer(), model.config().max_positions).expect("pairs");
    assert_eq!((pairs.pairs.len(), pairs.read), (32, PositionRead::Last));
    Some(
        extract_mean(
            &model,
            "mood",
            "stories260K",
            &pairs,
            &mut |_, _| {},
            &Cancel::never(),
        )
        .expect("a vector"),
    )
}

#[test]
fn mean_difference_vectors_match_the_oracle_at_every_layer() {
    let (Some(vector), Some(reference)) = (extracted(), json("oracle/stories260K/reference.json"))
    else {
        return;
    };
    let mean = &reference["concepts"]["mood"]["steering_vectors"]["mean"];
    let mut worst: f64 = 0.0;
    for block in 0..5 {
        let want = numbers(&mean[block.to_string()]["vector"]);
        let got = vector.direction(BlockIndex(block)).expect("a direction");
        let norm: f64 = want.iter().map(|x| x * x).sum::<f64>().sqrt();
        let error: f64 = got
            .iter()
            .zip(&want)
            .map(|(g, w)| (f64::from(*g) - w).powi(2))
            .sum::<f64>()
            .sqrt();
        worst = worst.max(error / norm);
        assert!(
            error / norm < 1e-4,
            "block {block}: relative error {}",
            error / norm
        );
        let stated = mean[block.to_string()]["norm"].as_f64().expect("a norm");
        assert!(
            (f64::from(vector.norm(BlockIndex(block)).unwrap()) - stated).abs() < 1e-4 * stated
        );
    }
    println!("largest relative error of a vector: {worst:.2e}");
}

#[test]
fn token_ids_of_the_items_match_the_oracle() {
    let (Some(model), Some((train, test)), Some(reference)) = (
        stories(),
        items(),
        json("oracle/stories260K/reference.json"),
    ) else {
        return;
    };
    let mood = &reference["concepts"]["mood"];
    let pairs = PairSet::build(&train, model.tokenizer(), 512).expect("pairs");
    for (pair, want) in pairs
        .pairs
        .iter()
        .zip(mood["train_ids"].as_array().unwrap())
    {
        let id = |v: &[u32]| v.iter().map(|i| f64::from(*i)).collect::<Vec<_>>();
        assert_eq!(id(&pair.positive.ids), numbers(&want[0]));
        assert_eq!(id(&pair.negative.ids), numbers(&want[1]));
    }
    let set = PreparedSet::build(&test, model.tokenizer(), 512).expect("inputs");
    assert_eq!(set.inputs.len(), 48);
    for (input, want) in set.inputs.iter().zip(mood["test"].as_array().unwrap()) {
        let ids: Vec<f64> = input.prefix.iter().map(|i| f64::from(*i)).collect();
        assert_eq!(ids, numbers(&want["ids"]));
        assert_eq!(input.prefix.len(), input.prompt_len);
        let answers = [&want["pos_token"], &want["neg_token"]].map(|v| v.as_u64().unwrap() as u32);
        assert_eq!(input.answers, answers);
    }
}

#[test]
fn propensities_and_slopes_match_the_oracle_at_every_layer() {
    let (Some(model), Some((_, test)), Some(reference)) = (
        stories(),
        items(),
        json("oracle/stories260K/reference.json"),
    ) else {
        return;
    };
    let multipliers: Vec<f32> = numbers(&reference["multipliers"])
        .into_iter()
        .map(|m| m as f32)
        .collect();
    let mood = &reference["concepts"]["mood"];
    let set = PreparedSet::build(&test, model.tokenizer(), 512).expect("inputs");
    let mut cache = PromptCache::new(model, set.into(), CacheOptions::default());
    let mean = &mood["steering_vectors"]["mean"];
    let (mut worst, mut worst_slope) = (0.0_f64, 0.0_f64);
    let mut compared = 0;
    for (layer, entry) in mean.as_object().expect("layers") {
        let Ok(block) = layer.parse().map(BlockIndex) else {
            continue;
        };
        let vector: Vec<f32> = numbers(&entry["vector"])
            .into_iter()
            .map(|x| x as f32)
            .collect();
        let site = Site {
            edit: steerscope::units::Edit::ADD,
            direction: &vector,
            block,
            mask: Mask::All,
        };
        let rows = cache
            .evaluate(&site, &multipliers, 0..48, &Cancel::never())
            .expect("propensities");
        let differences = entry["logit_diff"].as_array().expect("rows");
        let slopes = numbers(&entry["slope"]);
        for ((row, want), slope) in rows.iter().zip(differences).zip(slopes) {
            for (got, want) in row.iter().zip(numbers(want)) {
                worst = worst.max((f64::from(*got) - want).abs());
            }
            let got = steerability(&multipliers, row).expect("a slope");
            worst_slope = worst_slope.max((got - slope).abs());
            compared += 1;
        }
        let baselines = numbers(&mood["baseline_logit_diff"]);
        for (i, want) in baselines.into_iter().enumerate() {
            assert!((f64::from(cache.baseline(i).unwrap()) - want).abs() < 1e-3);
        }
    }
    println!("largest difference: {worst:.2e} logits, {worst_slope:.2e} of a slope");
    assert_eq!(compared, 5 * 48);
    assert!(worst < 1e-3, "a propensity differs by {worst}");
    assert!(worst_slope < 1e-3, "a slope differs by {worst_slope}");
}
