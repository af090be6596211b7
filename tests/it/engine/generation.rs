//! Lanes: pairing, sampling, ends.

use std::sync::Arc;

use steerscope::engine::{
    Cancel, Finish, Generation, Hook, Keep, KvCache, LaneStep, Model, NoHook, Part, SamplerSettings,
};
use steerscope::units::Mask;

use super::support::Edit;
use super::tiny::{Tiny, direction, prompt};

pub(super) fn run(
    model: &Arc<Model>,
    prompt: &[u32],
    lanes: usize,
    settings: &SamplerSettings,
    hook: Box<dyn Hook + Send>,
    n: usize,
) -> Vec<Vec<LaneStep>> {
    let mut run = Generation::start(
        model.clone(),
        prompt.to_vec(),
        lanes,
        settings,
        vec![2],
        hook,
    )
    .expect("starts")
    .limit(n);
    let mut steps = Vec::new();
    while !run.is_finished() {
        steps.push(run.step(&Cancel::never()).expect("a step"));
    }
    assert!(run.step(&Cancel::never()).expect("a step").is_empty());
    steps
}

pub(super) fn lane(steps: &[Vec<LaneStep>], lane: usize) -> (Vec<u32>, Option<Finish>) {
    let of: Vec<LaneStep> = steps
        .iter()
        .flatten()
        .filter(|s| s.lane == lane)
        .copied()
        .collect();
    assert!(of[..of.len() - 1].iter().all(|s| s.finish.is_none()));
    (
        of.iter().filter_map(|s| s.token).collect(),
        of.last().and_then(|s| s.finish),
    )
}

pub(super) fn sampling(seed: u64) -> SamplerSettings {
    SamplerSettings {
        temperature: 0.9,
        top_k: Some(40),
        top_p: Some(0.95),
        seed,
    }
}

pub(super) fn edit(coefficients: Vec<f32>, from: usize) -> Edit {
    Edit {
        block: 1,
        vector: direction(1),
        from: vec![from; coefficients.len()],
        coefficients,
    }
}

#[test]
fn lanes_with_coefficient_zero_are_identical_when_sampling() {
    let model = Tiny::default().model();
    for settings in [SamplerSettings::default(), sampling(11)] {
        let steps = run(
            &model,
            &prompt(20, 1),
            3,
            &settings,
            Box::new(edit(vec![0.0, 1.4, 0.0], 19)),
            40,
        );
        let alone = run(&model, &prompt(20, 1), 1, &settings, Box::new(NoHook), 40);
        assert_eq!(lane(&steps, 0), lane(&alone, 0));
        assert_eq!(lane(&steps, 2), lane(&alone, 0));
        assert_ne!(lane(&steps, 1), lane(&alone, 0));
    }
}

#[test]
fn steered_lane_beside_an_unsteered_one_equals_the_lane_alone_under_every_mask() {
    let model = Tiny::default().model();
    let ids = prompt(35, 2);
    for mask in Mask::ALL {
        let from = mask.first_position(ids.len());
        let pair = run(
            &model,
            &ids,
            2,
            &sampling(5),
            Box::new(edit(vec![0.0, 1.4], from)),
            30,
        );
        let alone = run(
            &model,
            &ids,
            1,
            &sampling(5),
            Box::new(edit(vec![1.4], from)),
            30,
        );
        assert_eq!(lane(&pair, 1), lane(&alone, 0), "{mask}");
        if mask == Mask::FromAnswer {
            assert_eq!(
                lane(&pair, 0).0[0],
                lane(&pair, 1).0[0],
                "the first token is predicted before the mask"
            );
        }
    }
}

#[test]
fn greedy_text_equals_argmax_of_full_passes() {
    let model = Tiny::default().model();
    let mut ids = prompt(6, 4);
    let steps = run(
        &model,
        &ids,
        1,
        &SamplerSettings::default(),
        Box::new(NoHook),
        12,
    );
    for token in lane(&steps, 0).0 {
        let rows = super::support::forward(&model, &ids, &mut NoHook);
        let logits = model.logits(&rows).expect("logits");
        let last = &logits[logits.len() - 97..];
        let best = (0..97)
            .max_by(|a, b| last[*a].total_cmp(&last[*b]))
            .expect("a token");
        assert_eq!(token as usize, best);
        ids.push(token);
    }
}

#[test]
fn same_seed_same_text_other_seed_other_text() {
    let model = Tiny::default().model();
    let text = |seed| {
        lane(
            &run(
                &model,
                &prompt(10, 1),
                1,
                &sampling(seed),
                Box::new(NoHook),
                30,
            ),
            0,
        )
        .0
    };
    assert_eq!(text(1), text(1));
    assert_ne!(text(1), text(2));
}

