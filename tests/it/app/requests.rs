//! What is asked of the worker and what becomes of its answers.

use std::time::Duration;

use steerscope::app::Msg;
use steerscope::protocol::{Command, Event, FinishReason, InputResult, TokenPiece};
use steerscope::units::{Lane, Mask, RunId};

use super::world::World;

fn measures(world: &World) -> usize {
    world
        .waiting
        .iter()
        .filter(|c| matches!(c, Command::Measure(_)))
        .count()
}

fn generates(world: &World) -> usize {
    world
        .waiting
        .iter()
        .filter(|c| matches!(c, Command::Generate(_)))
        .count()
}

#[test]
fn many_changes_in_one_batch_are_one_request_of_each_kind() {
    let mut world = World::ready();
    let key = |k: &str| Msg::Key(k.parse().unwrap());
    world.batch((0..40).map(|i| key(if i % 3 == 0 { "h" } else { "l" })));
    assert_eq!((generates(&world), measures(&world)), (1, 1));
}

#[test]
fn run_ids_rise() {
    let mut world = World::ready();
    world.key("l");
    let first = world
        .generation()
        .unwrap()
        .run
        .max(world.measurement().unwrap().run);
    world.waiting.clear();
    world.key("l");
    assert!(world.generation().unwrap().run > first);
}

#[test]
fn a_coefficient_off_the_grid_is_probed_and_one_on_the_grid_is_not() {
    let mut world = World::ready();
    world.key("l");
    assert_eq!(world.measurement().unwrap().probe, Some(1.1));
    world.settle();
    let m = world.app.experiment().current().unwrap();
    assert!(
        matches!(m.mean_at(1.1), Some((_, false))),
        "the probe is a measured value"
    );
    world.keys("7 . 5 enter");
    let m = world.app.experiment().current().unwrap();
    assert!(matches!(m.mean_at(0.5), Some((_, false))));
}

#[test]
fn between_grid_points_the_interpolated_value_shows_until_the_probe_is_measured() {
    let mut world = World::ready();
    world.key("l");
    let m = world.app.experiment().current().unwrap();
    let (value, estimated) = m.mean_at(1.1).unwrap();
    let (at_one, _) = m.mean_at(1.0).unwrap();
    let (above, _) = m.mean_at(1.5).unwrap();
    assert!(estimated && value > at_one.min(above) && value < at_one.max(above));
    assert_eq!(m.input_at(0, 1.1).map(|v| v.1), Some(true));
}

#[test]
fn a_measured_setting_returns_at_once_without_a_request() {
    let mut world = World::ready();
    let before = world.app.experiment().current().unwrap().summary();
    world.key("]");
    world.settle();
    assert_ne!(world.app.experiment().current().unwrap().summary(), before);
    world.key("[");
    assert_eq!(world.app.experiment().current().unwrap().summary(), before);
    assert_eq!(measures(&world), 0);
}

#[test]
fn while_a_setting_is_measured_the_last_finished_one_stays_behind() {
    let mut world = World::ready();
    world.key("]");
    assert_eq!(world.app.experiment().ghost().map(|g| g.key.block), Some(3));
    let request = world.measurement().unwrap();
    world.measure(&request, 0..10);
    assert_eq!(world.app.experiment().current().unwrap().done, 10);
    assert!(world.app.experiment().ghost().is_some());
    world.settle();
    assert!(world.app.experiment().ghost().is_none());
}

#[test]
fn stale_run_is_ignored() {
    let mut world = World::ready();
    world.key("]");
    let (old_text, old_figures) = (world.generation().unwrap(), world.measurement().unwrap());
    world.waiting.clear();
    world.key("]");
    world.measure(&old_figures, 0..64);
    world.stream(&old_text, 5);
    assert_eq!(world.app.experiment().current().unwrap().done, 0);
    assert!(world.app.compare().is_stale());
    let finished = Event::MeasureFinished {
        run: old_figures.run,
        elapsed: Duration::ZERO,
        from_cache: false,
    };
    world.send(Msg::Worker(finished));
    assert!(world.app.experiment().is_running());
}

#[test]
fn panes_keep_the_old_text_until_both_lanes_have_a_new_one() {
    let mut world = World::ready();
    let before = world.app.compare().shown().unwrap().steered.text.clone();
    world.key("-");
    let request = world.generation().unwrap();
    let tokens = vec![TokenPiece {
        id: 1,
        text: "new".to_owned(),
    }];
    let lane = |lane| Event::Tokens {
        run: request.run,
        lane,
        tokens: tokens.clone(),
    };
    world.send(Msg::Worker(lane(Lane::Baseline)));
    assert_eq!(world.app.compare().shown().unwrap().steered.text, before);
    assert!(world.app.compare().is_stale());
    world.send(Msg::Worker(lane(Lane::Steered)));
    let shown = world.app.compare().shown().unwrap();
    assert_eq!(shown.steered.text, "new");
    assert!(
        !shown.steered.remainder().is_empty(),
        "the rest of the old text stays, dimmed"
    );
}

