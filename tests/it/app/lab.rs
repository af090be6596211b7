//! The laboratory's screens: what they ask for, when it still holds, and what their keys move.

use std::time::Duration;

use steerscope::app::focus::Pane;
use steerscope::app::input::MouseKind;
use steerscope::app::lab::layers::Figure;
use steerscope::app::screen::Screen;
use steerscope::app::{Effect, Msg};
use steerscope::protocol::{
    Command, Event, Failure, Stage, Study, StudyKind, StudyRequest, SweepUnit,
};
use steerscope::units::RunId;

use super::studies;
use super::world::{World, bundled, dataset, model, vector};

fn study(world: &World) -> Option<StudyRequest> {
    world.waiting.iter().rev().find_map(|c| match c {
        Command::Study(request) => Some(request.clone()),
        _ => None,
    })
}

fn on(key: &str) -> World {
    let mut world = World::ready();
    world.key(key);
    world
}

fn swept() -> World {
    let mut world = on("F4");
    world.settle();
    world.draw(120, 40);
    world
}

#[test]
fn every_screen_is_one_key_away_and_esc_goes_back() {
    let mut world = World::ready();
    for (i, screen) in Screen::ALL.into_iter().enumerate() {
        world.key(&format!("F{}", i + 3));
        assert_eq!(world.app.screen(), screen);
        assert!(screen.panes().contains(&world.app.focus()));
        world.settle();
        world.draw(120, 40);
    }
    world.keys("esc");
    assert_eq!(world.app.screen(), Screen::Explore);
    world.keys("( ) )");
    assert_eq!(world.app.screen(), Screen::Layers);
}

#[test]
fn a_small_model_is_studied_unasked_once() {
    let mut world = on("F4");
    let request = study(&world).expect("a sweep is asked for");
    assert_eq!(request.study.kind(), StudyKind::Sweep);
    world.settle();
    assert!(world.app.lab().running().is_none());
    world.keys("F3 F4");
    assert_eq!(study(&world), None, "it is there");
    world.key("w");
    assert!(study(&world).is_some(), "by hand it is made again");
}

#[test]
fn a_large_model_waits_for_the_key() {
    let mut world = World::ready();
    let mut large = model();
    large.parameters = 7_000_000_000;
    world.model_loaded(large);
    world.load();
    world.settle();
    world.key("F4");
    assert_eq!(study(&world), None);
    assert!(world.screen(120, 40).contains("press w to sweep"));
    world.key("w");
    assert!(study(&world).is_some());
}

#[test]
fn figures_of_another_setting_are_stale_also_where_nothing_runs_by_itself() {
    let mut world = World::ready();
    let mut large = model();
    large.parameters = 7_000_000_000;
    world.model_loaded(large);
    world.load();
    world.settle();
    world.keys("F6 w");
    world.settle();
    assert!(!world.app.lab().shifts.stale);
    world.key("]");
    assert_eq!(study(&world), None);
    assert!(world.app.lab().shifts.stale);
}

#[test]
fn another_data_set_ends_the_sweep_of_the_one_before() {
    let mut world = on("F4");
    world.key("F3");
    world.send(Msg::Worker(Event::DatasetLoaded(dataset(
        &world.app.dataset().unwrap().asset.clone(),
    ))));
    assert!(world.app.lab().running().is_none());
    assert!(
        world
            .waiting
            .iter()
            .any(|c| matches!(c, Command::StopStudy))
    );
}

#[test]
fn the_request_says_all_that_the_figures_depend_on() {
    let world = on("F4");
    let Some(Study::Sweep(sweep)) = study(&world).map(|r| r.study) else {
        panic!("no sweep");
    };
    let app = &world.app;
    assert_eq!(sweep.vector, app.vector().unwrap().id);
    assert_eq!(sweep.dataset, app.dataset().unwrap().id);
    assert_eq!(sweep.multipliers, app.multipliers());
    assert_eq!(sweep.reference.0, 3, "the vector's own block");
    let world = on("F6");
    let Some(Study::Shift(shift)) = study(&world).map(|r| r.study) else {
        panic!("no shift");
    };
    assert_eq!(shift.block.0, world.app.setting().block);
    assert_eq!(shift.datasets, [bundled("she_he")]);
    let mut world = on("F8");
    let Some(Study::Datasets(all)) = study(&world).map(|r| r.study) else {
        panic!("no data sets");
    };
    assert_eq!(all.datasets, [bundled("she_he"), bundled("mood")]);
    assert_eq!(all.vector, None);
    world.key("e");
    let Some(Study::Datasets(all)) = study(&world).map(|r| r.study) else {
        panic!("no data sets");
    };
    assert_eq!(all.vector.as_ref(), Some(&world.app.vector().unwrap().id));
}

