//! State and action in, state and effects out: one row per action.

use std::time::Duration;

use steerscope::app::action::Action;
use steerscope::app::focus::Pane;
use steerscope::app::overlay::{Overlay, PickerKind};
use steerscope::app::{Effect, GlyphSet, Msg};
use steerscope::protocol::{Command, Event};
use steerscope::units::Mask;

use super::world::World;

pub fn coefficient(world: &World) -> f32 {
    world.app.setting().coefficient
}

fn focused(pane: Pane) -> World {
    let mut world = World::ready();
    while world.app.focus() != pane {
        world.key("tab");
    }
    world
}

#[test]
fn slider_keys_move_the_coefficient() {
    for (keys, expected) in [
        ("l", 1.1),
        ("right right", 1.2),
        ("h", 0.9),
        ("left", 0.9),
        ("L", 2.0),
        ("shift-left", 0.0),
        ("home", -3.0),
        ("end", 3.0),
        ("0", 0.0),
        ("-", -1.0),
        ("- -", 1.0),
        ("1 . 2 5 enter", 1.25),
        ("2 - enter", -2.0),
        ("7 backspace 5 enter", 5.0),
        ("4 esc", 1.0),
        ("< <", 0.8),
        (">", 1.1),
        ("end l l", 3.0),
    ] {
        let mut world = World::ready();
        world.keys(keys);
        let value = coefficient(&world);
        assert!(
            (value - expected).abs() < 1e-6,
            "{keys}: {value} is not {expected}"
        );
    }
}

#[test]
fn a_typed_coefficient_beyond_the_range_widens_it_and_nonsense_is_refused() {
    let mut world = World::ready();
    world.keys("4 2 enter");
    assert_eq!(coefficient(&world), 42.0);
    assert_eq!(world.app.scale().max(), 50.0);
    world.keys("9 9 9 9 9 enter");
    assert_eq!(coefficient(&world), 42.0);
    let toast = world.app.messages().toasts()[0].text.clone();
    assert!(toast.contains("between -1000 and 1000"));
    assert!(world.screen(80, 24).contains("the coefficient takes"));
}

#[test]
fn slider_keys_move_the_block_within_the_model() {
    for (keys, expected) in [
        ("l", 4),
        ("h", 2),
        ("L", 5),
        ("H", 0),
        ("home", 0),
        ("end", 5),
        ("5 enter", 5),
        ("9 enter", 3),
        ("[", 2),
        ("]", 4),
    ] {
        let mut world = focused(Pane::Layer);
        world.keys(keys);
        assert_eq!(world.app.setting().block, expected, "{keys}");
    }
}

#[test]
fn focus_moves_forward_backward_and_by_number() {
    let mut world = World::ready();
    assert_eq!(world.app.focus(), Pane::Coefficient);
    world.key("tab");
    assert_eq!(world.app.focus(), Pane::Histogram);
    world.keys("backtab backtab");
    assert_eq!(world.app.focus(), Pane::Layer);
    world.key("tab");
    world.key("tab");
    for (i, pane) in Pane::ALL.into_iter().enumerate() {
        world = focused(Pane::Curve);
        world.key(&(i + 1).to_string());
        assert_eq!(world.app.focus(), pane);
    }
}

#[test]
fn undo_and_redo_walk_through_the_setting() {
    let mut world = World::ready();
    let start = world.app.setting();
    world.keys("l ] space");
    world.keys("m down enter");
    let end = world.app.setting();
    assert_ne!(start, end);
    world.keys("u u u u");
    assert_eq!(world.app.setting(), start);
    world.key("u");
    assert_eq!(world.app.setting(), start, "nothing before the start");
    world.keys("ctrl-r ctrl-r ctrl-r ctrl-r");
    assert_eq!(world.app.setting(), end);
}

#[test]
fn bars_are_walked_listed_and_opened() {
    let mut world = focused(Pane::Histogram);
    world.key("l");
    let (low, high) = world.app.selected_range().unwrap();
    assert!(high <= 0.0, "the walk begins at the anti-steerable end");
    let m = world.app.experiment().current().unwrap();
    let listed = world.app.prompts().visible().len();
    let inside = |s: f32| f64::from(s) > low && f64::from(s) <= high;
    let expected = (0..64)
        .filter(|i| m.steerability(*i).is_some_and(inside))
        .count();
    assert!(listed > 0 && listed == expected);
    world.keys("j enter");
    let open = world.app.prompts().active_input().unwrap();
    assert!(
        world
            .app
            .experiment()
            .current()
            .unwrap()
            .steerability(open)
            .unwrap()
            <= 0.0
    );
    assert!(world.generation().is_some());
    world.key("esc");
    assert_eq!(world.app.selected_range(), None);
    assert_eq!(world.app.prompts().visible().len(), 64);
}

