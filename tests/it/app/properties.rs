//! Whatever comes, in whatever order: the state stays valid and every frame can be drawn.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::Config;
use steerscope::app::input::{Key, KeyCode, Mods, Mouse, MouseKind};
use steerscope::app::slider::{LIMIT, Scale};
use steerscope::app::steering::{Setting, Steering};
use steerscope::app::{Effect, Msg};
use steerscope::protocol::{
    Command, Event, Failure, FinishReason, InputResult, ModelSource, Stage, TokenPiece,
};
use steerscope::units::{Lane, Mask, RunId};

use super::world::{self, World, settings};

#[derive(Debug, Clone)]
enum Step {
    Say(Msg),
    Answer(usize),
    Size(u16, u16),
}

fn key() -> impl Strategy<Value = Key> {
    let bound: Vec<Key> = steerscope::app::bindings::BINDINGS
        .iter()
        .flat_map(|b| b.keys.iter().map(|k| k.parse().unwrap()))
        .collect();
    prop_oneof![
        6 => proptest::sample::select(bound),
        1 => (any::<char>(), any::<bool>()).prop_map(|(c, ctrl)| {
            Key::new(KeyCode::Char(c), Mods { ctrl, ..Mods::default() })
        }),
        1 => Just(Key::plain(KeyCode::Other)),
    ]
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        Just("\u{1b}]0;x\u{7}\u{9b}2J\t\r\n\u{202e}".to_owned()),
        Just("👨\u{200d}👩\u{200d}👧字e\u{301}\u{301}".repeat(20)),
        Just("long ".repeat(3000)),
    ]
}

