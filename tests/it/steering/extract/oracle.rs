//! Vectors and activations of a real model against those of steering-vectors and repeng.

use safetensors::SafeTensors;
use steerscope::engine::Cancel;
use steerscope::steering::{Method, PairSet, Source, pair_activations};
use steerscope::units::BlockIndex;

use super::{cosine, made};
use crate::measure::parity::items;
use crate::measure::support::{json, numbers, shared, stories};

fn vector(value: &serde_json::Value) -> Vec<f32> {
    numbers(value).into_iter().map(|x| x as f32).collect()
}

#[test]
fn components_and_regression_agree_at_every_layer() {
    let (Some(model), Some((train, _)), Some(reference)) = (
        stories(),
        items(),
        json("oracle/stories260K/reference.json"),
    ) else {
        return;
    };
    let set = PairSet::build(&train, model.tokenizer(), 512).unwrap();
    let mood = &reference["concepts"]["mood"];
    for (method, name, least) in [
        (Method::Mean, "mean", 1.0 - 1e-6),
        (Method::Pca, "pca", 0.999),
        (Method::Logistic, "logistic", 0.99),
    ] {
        let got = made(&model, method, Source::Pairs(set.clone()));
        for block in 0..5 {
            let want = vector(&mood["steering_vectors"][name][block.to_string()]["vector"]);
            let got = got.vector.direction(BlockIndex(block)).unwrap();
            let cosine = cosine(got, &want);
            println!("{name} block {block}: {cosine:.7}");
            assert!(cosine > least, "{name}, block {block}: {cosine}");
        }
    }
    for (method, name) in [
        (Method::RepengDiff, "pca_diff"),
        (Method::RepengCenter, "pca_center"),
    ] {
        let got = made(&model, method, Source::Pairs(set.clone()));
        // The last layer was read behind the final norm there.
        for block in 1..4 {
            let want = vector(&mood["repeng"][name]["directions"][block.to_string()]);
            let direction = got.vector.direction(BlockIndex(block)).unwrap();
            let cosine = cosine(direction, &want);
            println!("{name} block {block}: {cosine:.7}");
            assert!(cosine > 0.999, "{name}, block {block}: {cosine}");
            assert!(got.blocks[block].cosine_to_mean.is_some());
        }
    }
}

#[test]
fn activations_agree() {
    let (Some(model), Some((train, _)), Some(file)) = (
        stories(),
        items(),
        shared("oracle/stories260K/activations.safetensors"),
    ) else {
        return;
    };
    let bytes = std::fs::read(file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let set = PairSet::build(&train, model.tokenizer(), 512).unwrap();
    let mut worst = 0.0_f32;
    for block in 0..5 {
        let never = Cancel::never();
        let got =
            pair_activations(&model, &set, BlockIndex(block), &mut |_, _| {}, &never).unwrap();
        for (side, got) in [("positive", &got.positive), ("negative", &got.negative)] {
            let view = tensors
                .tensor(&format!("mood.layer.{block}.{side}"))
                .unwrap();
            let want = view
                .data()
                .as_chunks::<4>()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b));
            let errors = got.iter().zip(want).map(|(a, b)| (a - b).abs());
            worst = errors.fold(worst, f32::max);
        }
    }
    println!("largest difference: {worst:.2e}");
    assert!(worst < 1e-4);
}
