//! Loads: what is asked for when, what an answer or a failure changes.

use std::time::Duration;

use steerscope::app::{Effect, Engine, Msg};
use steerscope::protocol::{Asking, Command, Event, Failure, ModelSource, Stage};

use super::world::{self, World, bundled, settings};

#[test]
fn the_first_batch_asks_for_the_model_once() {
    let mut world = World::new(settings());
    world.batch([]);
    world.batch([]);
    assert!(matches!(world.waiting.as_slice(), [Command::LoadModel(_)]));
}

#[test]
fn after_the_model_comes_the_companion_pair_she_he_and_the_first_prompt_generates() {
    let mut world = World::new(settings());
    world.send(Msg::Worker(world::catalog()));
    world.waiting.clear();
    world.model_loaded(world::model());
    let pair = [
        Command::LoadVector(bundled("she_he")),
        Command::LoadDataset(bundled("she_he"), Asking::default()),
    ];
    assert_eq!(world.waiting, pair);
    world.load();
    let request = world.generation().unwrap();
    assert_eq!(request.prompt, world::items()[0].prompt);
    assert_eq!(request.steering.unwrap().block.0, 3);
    assert!(world.measurement().is_some());
}

#[test]
fn the_order_of_catalog_and_model_does_not_matter() {
    let mut world = World::new(settings());
    world.batch([]);
    world.waiting.clear();
    world.model_loaded(world::model());
    assert!(world.waiting.is_empty());
    world.send(Msg::Worker(world::catalog()));
    let pair = [
        Command::LoadVector(bundled("she_he")),
        Command::LoadDataset(bundled("she_he"), Asking::default()),
    ];
    assert_eq!(world.waiting, pair);
}

#[test]
fn another_model_is_not_given_a_vector_of_the_bundled_one_unasked() {
    let elsewhere = steerscope::app::Settings {
        model: ModelSource::Directory("model".into()),
        ..settings()
    };
    let mut world = World::new(elsewhere.clone());
    world.send(Msg::Worker(world::catalog()));
    world.waiting.clear();
    world.model_loaded(world::model());
    assert!(matches!(
        world.waiting.as_slice(),
        [Command::LoadDataset(..)]
    ));
    // Named on the command line it is tried; the worker's refusal is the answer.
    let mut world = World::new(steerscope::app::Settings {
        vector: Some(bundled("she_he")),
        ..elsewhere
    });
    world.send(Msg::Worker(world::catalog()));
    world.waiting.clear();
    world.model_loaded(world::model());
    assert!(
        world
            .waiting
            .contains(&Command::LoadVector(bundled("she_he")))
    );
}

#[test]
fn choosing_a_vector_brings_its_data_set_along_unless_one_was_chosen() {
    let mut world = World::ready();
    world.keys("v up enter");
    let both = [
        Command::LoadVector(bundled("mood")),
        Command::LoadDataset(bundled("mood"), Asking::default()),
    ];
    assert_eq!(world.waiting, both);
    world.settle();
    world.keys("d down enter");
    assert_eq!(
        world.waiting,
        [Command::LoadDataset(bundled("she_he"), Asking::default())]
    );
    world.settle();
    world.key("v");
    world.type_text("she");
    world.key("enter");
    assert_eq!(world.waiting, [Command::LoadVector(bundled("she_he"))]);
}

#[test]
fn a_typed_path_is_loaded_as_a_file() {
    let mut world = World::ready();
    world.key("v");
    world.type_text("/tmp/v.safetensors");
    world.key("enter");
    let file = steerscope::protocol::Asset::File("/tmp/v.safetensors".into());
    assert_eq!(world.waiting, [Command::LoadVector(file)]);
}

#[test]
fn a_failed_load_leaves_everything_in_use_and_says_so_until_closed() {
    let mut world = World::ready();
    world.keys("v up enter");
    world.waiting.clear();
    world.send(Msg::Worker(Event::Failed(Failure {
        stage: Stage::LoadVector,
        run: None,
        model: None,
        id: "hidden-size".to_owned(),
        message: "the vector is for another model".to_owned(),
    })));
    assert_eq!(world.app.vector().unwrap().name, "she_he");
    world.pass(Duration::from_secs(61));
    assert!(world.app.messages().has_error());
    world.key("esc");
    assert!(!world.app.messages().has_error());
    assert_eq!(world.app.messages().all().last().unwrap().id, "hidden-size");
    world.key("l");
    assert!(world.generation().is_some());
}

#[test]
fn a_dead_engine_is_restarted_with_everything_loaded_again() {
    let mut world = World::ready();
    world.send(Msg::Worker(Event::EngineDied(
        "index out of bounds".to_owned(),
    )));
    assert_eq!(world.app.engine(), Engine::Dead);
    world.key("l");
    assert!(world.waiting.is_empty(), "nothing is sent to a dead engine");
    world.key("enter");
    assert_eq!(world.effects, [Effect::RestartEngine]);
    assert!(matches!(world.waiting.as_slice(), [Command::LoadModel(_)]));
    world.load();
    assert_eq!(world.app.engine(), Engine::Ready);
    assert!(world.generation().is_some() && world.measurement().is_some());
}

#[test]
fn a_model_that_cannot_be_read_leaves_a_screen_that_says_so() {
    let mut world = World::new(settings());
    world.batch([]);
    world.send(Msg::Worker(Event::Failed(Failure {
        stage: Stage::LoadModel,
        run: None,
        model: None,
        id: "missing-file".to_owned(),
        message: "no config.json in '/x'".to_owned(),
    })));
    assert_eq!(world.app.engine(), Engine::Empty);
    assert!(!world.app.is_busy());
    world.key("esc");
    assert!(world.screen(80, 24).contains("press M"));
    world.waiting.clear();
    world.keys("M enter");
    assert!(matches!(world.waiting.as_slice(), [Command::LoadModel(_)]));
    assert_eq!(world.app.engine(), Engine::Starting);
}

#[test]
fn the_answer_to_an_older_wish_is_not_taken_for_the_newest() {
    let mut world = World::ready();
    let (older, newest) = (
        ModelSource::parse("org/older"),
        ModelSource::parse("newest"),
    );
    for source in ["org/older", "newest"] {
        world.key("M");
        world.send(Msg::Paste(source.to_owned()));
        world.key("enter");
    }
    assert_eq!(world.app.wanted_model(), &newest);
    world.waiting.clear();
    // It is what the engine has, but nothing is asked of it any more.
    world.loaded(older.clone(), world::model());
    assert_eq!(world.app.wanted_model(), &newest);
    assert!(world.waiting.is_empty(), "{:?}", world.waiting);
    // A failure of the older one says nothing of the newest.
    let failed = |model: &ModelSource| {
        Msg::Worker(Event::Failed(Failure {
            stage: Stage::Fetch,
            run: None,
            model: Some(Box::new(model.clone())),
            id: "hub-not-found".to_owned(),
            message: "no such model".to_owned(),
        }))
    };
    world.send(failed(&older));
    assert_eq!(world.app.wanted_model(), &newest);
    world.loaded(newest.clone(), world::model());
    assert!(!world.waiting.is_empty(), "the newest is used");
    world.send(failed(&newest));
    assert_eq!(world.app.wanted_model(), &newest, "it is what is loaded");
}
