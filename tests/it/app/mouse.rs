//! The mouse: clicks, drags and the wheel.

use steerscope::app::focus::Pane;
use steerscope::app::hits::Target;
use steerscope::app::input::MouseKind;
use steerscope::app::overlay::Overlay;

use super::actions::coefficient;
use super::world::{World, items};

#[test]
fn a_drag_is_one_entry_of_the_history() {
    let mut world = World::ready();
    world.draw(120, 40);
    let start = world.app.setting();
    let (x, y) = track(&mut world, Target::CoefficientTrack);
    world.mouse(MouseKind::Down, x, y);
    for step in 1..8 {
        world.mouse(MouseKind::Drag, x + step, y);
    }
    world.mouse(MouseKind::Up, x + 8, y);
    assert_ne!(world.app.setting(), start);
    world.key("u");
    assert_eq!(world.app.setting(), start);
}

#[test]
fn a_click_on_the_track_sets_the_value_under_it_and_dragging_beyond_clamps() {
    let mut world = World::ready();
    world.draw(120, 40);
    let (x, y) = track(&mut world, Target::CoefficientTrack);
    world.mouse(MouseKind::Down, x, y);
    assert_eq!(coefficient(&world), -3.0);
    world.mouse(MouseKind::Drag, 119, y);
    assert_eq!(coefficient(&world), 3.0);
    world.mouse(MouseKind::Up, 119, y);
    let (x, y) = track(&mut world, Target::LayerTrack);
    world.mouse(MouseKind::Down, x, y);
    assert_eq!(
        (world.app.setting().block, world.app.focus()),
        (0, Pane::Layer)
    );
}

#[test]
fn the_wheel_steps_sliders_and_scrolls_lists() {
    let mut world = World::ready();
    world.draw(120, 40);
    let (x, y) = track(&mut world, Target::CoefficientTrack);
    world.mouse(MouseKind::ScrollUp, x, y);
    assert!((coefficient(&world) - 1.1).abs() < 1e-6);
    world.mouse(MouseKind::ScrollDown, 5, 5);
    assert_eq!(world.app.prompts().selected, 1);
}

#[test]
fn a_click_on_a_prompt_opens_it_and_on_a_hint_runs_it() {
    let mut world = World::ready();
    world.draw(120, 40);
    world.mouse(MouseKind::Down, 5, 5);
    assert_eq!(world.app.prompts().active_input(), Some(2));
    assert_eq!(world.generation().unwrap().prompt, items()[2].prompt);
    let screen = world.screen(120, 40);
    let footer = screen.lines().last().unwrap();
    let column = footer.find("? help").unwrap() as u16;
    world.mouse(MouseKind::Down, column, 39);
    assert!(matches!(world.app.overlay(), Some(Overlay::Help(_))));
    world.mouse(MouseKind::Down, 0, 0);
    assert!(world.app.overlay().is_none(), "a click outside closes");
}

#[test]
fn a_click_on_a_bar_lists_its_inputs() {
    let mut world = World::ready();
    world.draw(120, 40);
    let bar = (0..40)
        .flat_map(|y| (0..120).map(move |x| (x, y)))
        .find(|(x, y)| matches!(world.app.target_at(*x, *y), Some(Target::Bar(_))))
        .expect("bars are on screen");
    world.mouse(MouseKind::Down, bar.0, bar.1);
    assert!(world.app.selected_range().is_some());
    assert_eq!(world.app.focus(), Pane::Histogram);
}

/// Left end of a slider's track in the frame drawn last.
fn track(world: &mut World, target: Target) -> (u16, u16) {
    let mut found = None;
    for y in 0..40 {
        for x in 0..120 {
            if found.is_none() && world.app.target_at(x, y) == Some(target) {
                found = Some((x, y));
            }
        }
    }
    found.expect("the track is on screen")
}
