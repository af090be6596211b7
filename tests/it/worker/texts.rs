//! Texts of both lanes: what stands beside the steered one, and what goes on when only that changes.

use std::collections::BTreeMap;

use steerscope::protocol::{
    Asset, Command, Event, FinishReason, GenerateRequest, Reference, Sampling, Steering,
};
use steerscope::units::{BlockIndex, Edit, Lane, Mask, RunId};

use super::{Bench, LIMIT};

const PROMPT: &str = "Once upon a time there was a little";

fn request(bench: &mut Bench, coefficient: f32, reference: Reference) -> GenerateRequest {
    bench.runs += 1;
    GenerateRequest {
        run: RunId(bench.runs),
        prompt: PROMPT.to_owned(),
        chat: None,
        steering: Some(Steering {
            vector: bench.vector.id.clone(),
            block: BlockIndex(2),
            coefficient,
            mask: Mask::default(),
            edit: Edit::ADD,
            condition: None,
        }),
        reference,
        sampling: Sampling {
            max_tokens: 12,
            ..Sampling::default()
        },
    }
}

/// Token ids of both lanes once both have ended, and what the left one was said to be.
struct Texts {
    left: Vec<u32>,
    right: Vec<u32>,
    words: Option<Result<String, String>>,
}

fn texts(bench: &mut Bench, coefficient: f32, reference: Reference) -> Texts {
    let request = request(bench, coefficient, reference);
    let wanted = request.run;
    bench.worker.send(Command::Generate(request));
    let mut ids: BTreeMap<bool, Vec<u32>> = BTreeMap::new();
    let mut words = None;
    let mut ended = [None; 2];
    while ended.iter().any(Option::is_none) {
        match bench.events.recv_timeout(LIMIT).expect("texts end") {
            Event::Tokens { run, lane, tokens } if run == wanted => {
                let lane = ids.entry(lane == Lane::Steered).or_default();
                lane.extend(tokens.iter().map(|t| t.id));
            }
            Event::LaneFinished {
                run, lane, reason, ..
            } if run == wanted => {
                let steered = usize::from(lane == Lane::Steered);
                assert_eq!(ended[steered].replace(reason), None, "one end for each");
            }
            Event::Reference { run, words: said } if run == wanted => words = Some(said),
            Event::Failed(failure) => panic!("{failure:?}"),
            _ => {}
        }
    }
    assert_ne!(ended[1], Some(FinishReason::Stopped));
    Texts {
        left: ids.remove(&false).unwrap_or_default(),
        right: ids.remove(&true).unwrap_or_default(),
        words,
    }
}

#[test]
fn a_control_takes_the_place_of_the_unsteered_text_and_nothing_else_changes() {
    let mut bench = Bench::start(None);
    let plain = texts(&mut bench, 3.0, Reference::Unsteered);
    assert!(plain.words.is_none() && plain.left.len() == 12);
    assert_ne!(plain.left, plain.right);
    // −v at c is v at −c.
    let reversed = texts(&mut bench, 3.0, Reference::Reversed);
    assert_eq!(reversed.right, plain.right, "the steered text goes on");
    let mirror = texts(&mut bench, -3.0, Reference::Unsteered);
    assert_eq!(reversed.left, mirror.right);
    assert_eq!(mirror.left, plain.left, "the unsteered text comes back");
    // The vector itself as "another" one writes the steered text.
    let own = Asset::Bundled("kindness".into());
    let same = texts(&mut bench, 3.0, Reference::Other(own));
    assert_eq!(same.left, plain.right);
    assert_eq!(same.words, Some(Ok("kindness".to_owned())));
    let mut seen = vec![plain.right.clone()];
    for control in [
        Reference::Random,
        Reference::Orthogonal,
        Reference::Permuted,
    ] {
        let drawn = texts(&mut bench, 3.0, control.clone());
        assert_eq!(drawn.right, plain.right, "{control:?}");
        assert_eq!(drawn.left.len(), 12);
        assert!(!seen.contains(&drawn.left), "{control:?}");
        seen.push(drawn.left);
    }
    // A moved slider moves the control with it.
    let weaker = texts(&mut bench, 1.5, Reference::Reversed);
    let stronger = texts(&mut bench, 3.0, Reference::Reversed);
    assert_eq!(stronger.left, reversed.left);
    assert_eq!(stronger.right, plain.right);
    let alone = texts(&mut bench, -1.5, Reference::Unsteered);
    assert_eq!(weaker.left, alone.right);
    // Held back, all are the model as it is.
    let off = texts(&mut bench, 0.0, Reference::Random);
    assert_eq!((&off.left, &off.right), (&plain.left, &plain.left));
    bench.end();
}

#[test]
fn a_system_text_is_a_prompt_of_its_own_beside_the_steered_text() {
    let mut bench = Bench::start(None);
    let plain = texts(&mut bench, 3.0, Reference::Unsteered);
    let told = texts(&mut bench, 3.0, Reference::SystemText("kindness".into()));
    assert_eq!(told.right, plain.right);
    assert_ne!(told.left, plain.left);
    let words = told.words.expect("said").expect("a sentence");
    assert!(words.starts_with("You are"), "{words}");
    // It does not depend on the slider.
    let moved = texts(&mut bench, -2.0, Reference::SystemText("kindness".into()));
    assert_eq!(moved.left, told.left);
    assert_ne!(moved.right, told.right);
    let back = texts(&mut bench, -2.0, Reference::Unsteered);
    assert_eq!(back.left, plain.left);
    assert_eq!(back.right, moved.right);
    bench.end();
}

#[test]
fn shuffled_labels_are_read_once_and_what_cannot_be_made_is_said() {
    let mut bench = Bench::start(None);
    let wanted = Reference::Shuffled(Asset::Bundled("kindness".into()));
    let waits = texts(&mut bench, 3.0, wanted.clone());
    assert!(waits.left.is_empty() && waits.right.len() == 12);
    let words = waits.words.expect("said").expect_err("not there yet");
    assert!(words.contains("reading the pairs"), "{words}");
    while !matches!(
        bench.events.recv_timeout(LIMIT).expect("pairs are read"),
        Event::PairsRead
    ) {}
    let read = texts(&mut bench, 3.0, wanted);
    assert_eq!(read.left.len(), 12);
    assert_eq!(read.right, waits.right);
    let nowhere = Reference::Other(Asset::File("/nowhere/at/all.safetensors".into()));
    let refused = texts(&mut bench, 3.0, nowhere);
    let words = refused.words.expect("said").expect_err("no such file");
    assert!(words.contains("all.safetensors"), "{words}");
    assert_eq!(refused.right, waits.right);
    bench.end();
}
