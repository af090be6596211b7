//! The condition on prompts (CAST).

use steerscope::app::focus::Pane;
use steerscope::app::{Effect, Msg};
use steerscope::protocol::{Command, Event, Gated, Study};

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
    // Copied figures say it.
    while world.app.focus() != Pane::Histogram {
        world.key("tab");
    }
    world.key("y");
    let copied = world.effects.iter().any(|effect| {
        matches!(effect, Effect::CopyText(text)
            if text.contains("if like 'mood'") && text.contains("(48 of 64 prompts steered)"))
    });
    assert!(copied, "{:?}", world.effects);
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

fn study(world: &World) -> Study {
    let found = world.waiting.iter().rev().find_map(|c| match c {
        Command::Study(request) => Some(request.study.clone()),
        _ => None,
    });
    found.expect("a study is asked for")
}

#[test]
fn studies_of_steered_rows_are_asked_for_under_the_condition_and_say_so() {
    let mut world = World::ready();
    set(&mut world);
    world.settle();
    let want = world.app.condition();
    assert!(want.is_some());
    for (key, words) in [
        ("F4", "if like 'mood' b3 > 0.25: 48/64 prompts"),
        ("F5", "48/64"),
        ("F8", "48/64"),
        ("F9", "if like 'mood' b3 > 0.25: 48/64 prompts"),
        ("F10", "condition open, similarity 0.30"),
        ("F11", "condition open, similarity 0.30"),
    ] {
        world.key(key);
        if key != "F8" {
            // F5 and F8 show the same figures.
            let condition = match study(&world) {
                Study::Sweep(s) => s.condition,
                Study::Datasets(s) => s.condition,
                Study::Controls(s) => s.condition,
                Study::Tokens(s) => s.condition,
                Study::Fan(s) => s.condition,
                other => panic!("{other:?}"),
            };
            assert_eq!(condition, want, "{key}");
        }
        world.settle();
        let screen = world.screen(140, 40);
        assert!(screen.contains(words), "{key} {screen}");
        assert!(!screen.contains("without the condition"), "{key} {screen}");
    }
    // Three comparisons of F8: own vectors, the loaded one, several vectors.
    world.keys("F8 e e");
    let Study::Vectors(several) = study(&world) else {
        panic!("{:?}", study(&world));
    };
    assert_eq!(several.condition, want);
    world.key("C");
    let Study::Calibrate(calibrate) = study(&world) else {
        panic!("{:?}", study(&world));
    };
    assert_eq!(calibrate.condition, want);
    world.settle();
    assert!(world.app.calibrated_here().is_some());
    // What rewords the prompts is measured without it.
    world.key("F6");
    world.settle();
    assert!(world.screen(140, 40).contains("without the condition"));
    // Under another threshold none of this holds.
    world.keys("F3 I down down down 0 . 4 enter");
    assert!(world.app.calibrated_here().is_none());
}

#[test]
fn a_closed_condition_is_said_wherever_one_text_is_shown() {
    let mut world = World::ready();
    world.keys("I right down down down 0 . 4 enter");
    world.settle();
    assert!(world.screen(120, 40).contains("no tax"));
    for key in ["F10", "F11"] {
        world.key(key);
        world.settle();
        let screen = world.screen(120, 40);
        assert!(screen.contains("not steered: condition closed"), "{screen}");
    }
    assert!(world.screen(120, 40).matches("not steered").count() > 3);
}

#[test]
fn controls_stand_behind_figures_of_the_same_condition_only() {
    let mut world = World::ready();
    world.key("K");
    world.settle();
    assert!(world.screen(120, 40).contains("z +11.4"));
    set(&mut world);
    assert!(!world.screen(120, 40).contains("z +11.4"));
    world.settle();
    assert!(world.screen(120, 40).contains("z +11.4"));
}
