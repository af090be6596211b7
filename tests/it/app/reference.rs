//! The left text: unsteered, or a control that its title names.

use steerscope::app::Msg;
use steerscope::protocol::{Event, Reference};

use super::world::{World, bundled};

fn wanted(world: &World) -> Reference {
    world.generation().expect("texts are asked for").reference
}

#[test]
fn a_key_goes_through_the_controls_and_back() {
    let mut world = World::ready();
    let mut seen = vec![world.app.reference()];
    loop {
        world.key("B");
        let reference = wanted(&world);
        world.settle();
        assert_eq!(world.app.reference(), reference);
        if reference == Reference::Unsteered {
            break;
        }
        seen.push(reference);
    }
    assert_eq!(
        seen,
        [
            Reference::Unsteered,
            Reference::Reversed,
            Reference::Random,
            Reference::Orthogonal,
            Reference::Permuted,
            Reference::Shuffled(bundled("she_he")),
            Reference::Other(bundled("mood")),
            Reference::SystemText("she_he".to_owned()),
        ]
    );
}

#[test]
fn nothing_is_called_unsteered_that_is_not_even_while_it_changes() {
    let mut world = World::ready();
    let titles = |world: &mut World| world.screen(120, 40);
    assert!(titles(&mut world).contains(" unsteered "));
    world.key("B");
    // The texts on screen are still the old ones.
    assert!(titles(&mut world).contains(" unsteered "));
    world.settle();
    let now = titles(&mut world);
    assert!(
        now.contains(" reversed ") && !now.contains(" unsteered "),
        "{now}"
    );
}

#[test]
fn what_a_control_stands_for_is_said_and_a_refusal_is_no_text() {
    let mut world = World::ready();
    world.keys("B B");
    let run = world.generation().expect("asked").run;
    let words = Ok("seed 0".to_owned());
    world.send(Msg::Worker(Event::Reference { run, words }));
    world.settle();
    assert!(world.screen(120, 40).contains("seed 0"));
    world.keys("B B B");
    let request = world.generation().expect("asked");
    assert!(matches!(request.reference, Reference::Shuffled(_)));
    let words = Err("reading the pairs of she_he".to_owned());
    world.send(Msg::Worker(Event::Reference {
        run: request.run,
        words,
    }));
    world.settle();
    assert!(world.screen(120, 40).contains("reading the pairs"));
    let shown = world.app.compare().shown().expect("texts");
    assert_eq!(shown.diverges, None, "there is no text to differ from");
    // The pairs are there: the text is asked for again.
    world.send(Msg::Worker(Event::PairsRead));
    assert_eq!(wanted(&world), request.reference);
}

#[test]
fn a_reference_follows_what_is_loaded() {
    let mut world = World::ready();
    world.keys("B B B B B B");
    assert_eq!(wanted(&world), Reference::Other(bundled("mood")));
    world.settle();
    // That very vector is loaded: it is no other one any more.
    world.key("F12");
    world.settle();
    world.keys("g enter");
    world.settle();
    assert_eq!(
        world.app.vector().map(|v| v.asset.clone()),
        Some(bundled("mood"))
    );
    assert_eq!(world.app.reference(), Reference::Unsteered);
}
