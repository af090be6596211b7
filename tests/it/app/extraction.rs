//! The dialog for a new vector.

use steerscope::app::Msg;
use steerscope::app::overlay::Overlay;
use steerscope::protocol::{
    Asset, CatalogEntry, Command, Event, ExtractSource, ExtractStudy, PromptPart, PromptToken,
    Study,
};

use super::library::{library, rows};
use super::world::{World, bundled};

fn asked(world: &World) -> Option<ExtractStudy> {
    world.waiting.iter().find_map(|c| match c {
        Command::Study(request) => match &request.study {
            Study::Extract(study) => Some(study.clone()),
            _ => None,
        },
        _ => None,
    })
}

#[test]
fn each_kind_of_source_has_fields_of_its_own() {
    let mut world = library();
    world.keys("E up right down");
    world.type_text("~/kind.txt");
    world.key("down");
    world.type_text("/tmp/mean.txt");
    world.key("enter");
    let study = asked(&world).expect("an extraction");
    assert_eq!(study.method, "corpus_mean");
    assert_eq!(study.name, "kind corpus_mean");
    let ExtractSource::Files([positive, negative]) = study.source else {
        panic!("files");
    };
    assert!(positive.ends_with("kind.txt"), "{positive:?}");
    assert_eq!(negative, std::path::Path::new("/tmp/mean.txt"));

    world.waiting.clear();
    world.keys("E up left down");
    world.type_text("You are kind.");
    world.key("down");
    world.type_text("You are mean.");
    world.key("down");
    world.type_text("/tmp/prompts.txt");
    world.keys("down 3 2 enter");
    let study = asked(&world).expect("an extraction");
    assert_eq!(study.method, "persona_mean");
    assert_eq!(
        study.source,
        ExtractSource::Systems {
            texts: ["You are kind.".into(), "You are mean.".into()],
            prompts: "/tmp/prompts.txt".into(),
            max_tokens: 32,
        }
    );
}

#[test]
fn a_dialog_that_cannot_be_carried_out_stays_open_and_says_why() {
    let mut world = library();
    // One pair, nothing typed.
    world.keys("E up right right enter");
    assert!(matches!(world.app.overlay(), Some(Overlay::Extract(_))));
    assert!(world.screen(120, 40).contains("'positive' is empty"));
    // A method of other sources says what to choose.
    world.keys("down down down left");
    let screen = world.screen(120, 40);
    assert!(
        screen.contains("made from system texts: choose them"),
        "{screen}"
    );
    world.key("enter");
    assert!(asked(&world).is_none());
    assert!(
        world
            .screen(80, 24)
            .contains("persona_mean is made from system texts")
    );
}

#[test]
fn a_new_vector_is_asked_for_in_a_dialog_and_joins_the_library() {
    let mut world = library();
    world.key("E");
    world.keys("down right down right right down 1 2 down");
    world.type_text("calm one");
    world.key("enter");
    let study = asked(&world).expect("an extraction");
    assert_eq!(
        (study.method.as_str(), study.read.as_deref()),
        ("pca", Some("last"))
    );
    assert_eq!((study.limit, study.name.as_str()), (Some(12), "calm one"));
    assert_eq!(
        study.source,
        ExtractSource::Dataset(bundled("she_he")),
        "the loaded one is offered first"
    );
    world.study_in_part(1);
    assert!(world.screen(120, 40).contains("24 of 48 pairs"));
    // It can be stopped; what was read is written and found.
    world.key("x");
    assert!(world.waiting.contains(&Command::StopStudy));
    let path = std::path::PathBuf::from("/data/vectors/calm one.safetensors");
    world.send(Msg::Worker(Event::Saved(path.clone())));
    let Event::Catalog {
        mut vectors,
        datasets,
    } = super::world::catalog()
    else {
        panic!("a catalog");
    };
    vectors.push(CatalogEntry {
        asset: Asset::File(path),
        description: String::new(),
        companion: None,
    });
    world.send(Msg::Worker(Event::Catalog { vectors, datasets }));
    assert!(rows(&world).contains(&"calm one".to_owned()));
}

#[test]
fn tokens_chosen_on_the_prompt_are_offered_to_extraction() {
    let mut world = super::tokens::open(World::ready());
    world.keys("g l l space l e");
    assert_eq!(
        world.app.setting().mask,
        steerscope::units::Mask::FromLastPrompt
    );
    world.keys("E enter");
    assert_eq!(asked(&world).unwrap().read.as_deref(), Some("2..4"));
}

/// The dialog with the first text of its source: a prompt of four tokens and an answer of three.
pub fn choosing(mut world: World) -> World {
    world.keys("E down down ctrl-t");
    let run = world.waiting.iter().find_map(|c| match c {
        Command::ReadSource { run, .. } => Some(*run),
        _ => None,
    });
    let tokens = [
        ("<bos>", PromptPart::Template),
        ("Is", PromptPart::User),
        (" she", PromptPart::User),
        (" kind?", PromptPart::User),
        (" (", PromptPart::Answer),
        ("A", PromptPart::Choice),
        (")", PromptPart::Answer),
    ];
    let tokens = tokens.map(|(text, part)| PromptToken {
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
fn the_position_read_is_chosen_on_the_first_text() {
    let choose = |keys: &str| {
        let mut world = choosing(library());
        keys.split_whitespace().for_each(|key| world.key(key));
        world.key("enter");
        assert!(matches!(world.app.overlay(), Some(Overlay::Extract(_))));
        world.key("enter");
        asked(&world).expect("an extraction").read
    };
    // The cursor begins where the answers differ; tab says the same tokens in other words.
    for (keys, read) in [
        ("", "answer"),
        ("tab", "-2"),
        ("tab tab", "5..6"),
        ("l", "last"),
        ("h h", "prompt_last"),
        ("g l p", "user"),
        ("G space h h", "assistant"),
        ("g space l l", "0..3"),
        ("g space l l l", "prompt"),
        ("g l space G", "all"),
    ] {
        assert_eq!(choose(keys).as_deref(), Some(read), "{keys}");
    }
    // Typed ones are taken as well.
    let mut world = library();
    world.keys("E down down - 3 enter");
    assert_eq!(asked(&world).unwrap().read.as_deref(), Some("-3"));
}
