//! One frame of the Explore screen, and from a key to the frame that shows it.
//!
//! `cargo bench --bench frame`

use std::sync::Arc;
use std::time::Duration;

use divan::{Bencher, black_box};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use steerscope::app::input::Key;
use steerscope::app::{App, Effect, GlyphSet, Msg, Settings};
use steerscope::protocol::{
    AskedWords, Asking, Asset, CatalogEntry, ChatSupport, Command, DatasetInfo, Event,
    FinishReason, InputItem, InputResult, ModelInfo, ModelSource, TokenPiece, VectorInfo,
};
use steerscope::ui::{Depth, Glyphs, Theme, render};
use steerscope::units::{BlockIndex, Lane};

fn main() {
    divan::main();
}

const INPUTS: usize = 500;
const TOKENS: usize = 400;

/// The app with 500 inputs measured and 400 tokens in both panes.
fn app() -> App {
    let mut app = App::new(Settings::default());
    let asset = Asset::Bundled("bench".to_owned());
    let entry = CatalogEntry {
        asset: asset.clone(),
        description: String::new(),
        companion: Some("bench".to_owned()),
    };
    let model = ModelInfo {
        name: "bench".to_owned(),
        hash: String::new(),
        architecture: "llama".to_owned(),
        n_blocks: 30,
        hidden_size: 576,
        vocab_size: 49_152,
        parameters: 135_000_000,
        max_positions: 2048,
        dtype: "f32".to_owned(),
        device: "cpu".to_owned(),
        chat: ChatSupport::None,
    };
    let vector = VectorInfo {
        edit: steerscope::units::Edit::ADD,
        rank: 1,
        id: "v".to_owned(),
        name: "bench".to_owned(),
        asset: asset.clone(),
        method: None,
        norms: vec![Some(2.0); 30],
        recommended_block: Some(BlockIndex(12)),
        warnings: Vec::new(),
    };
    let items = (0..INPUTS)
        .map(|id| InputItem {
            id,
            prompt: format!("Is the following statement something you would say? Number {id}."),
            positive: " Yes".to_owned(),
            negative: " No".to_owned(),
            positive_is_a: None,
            positive_is_yes: None,
        })
        .collect();
    let dataset = DatasetInfo {
        id: "d".to_owned(),
        name: "bench".to_owned(),
        asset,
        asking: Asking::default(),
        words: Arc::new(AskedWords::default()),
        format: "rows".to_owned(),
        items: Arc::new(items),
        warnings: Vec::new(),
        residual_norms: vec![20.0; 30],
    };
    let mut commands = Vec::new();
    for event in [
        Event::Catalog {
            vectors: vec![entry.clone()],
            datasets: vec![entry],
        },
        Event::ModelLoaded {
            source: ModelSource::Bundled,
            info: Box::new(model),
        },
        Event::VectorLoaded(vector),
        Event::DatasetLoaded(dataset),
    ] {
        app.update(Msg::Worker(event));
        commands.extend(app.flush());
    }
    for command in commands {
        match command {
            Effect::Send(Command::Generate(request)) => {
                for (lane, salt) in [(Lane::Baseline, 0), (Lane::Steered, 1)] {
                    let token = |i: usize| TokenPiece {
                        id: (i * (1 + salt * (i / 9 % 2))) as u32,
                        text: format!(" word{}", i * 7 % 50 + salt * (i / 9 % 2)),
                    };
                    let tokens = (0..TOKENS).map(token).collect();
                    app.update(Msg::Worker(Event::Tokens {
                        run: request.run,
                        lane,
                        tokens,
                    }));
                    app.update(Msg::Worker(Event::LaneFinished {
                        run: request.run,
                        lane,
                        reason: FinishReason::Length,
                        tokens_per_second: 100.0,
                    }));
                }
            }
            Effect::Send(Command::Measure(request)) => {
                let result = |index: usize| {
                    let slope = (index * 37 % INPUTS) as f32 / INPUTS as f32 - 0.3;
                    let propensity = request.multipliers.iter().map(|m| m * slope).collect();
                    InputResult {
                        gate: None,
                        index,
                        propensity,
                        steerability: slope,
                        probe: None,
                    }
                };
                let results = (0..INPUTS).map(result).collect();
                app.update(Msg::Worker(Event::Measured {
                    run: request.run,
                    results,
                }));
                app.update(Msg::Worker(Event::MeasureFinished {
                    run: request.run,
                    elapsed: Duration::from_millis(12),
                    from_cache: false,
                }));
            }
            _ => {}
        }
    }
    app.flush();
    app
}

fn terminal(columns: u16, rows: u16) -> Terminal<TestBackend> {
    let backend = TestBackend::new(columns, rows);
    match Terminal::new(backend) {
        Ok(terminal) => terminal,
        Err(never) => match never {},
    }
}

fn draw(app: &mut App, theme: &Theme, terminal: &mut Terminal<TestBackend>) {
    let glyphs = Glyphs::of(GlyphSet::Unicode);
    let mut hits = None;
    match terminal.draw(|frame| hits = Some(render(app, theme, &glyphs, frame))) {
        Ok(frame) => drop(black_box(frame)),
        Err(never) => match never {},
    }
    app.drawn(hits.unwrap_or_default());
}

/// A whole frame with nothing kept from the one before.
#[divan::bench(args = [(80, 24), (120, 40), (250, 80)])]
fn frame(bencher: Bencher<'_, '_>, (columns, rows): (u16, u16)) {
    let mut app = app();
    let theme = Theme::shipped("catppuccin-mocha", Depth::True);
    let mut terminal = terminal(columns, rows);
    bencher.bench_local(|| draw(&mut app, &theme, &mut terminal));
}

/// A slider key, the update, the request and the frame, at 250 × 80.
#[divan::bench]
fn key_to_frame(bencher: Bencher<'_, '_>) {
    let mut app = app();
    let theme = Theme::shipped("catppuccin-mocha", Depth::True);
    let mut terminal = terminal(250, 80);
    let mut right = true;
    bencher.bench_local(|| {
        right = !right;
        black_box(app.update(Msg::Key(Key::char(if right { 'l' } else { 'h' }))));
        black_box(app.flush());
        draw(&mut app, &theme, &mut terminal);
    });
}

/// The words of two 1000-word texts compared.
#[divan::bench]
fn compare_words(bencher: Bencher<'_, '_>) {
    let text = |salt: usize| -> String {
        (0..1000)
            .map(|i| format!("w{}", i * 7 % 90 + salt * (i / 20 % 2)))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let (old, new) = (text(0), text(1));
    bencher.bench_local(|| steerscope::app::compare::changed_words(&old, &new));
}
