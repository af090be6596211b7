//! Questions about a vector file that does not say enough.

use std::path::PathBuf;

use steerscope::app::Msg;
use steerscope::app::overlay::Overlay;
use steerscope::protocol::{Asset, Command, Event, ImportQuestion, VectorChange};
use steerscope::units::{FileFact, Location, OpenQuestion, RowsAre};

use super::library::library;
use super::world::{World, bundled};

fn file() -> Asset {
    Asset::File(PathBuf::from("/tmp/axes.npy"))
}

/// The world with the question on screen.
pub fn asking(mut world: World, open: OpenQuestion, words: &str) -> World {
    world.key("v");
    world.type_text("/tmp/axes.npy");
    world.key("enter");
    world.waiting.clear();
    world.send(Msg::Worker(Event::Asked(Box::new(ImportQuestion {
        asset: file(),
        open,
        words: words.to_owned(),
    }))));
    world
}

fn answered(world: &World) -> Option<Asset> {
    world.waiting.iter().find_map(|c| match c {
        Command::LoadVector(asset) => Some(asset.clone()),
        _ => None,
    })
}

#[test]
fn every_question_has_answers_that_load_the_file() {
    let rows = OpenQuestion::Rows(7);
    for (open, keys, fact) in [
        (OpenQuestion::Layer(Some(2)), "enter", FileFact::Layer(2)),
        (OpenQuestion::Layer(None), "4 enter", FileFact::Layer(4)),
        (rows, "enter", FileFact::Rows(RowsAre::Layers)),
        (rows, "down enter", FileFact::Rows(RowsAre::HiddenStates)),
        (
            OpenQuestion::Row(16384),
            "1 2 3 4 5 enter",
            FileFact::Row(12345),
        ),
        (
            OpenQuestion::Position(5),
            "down enter",
            FileFact::Position(-2),
        ),
        (
            OpenQuestion::Location,
            "down enter",
            FileFact::Location(Location::Input),
        ),
        (OpenQuestion::Plane, "enter", FileFact::Plane),
        (
            OpenQuestion::BareRows(7),
            "enter",
            FileFact::Rows(RowsAre::Layers),
        ),
    ] {
        let mut world = asking(
            World::ready(),
            open,
            "'/tmp/axes.npy' leaves something open",
        );
        assert!(world.screen(80, 24).contains("leaves something open"));
        world.keys(keys);
        let told = file().with(VectorChange::Told(fact));
        assert_eq!(answered(&world), Some(told), "{open:?} {keys}");
        assert!(world.app.overlay().is_none());
    }
}

#[test]
fn a_question_left_open_keeps_what_was_loaded() {
    let mut world = asking(World::ready(), OpenQuestion::Location, "input or output");
    world.key("esc");
    assert!(world.app.overlay().is_none());
    assert_eq!(answered(&world), None);
    assert!(world.screen(120, 40).contains("'axes' is not loaded"));
    // An answer to something that is no longer wanted is not asked about.
    let late = ImportQuestion {
        asset: file(),
        open: OpenQuestion::Location,
        words: String::new(),
    };
    world.send(Msg::Worker(Event::Asked(Box::new(late))));
    assert!(!matches!(world.app.overlay(), Some(Overlay::Picker(..))));
}

#[test]
fn a_vector_stands_where_it_was_measured_and_back() {
    let mut world = library();
    // Our own files say where they belong.
    world.key("m");
    assert_eq!(answered(&world), None);
    let asset = bundled("mood");
    let told = asset.with(VectorChange::Told(FileFact::AsMeasured(true)));
    assert_eq!(told.label(), "mood as measured");
    let back = told.with(VectorChange::Told(FileFact::AsMeasured(false)));
    assert_eq!(back.unchanged(), &asset);
}
