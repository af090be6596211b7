//! A scripted worker for the app: a small model, two vectors, a data set, all deterministic.

use std::sync::Arc;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use steerscope::app::input::{Key, KeyCode, Mouse, MouseKind};
use steerscope::app::{App, Effect, Msg, Settings};
use steerscope::protocol::{
    AskedWords, Asking, Asset, CatalogEntry, ChatSupport, Command, DatasetInfo, Event,
    FinishReason, GenerateRequest, InputItem, InputResult, MeasureRequest, ModelInfo, ModelSource,
    StudyRequest, TokenPiece, VectorInfo,
};
use steerscope::ui::{Depth, Glyphs, Theme, render};
use steerscope::units::{BlockIndex, Lane};

use super::{proofs, studies};

pub const BLOCKS: usize = 6;

/// The app with its worker and the commands that wait for an answer.
pub struct World {
    pub app: App,
    pub waiting: Vec<Command>,
    pub effects: Vec<Effect>,
    pub now: Duration,
}

impl World {
    /// The app before its first batch.
    pub fn new(settings: Settings) -> Self {
        Self {
            app: App::new(settings),
            waiting: Vec::new(),
            effects: Vec::new(),
            now: Duration::ZERO,
        }
    }

    /// The app with everything loaded and computed.
    pub fn ready() -> Self {
        let mut world = Self::new(settings());
        world.load();
        world.settle();
        world
    }

    /// The model that was asked for last arrives.
    pub fn model_loaded(&mut self, info: ModelInfo) {
        self.loaded(self.app.wanted_model().clone(), info);
    }

    /// The model of an older or the newest wish arrives.
    pub fn loaded(&mut self, source: ModelSource, info: ModelInfo) {
        self.send(Msg::Worker(Event::ModelLoaded {
            source,
            info: Box::new(info),
        }));
    }

    /// Catalog, model, vector and data set arrive; nothing is computed yet.
    pub fn load(&mut self) {
        self.send(Msg::Worker(catalog()));
        for _ in 0..3 {
            let commands = std::mem::take(&mut self.waiting);
            for command in commands {
                match command {
                    Command::LoadModel(source) => self.loaded(source, model()),
                    Command::LoadVector(asset) => {
                        self.send(Msg::Worker(Event::VectorLoaded(vector(&asset))));
                    }
                    Command::LoadDataset(asset, asking) => {
                        self.send(Msg::Worker(Event::DatasetLoaded(asked(&asset, &asking))));
                    }
                    other => self.waiting.push(other),
                }
            }
        }
    }

    /// One message, one batch.
    pub fn send(&mut self, msg: Msg) {
        self.batch([msg]);
    }

    /// Several messages in one batch.
    pub fn batch(&mut self, messages: impl IntoIterator<Item = Msg>) {
        let mut effects = Vec::new();
        for msg in messages {
            effects.extend(self.app.update(msg));
        }
        effects.extend(self.app.flush());
        for effect in effects {
            match effect {
                Effect::Send(command) => self.waiting.push(command),
                other => self.effects.push(other),
            }
        }
    }

    pub fn key(&mut self, key: &str) {
        self.send(Msg::Key(
            key.parse().expect("test keys are written correctly"),
        ));
    }

    pub fn keys(&mut self, keys: &str) {
        keys.split(' ').for_each(|k| self.key(k));
    }

    pub fn type_text(&mut self, text: &str) {
        text.chars()
            .for_each(|c| self.send(Msg::Key(Key::plain(KeyCode::Char(c)))));
    }

    pub fn mouse(&mut self, kind: MouseKind, column: u16, row: u16) {
        self.send(Msg::Mouse(Mouse { kind, column, row }));
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        self.send(Msg::Tick(self.now));
    }

    /// The worker answers everything that waits, completely.
    pub fn settle(&mut self) {
        for _ in 0..8 {
            let commands = std::mem::take(&mut self.waiting);
            if commands.is_empty() {
                return;
            }
            for command in commands {
                match command {
                    Command::Generate(request) => {
                        self.stream(&request, usize::MAX);
                        self.finish(&request);
                    }
                    Command::Measure(request) => {
                        let n = items().len();
                        self.measure(&request, 0..n);
                        self.send(Msg::Worker(Event::MeasureFinished {
                            run: request.run,
                            elapsed: Duration::from_micros(12_340),
                            from_cache: false,
                        }));
                    }
                    Command::Study(request) => self.study(&request, usize::MAX),
                    Command::Probe(request) => {
                        self.send(Msg::Worker(proofs::receipt(&request, &[], 9)));
                    }
                    Command::Survey(assets) => self.send(Msg::Worker(proofs::survey(&assets))),
                    Command::LoadVector(_) | Command::LoadDataset(..) | Command::LoadModel(_) => {
                        self.waiting.push(command);
                        self.load();
                    }
                    _ => {}
                }
            }
        }
    }

