//! Messages: how long they stay, what is kept.

use steerscope::app::Msg;
use steerscope::app::messages::Level;
use steerscope::protocol::Event;

use super::world::World;

#[test]
fn toasts_go_after_four_seconds_and_the_app_asks_for_that_tick() {
    let mut world = World::ready();
    world.key("x");
    let due = world.app.next_tick().unwrap();
    world.draw(80, 24);
    world.send(Msg::Tick(due));
    assert!(world.app.dirty());
    assert!(world.app.messages().toasts().is_empty());
    assert_eq!(
        world.app.next_tick(),
        None,
        "an idle app asks for no wake-ups"
    );
}

#[test]
fn warnings_of_files_are_shown_and_kept() {
    let mut world = World::ready();
    let mut info = super::world::vector(&super::world::bundled("she_he"));
    info.warnings = vec!["made for another model of the same width".to_owned()];
    world.send(Msg::Worker(Event::VectorLoaded(info)));
    assert!(
        world
            .app
            .messages()
            .all()
            .any(|m| m.level == Level::Warning)
    );
}
