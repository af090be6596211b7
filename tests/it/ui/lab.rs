//! Snapshots of the laboratory's screens.

use super::screens::snapshot;
use crate::app::world::World;

fn shown(
    key: &'static str,
    more: &'static [&'static str],
) -> impl Fn(steerscope::app::Settings) -> World {
    move |settings| {
        let mut world = World::new(settings);
        world.load();
        world.settle();
        world.key(key);
        world.settle();
        for key in more {
            world.key(key);
        }
        world
    }
}

#[test]
fn layers() {
    snapshot("lab_layers", shown("F4", &["j", "l"]));
}

#[test]
fn layers_at_equal_kappa_by_share_of_wrong_way() {
    snapshot("lab_layers_kappa", shown("F4", &["e", "s", "s"]));
}

#[test]
fn layers_while_they_fill() {
    snapshot("lab_layers_filling", |settings| {
        let mut world = World::new(settings);
        world.load();
        world.settle();
        world.key("F4");
        world.study_in_part(1);
        world
    });
}

#[test]
fn spurious_factors() {
    snapshot("lab_factors", shown("F5", &["j"]));
}

#[test]
fn prompt_shifts() {
    snapshot("lab_shift", shown("F6", &[]));
}

#[test]
fn relative_steerability_under_prompt_shifts() {
    snapshot("lab_shift_relative", shown("F6", &["s", "j", "j", "j"]));
}

#[test]
fn predictors() {
    snapshot("lab_predictors", shown("F7", &[]));
}

#[test]
fn tokens() {
    snapshot("lab_tokens", shown("F10", &["l", "l"]));
}

#[test]
fn a_fan() {
    snapshot("lab_fan", shown("F11", &[]));
}

#[test]
fn a_calibrated_slider() {
    snapshot("calibrated", |settings| {
        let mut world = World::new(settings);
        world.load();
        world.settle();
        world.key("C");
        world.settle();
        world
    });
}

#[test]
fn controls() {
    snapshot("lab_controls", shown("F9", &[]));
}

#[test]
fn random_directions_behind_the_histogram() {
    snapshot("controls_shown", |settings| {
        let mut world = World::new(settings);
        world.load();
        world.settle();
        world.key("K");
        world.settle();
        world
    });
}

#[test]
fn data_sets() {
    snapshot("lab_datasets", shown("F8", &["j"]));
}

#[test]
fn a_control_beside_the_steered_text() {
    snapshot("control_text", |settings| {
        let mut world = World::new(settings);
        world.load();
        world.settle();
        world.keys("B B");
        if let Some(request) = world.generation() {
            let words = Ok("seed 0".to_owned());
            let run = request.run;
            world.send(steerscope::app::Msg::Worker(
                steerscope::protocol::Event::Reference { run, words },
            ));
        }
        world.settle();
        world
    });
}

fn compared(settings: steerscope::app::Settings, keys: &str) -> World {
    let mut world = World::new(settings);
    world.load();
    world.settle();
    world.keys("F8 e e");
    world.settle();
    world.keys(keys);
    world.settle();
    world
}

#[test]
fn vectors_side_by_side() {
    snapshot("lab_several", |settings| compared(settings, "j"));
}

#[test]
fn vectors_side_by_side_at_equal_kappa() {
    snapshot("lab_several_kappa", |settings| compared(settings, "s b"));
}

#[test]
fn vectors_side_by_side_while_they_fill() {
    snapshot("lab_several_filling", |settings| {
        let mut world = World::new(settings);
        world.load();
        world.settle();
        world.keys("F8 e e");
        world.study_in_part(1);
        world
    });
}

#[test]
fn vectors_with_the_card_of_one() {
    snapshot("vectors_card", shown("F12", &["space", "j"]));
}

#[test]
fn cosines_between_vectors() {
    snapshot("vectors_cosines", shown("F12", &["s"]));
}

#[test]
fn cosines_between_blocks() {
    snapshot("vectors_across", shown("F12", &["s", "s", "j"]));
}

#[test]
fn the_receipt() {
    snapshot("receipt", shown("F3", &["V"]));
}

#[test]
fn the_prompt_token_by_token() {
    snapshot("prompt_tokens", |settings| {
        let mut world = World::new(settings);
        world.load();
        world.settle();
        let mut world = crate::app::tokens::open(world);
        for key in ["g", "l", "l", "l", "l", "l", "p"] {
            world.key(key);
        }
        world
    });
}

#[test]
fn the_dialog_for_a_new_vector() {
    snapshot(
        "extract_form",
        shown("F12", &["E", "down", "right", "down", "down"]),
    );
}

#[test]
fn the_dialog_for_a_vector_of_responses() {
    snapshot("extract_form_systems", |settings| {
        let mut world = World::new(settings);
        world.load();
        world.settle();
        world.keys("F12 E up left down");
        world.type_text("You are gentle and kind.");
        world.keys("down down down down right");
        world
    });
}

#[test]
fn the_tokens_that_a_new_vector_is_read_from() {
    snapshot("extract_tokens", |settings| {
        let mut world = World::new(settings);
        world.load();
        world.settle();
        world.key("F12");
        world.settle();
        crate::app::extraction::choosing(world)
    });
}

#[test]
fn a_question_about_a_vector_file() {
    snapshot("import_question", |settings| {
        let mut world = World::new(settings);
        world.load();
        world.settle();
        let words = "7 rows of '/home/me/vectors/axes.npy' can be layers or concepts";
        crate::app::importing::asking(world, steerscope::units::OpenQuestion::Rows(7), words)
    });
}

#[test]
fn the_condition_on_prompts() {
    snapshot("condition", |settings| {
        let mut world = World::new(settings);
        world.load();
        world.settle();
        crate::app::condition::set(&mut world);
        world.settle();
        world.key("I");
        world
    });
}

#[test]
fn a_vector_in_the_making() {
    snapshot("extract_running", |settings| {
        let mut world = World::new(settings);
        world.load();
        world.settle();
        world.key("F12");
        world.settle();
        for key in ["E", "down", "right", "enter"] {
            world.key(key);
        }
        world.study_in_part(1);
        world
    });
}
