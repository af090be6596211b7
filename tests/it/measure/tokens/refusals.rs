//! Texts and tokens, and what is refused.

use std::sync::Arc;

use steerscope::engine::{Cancel, EngineError};
use steerscope::measure::tokens::{Passage, SteeredRun, TokensError, UnsteeredRun};
use steerscope::measure::{MeasureError, Site};
use steerscope::units::{BlockIndex, Mask};

use super::{TOP, passage, strip};
use crate::measure::support::{direction, tiny};

#[test]
fn what_cannot_be_compared_is_refused_with_a_remedy() {
    let model = tiny();
    let (v, never) = (direction(48), Cancel::never());
    let error = |done: Result<Passage, TokensError>| {
        let error = done.expect_err("refused");
        (error.id(), error.to_string())
    };
    assert_eq!(error(Passage::new(&model, &[], &[1])).0, "prompt-empty");
    assert_eq!(error(Passage::new(&model, &[1], &[])).0, "text-empty");
    let (id, said) = error(Passage::new(&model, &[1; 200], &[1; 60]));
    assert_eq!(id, "text-too-long");
    assert!(
        said.contains("260") && said.contains("256") && said.contains("by 4"),
        "{said}"
    );
    assert_eq!(
        error(Passage::from_texts(&model, "Tom", "")).0,
        "text-empty"
    );

    let passage = passage(&model, 9, 30);
    let read = |block| {
        UnsteeredRun::new(
            Arc::clone(&model),
            passage.clone(),
            BlockIndex(block),
            &never,
        )
    };
    assert!(matches!(
        read(4).expect_err("refused"),
        TokensError::Measure(MeasureError::Block { last: 3, .. })
    ));
    let run = read(1).expect("a run");
    let steer = |direction: &[f32], block, c| {
        let site = Site {
            edit: steerscope::units::Edit::ADD,
            direction,
            block: BlockIndex(block),
            mask: Mask::All,
        };
        run.steer(&site, c, false, &never)
    };
    let id = |done: Result<SteeredRun, TokensError>| done.expect_err("refused").id();
    assert_eq!(id(steer(&v, 2, 1.0)), "other-run");
    assert_eq!(id(steer(&v[1..], 1, 1.0)), "hidden-size");
    assert_eq!(id(steer(&[0.0; 48], 1, 1.0)), "direction-zero");
    let steered = steer(&v, 1, 1.0).expect("a run");
    let outside = run.lens(&steered, 39, 5, &never).expect_err("refused");
    assert!(outside.to_string().contains("0 to 38"), "{outside}");
    for c in [f32::MAX, f32::NAN] {
        let wild = steer(&v, 1, c).expect_err("refused");
        assert_eq!(wild.id(), "not-finite", "{wild}");
    }
    let other = read(2).expect("a run");
    let other = other.strip(&steered, TOP, &never).expect_err("refused");
    assert_eq!(other.id(), "other-run");
    let unknown = Passage::new(&model, &[1], &[90_000]).expect("a passage");
    let unknown = UnsteeredRun::new(Arc::clone(&model), unknown, BlockIndex(0), &never);
    assert!(matches!(
        unknown.expect_err("refused"),
        TokensError::Engine(EngineError::TokenId { .. })
    ));
}

#[test]
fn texts_become_tokens_and_tokens_their_texts() {
    let model = tiny();
    let passage = Passage::from_texts(&model, "Once upon a time", " there was a dog.");
    let passage = passage.expect("a passage").whole();
    let prompt = model
        .tokenizer()
        .encode("Once upon a time")
        .expect("tokens");
    assert_eq!(&passage.ids()[..passage.prompt_len()], prompt);
    let v = direction(48);
    let site = Site {
        edit: steerscope::units::Edit::ADD,
        direction: &v,
        block: BlockIndex(0),
        mask: Mask::All,
    };
    let strip = strip(&model, &passage, &site, 1.0);
    let texts: Vec<&str> = strip.tokens.iter().map(|t| t.text.as_str()).collect();
    let text = texts.concat();
    assert!(
        text.ends_with("Once upon a time there was a dog."),
        "{text}"
    );
    let next: Vec<_> = strip.rows.iter().filter_map(|r| r.next.clone()).collect();
    assert_eq!(next, strip.tokens[1..]);
    // A border inside a word leaves the prompt's tokens as they are.
    let inside = Passage::from_texts(&model, "Once upon a ti", "me there").expect("a passage");
    let prompt = model.tokenizer().encode("Once upon a ti").expect("tokens");
    assert_eq!(&inside.ids()[..inside.prompt_len()], prompt);
}