#[test]
fn the_curve_steps_along_the_grid() {
    let mut world = focused(Pane::Curve);
    world.key("l");
    assert_eq!(coefficient(&world), 1.5);
    world.keys("h h");
    assert_eq!(coefficient(&world), 0.5);
    world.keys("< h");
    assert_eq!(coefficient(&world), 0.0);
}

#[test]
fn prompts_are_walked_filtered_and_opened() {
    let mut world = focused(Pane::Prompts);
    world.keys("j j enter");
    assert_eq!(world.app.prompts().active_input(), Some(2));
    world.key("/");
    world.type_text("sea");
    let shown = world.app.prompts().visible().len();
    assert!(shown > 0 && shown < 64);
    world.keys("enter n");
    assert!(world.app.prompts().active_text().contains("sea"));
    world.key("esc");
    assert_eq!(world.app.prompts().visible().len(), 64);
    world.key("N");
    world.keys("G enter");
    assert_eq!(world.app.prompts().active_input(), Some(63));
    world.keys("g enter");
    assert_eq!(world.app.prompts().active_input(), Some(0));
}

#[test]
fn overlays_open_and_escape_closes_them() {
    type Check = fn(&Overlay) -> bool;
    let table: [(&str, Check); 9] = [
        ("?", |o| matches!(o, Overlay::Help(_))),
        ("F1", |o| matches!(o, Overlay::Help(_))),
        (":", |o| matches!(o, Overlay::Palette(_))),
        ("v", |o| matches!(o, Overlay::Picker(PickerKind::Vector, _))),
        ("d", |o| {
            matches!(o, Overlay::Picker(PickerKind::Dataset, _))
        }),
        ("m", |o| matches!(o, Overlay::Picker(PickerKind::Mask, _))),
        ("t", |o| matches!(o, Overlay::Picker(PickerKind::Theme, _))),
        ("o", |o| matches!(o, Overlay::Sampling(_))),
        ("F2", |o| matches!(o, Overlay::Log(_))),
    ];
    for (key, check) in table {
        let mut world = World::ready();
        world.key(key);
        assert!(world.app.overlay().is_some_and(check), "{key}");
        world.key("esc");
        assert!(world.app.overlay().is_none(), "{key}");
        assert!(world.waiting.is_empty(), "{key} changed nothing");
    }
}

#[test]
fn the_palette_runs_what_it_finds() {
    let mut world = World::ready();
    world.key(":");
    world.type_text("tglyph");
    world.key("enter");
    assert_eq!(world.app.glyphs(), GlyphSet::Ascii);
    assert!(world.app.overlay().is_none());
    assert!(world.screen(120, 40).is_ascii());
}

#[test]
fn help_and_palette_show_every_action_and_key_of_the_table() {
    let mut world = World::ready();
    world.key("?");
    let help = world.app.entries();
    for binding in steerscope::app::bindings::BINDINGS
        .iter()
        .filter(|b| !b.keys.is_empty())
    {
        let shown = help
            .iter()
            .any(|e| e.label == binding.action.name() && e.note.contains(binding.keys[0]));
        assert!(shown, "{}", binding.action.name());
    }
    world.keys("esc :");
    let palette = world.app.entries();
    for action in [
        Action::RestartEngine,
        Action::ToggleGlyphs,
        Action::Quit,
        Action::Undo,
    ] {
        assert!(
            palette.iter().any(|e| e.label == action.name()),
            "{}",
            action.name()
        );
    }
    let undo = palette.iter().find(|e| e.label == "undo").unwrap();
    assert!(!undo.enabled && undo.detail.contains("nothing to take back"));
}

#[test]
fn the_theme_picker_previews_and_escape_restores() {
    let mut world = World::ready();
    world.keys("t down");
    assert_eq!(world.app.theme(), "catppuccin-mocha");
    world.key("esc");
    assert_eq!(world.app.theme(), "default");
    world.keys("t down down enter");
    assert_eq!(world.app.theme(), "catppuccin-latte");
}

#[test]
fn sampling_settings_are_checked_and_taken() {
    let mut world = World::ready();
    world.key("o");
    world.type_text("0.8");
    world.key("down");
    world.type_text("40");
    world.keys("down down");
    world.type_text("7");
    world.keys("down backspace backspace enter");
    assert!(world.app.overlay().is_some(), "an empty length is refused");
    world.type_text("32");
    world.key("enter");
    let s = world.app.sampling();
    assert_eq!(
        (s.temperature, s.top_k, s.top_p, s.seed, s.max_tokens),
        (0.8, Some(40), None, 7, 32)
    );
    assert_eq!(world.generation().unwrap().sampling, *s);
    world.waiting.clear();
    world.key("r");
    assert_eq!(world.generation().unwrap().sampling.seed, 8);
    world.settle();
    world.key("R");
    assert_eq!(world.generation().unwrap().sampling.seed, 8);
}