    /// A study reports so many parts, and its end if those are all.
    pub fn study(&mut self, request: &StudyRequest, parts: usize) {
        let all = studies::news(request, usize::MAX).len();
        for event in studies::news(request, parts) {
            self.send(Msg::Worker(event));
        }
        if parts >= all {
            self.send(Msg::Worker(studies::finished(request)));
        }
    }

    /// The same for the study that waits.
    pub fn study_in_part(&mut self, parts: usize) {
        let place = (self.waiting.iter()).position(|c| matches!(c, Command::Study(_)));
        if let Some(Command::Study(request)) = place.map(|i| self.waiting.remove(i)) {
            self.study(&request, parts);
        }
    }

    /// The last generation that was asked for.
    pub fn generation(&self) -> Option<GenerateRequest> {
        self.waiting.iter().rev().find_map(|c| match c {
            Command::Generate(r) => Some(r.clone()),
            _ => None,
        })
    }

    /// The last measurement that was asked for.
    pub fn measurement(&self) -> Option<MeasureRequest> {
        self.waiting.iter().rev().find_map(|c| match c {
            Command::Measure(r) => Some(r.clone()),
            _ => None,
        })
    }

    /// The first `n` tokens of both lanes.
    pub fn stream(&mut self, request: &GenerateRequest, n: usize) {
        let c = request.steering.as_ref().map_or(0.0, |s| s.coefficient);
        let left = if request.reference.is_steered() {
            -c
        } else {
            0.0
        };
        for (lane, c) in [(Lane::Baseline, left), (Lane::Steered, c)] {
            let tokens = story(&request.prompt, c).into_iter().take(n).collect();
            self.send(Msg::Worker(Event::Tokens {
                run: request.run,
                lane,
                tokens,
            }));
        }
    }

    pub fn finish(&mut self, request: &GenerateRequest) {
        for lane in [Lane::Baseline, Lane::Steered] {
            self.send(Msg::Worker(Event::LaneFinished {
                run: request.run,
                lane,
                reason: FinishReason::Eos,
                tokens_per_second: 812.0,
            }));
        }
    }

    pub fn measure(&mut self, request: &MeasureRequest, inputs: std::ops::Range<usize>) {
        let results = inputs.map(|i| result(i, request)).collect();
        self.send(Msg::Worker(Event::Measured {
            run: request.run,
            results,
        }));
    }

    /// Draws a frame and hands its regions back.
    pub fn draw(&mut self, columns: u16, rows: u16) -> Buffer {
        self.draw_with(
            columns,
            rows,
            &Theme::shipped(self.app.theme(), Depth::True),
        )
    }

    pub fn draw_with(&mut self, columns: u16, rows: u16, theme: &Theme) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("infallible");
        let glyphs = Glyphs::of(self.app.glyphs());
        let mut hits = None;
        let frame = terminal
            .draw(|frame| hits = Some(render(&self.app, theme, &glyphs, frame)))
            .expect("infallible");
        let buffer = frame.buffer.clone();
        self.app.drawn(hits.expect("drawn"));
        buffer
    }

    pub fn screen(&mut self, columns: u16, rows: u16) -> String {
        plain(&self.draw(columns, rows))
    }
}

