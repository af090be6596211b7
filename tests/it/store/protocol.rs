//! The protocol's canonical text and the keys made of it.

use std::sync::Arc;

use steerscope::engine::Model;
use steerscope::measure::{
    PreparedSet, Propensity, Protocol, Split, SplitKind, Template, store_key,
};
use steerscope::steering::SteeringVector;
use steerscope::steering::dataset::{Dataset, Part};
use steerscope::store::Key;
use steerscope::units::{BlockIndex, DEFAULT_MULTIPLIERS, Mask, Operator};

use crate::measure::support::{ROWS, tiny};

/// An edit of one field.
type Change = fn(&mut Protocol);

fn protocol() -> Protocol {
    Protocol::new(
        BlockIndex(2),
        Mask::FromLastPrompt,
        &DEFAULT_MULTIPLIERS,
        Split::part(Part::Test, 0),
    )
}

#[test]
fn the_canonical_text_never_changes_by_accident() {
    // Stored keys are made of this text: a change here makes every kept result stale.
    assert_eq!(
        protocol().canonical(),
        r#"{"statistics":1,"block":2,"mask":"from_last_prompt","operator":"add","unit":"raw","multipliers":[-1.5,-1.0,-0.5,0.0,0.5,1.0,1.5],"split":{"kind":"disjoint","part":"test","train":[0,40],"test":[50,100],"seed":0,"limit":null},"template":"plain","propensity":"answer_logit","arithmetic":"f32"}"#
    );
    let back: Protocol = serde_json::from_str(&protocol().canonical()).unwrap();
    assert_eq!(back, protocol());
    assert_eq!(back.hash(), protocol().hash());
}

#[test]
fn a_change_of_any_field_is_another_protocol() {
    let change: [Change; 15] = [
        |p| p.statistics += 1,
        |p| p.block = BlockIndex(3),
        |p| p.mask = Mask::All,
        |p| p.multipliers[0] = -2.0,
        |p| p.multipliers.swap(0, 1),
        |p| p.split.kind = SplitKind::Published,
        |p| p.split.part = "train".into(),
        |p| p.split.train = [0, 50],
        |p| p.split.seed = 1,
        |p| p.split.limit = Some(5),
        |p| p.template = Template::Chat,
        |p| p.template = Template::Question,
        |p| p.system = Some("Be brief.".into()),
        |p| p.propensity = Propensity::SumLogits,
        |p| p.arithmetic = "bf16".into(),
    ];
    let mut seen = vec![protocol().hash()];
    for (i, change) in change.iter().enumerate() {
        let mut other = protocol();
        change(&mut other);
        assert!(!seen.contains(&other.hash()), "change {i}");
        seen.push(other.hash());
    }
    let zero = Protocol::new(
        BlockIndex(2),
        Mask::FromLastPrompt,
        &[-1.5, -1.0, -0.5, -0.0, 0.5, 1.0, 1.5],
        Split::part(Part::Test, 0),
    );
    assert_eq!(
        zero.hash(),
        protocol().hash(),
        "both zeros are one multiplier"
    );
}

#[test]
fn a_grid_without_a_slope_is_refused_and_published_definitions_wear_a_badge() {
    assert!(protocol().check().is_ok());
    assert_eq!(protocol().operator, Operator::Add);
    assert_eq!(protocol().badge(), None);
    let mut short = protocol();
    short.multipliers.truncate(2);
    assert_eq!(short.check().unwrap_err().id(), "multiplier-grid");
    let cases: [(Change, &[&str]); 3] = [
        (|p| p.propensity = Propensity::SumLogits, &["summed logits"]),
        (
            |p| p.split = Split::published(Part::Test, 0).unwrap(),
            &["overlapping split"],
        ),
        (
            |p| {
                p.split = Split::published(Part::Test, 0).unwrap();
                p.propensity = Propensity::SumLogits;
            },
            &["overlapping split", "summed logits", "not comparable"],
        ),
    ];
    for (change, named) in cases {
        let mut other = protocol();
        change(&mut other);
        let badge = other.badge().unwrap();
        assert!(badge.starts_with("paper-parity: "), "{badge}");
        assert!(named.iter().all(|word| badge.contains(word)), "{badge}");
    }
    for part in [Part::Validation, Part::All] {
        assert_eq!(Split::published(part, 0), None);
    }
}

