//! Snapshots of the screen in its states, reviewed as text.

use std::fmt::Write as _;
use std::time::Duration;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use steerscope::app::{GlyphSet, Msg, Settings};
use steerscope::protocol::{ChatSupport, Event, Failure, ModelInfo, Stage};
use steerscope::ui::{Depth, Theme};

use crate::app::world::{self, World, catalog, model, settings};

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 10)];

fn check(name: &str, content: &str) {
    insta::with_settings!({
        snapshot_path => "../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, content);
    });
}

/// A state at every size and in both character sets.
pub fn snapshot(name: &str, state: impl Fn(Settings) -> World) {
    for (set, glyphs) in [("unicode", GlyphSet::Unicode), ("ascii", GlyphSet::Ascii)] {
        let mut all = String::new();
        for (columns, rows) in SIZES {
            let mut world = state(Settings {
                glyphs,
                animation: false,
                ..settings()
            });
            // The second frame knows the sizes of the first.
            world.draw(columns, rows);
            let _ = writeln!(all, "{columns}x{rows}\n{}", world.screen(columns, rows));
        }
        check(&format!("{name}_{set}"), &all);
    }
}

fn ready(settings: Settings) -> World {
    let mut world = World::new(settings);
    world.load();
    world.settle();
    world
}

#[test]
fn before_anything_is_loaded() {
    snapshot("loading", |s| {
        let mut world = World::new(s);
        world.send(Msg::Worker(catalog()));
        world.send(Msg::Worker(Event::Progress {
            stage: Stage::LoadModel,
            done: 3,
            total: 8,
        }));
        world
    });
}

#[test]
fn with_a_model_and_nothing_else() {
    snapshot("empty", |s| {
        let mut world = World::new(s);
        world.send(Msg::Worker(Event::Catalog {
            vectors: Vec::new(),
            datasets: Vec::new(),
        }));
        world.model_loaded(model());
        world
    });
}

#[test]
fn everything_finished() {
    snapshot("finished", ready);
}

#[test]
fn another_block_under_way() {
    snapshot("running", |s| {
        let mut world = ready(s);
        world.key("]");
        let (texts, figures) = (world.generation().unwrap(), world.measurement().unwrap());
        world.stream(&texts, 14);
        world.measure(&figures, 0..24);
        world.pass(Duration::from_millis(250));
        world
    });
}

#[test]
fn a_new_setting_before_its_first_result() {
    snapshot("stale", |s| {
        let mut world = ready(s);
        world.keys("] l l");
        world
    });
}

#[test]
fn a_prompt_of_ones_own_in_the_chat_format() {
    snapshot("chat", |s| {
        let mut world = ready(s);
        world.keys("c a");
        world.type_text("Hello there");
        world.key("enter");
        world.settle();
        world.pass(Duration::from_secs(60));
        world
    });
}

#[test]
fn a_bar_selected_and_its_inputs_listed() {
    snapshot("bar", |s| {
        let mut world = ready(s);
        world.keys("tab l l l j");
        world
    });
}

#[test]
fn an_error_on_screen() {
    snapshot("error", |s| {
        let mut world = ready(s);
        world.send(Msg::Worker(Event::Failed(Failure {
            stage: Stage::LoadVector,
            run: None,
            model: None,
            id: "hidden-size".to_owned(),
            message: "'mood.safetensors' holds vectors of width 2048, the model has 192: choose a \
                      vector that was extracted from this model"
                .to_owned(),
        })));
        world
    });
}

#[test]
fn the_engine_died() {
    snapshot("engine_died", |s| {
        let mut world = ready(s);
        world.send(Msg::Worker(Event::EngineDied(
            "index out of bounds: the len is 6".to_owned(),
        )));
        world
    });
}

#[test]
fn help() {
    snapshot("help", |s| {
        let mut world = ready(s);
        world.key("?");
        world
    });
}

#[test]
fn a_picker() {
    snapshot("picker", |s| {
        let mut world = ready(s);
        world.key("v");
        world
    });
}

#[test]
fn the_palette_with_a_filter() {
    snapshot("palette", |s| {
        let mut world = ready(s);
        world.key(":");
        world.type_text("pick");
        world
    });
}

#[test]
fn the_sampling_dialog() {
    snapshot("sampling", |s| {
        let mut world = ready(s);
        world.key("o");
        world
    });
}

#[test]
fn the_protocol_dialog() {
    snapshot("protocol", |s| {
        let mut world = ready(s);
        world.model_loaded(ModelInfo {
            chat: ChatSupport::Template,
            ..world::model()
        });
        world.settle();
        world.keys("A right down");
        world
    });
}

#[test]
fn paper_parity_is_said_on_every_screen() {
    snapshot("parity", |s| {
        let mut world = ready(s);
        world.keys("A up right enter");
        world.load();
        world.settle();
        world.key("F4");
        world.settle();
        world
    });
}

#[test]
fn a_prompt_being_written() {
    snapshot("editor", |s| {
        let mut world = ready(s);
        world.key("a");
        world.type_text("The queen walked into the garden and");
        world.key("alt-enter");
        world.type_text("smiled at");
        world
    });
}

#[test]
fn the_log() {
    snapshot("log", |s| {
        let mut world = ready(s);
        world.pass(Duration::from_millis(1500));
        world.keys("x F2");
        world
    });
}

/// Text plane left out: runs of equal style, row by row.
fn styled(buffer: &Buffer) -> String {
    let mut out = String::new();
    let look = |c: &Cell| (c.fg, c.bg, c.modifier);
    for y in 0..buffer.area.height {
        let mut x = 0;
        while x < buffer.area.width {
            let start = x;
            let Some(style) = buffer.cell((x, y)).map(look) else {
                break;
            };
            while buffer.cell((x, y)).map(look) == Some(style) {
                x += 1;
            }
            let plain = style == (Color::Reset, Color::Reset, Modifier::empty());
            if !plain {
                let _ = writeln!(
                    out,
                    "{y}:{start}..{x} {} on {} {:?}",
                    style.0, style.1, style.2
                );
            }
        }
    }
    out
}

#[test]
fn styles_of_the_finished_screen() {
    for theme in ["default", "catppuccin-latte", "mono"] {
        let mut world = World::ready();
        let buffer = world.draw_with(80, 24, &Theme::shipped(theme, Depth::True));
        check(&format!("styled_{theme}"), &styled(&buffer));
    }
}