fn number() -> impl Strategy<Value = f32> {
    prop_oneof![
        any::<f32>(),
        -3.0f32..3.0,
        Just(f32::NAN),
        Just(f32::INFINITY),
        Just(0.0),
        Just(-0.0),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let run = (0u64..40).prop_map(RunId);
    let lane = prop_oneof![Just(Lane::Baseline), Just(Lane::Steered)];
    let stage = proptest::sample::select(vec![
        Stage::LoadModel,
        Stage::LoadVector,
        Stage::LoadDataset,
        Stage::Prefill,
        Stage::Measure,
        Stage::Generate,
        Stage::Study,
        Stage::Store,
    ]);
    let tokens = proptest::collection::vec((any::<u32>(), hostile()), 0..6).prop_map(|t| {
        t.into_iter()
            .map(|(id, text)| TokenPiece { id, text })
            .collect::<Vec<_>>()
    });
    let result = (
        0usize..70,
        proptest::collection::vec(number(), 0..9),
        number(),
        proptest::option::of(number()),
    )
        .prop_map(|(index, propensity, steerability, probe)| InputResult {
            gate: None,
            index,
            propensity,
            steerability,
            probe,
        });
    prop_oneof![
        (run.clone(), lane.clone(), tokens).prop_map(|(run, lane, tokens)| Event::Tokens {
            run,
            lane,
            tokens
        }),
        (run.clone(), lane, number()).prop_map(|(run, lane, tokens_per_second)| {
            Event::LaneFinished {
                run,
                lane,
                reason: FinishReason::NonFinite,
                tokens_per_second,
            }
        }),
        (run.clone(), proptest::collection::vec(result, 0..20))
            .prop_map(|(run, results)| Event::Measured { run, results }),
        (run.clone(), any::<bool>()).prop_map(|(run, from_cache)| Event::MeasureFinished {
            run,
            elapsed: Duration::from_millis(3),
            from_cache,
        }),
        (stage.clone(), 0usize..99, 0usize..99).prop_map(|(stage, done, total)| Event::Progress {
            stage,
            done,
            total
        }),
        stage.clone().prop_map(Event::Idle),
        (stage, proptest::option::of(run), hostile()).prop_map(|(stage, run, message)| {
            Event::Failed(Failure {
                stage,
                run,
                model: None,
                id: "some-id".to_owned(),
                message,
            })
        }),
        hostile().prop_map(Event::EngineDied),
        Just(world::catalog()),
        proptest::sample::select(vec!["bundled", "org/name", "/models/m"]).prop_map(|source| {
            Event::ModelLoaded {
                source: ModelSource::parse(source),
                info: Box::new(world::model()),
            }
        }),
        proptest::sample::select(vec!["she_he", "mood"])
            .prop_map(|n| Event::VectorLoaded(world::vector(&world::bundled(n)))),
        proptest::sample::select(vec!["she_he", "mood"])
            .prop_map(|n| Event::DatasetLoaded(world::dataset(&world::bundled(n)))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let kind = proptest::sample::select(vec![
        MouseKind::Down,
        MouseKind::Drag,
        MouseKind::Up,
        MouseKind::ScrollUp,
        MouseKind::ScrollDown,
    ]);
    prop_oneof![
        8 => key().prop_map(|k| Step::Say(Msg::Key(k))),
        3 => (kind, 0u16..310, 0u16..110)
            .prop_map(|(kind, column, row)| Step::Say(Msg::Mouse(Mouse { kind, column, row }))),
        1 => hostile().prop_map(|t| Step::Say(Msg::Paste(t))),
        4 => event().prop_map(|e| Step::Say(Msg::Worker(e))),
        4 => (0usize..30).prop_map(Step::Answer),
        2 => (1u16..300, 1u16..100).prop_map(|(w, h)| Step::Size(w, h)),
        1 => (0u64..100_000).prop_map(|ms| Step::Say(Msg::Tick(Duration::from_millis(ms)))),
    ]
}

fn cases(n: u32) -> Config {
    Config {
        cases: n,
        max_shrink_iters: 400,
        failure_persistence: None,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(cases(96))]
    #[test]
    fn nothing_breaks_the_screen(
        loaded in any::<bool>(),
        ascii in any::<bool>(),
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut world = if loaded { World::ready() } else { World::new(settings()) };
        if ascii {
            world.key(":");
            world.type_text("toggle-glyphs");
            world.key("enter");
        }
        let mut size = (100, 30);
        for step in steps {
            match step {
                Step::Say(msg) => world.send(msg),
                Step::Answer(n) => answer(&mut world, n),
                Step::Size(w, h) => {
                    size = (w, h);
                    world.send(Msg::Resize(w, h));
                }
            }
            let setting = world.app.setting();
            prop_assert!(setting.coefficient.is_finite() && setting.coefficient.abs() <= LIMIT);
            prop_assert!(setting.coefficient.abs() <= world.app.scale().max() + 1e-6);
            let blocks = world.app.blocks();
            prop_assert!(blocks == 0 || setting.block < blocks);
            let panes = world.app.screen().panes();
            prop_assert!(panes.contains(&world.app.focus()));
            let screen = world.screen(size.0, size.1);
            let escapes = screen.contains('\u{1b}');
            prop_assert!(!escapes);
            if ascii && world.app.glyphs() == steerscope::app::GlyphSet::Ascii {
                prop_assert!(screen.is_ascii());
            }
        }
        world.effects.clear();
        world.keys("ctrl-c ctrl-c");
        prop_assert!(world.effects.contains(&Effect::Quit), "two keys quit from anywhere");
    }
}

/// The worker answers one of the commands that wait.
fn answer(world: &mut World, n: usize) {
    if world.waiting.is_empty() {
        return;
    }
    match world.waiting.remove(n % world.waiting.len()) {
        Command::Generate(request) => {
            world.stream(&request, n);
            if n.is_multiple_of(2) {
                world.finish(&request);
            }
        }
        Command::Measure(request) => world.measure(&request, 0..n.min(64)),
        Command::Study(request) => world.study(&request, n),
        command => {
            world.waiting.push(command);
            world.load();
        }
    }
}

fn setting() -> impl Strategy<Value = Setting> {
    (0usize..6, -3.0f32..3.0, 0usize..3, any::<bool>()).prop_map(
        |(block, coefficient, mask, enabled)| Setting {
            condition: None,
            edit: steerscope::units::Edit::ADD,
            block,
            coefficient,
            mask: Mask::ALL[mask],
            enabled,
        },
    )
}

proptest! {
    #[test]
    fn undo_after_do_is_the_identity(
        start in setting(),
        changes in proptest::collection::vec((setting(), any::<bool>()), 1..40),
    ) {
        let mut steering = Steering::new(start);
        let mut past = vec![start];
        for (to, drag) in changes {
            if drag {
                steering.begin_drag();
                steering.change(Setting { block: 0, ..to });
                steering.change(to);
                steering.end_drag();
            } else {
                steering.change(to);
            }
            if steering.now() != *past.last().unwrap() {
                past.push(steering.now());
            }
        }
        let end = steering.now();
        while let Some(expected) = past.pop() {
            prop_assert_eq!(steering.now(), expected);
            prop_assert_eq!(steering.undo(), !past.is_empty());
        }
        while steering.redo() {}
        prop_assert_eq!(steering.now(), end);
    }

    #[test]
    fn slider_values_and_columns_agree(
        width in 3u16..300,
        column in 0u16..300,
        largest in 0.01f32..20.0,
        typed in number(),
    ) {
        let mut scale = Scale::for_grid(&[-largest, 0.0, largest]);
        scale.include(typed);
        let value = scale.value_at(column, width);
        prop_assert!(value.is_finite() && value.abs() <= scale.max());
        let more = scale.value_at(column.saturating_add(1), width);
        prop_assert!(more >= value, "monotone");
        prop_assert!(scale.column_of(value, width) < width);
        let odd = width | 1;
        prop_assert_eq!(scale.value_at(odd / 2, odd), 0.0);
        prop_assert_eq!(scale.column_of(0.0, odd), odd / 2);
        let off = i32::from(scale.column_of(value, width)) - i32::from(column.min(width - 1));
        let per_column = 2.0 * scale.max() / f32::from(width - 1);
        prop_assert!(off.unsigned_abs() as f32 <= (scale.step() / per_column).ceil() + 1.0);
        prop_assert!(scale.snap(typed).is_finite());
    }
}
