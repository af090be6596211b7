//! Every vector and site is proved before its text is called steered.

use steerscope::app::receipt::Proved;
use steerscope::app::{Effect, Msg};
use steerscope::protocol::{Command, Event, Failure, ProbeRequest, Stage, Verdict};
use steerscope::units::{Operator, RunId};

use super::proofs;
use super::world::{World, settings};

/// Everything but the receipt has been answered.
fn before_the_receipt() -> (World, ProbeRequest) {
    let mut world = World::new(settings());
    world.load();
    let request = probe(&mut world).expect("a new vector is probed");
    world.settle();
    (world, request)
}

fn probe(world: &mut World) -> Option<ProbeRequest> {
    let place = world
        .waiting
        .iter()
        .rposition(|c| matches!(c, Command::Probe(_)))?;
    match world.waiting.remove(place) {
        Command::Probe(request) => Some(request),
        _ => None,
    }
}

#[test]
fn a_vector_is_proved_only_when_all_checks_are_made() {
    let (mut world, request) = before_the_receipt();
    assert_eq!(world.app.proved(), Proved::Pending);
    for checks in 1..9 {
        world.send(Msg::Worker(proofs::receipt(&request, &[], checks)));
        assert_eq!(world.app.proved(), Proved::Pending, "{checks} checks");
    }
    world.send(Msg::Worker(proofs::receipt(&request, &[], 9)));
    assert_eq!(world.app.proved(), Proved::Holds { warns: false });
    assert!(world.screen(120, 40).contains("steered  ✓"));
    world.send(Msg::Worker(proofs::receipt(
        &request,
        &[(6, Verdict::Warn)],
        9,
    )));
    assert_eq!(world.app.proved(), Proved::Holds { warns: true });
}

#[test]
fn a_failed_check_takes_the_word_steered_away() {
    let (mut world, request) = before_the_receipt();
    assert!(world.screen(120, 40).contains("3 steered"));
    world.send(Msg::Worker(proofs::receipt(
        &request,
        &[(2, Verdict::Fail)],
        3,
    )));
    assert_eq!(world.app.proved(), Proved::Fails);
    for (columns, rows) in [(120, 40), (80, 24)] {
        let screen = world.screen(columns, rows);
        assert!(screen.contains("NOT PROVED"), "{screen}");
        assert!(!screen.contains("3 steered "), "{screen}");
    }
    // Another block is another question.
    world.key("]");
    assert_eq!(world.app.proved(), Proved::Pending);
    assert!(probe(&mut world).is_some());
}

#[test]
fn a_refused_probe_fails_and_an_older_one_says_nothing() {
    let (mut world, request) = before_the_receipt();
    let refusal = |run| Failure {
        stage: Stage::Probe,
        run: Some(run),
        model: None,
        id: "layer-missing".to_owned(),
        message: "no direction there".to_owned(),
    };
    world.send(Msg::Worker(Event::Failed(refusal(RunId(987)))));
    assert_eq!(world.app.proved(), Proved::Pending);
    world.send(Msg::Worker(Event::Failed(refusal(request.run))));
    assert_eq!(world.app.proved(), Proved::Fails);
    world.key("V");
    assert!(world.screen(120, 40).contains("no direction there"));
}

#[test]
fn site_operator_and_mask_are_probed_again_and_the_coefficient_only_when_it_is_read() {
    let (mut world, request) = before_the_receipt();
    world.send(Msg::Worker(proofs::receipt(&request, &[], 9)));
    world.key(">");
    assert!(
        probe(&mut world).is_none(),
        "a slider is not held up by receipts"
    );
    assert_eq!(world.app.proved(), Proved::Holds { warns: false });
    world.key("V");
    let read = probe(&mut world).expect("the receipt on screen is of this coefficient");
    assert!((read.coefficient - world.app.setting().coefficient).abs() < 1e-6);
    world.send(Msg::Worker(proofs::receipt(&read, &[], 9)));
    world.key("y");
    assert!(
        world
            .effects
            .iter()
            .any(|e| matches!(e, Effect::CopyText(t) if t.contains("schema")))
    );
    world.key("esc");
    for keys in ["]", "m", "O", "P"] {
        world.key(keys);
        if keys != "]" {
            world.key(if keys == "P" { "up" } else { "down" });
            world.key("enter");
        }
        let next = probe(&mut world).unwrap_or_else(|| panic!("{keys} is another site"));
        assert!(!next.same_site(&request));
        world.send(Msg::Worker(proofs::receipt(&next, &[], 9)));
        assert_eq!(world.app.proved(), Proved::Holds { warns: false });
    }
    assert_eq!(
        world.app.setting().edit.operator,
        Operator::NormPreservingAdd
    );
    world.key("u");
    assert_ne!(
        world.app.proved(),
        Proved::Holds { warns: false },
        "undone is another site again"
    );
}

#[test]
fn held_back_a_clamp_does_nothing() {
    let mut world = World::ready();
    world.key("O");
    world.type_text("clamp");
    world.key("enter");
    let request = world.generation().expect("other texts");
    let steering = request.steering.expect("a vector");
    assert_eq!(steering.edit.operator, Operator::Clamp);
    world.settle();
    world.key("space");
    let off = world
        .generation()
        .expect("texts without it")
        .steering
        .expect("a vector");
    assert_eq!((off.coefficient, off.edit.operator), (0.0, Operator::Add));
    // Two directions are needed for a plane.
    world.key("space");
    world.key("O");
    world.type_text("angular");
    let entry = world.app.entries().into_iter().next().expect("listed");
    assert!(
        !entry.enabled && entry.detail.contains("two directions"),
        "{entry:?}"
    );
}