#[test]
fn the_first_differing_token_and_words_are_marked() {
    let world = World::ready();
    let shown = world.app.compare().shown().unwrap();
    assert_eq!(shown.diverges, Some(1));
    let steered = &shown.steered;
    assert!(steered.text[steered.diverges_at.unwrap()..].starts_with("she"));
    assert_eq!(&steered.text[steered.changed[0].clone()], "she");
    assert_eq!(
        &shown.baseline.text[shown.baseline.changed[0].clone()],
        "he"
    );
}

#[test]
fn a_lane_that_ends_earlier_diverges_where_it_ends() {
    let mut world = World::ready();
    world.key("R");
    let request = world.generation().unwrap();
    let piece = |id: u32| TokenPiece {
        id,
        text: format!(" w{id}"),
    };
    let send = |w: &mut World, lane, n: u32| {
        let tokens = (0..n).map(piece).collect();
        w.send(Msg::Worker(Event::Tokens {
            run: request.run,
            lane,
            tokens,
        }));
        let reason = FinishReason::Eos;
        let end = Event::LaneFinished {
            run: request.run,
            lane,
            reason,
            tokens_per_second: 1.0,
        };
        w.send(Msg::Worker(end));
    };
    send(&mut world, Lane::Baseline, 5);
    send(&mut world, Lane::Steered, 3);
    assert_eq!(world.app.compare().shown().unwrap().diverges, Some(3));
}

#[test]
fn stopping_keeps_what_was_streamed() {
    let mut world = World::ready();
    world.key("]");
    let request = world.generation().unwrap();
    world.stream(&request, 6);
    world.waiting.clear();
    world.key("x");
    assert_eq!(
        world.waiting,
        [Command::StopGeneration, Command::StopMeasure]
    );
    let shown = world.app.compare().shown().unwrap();
    assert_eq!(shown.steered.len(), 6);
    assert_eq!(shown.steered.finished, Some(FinishReason::Stopped));
    world.stream(&request, 20);
    assert_eq!(
        world.app.compare().shown().unwrap().steered.len(),
        6,
        "late tokens are dropped"
    );
}

#[test]
fn a_block_without_a_vector_is_not_measured_and_generates_unsteered() {
    let mut world = World::ready();
    world.keys("backtab home");
    assert_eq!(world.app.setting().block, 0);
    assert_eq!(world.generation().unwrap().steering, None);
    assert_eq!(measures(&world), 0);
}

#[test]
fn toggling_the_vector_off_generates_with_zero_and_leaves_the_figures() {
    let mut world = World::ready();
    world.key("space");
    assert_eq!(
        world.generation().unwrap().steering.unwrap().coefficient,
        0.0
    );
    assert_eq!(measures(&world), 0);
}

#[test]
fn a_mask_change_measures_anew() {
    let mut world = World::ready();
    world.keys("m down enter");
    assert_eq!(world.app.setting().mask, Mask::FromAnswer);
    assert_eq!(world.measurement().unwrap().mask, Mask::FromAnswer);
}

#[test]
fn results_out_of_range_or_not_finite_do_no_harm() {
    let mut world = World::ready();
    world.key("]");
    let run = world.measurement().unwrap().run;
    let row = |index, steerability, propensity| InputResult {
        gate: None,
        index,
        propensity,
        steerability,
        probe: None,
    };
    let results = vec![
        row(0, f32::NAN, vec![f32::NAN; 7]),
        row(9999, 1.0, vec![0.0; 7]),
        row(1, 1.0, vec![0.0; 2]),
        row(2, f32::INFINITY, vec![f32::MAX; 7]),
        row(3, 0.5, vec![0.1; 7]),
    ];
    world.send(Msg::Worker(Event::Measured { run, results }));
    let m = world.app.experiment().current().unwrap();
    assert_eq!((m.done, m.summary().unwrap().n), (3, 1));
    world.screen(120, 40);
}

#[test]
fn events_of_runs_that_never_were_are_ignored() {
    let mut world = World::ready();
    let before = world.screen(120, 40);
    let run = RunId(u64::MAX);
    let tokens = vec![TokenPiece {
        id: 0,
        text: "x".to_owned(),
    }];
    world.send(Msg::Worker(Event::Tokens {
        run,
        lane: Lane::Steered,
        tokens,
    }));
    world.send(Msg::Worker(Event::Measured {
        run,
        results: Vec::new(),
    }));
    assert!(!world.app.dirty());
    assert_eq!(world.screen(120, 40), before);
}