/// The text plane of a buffer, trailing blanks cut.
pub fn plain(buffer: &Buffer) -> String {
    let area = buffer.area;
    let mut out = String::new();
    for y in 0..area.height {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..area.width {
            let symbol = buffer.cell((x, y)).map_or(" ", |c| c.symbol());
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = steerscope::text::width(symbol).saturating_sub(1);
            line.push_str(symbol);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

pub fn settings() -> Settings {
    let look = steerscope::ui::Look::new(Depth::True);
    Settings {
        themes: look.names(),
        ..Settings::default()
    }
}

pub fn bundled(name: &str) -> Asset {
    Asset::Bundled(name.to_owned())
}

pub fn catalog() -> Event {
    let entry = |name: &str, description: &str, companion: Option<&str>| CatalogEntry {
        asset: bundled(name),
        description: description.to_owned(),
        companion: companion.map(str::to_owned),
    };
    Event::Catalog {
        vectors: vec![
            entry("mood", "happy against sad stories", Some("mood")),
            entry("she_he", "girls against boys as heroes", Some("she_he")),
            entry("curious", "asks questions", None),
        ],
        datasets: vec![
            entry("mood", "64 story openings", None),
            entry("she_he", "64 story openings", None),
        ],
    }
}

pub fn model() -> ModelInfo {
    ModelInfo {
        name: "bundled".to_owned(),
        hash: "00".repeat(32),
        architecture: "llama".to_owned(),
        n_blocks: BLOCKS,
        hidden_size: 192,
        vocab_size: 2048,
        parameters: 3_100_000,
        max_positions: 512,
        dtype: "f32".to_owned(),
        device: "cpu · 2 threads".to_owned(),
        chat: ChatSupport::Template,
    }
}

pub fn vector(asset: &Asset) -> VectorInfo {
    VectorInfo {
        edit: steerscope::units::Edit::ADD,
        rank: 1,
        id: format!("vector-{}", asset.label()),
        name: asset.label(),
        asset: asset.clone(),
        method: Some("mean".to_owned()),
        norms: (0..BLOCKS)
            .map(|b| (b > 0).then_some(1.1 + b as f32 * 0.6))
            .collect(),
        recommended_block: Some(BlockIndex(3)),
        warnings: Vec::new(),
    }
}

pub fn items() -> Vec<InputItem> {
    let heroes = [
        "a little girl named Lily",
        "a boy named Tom",
        "a small dog",
        "an old man",
        "two friends",
    ];
    let places = ["in the park", "near a big tree", "by the sea", "at home"];
    (0..64)
        .map(|i| InputItem {
            id: 100 + i,
            prompt: format!(
                "Once upon a time there was {} who liked to play {}. One day",
                heroes[i % heroes.len()],
                places[i % places.len()]
            ),
            positive: " she".to_owned(),
            negative: " he".to_owned(),
            positive_is_a: None,
            positive_is_yes: None,
        })
        .collect()
}

/// The same, asked as the user chose.
pub fn asked(asset: &Asset, asking: &Asking) -> DatasetInfo {
    let plain = dataset(asset);
    let mut words = (*plain.words).clone();
    if let Some(chat) = &asking.chat {
        let system = chat.system.as_deref().unwrap_or_default();
        words.prompts = format!("chat template, system text {system:?}");
    }
    if asking.parity {
        words.rows = "test part of the published overlapping split, seed 0".into();
        words.propensity = "summed logits (published code)".into();
        words.badge = Some("paper-parity: overlapping split, summed logits; not comparable with figures of the default protocol".to_owned());
    }
    DatasetInfo {
        id: asking.identify(&plain.id),
        asking: asking.clone(),
        words: Arc::new(words),
        ..plain
    }
}

pub fn dataset(asset: &Asset) -> DatasetInfo {
    DatasetInfo {
        id: format!("dataset-{}", asset.label()),
        asking: Asking::default(),
        words: Arc::new(AskedWords {
            rows: "test part, seed 0, first 64".to_owned(),
            prompts: "plain prompts".to_owned(),
            propensity: "answer logits".to_owned(),
            badge: None,
        }),
        name: asset.label(),
        asset: asset.clone(),
        format: "steerscope rows".to_owned(),
        items: Arc::new(items()),
        warnings: Vec::new(),
        residual_norms: (0..BLOCKS).map(|b| 6.0 + 2.0 * b as f32).collect(),
    }
}

/// A response with a slope that differs by input and grows with the block.
pub fn result(index: usize, request: &MeasureRequest) -> InputResult {
    let noise = ((index * 37 % 64) as f32 / 64.0 - 0.5) + ((index * 11 % 17) as f32 / 17.0 - 0.5);
    let slope = 0.35 + 0.12 * request.block.0 as f32 + 0.9 * noise;
    let at = |m: f32| slope * m - 0.12 * m * m + 0.4 * noise;
    let propensity: Vec<f32> = request.multipliers.iter().map(|m| at(*m)).collect();
    InputResult {
        gate: request
            .condition
            .as_ref()
            .map(|_| steerscope::protocol::Gated {
                similarity: Some(0.2 + 0.1 * (index % 4) as f64),
                open: !index.is_multiple_of(4),
            }),
        index,
        propensity,
        steerability: slope,
        probe: request.probe.map(at),
    }
}

/// Token by token, with another ending under a positive coefficient.
pub fn story(prompt: &str, coefficient: f32) -> Vec<TokenPiece> {
    let plain = " he went to the river with his friend. They saw a big fish in the water and \
                 wanted to catch it. \"Look at the fish!\" he said. The fish was fast and swam \
                 away. He was sad, but his friend had an idea. They shared an apple and went home.";
    let steered = " she went to the river with her friend. They saw a big fish in the water and \
                   wanted to catch it. \"Look at the fish!\" she said. The fish was happy and swam \
                   around them. She laughed, and her friend danced. They shared an apple and went home.";
    let text = if coefficient > 0.05 { steered } else { plain };
    let salt = prompt.len() as u32 % 7;
    text.split_inclusive(' ')
        .map(|w| TokenPiece {
            id: w.bytes().map(u32::from).sum::<u32>() * 8 + salt,
            text: w.to_owned(),
        })
        .collect()
}
