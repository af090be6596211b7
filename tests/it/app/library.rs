//! The vector library: what there is, changes that can be taken back, units that they make possible.

use steerscope::app::Msg;
use steerscope::protocol::{Asset, Command, Factor, VectorChange};
use steerscope::units::CoefficientUnit;

use super::proofs;
use super::world::{World, bundled};

pub fn library() -> World {
    let mut world = World::ready();
    world.key("F12");
    world.settle();
    world
}

pub fn rows(world: &World) -> Vec<String> {
    world.app.library().rows().map(Asset::label).collect()
}

/// The vector that was asked for last.
fn wanted(world: &World) -> Option<Asset> {
    world.waiting.iter().rev().find_map(|c| match c {
        Command::LoadVector(asset) => Some(asset.clone()),
        _ => None,
    })
}

#[test]
fn the_catalog_is_surveyed_once_and_changes_are_surveyed_again() {
    let mut world = World::ready();
    assert!(
        !world
            .waiting
            .iter()
            .any(|c| matches!(c, Command::Survey(_)))
    );
    world.key("F12");
    let asked = world
        .waiting
        .iter()
        .filter(|c| matches!(c, Command::Survey(_)))
        .count();
    assert_eq!(asked, 1);
    world.settle();
    assert_eq!(rows(&world), ["mood", "she_he", "curious"]);
    world.keys("j j k");
    assert!(world.waiting.is_empty(), "{:?}", world.waiting);
    world.key("-");
    assert!(
        world
            .waiting
            .iter()
            .any(|c| matches!(c, Command::Survey(all) if all.len() == 3))
    );
}

#[test]
fn changes_of_the_loaded_vector_are_loaded_and_taken_back_one_by_one() {
    let mut world = library();
    world.key("j");
    assert_eq!(
        world.app.vector().map(|v| v.asset.clone()),
        Some(bundled("she_he"))
    );
    world.key("-");
    let flipped = bundled("she_he").with(VectorChange::Flip);
    assert_eq!(wanted(&world), Some(flipped.clone()));
    world.settle();
    world.key("]");
    world.settle();
    let shifted = flipped.with(VectorChange::Shift(1));
    assert_eq!(
        world.app.vector().map(|v| v.asset.clone()),
        Some(shifted.clone())
    );
    assert_eq!(rows(&world), ["mood", "she_he − +1 block", "curious"]);
    world.key("u");
    world.settle();
    assert_eq!(world.app.vector().map(|v| v.asset.clone()), Some(flipped));
    world.key("ctrl-r");
    world.settle();
    assert_eq!(world.app.vector().map(|v| v.asset.clone()), Some(shifted));
    world.keys("u u");
    world.settle();
    assert_eq!(
        world.app.vector().map(|v| v.asset.clone()),
        Some(bundled("she_he"))
    );
    assert_eq!(
        rows(&world).len(),
        3,
        "no state stays behind as a vector of its own"
    );
    world.key("u");
    assert!(world.screen(120, 40).contains("no change of this vector"));
}

#[test]
fn a_copy_is_changed_by_itself_scaled_renamed_and_saved() {
    let mut world = library();
    world.key("D");
    assert_eq!(rows(&world), ["mood", "mood 2", "she_he", "curious"]);
    world.key("*");
    world.type_text("-0.5");
    world.key("enter");
    world.key("R");
    world.type_text("calm");
    world.key("enter");
    world.settle();
    assert_eq!(rows(&world)[1], "calm ×-0.5");
    assert_eq!(rows(&world)[0], "mood", "the original stays");
    assert!(wanted(&world).is_none(), "it is not the loaded one");
    world.key("W");
    world.type_text("calm");
    world.key("enter");
    let saved = world.waiting.iter().find_map(|c| match c {
        Command::SaveVector(asset, name) => Some((asset.clone(), name.clone())),
        _ => None,
    });
    let (asset, name) = saved.expect("written");
    assert_eq!(name, "calm");
    let Asset::Changed(from, changes) = asset else {
        panic!("with its changes");
    };
    assert_eq!(*from, bundled("mood"));
    assert!(changes.contains(&VectorChange::Scale(Factor(-0.5))));
    world.key("enter");
    world.settle();
    assert_eq!(
        world.app.vector().map(|v| v.name.clone()),
        Some("calm ×-0.5".to_owned())
    );
}

#[test]
fn a_factor_of_nothing_is_no_factor() {
    let mut world = library();
    world.key("*");
    for typed in ["0", "x", "nan"] {
        world.type_text(typed);
        assert!(world.app.entries().is_empty(), "{typed}");
        for _ in typed.chars() {
            world.key("backspace");
        }
    }
}

#[test]
fn another_unit_shows_and_takes_the_same_vector() {
    let mut world = library();
    world.key("F3");
    let before = world.app.setting();
    // ‖v‖ 2.9 and H 12 at block 3.
    for (unit, one) in [
        (CoefficientUnit::Unit, 2.9),
        (CoefficientUnit::Kappa, 2.9 / 12.0),
        (CoefficientUnit::Behaviour, 1.0),
        (CoefficientUnit::Range, 2.9 / 4.0),
        (CoefficientUnit::Angle, (2.9_f64 / 12.0).atan().to_degrees()),
    ] {
        world.key("U");
        world.type_text(unit.name());
        world.key("enter");
        assert_eq!(world.app.unit(), unit);
        assert!(
            (world.app.in_unit(1.0) - one).abs() < 1e-4,
            "{}",
            unit.name()
        );
        assert_eq!(world.app.setting(), before, "the applied vector stays");
        assert!(world.generation().is_none() && world.measurement().is_none());
    }
    // 45 degrees are κ = 1.
    world.type_text("45");
    world.key("enter");
    assert!((world.app.setting().coefficient - 12.0 / 2.9).abs() < 1e-3);
    world.type_text("91");
    world.key("enter");
    assert!(
        (world.app.setting().coefficient - 12.0 / 2.9).abs() < 1e-3,
        "no addition turns so far"
    );
    // A KL needs a calibration first.
    world.key("U");
    world.type_text("iso");
    assert!(!world.app.entries()[0].enabled);
}

#[test]
fn a_refused_file_and_a_vector_of_another_model_stay_in_the_list() {
    let mut world = World::ready();
    world.key("v");
    world.type_text("/tmp/other.pt");
    world.key("enter");
    world.send(Msg::Worker(proofs::survey(&[])));
    world.settle();
    world.key("F12");
    world.settle();
    let screen = world.screen(120, 40);
    assert!(
        screen.contains("refused") && screen.contains("another model"),
        "{screen}"
    );
}
