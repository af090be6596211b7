//! The protocol's dialog: prompts in a template, paper parity.

use steerscope::app::Msg;
use steerscope::protocol::{
    Asking, ChatFormat, ChatSupport, Command, Event, Failure, GenerateRequest, MeasureRequest,
    ModelInfo, Stage, Study,
};

use super::world::{self, World, bundled};

/// A chat model with everything loaded.
fn ready() -> World {
    let mut world = World::ready();
    world.model_loaded(ModelInfo {
        chat: ChatSupport::Template,
        ..world::model()
    });
    world.load();
    world.settle();
    world.waiting.clear();
    world
}

fn chat(system: &str) -> Asking {
    let system = Some(system.to_owned()).filter(|s| !s.is_empty());
    Asking {
        chat: Some(ChatFormat { system }),
        parity: false,
    }
}

fn loads(world: &World) -> Vec<Asking> {
    let asking = |c: &Command| match c {
        Command::LoadDataset(_, asking) => Some(asking.clone()),
        _ => None,
    };
    world.waiting.iter().filter_map(asking).collect()
}

fn measure(world: &World) -> MeasureRequest {
    let find = |c: &Command| match c {
        Command::Measure(request) => Some(request.clone()),
        _ => None,
    };
    world.waiting.iter().find_map(find).expect("a measurement")
}

fn generate(world: &World) -> GenerateRequest {
    world.generation().expect("a generation")
}

#[test]
fn a_template_is_another_measurement_and_its_inputs_are_a_users_turns() {
    let mut world = ready();
    let plain = world.app.dataset().unwrap().id.clone();
    assert!(
        world.app.experiment().current().is_some_and(|m| m.finished),
        "measured as written"
    );
    world.keys("A right enter");
    let default = "You are a helpful, honest and concise assistant.";
    assert_eq!(loads(&world), [chat(default)]);
    world.load();
    let dataset = world.app.dataset().unwrap();
    assert_ne!(dataset.id, plain);
    // Nothing of the figures before is shown as these.
    assert!(world.app.experiment().current().is_none_or(|m| m.done == 0));
    assert_eq!(measure(&world).dataset, dataset.id);
    assert_eq!(generate(&world).chat, chat(default).chat);
    world.settle();
    assert!(world.screen(120, 40).contains(", chat)"));
    // A typed prompt is plain until its own switch; then it has the same system text.
    world.key("a");
    world.type_text("Mine");
    world.key("enter");
    assert_eq!(generate(&world).chat, None);
    world.settle();
    world.key("c");
    assert_eq!(generate(&world).chat, chat(default).chat);
}

#[test]
fn the_system_text_is_typed_and_may_be_empty() {
    let mut world = ready();
    world.keys("A right down");
    for _ in 0..60 {
        world.key("backspace");
    }
    world.type_text("Be brief. qxA?");
    world.key("enter");
    assert_eq!(loads(&world), [chat("Be brief. qxA?")]);
    world.load();
    world.settle();
    world.keys("A down");
    for _ in 0..60 {
        world.key("backspace");
    }
    world.key("enter");
    assert_eq!(loads(&world), [chat("")]);
}

#[test]
fn nothing_is_loaded_where_nothing_changed() {
    let mut world = ready();
    world.keys("A right right enter");
    assert_eq!(loads(&world), []);
    world.keys("A right esc");
    assert_eq!(loads(&world), []);
    assert_eq!(*world.app.asking(), Asking::default());
}

#[test]
fn paper_parity_has_its_badge_on_every_screen() {
    let mut world = ready();
    world.keys("A up right enter");
    let parity = Asking {
        parity: true,
        ..Asking::default()
    };
    assert_eq!(loads(&world), [parity]);
    world.load();
    world.settle();
    for key in [
        "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10", "F11", "F12",
    ] {
        world.key(key);
        world.settle();
        for (columns, rows) in [(120, 40), (80, 24)] {
            let screen = world.screen(columns, rows);
            assert!(screen.contains("paper parity"), "{key}\n{screen}");
        }
    }
}

#[test]
fn answers_to_an_older_choice_are_not_taken() {
    let mut world = ready();
    world.keys("A right enter");
    let late = world::dataset(&bundled("she_he"));
    world.send(Msg::Worker(Event::DatasetLoaded(late)));
    assert_eq!(loads(&world), [world.app.asking().clone()]);
    world.load();
    let asked = &world.app.dataset().unwrap().asking;
    assert_eq!(asked, world.app.asking());
    assert!(asked.chat.is_some());
}

#[test]
fn a_refused_choice_leaves_the_one_that_holds() {
    let mut world = ready();
    world.keys("A up right enter");
    world.waiting.clear();
    world.send(Msg::Worker(Event::Failed(Failure {
        stage: Stage::LoadDataset,
        run: None,
        id: "published-rows".to_owned(),
        message: "the published split tests rows from number 50 on".to_owned(),
        model: None,
    })));
    assert_eq!(*world.app.asking(), Asking::default());
    let kept = world.app.dataset().unwrap();
    assert_eq!(kept.asking, Asking::default());
    assert!(world.app.experiment().current().is_some_and(|m| m.finished));
}

#[test]
fn studies_of_other_data_sets_are_asked_likewise() {
    let mut world = ready();
    world.keys("A right enter");
    world.load();
    world.settle();
    let wanted = world.app.asking().clone();
    world.key("F8");
    let study = world.app.study_wanted().unwrap();
    let Study::Datasets(study) = study else {
        panic!("{study:?}");
    };
    assert_eq!(study.asking, wanted);
    world.key("F7");
    let Some(Study::Predict(study)) = world.app.study_wanted() else {
        panic!("no predictors");
    };
    assert_eq!(study.asking, wanted);
}