#[test]
fn extreme_sampling_settings_still_draw_tokens() {
    let model = Tiny::default().model();
    let greedy = lane(
        &run(
            &model,
            &prompt(10, 1),
            1,
            &SamplerSettings::default(),
            Box::new(NoHook),
            10,
        ),
        0,
    )
    .0;
    for (temperature, top_k, top_p) in [
        (1e-12, None, None),
        (-1.0, None, None),
        (f64::NAN, None, None),
        (1.0, Some(1), None),
        (1.0, None, Some(1e-9)),
        (1.0, Some(1), Some(0.5)),
    ] {
        let settings = SamplerSettings {
            temperature,
            top_k,
            top_p,
            seed: 3,
        };
        assert_eq!(
            lane(
                &run(&model, &prompt(10, 1), 1, &settings, Box::new(NoHook), 10),
                0
            )
            .0,
            greedy,
            "{settings:?}"
        );
    }
    for (temperature, top_k, top_p) in [
        (1.0, Some(0), Some(0.0)),
        (50.0, Some(5000), Some(1.0)),
        (1e-4, None, Some(f64::NAN)),
    ] {
        let settings = SamplerSettings {
            temperature,
            top_k,
            top_p,
            seed: 3,
        };
        assert!(
            !lane(
                &run(&model, &prompt(10, 1), 1, &settings, Box::new(NoHook), 10),
                0
            )
            .0
            .is_empty(),
            "{settings:?}"
        );
    }
}

#[test]
fn stop_token_ends_its_lane_and_is_not_given_out() {
    let model = Tiny::default().model();
    let open = run(
        &model,
        &prompt(10, 1),
        1,
        &SamplerSettings::default(),
        Box::new(NoHook),
        20,
    );
    let text = lane(&open, 0).0;
    let stop = text[3];
    let first = text.iter().position(|t| *t == stop).expect("there");
    let mut run = Generation::start(
        model,
        prompt(10, 1),
        1,
        &SamplerSettings::default(),
        vec![stop],
        Box::new(NoHook),
    )
    .expect("starts");
    let mut steps = Vec::new();
    while !run.is_finished() {
        steps.push(run.step(&Cancel::never()).expect("a step"));
    }
    assert_eq!(lane(&steps, 0), (text[..first].to_vec(), Some(Finish::Eos)));
}

#[test]
fn limit_and_context_end_a_lane_with_length() {
    let model = Tiny::default().model();
    let steps = run(
        &model,
        &prompt(10, 1),
        2,
        &SamplerSettings::default(),
        Box::new(NoHook),
        7,
    );
    assert_eq!(
        (lane(&steps, 0).0.len(), lane(&steps, 1).1),
        (7, Some(Finish::Length))
    );
    let steps = run(
        &model,
        &prompt(155, 1),
        1,
        &SamplerSettings::default(),
        Box::new(NoHook),
        usize::MAX,
    );
    assert_eq!(
        (lane(&steps, 0).0.len(), lane(&steps, 0).1),
        (5, Some(Finish::Length))
    );
    let none = Generation::start(
        model.clone(),
        prompt(160, 1),
        1,
        &SamplerSettings::default(),
        vec![],
        Box::new(NoHook),
    );
    assert_eq!(none.expect_err("too long").id(), "context-length");
    let none = Generation::start(
        model,
        vec![],
        1,
        &SamplerSettings::default(),
        vec![],
        Box::new(NoHook),
    );
    assert_eq!(none.expect_err("empty").id(), "engine-request");
}

#[test]
fn lane_with_overflowing_logits_ends_and_the_other_goes_on() {
    let model = Tiny::default().model();
    for settings in [SamplerSettings::default(), sampling(1)] {
        let steps = run(
            &model,
            &prompt(20, 1),
            2,
            &settings,
            Box::new(edit(vec![0.0, f32::MAX], 19)),
            15,
        );
        let alone = run(&model, &prompt(20, 1), 1, &settings, Box::new(NoHook), 15);
        assert_eq!(lane(&steps, 1), (vec![], Some(Finish::NonFinite)));
        assert_eq!(lane(&steps, 0), lane(&alone, 0));
    }
}

#[test]
fn keeping_nothing_still_fills_the_cache() {
    let model = Tiny::default().model();
    let mut cache = KvCache::new(&model, 1);
    let part = [Part {
        sequence: 0,
        ids: &prompt(9, 0),
    }];
    let rows = model
        .extend(
            &mut cache,
            &part,
            Keep::Nothing,
            &mut NoHook,
            &Cancel::never(),
        )
        .expect("a pass");
    assert_eq!((rows.n(), cache.len(0)), (0, 9));
}
