//! Writing prompts: editor, history, paste.

use proptest::prelude::*;
use steerscope::app::editor::Editor;
use steerscope::app::{Effect, Msg, Settings};

use super::world::{World, settings};

#[test]
fn a_typed_prompt_is_generated_listed_and_remembered() {
    let mut world = World::ready();
    world.key("a");
    world.type_text("The king");
    world.key("alt-enter");
    world.type_text("said");
    world.key("enter");
    assert_eq!(world.generation().unwrap().prompt, "The king\nsaid");
    assert_eq!(world.app.prompts().total(), 65);
    assert_eq!(
        world.effects,
        [Effect::SaveHistory(vec!["The king\nsaid".to_owned()])]
    );
    assert!(world.app.editor().is_none());
}

#[test]
fn editing_starts_from_the_open_prompt() {
    let mut world = World::ready();
    world.key("i");
    world.type_text(" not");
    world.key("enter");
    assert!(world.generation().unwrap().prompt.ends_with("One day not"));
}

#[test]
fn an_empty_prompt_is_not_taken_and_escape_leaves() {
    let mut world = World::ready();
    world.keys("a space enter");
    assert!(world.app.editor().is_some());
    world.keys("esc");
    assert!(world.app.editor().is_none() && world.waiting.is_empty());
}

#[test]
fn a_typed_prompt_is_removed_and_an_input_is_not() {
    let mut world = World::ready();
    world.key("a");
    world.type_text("Hello");
    world.key("enter");
    world.settle();
    world.key("D");
    assert_eq!(world.app.prompts().total(), 64);
    world.key("D");
    assert_eq!(world.app.prompts().total(), 64);
    world.keys("a up");
    assert_eq!(
        world.app.editor().unwrap().text(),
        "Hello",
        "it can be recalled"
    );
}

#[test]
fn the_history_is_walked_up_and_down_and_the_draft_returns() {
    let history = vec!["old".to_owned(), "newer".to_owned()];
    let mut world = World::new(Settings {
        history,
        ..settings()
    });
    world.load();
    world.settle();
    world.key("a");
    world.type_text("draft");
    let text = |w: &World| w.app.editor().unwrap().text().to_owned();
    world.key("up");
    assert_eq!(text(&world), "newer");
    world.keys("up up");
    assert_eq!(text(&world), "old");
    world.keys("down down");
    assert_eq!(text(&world), "draft");
}

#[test]
fn paste_goes_into_inputs_only() {
    let mut world = World::ready();
    let before = world.screen(120, 40);
    world.send(Msg::Paste("q\nu h 5".to_owned()));
    assert_eq!(world.screen(120, 40), before);
    assert!(world.effects.is_empty() && world.waiting.is_empty());
    world.key("a");
    world.send(Msg::Paste("two\r\nlines\u{1b}[2J\u{7}".to_owned()));
    assert_eq!(world.app.editor().unwrap().text(), "two\nlines");
    world.key("esc");
    world.key("/");
    world.send(Msg::Paste("sea\nside".to_owned()));
    assert_eq!(world.app.prompts().filter, "sea side");
}

#[test]
fn editing_keys_do_what_they_say() {
    for (keys, expected) in [
        ("home X", "Xone two"),
        ("left left X", "one tXwo"),
        ("ctrl-w X", "one X"),
        ("ctrl-u X", "X"),
        ("home delete", "ne two"),
        ("backspace backspace", "one t"),
        ("ctrl-a right X", "oXne two"),
        ("home end X", "one twoX"),
    ] {
        let mut world = World::ready();
        world.key("a");
        world.type_text("one two");
        world.keys(keys);
        assert_eq!(world.app.editor().unwrap().text(), expected, "{keys}");
    }
}

proptest! {
    #[test]
    fn the_cursor_stays_on_a_boundary(
        start in any::<String>(),
        steps in proptest::collection::vec((0u8..12, any::<String>()), 0..40),
    ) {
        let history = vec!["a\nb".to_owned(), "字字".to_owned()];
        let mut editor = Editor::new(&start);
        for (step, text) in steps {
            match step {
                0 => editor.insert(&text),
                1 => editor.backspace(),
                2 => editor.delete(),
                3 => editor.left(),
                4 => editor.right(),
                5 => editor.up(&history),
                6 => editor.down(&history),
                7 => editor.home(),
                8 => editor.end(),
                9 => editor.delete_word(),
                10 => editor.delete_line(),
                _ => editor.insert("\n"),
            }
            prop_assert!(editor.text().is_char_boundary(editor.cursor()));
        }
    }
}
