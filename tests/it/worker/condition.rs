//! Texts and figures under a condition on prompts.

use steerscope::protocol::{
    Asset, ChatFormat, Command, Condition, Event, GenerateRequest, InputResult, MeasureRequest,
    Reference, Sampling, Steering,
};
use steerscope::units::{BlockIndex, DEFAULT_MULTIPLIERS, Edit, Lane, Mask, RunId};

use super::{Bench, LIMIT};

pub(super) fn condition(threshold: f32, above: bool) -> Condition {
    Condition {
        vector: Asset::Bundled("mood".into()),
        block: BlockIndex(1),
        threshold,
        above,
    }
}

pub(super) fn measured(bench: &Bench, run: u64, condition: Option<Condition>) -> Vec<InputResult> {
    bench.worker.send(Command::Measure(MeasureRequest {
        condition,
        edit: Edit::ADD,
        run: RunId(run),
        vector: bench.vector.id.clone(),
        dataset: bench.dataset.id.clone(),
        block: BlockIndex(2),
        mask: Mask::default(),
        multipliers: DEFAULT_MULTIPLIERS.to_vec(),
        probe: Some(0.7),
    }));
    let mut all = Vec::new();
    loop {
        match bench.events.recv_timeout(LIMIT).expect("it ends") {
            Event::Measured { run: r, results } if r == RunId(run) => all.extend(results),
            Event::MeasureFinished { run: r, .. } if r == RunId(run) => break,
            Event::Failed(failure) => panic!("{failure:?}"),
            _ => {}
        }
    }
    all.sort_by_key(|r| r.index);
    all
}

#[test]
fn prompts_that_do_not_meet_it_keep_their_unsteered_figures() {
    let bench = Bench::start(None);
    let plain = measured(&bench, 1, None);
    assert!(plain.iter().all(|r| r.gate.is_none()));
    let all = measured(&bench, 2, Some(condition(-1.0, true)));
    let mut similarities: Vec<f64> = all.iter().filter_map(|r| r.gate?.similarity).collect();
    assert_eq!(similarities.len(), plain.len());
    assert!(similarities.iter().all(|s| (-1.0..=1.0).contains(s)));
    similarities.sort_by(f64::total_cmp);
    let middle = similarities[similarities.len() / 2] as f32;
    for (run, above) in [(3, true), (4, false)] {
        let some = measured(&bench, run, Some(condition(middle, above)));
        let open = some.iter().filter(|r| r.gate.unwrap().open).count();
        assert!(open > 0 && open < some.len(), "{open} of {}", some.len());
        for (r, plain) in some.iter().zip(&plain) {
            let gate = r.gate.unwrap();
            assert_eq!(
                gate.open,
                (gate.similarity.unwrap() > f64::from(middle)) == above
            );
            if gate.open {
                assert_eq!((&r.propensity, r.probe), (&plain.propensity, plain.probe));
            } else {
                let unsteered = plain.propensity[3];
                assert!(r.propensity.iter().all(|p| *p == unsteered));
                assert_eq!((r.steerability, r.probe), (0.0, Some(unsteered)));
            }
        }
    }
}

#[test]
fn a_text_is_steered_only_where_the_condition_opens() {
    let bench = Bench::start(None);
    let texts = |run: u64, condition: Option<Condition>| {
        bench.worker.send(Command::Generate(GenerateRequest {
            run: RunId(run),
            prompt: "Once upon a time there was a little child.".to_owned(),
            chat: None::<ChatFormat>,
            reference: Reference::default(),
            steering: Some(Steering {
                condition,
                vector: bench.vector.id.clone(),
                block: BlockIndex(2),
                coefficient: 3.0,
                mask: Mask::default(),
                edit: Edit::ADD,
            }),
            sampling: Sampling {
                max_tokens: 12,
                ..Sampling::default()
            },
        }));
        let (mut lanes, mut gate, mut ended) = ([String::new(), String::new()], None, 0);
        while ended < 2 {
            match bench.events.recv_timeout(LIMIT).expect("it ends") {
                Event::Gated { run: r, gate: g } if r == RunId(run) => gate = Some(g),
                Event::Tokens {
                    run: r,
                    lane,
                    tokens,
                } if r == RunId(run) => {
                    let words = tokens.iter().map(|t| t.text.as_str());
                    lanes[usize::from(lane == Lane::Steered)].extend(words);
                }
                Event::LaneFinished { run: r, .. } if r == RunId(run) => ended += 1,
                Event::Failed(failure) => panic!("{failure:?}"),
                _ => {}
            }
        }
        (lanes, gate)
    };
    let (plain, gate) = texts(1, None);
    assert!(gate.is_none());
    assert_ne!(plain[0], plain[1]);
    let (open, gate) = texts(2, Some(condition(-1.0, true)));
    assert!(gate.unwrap().open);
    assert_eq!(open, plain);
    let (closed, gate) = texts(3, Some(condition(1.0, true)));
    assert!(!gate.unwrap().open);
    assert_eq!(closed[1], plain[0], "the unsteered text");
}