#[test]
fn the_words_name_site_grid_rows_and_propensity() {
    let mut limited = protocol();
    limited.split = limited.split.first(Some(8));
    assert_eq!(
        limited.words(),
        "block 2 · from_last_prompt · add · raw × -1.5 -1 -0.5 0 0.5 1 1.5 · test part, seed 0, first 8 · plain prompts · answer logits · f32"
    );
}

#[test]
fn the_words_quote_the_system_text() {
    let mut chat = protocol();
    chat.template = Template::Chat;
    chat.system = Some("Be \"kind\".".into());
    assert!(
        chat.words()
            .contains(r#"chat template, system text "Be \"kind\".""#),
        "{}",
        chat.words()
    );
    assert!(
        chat.canonical()
            .contains(r#""template":"chat","system":"Be \"kind\".","propensity""#)
    );
    let back: Protocol = serde_json::from_str(&chat.canonical()).unwrap();
    assert_eq!(back, chat);
}

fn vector(model: &Model, seed: f32) -> SteeringVector {
    let direction = (0..model.hidden_size()).map(|i| seed + i as f32).collect();
    SteeringVector::new("v", [(2, direction)].into(), [].into()).unwrap()
}

fn set(model: &Model, rows: &str) -> PreparedSet {
    let data = Dataset::from_bytes("rows", rows.as_bytes()).unwrap();
    let max = model.config().max_positions;
    PreparedSet::build(&data, model.tokenizer(), max).unwrap()
}

#[test]
fn another_model_vector_text_or_choice_of_rows_is_another_key() {
    let model = tiny();
    let other_weights = {
        let (config, tokenizer) = (model.config().clone(), model.tokenizer().clone());
        Arc::new(Model::random(config, tokenizer, 12).unwrap())
    };
    let other_config = {
        let mut config = model.config().clone();
        config.max_positions += 1;
        Arc::new(Model::random(config, model.tokenizer().clone(), 11).unwrap())
    };
    let rows = set(&model, ROWS);
    let changed = ROWS.replace("garden", "forest");
    let fewer: String = ROWS.split_inclusive('\n').skip(1).collect();
    let mut first = rows.clone();
    first.inputs.truncate(3);
    let v = vector(&model, 1.0);
    let plain = store_key(&model, &v, &rows, &protocol());
    let others = [
        store_key(&other_weights, &v, &rows, &protocol()),
        store_key(&other_config, &v, &rows, &protocol()),
        store_key(&model, &vector(&model, 2.0), &rows, &protocol()),
        store_key(&model, &v, &set(&model, &changed), &protocol()),
        store_key(&model, &v, &set(&model, &fewer), &protocol()),
        store_key(&model, &v, &first, &protocol()),
        store_key(&model, &v, &rows, &protocol().clone_with_seed(4)),
    ];
    let digests: std::collections::BTreeSet<String> =
        others.iter().chain([&plain]).map(Key::digest).collect();
    assert_eq!(digests.len(), others.len() + 1);
    let again = store_key(
        &tiny(),
        &vector(&model, 1.0),
        &set(&model, ROWS),
        &protocol(),
    );
    assert_eq!(again, plain);
}

trait WithSeed {
    fn clone_with_seed(&self, seed: u64) -> Self;
}

impl WithSeed for Protocol {
    fn clone_with_seed(&self, seed: u64) -> Self {
        let mut other = self.clone();
        other.split.seed = seed;
        other
    }
}
