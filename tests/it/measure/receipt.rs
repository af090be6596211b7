//! The receipt: passes for what is applied faithfully, under every operator, site and mask; warns of
//! what is shifted, turned round or of another model; fails where numbers break.

use std::collections::BTreeMap;
use std::sync::Arc;

use steerscope::engine::{Cancel, Model};
use steerscope::measure::receipt::{Check, Probe, ProbePlan, Receipt, Verdict};
use steerscope::steering::dataset::{Dataset, LoadOptions, Part};
use steerscope::steering::{PairSet, SteeringVector, extract_mean, residual_norms};
use steerscope::units::{BlockIndex, Edit, HookPoint, Mask, Operator};

use super::support::{direction, tiny};

fn plan(model: &Model, vector: SteeringVector, block: usize) -> ProbePlan {
    let prompt = model
        .tokenizer()
        .encode("Tom went into the garden and saw a small dog.");
    ProbePlan {
        edit: vector.edit,
        vector: Arc::new(vector),
        model_name: "a model".to_owned(),
        block: BlockIndex(block),
        mask: Mask::FromLastPrompt,
        coefficient: 0.8,
        prompt: prompt.unwrap(),
        pairs: None,
        residual_norm: None,
        seed: 0,
    }
}

fn receipt(model: &Arc<Model>, plan: ProbePlan) -> Receipt {
    let mut probe = Probe::new(model, plan).unwrap();
    assert!(
        !probe.receipt().holds(),
        "nothing is proved before the checks"
    );
    let mut n = 0;
    while probe.step(&Cancel::never()).unwrap().is_some() {
        n += 1;
    }
    let receipt = probe.receipt();
    assert!(receipt.complete && n == Check::ALL.len() && receipt.items.len() == n);
    receipt
}

fn one(v: Vec<f32>, block: usize) -> SteeringVector {
    SteeringVector::new("v", [(block, v)].into(), BTreeMap::new()).unwrap()
}

fn verdict(receipt: &Receipt, check: Check) -> Verdict {
    receipt.item(check).unwrap().verdict
}

const APPLIED: [Check; 5] = [
    Check::Shape,
    Check::Zero,
    Check::Place,
    Check::Count,
    Check::Cache,
];

#[test]
fn what_is_applied_faithfully_passes_under_every_operator_site_and_mask() {
    let model = tiny();
    let width = model.hidden_size();
    let v = direction(width);
    let masks = Mask::ALL
        .into_iter()
        .chain([Mask::PromptRange { lo: 2, hi: 5 }]);
    for mask in masks {
        for operator in Operator::ALL {
            for (block, point) in [
                (0, HookPoint::ResidPost),
                (2, HookPoint::ResidMid),
                (1, HookPoint::AttnOut),
                (3, HookPoint::ResidPost),
            ] {
                let edit = Edit { operator, point };
                let (rank, values) = if operator == Operator::Angular {
                    let mut plane = vec![0.0; 2 * width];
                    (plane[3], plane[width + 7]) = (1.0, 1.0);
                    (2, plane)
                } else {
                    (1, v.clone())
                };
                let made = [(block, values)].into();
                let vector = SteeringVector::with_edit("v", edit, rank, made, BTreeMap::new());
                let mut plan = plan(&model, vector.unwrap(), block);
                plan.mask = mask;
                plan.coefficient = if operator == Operator::Angular {
                    80.0
                } else {
                    0.8
                };
                let receipt = receipt(&model, plan);
                for check in APPLIED {
                    let item = receipt.item(check).unwrap();
                    assert_eq!(
                        item.verdict,
                        Verdict::Pass,
                        "{edit}, {mask}: {}",
                        item.words
                    );
                }
                assert!(receipt.holds(), "{edit}, {mask}: {receipt:?}");
                let effect = receipt.item(Check::Effect).unwrap();
                // After the last block a position's own logits are all that an edit can reach.
                let reaches = block < 3 || !matches!(mask, Mask::PromptRange { .. });
                assert_eq!(effect.figures["kl_p95"] > 1e-9, reaches, "{edit}, {mask}");
            }
        }
    }
}

#[test]
fn the_receipt_of_a_held_back_vector_is_that_of_multiplier_one() {
    let model = tiny();
    let mut held = plan(&model, one(direction(model.hidden_size()), 1), 1);
    held.coefficient = 0.0;
    let receipt = receipt(&model, held);
    assert_eq!(
        (receipt.probed_coefficient, receipt.site.coefficient),
        (1.0, 0.0)
    );
    assert!(receipt.site.applied_norm == 0.0 && receipt.holds());
}

