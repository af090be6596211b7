//! The chat format of own prompts.

use steerscope::app::Msg;
use steerscope::app::action::Action;
use steerscope::protocol::{
    CHAT_UNUSABLE, ChatFormat, ChatSupport, Event, Failure, ModelInfo, Stage,
};

use super::world::{self, World};

/// A world whose open prompt was typed.
fn typed() -> World {
    let mut world = World::ready();
    world.key("a");
    world.type_text("Hi");
    world.key("enter");
    world
}

fn asked(world: &World) -> Option<ChatFormat> {
    world.generation().expect("a request").chat
}

fn loaded(world: &mut World, chat: ChatSupport) {
    let info = ModelInfo {
        chat,
        ..world::model()
    };
    world.model_loaded(info);
}

#[test]
fn own_prompts_are_plain_until_the_format_is_switched_on() {
    let mut world = typed();
    assert_eq!(asked(&world), None);
    world.settle();
    world.key("c");
    assert_eq!(asked(&world), Some(ChatFormat::default()));
    world.settle();
    assert!(world.screen(120, 40).contains("chat format"));
    world.waiting.clear();
    world.key("c");
    assert_eq!(asked(&world), None);
}

#[test]
fn inputs_of_a_data_set_stay_as_they_are() {
    let mut world = World::ready();
    world.settle();
    world.waiting.clear();
    world.key("c");
    assert!(
        world.generation().is_none(),
        "nothing changes for this prompt"
    );
    world.key("n");
    assert_eq!(asked(&world), None);
    world.key("a");
    world.type_text("Mine");
    world.key("enter");
    assert_eq!(asked(&world), Some(ChatFormat::default()));
}

#[test]
fn a_model_without_a_template_says_why_the_action_is_off() {
    let mut world = typed();
    world.key("c");
    for (chat, reason) in [
        (ChatSupport::None, "no chat template"),
        (ChatSupport::Unusable, "cannot be used"),
    ] {
        loaded(&mut world, chat);
        let refused = world.app.available(Action::ToggleChat).unwrap_err();
        assert!(refused.contains(reason), "{refused}");
        // Switched on for the model before, it asks nothing of this one.
        assert_eq!(asked(&world), None);
        world.key("c");
        let toast = world
            .app
            .messages()
            .toasts()
            .first()
            .expect("a toast")
            .text
            .clone();
        assert!(toast.contains(reason), "{toast}");
    }
    loaded(&mut world, ChatSupport::Template);
    assert_eq!(asked(&world), Some(ChatFormat::default()));
}

#[test]
fn a_damaged_template_is_a_remark_and_the_new_model_stays_wanted() {
    let mut world = World::ready();
    let wanted = world.app.wanted_model().clone();
    world.send(Msg::Worker(Event::Failed(Failure {
        stage: Stage::LoadModel,
        run: None,
        model: None,
        id: CHAT_UNUSABLE.to_owned(),
        message: "chat_template.jinja, line 1".to_owned(),
    })));
    assert_eq!(world.app.wanted_model(), &wanted);
    let toast = world
        .app
        .messages()
        .toasts()
        .first()
        .expect("a toast")
        .text
        .clone();
    assert!(toast.contains("chat_template.jinja"), "{toast}");
}

#[test]
fn the_palette_says_whether_it_is_on() {
    let mut world = typed();
    let detail = |world: &mut World| {
        world.key(":");
        let entries = world.app.entries();
        let entry = entries
            .iter()
            .find(|e| e.label == "toggle-chat")
            .expect("listed");
        let detail = entry.detail.clone();
        world.key("esc");
        detail
    };
    assert!(detail(&mut world).ends_with(": off"));
    world.key("c");
    assert!(detail(&mut world).ends_with(": on"));
}