#[test]
fn a_moved_slider_asks_anew_where_the_figures_depend_on_it() {
    let mut world = on("F6");
    world.settle();
    world.key("]");
    assert_eq!(
        study(&world).map(|r| r.study.kind()),
        Some(StudyKind::Shift)
    );
    assert!(world.app.lab().shifts.stale, "the old figures are marked");
    let mut world = swept();
    world.keys("j l");
    assert_eq!(study(&world), None, "a sweep holds for all cells");
    assert!(!world.app.lab().layers.stale);
}

#[test]
fn another_vector_makes_the_sweep_stale_until_its_own_arrives() {
    let mut world = swept();
    let before = world.app.lab().layers.raw(3).unwrap().mean;
    let mut other = vector(&bundled("mood"));
    other.id = "another".to_owned();
    other.asset = world.app.vector().unwrap().asset.clone();
    world.send(Msg::Worker(Event::VectorLoaded(other)));
    assert!(world.app.lab().layers.stale);
    assert_eq!(world.app.lab().layers.raw(3).unwrap().mean, before);
    assert!(world.screen(120, 40).contains("stale"));
    world.settle();
    assert!(!world.app.lab().layers.stale);
}

#[test]
fn the_map_moves_the_sliders_and_shows_the_cell_without_asking() {
    let mut world = swept();
    world.waiting.clear();
    let before = world.app.setting();
    world.keys("j l");
    let now = world.app.setting();
    assert_eq!(now.block, before.block + 1);
    assert_eq!(now.coefficient, 1.5);
    assert!(
        !world
            .waiting
            .iter()
            .any(|c| matches!(c, Command::Measure(_))),
        "the sweep has measured it"
    );
    let current = world.app.experiment().current().unwrap();
    assert!(current.finished && current.key.block == now.block);
    assert!(
        !world
            .waiting
            .iter()
            .any(|c| matches!(c, Command::Generate(_))),
        "nobody reads the texts here"
    );
    world.key("enter");
    assert_eq!(world.app.screen(), Screen::Explore);
    assert!(world.generation().is_some());
    world.keys("u u");
    assert_eq!(world.app.setting(), before);
}

#[test]
fn at_equal_kappa_a_cell_is_its_multiplier_times_the_scale() {
    let mut world = swept();
    world.key("e");
    assert_eq!(world.app.lab().layers.unit, SweepUnit::EqualKappa);
    let line = world.app.lab().layers.line(2).unwrap();
    let scale = line.scale;
    let area =
        world.app.regions().iter().rev().find_map(|(area, t)| {
            (*t == steerscope::app::hits::Target::Cell(2, 6)).then_some(*area)
        });
    let area = area.expect("cells can be clicked");
    world.mouse(MouseKind::Down, area.x, area.y);
    assert_eq!(world.app.setting().block, 2);
    assert!((world.app.setting().coefficient - 1.5 * scale).abs() < 1e-3);
}

#[test]
fn the_suggestion_is_the_largest_mean_at_equal_kappa() {
    let mut world = swept();
    let layers = &world.app.lab().layers;
    let best = (1..6)
        .max_by(|a, b| {
            let mean = |block: usize| {
                let slope = 0.35 + 0.12 * block as f64;
                slope * (1.6 - 0.2 * block as f64)
            };
            mean(*a).total_cmp(&mean(*b))
        })
        .unwrap();
    assert_eq!(layers.suggested(), Some(best));
    world.key("b");
    assert_eq!(world.app.setting().block, best);
}

