//! The prompt token by token: choosing what is steered with the cursor.

use steerscope::app::Msg;
use steerscope::app::overlay::Overlay;
use steerscope::protocol::{Command, Event, PromptPart, PromptToken};
use steerscope::units::{Mask, RunId};

use super::world::World;

/// The overlay with a chat prompt of ten tokens.
pub fn open(mut world: World) -> World {
    world.key("T");
    let run = world.waiting.iter().find_map(|c| match c {
        Command::ReadPrompt { run, .. } => Some(*run),
        _ => None,
    });
    world.waiting.clear();
    let parts = [
        ("<|im_start|>", PromptPart::Template),
        ("system\n", PromptPart::Template),
        ("Be", PromptPart::System),
        (" kind", PromptPart::System),
        ("<|im_end|>\n", PromptPart::Template),
        ("How", PromptPart::User),
        (" are", PromptPart::User),
        (" you", PromptPart::User),
        ("?", PromptPart::User),
        ("<|im_end|>\n", PromptPart::Template),
    ];
    let tokens = parts.map(|(text, part)| PromptToken {
        text: text.to_owned(),
        part,
    });
    world.send(Msg::Worker(Event::PromptRead {
        run: run.expect("asked for"),
        tokens: tokens.into(),
    }));
    world
}

#[test]
fn a_selection_becomes_the_mask_of_texts_and_figures() {
    let mut world = open(World::ready());
    assert!(
        world.app.is_steered(9) && !world.app.is_steered(8),
        "the last prompt token"
    );
    world.keys("g l l space l enter");
    assert_eq!(world.app.setting().mask, Mask::PromptRange { lo: 2, hi: 4 });
    let texts = world
        .generation()
        .expect("other texts")
        .steering
        .expect("a vector");
    assert_eq!(texts.mask, world.app.setting().mask);
    assert_eq!(world.measurement().expect("other figures").mask, texts.mask);
    world.key("u");
    assert_eq!(
        world.app.setting().mask,
        Mask::FromLastPrompt,
        "undone like any change"
    );
}

#[test]
fn parts_are_selected_whole_and_named_masks_are_one_key() {
    let mut world = open(World::ready());
    world.keys("g l l l l l l p enter");
    assert_eq!(world.app.setting().mask, Mask::PromptRange { lo: 5, hi: 9 });
    for (key, mask) in [
        ("a", Mask::All),
        ("r", Mask::FromAnswer),
        ("d", Mask::FromLastPrompt),
    ] {
        let mut world = open(World::ready());
        world.key(key);
        assert_eq!(world.app.setting().mask, mask);
        assert!(world.app.overlay().is_none());
    }
}

#[test]
fn the_cursor_stays_on_the_prompt_and_an_old_answer_is_dropped() {
    let mut world = open(World::ready());
    for key in ["G", "l", "l", "g", "h", "h"] {
        world.key(key);
        let Some(Overlay::Tokens(cursor)) = world.app.overlay() else {
            panic!("open");
        };
        assert!(cursor.at < 10);
    }
    world.send(Msg::Worker(Event::PromptRead {
        run: RunId(1),
        tokens: Vec::new(),
    }));
    assert_eq!(world.app.prompt_tokens().tokens().len(), 10);
    world.key("esc");
    assert!(world.app.overlay().is_none());
    assert_eq!(
        world.app.setting().mask,
        Mask::FromLastPrompt,
        "closing changes nothing"
    );
}
