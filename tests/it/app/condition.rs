//! The condition on prompts (CAST).

use steerscope::app::Msg;
use steerscope::protocol::{Event, Gated};

use super::world::{World, bundled};

/// Steers only prompts like `mood`, above 0.25, by the dialog.
pub fn set(world: &mut World) {
    world.keys("I right down down down 0 . 2 5 enter");
}

#[test]
fn a_condition_is_part_of_texts_figures_and_pins() {
    let mut world = World::ready();
    set(&mut world);
    let texts = world.generation().expect("other texts");
    let condition = texts
        .steering
        .expect("a vector")
        .condition
        .expect("a condition");
    assert_eq!(condition.vector, bundled("mood"));
    assert_eq!(condition.block.0, world.app.setting().block);
    assert!((condition.threshold - 0.25).abs() < 1e-6 && condition.above);
    let figures = world.measurement().expect("other figures");
    assert_eq!(figures.condition.as_ref(), Some(&condition));
    world.settle();
    let screen = world.screen(120, 40);
    assert!(screen.contains("if like 'mood'"), "{screen}");
    assert!(screen.contains("48/64 prompts"), "{screen}");
    // A pin keeps it, undo takes it back.
    world.key("p");
    world.key("u");
    assert_eq!(world.app.setting().condition, None);
    world.settle();
    world.key("p");
    world.key("f");
    assert!(world.app.setting().condition.is_some());
    // Below the threshold instead, and none at all.
    world.settle();
    world.keys("I down down right enter");
    assert!(!world.app.setting().condition.unwrap().above);
    world.keys("I left enter");
    assert_eq!(world.app.setting().condition, None);
}

#[test]
fn a_closed_prompt_is_said_to_be_unsteered() {
    let mut world = World::ready();
    set(&mut world);
    let request = world.generation().expect("texts");
    let gate = Gated {
        similarity: Some(0.1),
        open: false,
    };
    let run = request.run;
    world.send(Msg::Worker(Event::Gated { run, gate }));
    world.stream(&request, 4);
    let screen = world.screen(120, 40);
    assert!(screen.contains("not steered"), "{screen}");
    let screen = world.screen(200, 40);
    assert!(screen.contains("not steered, similarity 0.10"), "{screen}");
}

#[test]
fn a_threshold_that_is_none_stays_in_the_dialog() {
    let mut world = World::ready();
    world.keys("I right down down down 7 enter");
    assert!(world.screen(80, 24).contains("lies between -1 and 1"));
    assert_eq!(world.app.setting().condition, None);
}