#[test]
fn the_figures_of_a_cell_are_those_of_its_inputs() {
    let world = swept();
    let line = world.app.lab().layers.raw(2).unwrap();
    let grid = world.app.lab().layers.grid();
    let zero = grid.iter().position(|m| *m == 0.0).unwrap();
    let last = grid.len() - 1;
    let n = line.rows.len() as f64;
    let changes: Vec<f64> = line
        .rows
        .iter()
        .map(|r| f64::from(r[last]) - f64::from(r[zero]))
        .collect();
    let cell = line.cells[last];
    let mean = changes.iter().sum::<f64>() / n;
    assert!((cell.get(Figure::Effect).unwrap() - mean).abs() < 1e-9);
    let wrong = changes.iter().filter(|d| **d <= 0.0).count() as f64 / n;
    assert!((cell.get(Figure::WrongWay).unwrap() - wrong).abs() < 1e-9);
    assert_eq!(line.cells[zero].get(Figure::WrongWay), None);
    assert_eq!(line.cells[zero].get(Figure::Effect), Some(0.0));
    let spread = changes.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0);
    assert!((cell.get(Figure::Spread).unwrap() - spread.sqrt()).abs() < 1e-9);
}

#[test]
fn words_of_a_study_that_was_given_up_are_not_taken() {
    let mut world = on("F8");
    let old = study(&world).unwrap();
    world.waiting.clear();
    world.key("x");
    assert!(
        world
            .waiting
            .iter()
            .any(|c| matches!(c, Command::StopStudy))
    );
    for event in studies::news(&old, 9) {
        world.send(Msg::Worker(event));
    }
    assert!(world.app.lab().responses.items.is_empty());
    world.key("w");
    let new = study(&world).unwrap();
    assert_ne!(new.run, old.run);
    for event in studies::news(&new, 9) {
        world.send(Msg::Worker(event));
    }
    assert_eq!(world.app.lab().responses.items.len(), 4);
}

#[test]
fn a_failed_study_says_so_and_can_be_run_again() {
    let mut world = on("F7");
    let request = study(&world).unwrap();
    world.waiting.clear();
    world.send(Msg::Worker(Event::Failed(Failure {
        stage: Stage::Study,
        run: Some(RunId(request.run.0 + 7)),
        model: None,
        id: "no".to_owned(),
        message: "of another run".to_owned(),
    })));
    assert!(world.app.lab().running().is_some(), "another run's failure");
    world.send(Msg::Worker(Event::Failed(Failure {
        stage: Stage::Study,
        run: Some(request.run),
        model: None,
        id: "no-pairs".to_owned(),
        message: "the data set has no pairs".to_owned(),
    })));
    assert!(world.app.lab().running().is_none());
    let screen = world.screen(120, 40);
    assert!(screen.contains("the data set has no pairs"));
    assert!(screen.contains("press w"));
}

#[test]
fn a_store_that_fails_is_a_remark_and_stops_nothing() {
    let mut world = swept();
    world.send(Msg::Worker(Event::Failed(Failure {
        stage: Stage::Store,
        run: None,
        model: None,
        id: "store".to_owned(),
        message: "disk full".to_owned(),
    })));
    assert!(world.screen(120, 40).contains("disk full"));
    assert!(world.app.experiment().current().unwrap().finished);
}

#[test]
fn controls_stand_behind_the_histogram_and_follow_the_sliders() {
    let mut world = World::ready();
    world.key("K");
    let Some(Study::Controls(controls)) = study(&world).map(|r| r.study) else {
        panic!("no controls");
    };
    assert_eq!(controls.block.0, 3);
    assert_eq!(controls.others, [bundled("mood"), bundled("curious")]);
    world.settle();
    assert!(world.screen(120, 40).contains("z +11.4"));
    world.key("]");
    let screen = world.screen(120, 40);
    assert!(
        !screen.contains("z +11.4"),
        "another block's z is not shown"
    );
    assert_eq!(
        study(&world).map(|r| r.study.kind()),
        Some(StudyKind::Controls)
    );
    world.settle();
    world.key("K");
    assert!(!world.screen(120, 40).contains("z +11.4"));
    world.waiting.clear();
    world.key("]");
    assert_eq!(study(&world), None);
}

#[test]
fn the_strip_reads_the_steered_text_that_was_shown_and_its_cursor_asks_for_one_position() {
    let mut world = on("F10");
    let Some(Study::Tokens(tokens)) = study(&world).map(|r| r.study) else {
        panic!("no strip");
    };
    let shown = world.app.compare().shown().unwrap();
    assert_eq!(tokens.tokens, shown.steered.ids());
    assert_eq!(tokens.coefficient, 1.0);
    assert_eq!((tokens.lens, tokens.frozen), (0, false));
    world.settle();
    world.keys("l l");
    let Some(Study::Tokens(moved)) = study(&world).map(|r| r.study) else {
        panic!("no lens");
    };
    assert_eq!(moved.lens, 2);
    assert!(!world.app.lab().strips.stale, "the text is the same");
    world.settle();
    world.key("e");
    let Some(Study::Tokens(frozen)) = study(&world).map(|r| r.study) else {
        panic!("no strip");
    };
    assert!(frozen.frozen && world.app.lab().strips.stale);
}