#[test]
fn numbers_that_break_fail_and_a_vector_of_another_width_is_refused() {
    let model = tiny();
    let mut far = plan(&model, one(direction(model.hidden_size()), 1), 1);
    far.coefficient = f32::MAX;
    let receipt = receipt(&model, far);
    assert_eq!(verdict(&receipt, Check::Effect), Verdict::Fail);
    assert!(!receipt.holds());
    let narrow = plan(&model, one(vec![1.0; 7], 1), 1);
    assert_eq!(Probe::new(&model, narrow).unwrap_err().id(), "hidden-size");
    let absent = plan(&model, one(direction(model.hidden_size()), 1), 2);
    assert_eq!(
        Probe::new(&model, absent).unwrap_err().id(),
        "layer-missing"
    );
}

/// The bundled model with a clean trait's pairs and their mean difference.
fn kindness() -> (Arc<Model>, PairSet, SteeringVector) {
    let model = Arc::new(Model::bundled().unwrap());
    let rows = include_bytes!("../../../assets/data/kindness_texts.jsonl");
    let data = Dataset::parse("kindness_texts", "rows", rows, LoadOptions::default()).unwrap();
    let part = data.part(Part::Train, 0);
    let max = model.config().max_positions;
    let pairs = PairSet::of_rows(&data, &part, model.tokenizer(), max).unwrap();
    let never = Cancel::never();
    let vector = extract_mean(
        &model,
        "kindness",
        "bundled",
        &pairs,
        &mut |_, _| (),
        &never,
    );
    (model, pairs, vector.unwrap())
}

#[test]
fn sign_and_geometry_notice_a_reversed_and_a_shifted_vector() {
    let (model, pairs, vector) = kindness();
    let ids = model
        .tokenizer()
        .encode("Once upon a time there was a little girl")
        .unwrap();
    let norms = residual_norms(&model, &[&ids], &Cancel::never()).unwrap();
    let pairs = Arc::new(pairs);
    let with = |vector: SteeringVector, block: usize| ProbePlan {
        pairs: Some(Arc::clone(&pairs)),
        residual_norm: Some(norms[block]),
        ..plan(&model, vector, block)
    };
    let good = receipt(&model, with(vector.clone(), 2));
    assert_eq!(verdict(&good, Check::Sign), Verdict::Pass);
    assert_eq!(verdict(&good, Check::Geometry), Verdict::Pass, "{good:?}");
    let kappa = good.site.kappa.unwrap();
    assert!((kappa - good.site.applied_norm / f64::from(norms[2])).abs() < 1e-9);

    let reversed = receipt(&model, with(vector.reversed(), 2));
    assert_eq!(verdict(&reversed, Check::Sign), Verdict::Warn);
    assert!(reversed.holds(), "a sign is the user's choice");

    // Every row stored one block too high.
    let shifted = vector.directions.iter().filter(|(b, _)| **b < 5);
    let shifted = shifted.map(|(b, v)| (b + 1, v.clone())).collect();
    let shifted = SteeringVector::new("shifted", shifted, vector.metadata.clone()).unwrap();
    let item = receipt(&model, with(shifted, 3));
    let geometry = item.item(Check::Geometry).unwrap();
    assert_eq!(geometry.verdict, Verdict::Warn, "{}", geometry.words);
    assert!(
        geometry.words.contains("block 2 fits better"),
        "{}",
        geometry.words
    );
}

#[test]
fn a_vector_of_other_weights_is_named_and_the_json_is_stable() {
    let model = tiny();
    let made = [("model_revision", "0123"), ("model_id", "some other model")];
    let metadata = made.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let directions = [(1, direction(model.hidden_size()))].into();
    let vector = SteeringVector::new("v", directions, metadata).unwrap();
    let first = receipt(&model, plan(&model, vector.clone(), 1));
    let shape = first.item(Check::Shape).unwrap();
    assert_eq!(shape.verdict, Verdict::Warn);
    assert!(shape.words.contains("some other model"), "{}", shape.words);
    let json = first.to_json();
    assert_eq!(json, receipt(&model, plan(&model, vector, 1)).to_json());
    assert_eq!(
        (&json["schema"], &json["site"]["operator"]),
        (&1.into(), &"add".into())
    );
    let back: Receipt = serde_json::from_value(json).unwrap();
    assert_eq!(back, first);
}