#[test]
fn effects_that_need_no_state_are_passed_on() {
    for (key, expected) in [
        ("ctrl-l", Effect::Redraw),
        ("ctrl-z", Effect::Suspend),
        ("q", Effect::Quit),
        ("y", Effect::CopyText("1".to_owned())),
    ] {
        let mut world = World::ready();
        world.key(key);
        assert_eq!(world.effects, [expected], "{key}");
    }
    let mut world = World::ready();
    world.key("q");
    assert_eq!(world.waiting, [Command::Shutdown]);
}

#[test]
fn each_pane_copies_what_it_shows() {
    for (pane, begins, holds) in [
        (Pane::Prompts, "Once upon", ""),
        (Pane::Baseline, " he went", ""),
        (Pane::Steered, " she went", ""),
        (Pane::Layer, "3", ""),
        // Figures say first what they are of.
        (Pane::Histogram, "# ", "\ninput\tsteerability\n100\t"),
        (Pane::Curve, "# ", "\nmultiplier\tmean"),
    ] {
        let mut world = focused(pane);
        world.key("y");
        let [Effect::CopyText(text)] = world.effects.as_slice() else {
            panic!("{pane:?}: {:?}", world.effects);
        };
        assert!(text.starts_with(begins) && text.contains(holds), "{text}");
        if begins == "# " {
            let heading: Vec<&str> = text.lines().take_while(|l| l.starts_with('#')).collect();
            assert_eq!(heading.len(), 2, "{text}");
            assert!(heading[0].contains("block 3 of"), "{text}");
            assert!(heading[1].contains("mask") && heading[1].contains("multipliers"));
        }
    }
}

#[test]
fn interrupt_stops_and_twice_quits_but_not_after_a_while() {
    let mut world = World::ready();
    world.keys("] ctrl-c");
    assert!(world.waiting.contains(&Command::StopGeneration));
    assert!(!world.app.is_busy());
    world.pass(Duration::from_secs(3));
    world.key("ctrl-c");
    assert!(world.effects.is_empty());
    world.key("ctrl-c");
    assert_eq!(world.effects, [Effect::Quit]);
}

#[test]
fn escape_leaves_layers_one_by_one_and_never_quits() {
    let mut world = focused(Pane::Histogram);
    world.keys("l z ]");
    world.key("?");
    for _ in 0..8 {
        world.key("esc");
    }
    assert!(!world.app.is_zoomed() && world.app.selected_range().is_none());
    assert!(world.waiting.contains(&Command::StopMeasure));
    assert!(world.effects.is_empty());
}

#[test]
fn an_action_that_is_not_available_says_why() {
    let mut world = World::ready();
    world.key("x");
    let toast = world.app.messages().toasts()[0].text.clone();
    assert_eq!(toast, "nothing is running");
    assert!(world.waiting.is_empty());
}

#[test]
fn texts_scroll_and_stay_within_their_length() {
    let mut world = focused(Pane::Steered);
    world.draw(62, 16);
    world.key("j");
    assert_eq!(world.app.text_scroll(), Some(1));
    world.keys("G");
    world.draw(62, 16);
    let end = world.app.text_scroll().unwrap();
    world.keys("j pgdn");
    world.draw(62, 16);
    assert_eq!(world.app.text_scroll(), Some(end));
    world.key("g");
    assert_eq!(world.app.text_scroll(), Some(0));
}

#[test]
fn nothing_is_drawn_when_nothing_changed() {
    let mut world = World::ready();
    world.draw(120, 40);
    assert!(!world.app.dirty());
    world.pass(Duration::from_secs(5));
    assert!(!world.app.dirty());
    world.send(Msg::Worker(Event::Idle(
        steerscope::protocol::Stage::Generate,
    )));
    assert!(!world.app.dirty());
}

#[test]
fn another_model_with_fewer_blocks_keeps_the_setting_valid() {
    let mut world = World::ready();
    world.keys("] ]");
    world.settle();
    let mut small = super::world::model();
    small.n_blocks = 2;
    world.model_loaded(small);
    assert!(world.app.setting().block < 2);
    assert_eq!(world.app.setting().mask, Mask::FromLastPrompt);
    world.screen(120, 40);
}