#[test]
fn a_fan_goes_from_the_opposite_to_twice_the_coefficient() {
    let mut world = on("F11");
    let Some(Study::Fan(fan)) = study(&world).map(|r| r.study) else {
        panic!("no fan");
    };
    assert_eq!(fan.coefficients, [-1.0, 0.0, 0.5, 1.0, 2.0]);
    assert_eq!(fan.controls, None);
    world.settle();
    let lanes = &world.app.lab().fan.items;
    assert_eq!(lanes.len(), 5);
    assert_eq!(lanes[0].parts_from(&lanes[1]), None, "the same text");
    assert_eq!(lanes[3].parts_from(&lanes[1]), Some(1));
    world.key("e");
    world.settle();
    assert_eq!(world.app.lab().fan.items.len(), 6);
}

#[test]
fn a_calibrated_coefficient_is_taken_over_once_and_can_be_undone() {
    let mut world = World::ready();
    world.key("C");
    world.settle();
    assert!((world.app.setting().coefficient - 0.8).abs() < 1e-6);
    assert!(world.screen(120, 40).contains("1.0 nat at +0.8"));
    world.key("u");
    assert_eq!(world.app.setting().coefficient, 1.0);
    assert!(world.app.calibrated_here().is_some());
    world.key("]");
    assert!(world.app.calibrated_here().is_none(), "another block");
}

#[test]
fn pins_flip_between_two_states_and_their_vectors() {
    let mut world = World::ready();
    world.key("f");
    assert!(world.screen(120, 40).contains("pin two states first"));
    let first = world.app.setting();
    world.keys("p ] > p");
    let second = world.app.setting();
    assert_ne!(first, second);
    world.key("f");
    assert_eq!(world.app.setting(), first);
    world.key("f");
    assert_eq!(world.app.setting(), second);
    // Another vector in the third pin: the oldest goes.
    world.keys("v");
    world.type_text("mood");
    world.key("enter");
    world.settle();
    world.key("p");
    world.key("f");
    world.settle();
    assert_eq!(world.app.vector().unwrap().name, "she_he");
    assert_eq!(world.app.setting(), second);
    world.key("f");
    world.settle();
    assert_eq!(world.app.vector().unwrap().name, "mood");
}

#[test]
fn another_model_empties_every_screen() {
    let mut world = swept();
    world.keys("F8");
    world.settle();
    world.model_loaded(model());
    let lab = world.app.lab();
    assert!(lab.responses.items.is_empty() && lab.layers.lines().next().is_none());
}

#[test]
fn the_figures_are_copied_as_a_table() {
    for (key, head, lines) in [
        ("F4", "block\tscale", 6),
        ("F6", "dataset\ttrain", 151),
        ("F7", "dataset\tblock", 3),
        ("F8", "dataset\tvector", 196),
        ("F9", "group\tname", 46),
        ("F10", "index\tid", 50),
        ("F11", "lane\ttext", 6),
    ] {
        let mut world = on(key);
        world.settle();
        world.key("y");
        let text = world.effects.iter().find_map(|e| match e {
            Effect::CopyText(text) => Some(text.clone()),
            _ => None,
        });
        let text = text.expect("copied");
        assert!(text.starts_with(head), "{text}");
        assert_eq!(text.lines().count(), lines);
    }
}

#[test]
fn an_explore_key_on_another_screen_goes_to_where_it_works() {
    let mut world = swept();
    world.key("a");
    assert_eq!(world.app.screen(), Screen::Explore);
    assert_eq!(world.app.focus(), Pane::Prompts);
    assert!(world.app.editor().is_some());
}

#[test]
fn time_left_and_counts_are_on_the_status_line() {
    let mut world = on("F8");
    world.send(Msg::Worker(Event::Progress {
        stage: Stage::Study,
        done: 100,
        total: 400,
    }));
    world.pass(Duration::from_secs(10));
    world.send(Msg::Worker(Event::Progress {
        stage: Stage::Study,
        done: 200,
        total: 400,
    }));
    let screen = world.screen(120, 40);
    assert!(screen.contains("200/400"), "{screen}");
    assert!(screen.contains("20 s left"), "{screen}");
}
