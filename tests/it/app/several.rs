//! Vectors side by side on F8: which are compared, how, and what enter loads.

use steerscope::app::lab::Lab;
use steerscope::protocol::{Asset, Command, Study, SweepUnit, VectorsStudy};

use super::world::{World, bundled};

fn asked(world: &World) -> VectorsStudy {
    let found = world.waiting.iter().rev().find_map(|c| match c {
        Command::Study(request) => Some(request.study.clone()),
        _ => None,
    });
    match found {
        Some(Study::Vectors(study)) => study,
        other => panic!("no comparison of vectors: {other:?}"),
    }
}

/// On F8, at the comparison of vectors, which waits for its answer.
fn compared() -> World {
    let mut world = World::ready();
    world.key("F8");
    world.settle();
    world.key("e");
    world.settle();
    world.key("e");
    world
}

fn table(lab: &Lab) -> &steerscope::protocol::VectorsTable {
    lab.vectors().expect("a table")
}

#[test]
fn all_vectors_of_the_library_are_compared_at_their_own_blocks() {
    let mut world = compared();
    let study = asked(&world);
    assert_eq!(
        study.vectors,
        [bundled("mood"), bundled("she_he"), bundled("curious")]
    );
    assert!(study.own_blocks && study.equal_kappa.is_none());
    world.settle();
    assert_eq!(table(world.app.lab()).inputs, (64, 64));
    assert!(world.app.lab().vectors().is_some_and(|t| t.rows.len() == 3));
    // The comparison of data sets comes back, and with the third press the figures are still there.
    world.key("e");
    world.settle();
    assert!(world.app.lab().responses.items.len() > 1);
    world.keys("e e");
    let waits =
        |c: &Command| matches!(c, Command::Study(r) if matches!(r.study, Study::Vectors(_)));
    assert!(!world.waiting.iter().any(waits), "nothing changed");
}

#[test]
fn length_and_blocks_are_one_key_each_and_belong_to_the_question() {
    let mut world = compared();
    world.settle();
    world.key("s");
    let study = asked(&world);
    assert_eq!(study.equal_kappa, Some(bundled("she_he")), "the loaded one");
    assert_eq!(world.app.lab().vectors_unit, SweepUnit::EqualKappa);
    world.settle();
    world.key("b");
    assert!(!asked(&world).own_blocks);
    world.settle();
    world.keys("s b");
    world.settle();
    assert!(
        world
            .app
            .lab()
            .vectors()
            .is_some_and(|t| t.reference.is_none())
    );
}

#[test]
fn marks_choose_and_the_loaded_vector_is_always_among_them() {
    let mut world = World::ready();
    world.key("F12");
    world.settle();
    world.keys("g space");
    assert_eq!(world.app.library().marked(), 1);
    world.keys("F8 e e");
    assert_eq!(asked(&world).vectors, [bundled("mood"), bundled("she_he")]);
    // Space marks on that screen alone; elsewhere it holds the vector back.
    assert!(world.app.setting().enabled);
}

#[test]
fn enter_loads_the_vector_at_the_block_of_its_row_and_stays_on_the_data_set() {
    let mut world = compared();
    world.settle();
    world.draw(120, 40);
    world.keys("j j");
    world.key("enter");
    let loads: Vec<&Asset> = (world.waiting.iter())
        .filter_map(|c| match c {
            Command::LoadVector(asset) => Some(asset),
            Command::LoadDataset(..) => panic!("the comparison is on this data set"),
            _ => None,
        })
        .collect();
    assert_eq!(loads, [&bundled("curious")]);
    world.settle();
    assert_eq!(world.app.setting().block, 4);
    assert_eq!(
        world.app.vector().map(|v| v.asset.clone()),
        Some(bundled("curious"))
    );
    assert_eq!(
        world.app.dataset().map(|d| d.name.clone()),
        Some("she_he".to_owned())
    );
}

#[test]
fn enter_on_a_data_set_loads_it() {
    let mut world = World::ready();
    world.key("F8");
    world.settle();
    world.keys("j enter");
    let loaded =
        |c: &Command| matches!(c, Command::LoadDataset(asset, _) if *asset == bundled("patience"));
    assert!(world.waiting.iter().any(loaded));
}

#[test]
fn the_figures_are_copied_one_input_per_line() {
    let mut world = compared();
    world.settle();
    world.key("y");
    let text = world.effects.iter().rev().find_map(|e| match e {
        steerscope::app::Effect::CopyText(text) => Some(text.clone()),
        _ => None,
    });
    let text = text.expect("copied");
    assert_eq!(text.lines().count(), 1 + 3 * 64);
    assert!(text.starts_with("vector\tblock\trecommended_block\tscale"));
}
