//! What lanes share, and what is kept when one begins anew.

use std::sync::Arc;

use steerscope::engine::{Cancel, EngineError, Generation, Hook, NoHook, Place, SamplerSettings};
use steerscope::units::{BlockIndex, Mask};

use super::generation::{edit, lane, run, sampling};
use super::support::Edit;
use super::tiny::{Tiny, prompt};

#[test]
fn prompt_before_the_first_edit_is_computed_once_for_all_lanes() {
    struct Counts(Edit, Arc<std::sync::Mutex<Vec<Place>>>);
    impl Hook for Counts {
        fn wants(&self, block: BlockIndex) -> bool {
            block.0 == 0
        }
        fn visit(&mut self, _: BlockIndex, places: &[Place], _: &mut [f32], _: usize) {
            self.1
                .lock()
                .expect("not poisoned")
                .extend_from_slice(places);
        }
        fn first_edit(&self, sequence: usize) -> usize {
            self.0.first_edit(sequence)
        }
    }
    let model = Tiny::default().model();
    let seen = Arc::default();
    let hook = Counts(edit(vec![0.0, 1.0], 29), Arc::clone(&seen));
    let mut run = Generation::start(
        model,
        prompt(30, 1),
        2,
        &SamplerSettings::default(),
        vec![],
        Box::new(hook),
    )
    .expect("starts");
    run.step(&Cancel::never()).expect("a step");
    assert_eq!(seen.lock().expect("not poisoned").len(), 29 + 2);
}

#[test]
fn cancelled_step_can_be_repeated() {
    let model = Tiny::default().model();
    let settings = sampling(4);
    let want = lane(
        &run(&model, &prompt(12, 1), 1, &settings, Box::new(NoHook), 6),
        0,
    )
    .0;
    let stop = Cancel::new(Arc::new(1.into()), 0);
    let mut run = Generation::start(
        model,
        prompt(12, 1),
        1,
        &settings,
        vec![2],
        Box::new(NoHook),
    )
    .expect("starts")
    .limit(6);
    let mut got = Vec::new();
    while !run.is_finished() {
        assert!(matches!(run.step(&stop), Err(EngineError::Cancelled)));
        got.extend(
            run.step(&Cancel::never())
                .expect("a step")
                .iter()
                .filter_map(|s| s.token),
        );
    }
    assert_eq!(got, want);
}

#[test]
fn a_restarted_lane_equals_a_fresh_one_and_the_other_goes_on() {
    let model = Tiny::default().model();
    let ids = prompt(35, 3);
    let wanted = |mask: Mask, block: usize, c: f32| {
        let hook = Edit {
            block,
            ..edit(vec![c], mask.first_position(ids.len()))
        };
        let steps = run(&model, &ids, 1, &sampling(9), Box::new(hook), 12);
        lane(&steps, 0).0
    };
    let unsteered = lane(&run(&model, &ids, 1, &sampling(9), Box::new(NoHook), 12), 0).0;
    for before in Mask::ALL {
        for after in Mask::ALL {
            let mut pair = Generation::start(
                model.clone(),
                ids.clone(),
                2,
                &sampling(9),
                vec![2],
                Box::new(edit(vec![0.0, 1.4], before.first_position(ids.len()))),
            )
            .expect("starts")
            .limit(12);
            let mut texts = [Vec::new(), Vec::new()];
            for step in 0..40 {
                if step == 4 {
                    let hook = Edit {
                        block: 0,
                        ..edit(vec![0.0, -0.9], after.first_position(ids.len()))
                    };
                    pair.restart(&[1], Box::new(hook)).expect("a lane");
                    texts[1].clear();
                }
                for step in pair.step(&Cancel::never()).expect("a step") {
                    texts[step.lane].extend(step.token);
                }
            }
            assert_eq!(texts[0], unsteered, "{before} then {after}");
            assert_eq!(texts[1], wanted(after, 0, -0.9), "{before} then {after}");
        }
    }
    let mut one =
        Generation::start(model, ids, 1, &sampling(9), vec![], Box::new(NoHook)).expect("starts");
    assert_eq!(
        one.restart(&[1], Box::new(NoHook))
            .expect_err("no lane")
            .id(),
        "engine-request"
    );
}
