//! What a user waits for: a layer slider moves while text streams; how long until the histogram's
//! first update, until it is complete, and until the first token of the new steered text.
//!
//! `cargo bench --bench live` prints minimum, median and maximum in milliseconds, of the bundled
//! model on its own data and of random weights of SmolLM2-135M's shape (64 inputs of about 96 tokens,
//! 7 multipliers). The worker runs as in the application: one engine thread, all of its events.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark that cannot be set up should stop"
)]

mod shapes;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use shapes::Shape;
use steerscope::engine::init_threads;
use steerscope::protocol::{
    Asking, Asset, Command, Event, GenerateRequest, MeasureRequest, ModelInfo, ModelSource,
    Sampling, Steering,
};
use steerscope::steering::SteeringVector;
use steerscope::units::{BlockIndex, DEFAULT_MULTIPLIERS, Lane, Mask, RunId};
use steerscope::worker::{Options, Worker};

/// Inputs of the histogram.
const INPUTS: usize = 64;
/// Slider moves that are timed.
const MOVES: usize = 12;

fn main() {
    init_threads();
    let dir = tempfile::tempdir().expect("a folder");
    run("bundled", &ModelSource::Bundled, dir.path());
    let model = dir.path().join("smol");
    std::fs::create_dir(&model).expect("a folder");
    shapes::write_directory(Shape::Smol135, &model);
    run(
        "SmolLM2-135M's shape",
        &ModelSource::Directory(model),
        dir.path(),
    );
}

fn run(name: &str, source: &ModelSource, dir: &Path) {
    for (what, positive, negative) in [
        ("answers of one token", " yes", " no"),
        ("answers of two tokens", " (A)", " (B)"),
    ] {
        let dataset = dataset(dir, positive, negative);
        let mut session = Session::start(source.clone(), dataset, dir);
        let mut times: [Vec<Duration>; 3] = Default::default();
        for i in 0..MOVES {
            for (all, one) in times.iter_mut().zip(session.slider_move(i)) {
                all.push(one);
            }
        }
        println!("{name}, {what}:");
        for (label, times) in ["first update", "complete", "first steered token"]
            .iter()
            .zip(times)
        {
            report(label, times);
        }
    }
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let ms = |d: Option<&Duration>| d.map_or(f64::NAN, |d| d.as_secs_f64() * 1e3);
    println!(
        "  {what:<20} min {:6.1}  median {:6.1}  max {:6.1} ms",
        ms(times.first()),
        ms(times.get(times.len() / 2)),
        ms(times.last()),
    );
}

/// 64 prompts of about 96 tokens, no two alike.
fn dataset(dir: &Path, positive: &str, negative: &str) -> Asset {
    let (who, what) = (
        ["bird", "girl", "dog", "boy", "cat", "bear", "frog", "king"],
        [
            "ball", "cake", "tree", "boat", "hat", "stone", "bell", "kite",
        ],
    );
    let rows: Vec<String> = (0..INPUTS)
        .map(|i| {
            let sentence = |j: usize| {
                let (a, b) = (who[(i + j) % 8], what[(i / 8 + 3 * j) % 8]);
                format!("The little {a} saw a big {b} and went to look at it with a friend. ")
            };
            let prompt: String = (0..6).map(sentence).collect();
            serde_json::json!({"prompt": prompt.trim_end(), "positive": positive, "negative": negative})
                .to_string()
        })
        .collect();
    let path = dir.join("inputs.jsonl");
    std::fs::write(&path, rows.join("\n")).expect("a data set");
    Asset::File(path)
}

struct Session {
    worker: Worker,
    events: Receiver<(Instant, Event)>,
    model: ModelInfo,
    dataset: String,
    dir: PathBuf,
    runs: u64,
}

impl Session {
    fn start(source: ModelSource, dataset: Asset, dir: &Path) -> Self {
        let (sender, events) = channel();
        let options = Options {
            inputs: INPUTS,
            ..Options::default()
        };
        let worker = Worker::start(options, move |event| {
            let _ = sender.send((Instant::now(), event));
        })
        .expect("a worker");
        worker.send(Command::LoadModel(source));
        let mut session = Self {
            worker,
            events,
            model: ModelInfo::default(),
            dataset: String::new(),
            dir: dir.to_path_buf(),
            runs: 0,
        };
        session.model = session.wait(|e| match e {
            Event::ModelLoaded { info, .. } => Some(*info),
            _ => None,
        });
        session
            .worker
            .send(Command::LoadDataset(dataset, Asking::default()));
        session.dataset = session.wait(|e| match e {
            Event::DatasetLoaded(info) => Some(info.id),
            _ => None,
        });
        session
    }

    fn wait<T>(&self, mut find: impl FnMut(Event) -> Option<T>) -> T {
        loop {
            match self.events.recv().expect("the worker lives").1 {
                Event::Failed(failure) => panic!("{}", failure.message),
                Event::EngineDied(reason) => panic!("{reason}"),
                event => {
                    if let Some(found) = find(event) {
                        return found;
                    }
                }
            }
        }
    }

    /// A vector that was never measured, so that nothing kept can answer.
    fn fresh_vector(&self, seed: usize) -> String {
        let direction = |b: usize| {
            (0..self.model.hidden_size)
                .map(|i| (((i + seed * 31 + b) * 7919 + 13) % 101) as f32 / 101.0 - 0.5)
                .collect()
        };
        let directions = (0..self.model.n_blocks)
            .map(|b| (b, direction(b)))
            .collect();
        let vector =
            SteeringVector::new("bench", directions, std::collections::BTreeMap::default())
                .expect("a vector");
        let path = self.dir.join("vector.safetensors");
        vector.write(&path).expect("a file");
        self.worker.send(Command::LoadVector(Asset::File(path)));
        self.wait(|e| match e {
            Event::VectorLoaded(info) => Some(info.id),
            _ => None,
        })
    }

    fn set(&mut self, vector: &str, block: BlockIndex) -> RunId {
        self.runs += 1;
        let run = RunId(self.runs);
        self.worker.send(Command::Generate(GenerateRequest {
            run,
            prompt: "One day a little girl went to the park with her dog. ".repeat(6),
            chat: None,
            steering: Some(Steering {
                edit: steerscope::units::Edit::ADD,
                condition: None,
                vector: vector.to_owned(),
                block,
                coefficient: 0.5,
                mask: Mask::FromLastPrompt,
            }),
            reference: steerscope::protocol::Reference::Unsteered,
            sampling: Sampling {
                max_tokens: 400,
                ..Sampling::default()
            },
        }));
        self.worker.send(Command::Measure(MeasureRequest {
            condition: None,
            edit: steerscope::units::Edit::ADD,
            run,
            vector: vector.to_owned(),
            dataset: self.dataset.clone(),
            block,
            mask: Mask::FromLastPrompt,
            multipliers: DEFAULT_MULTIPLIERS.to_vec(),
            probe: None,
        }));
        run
    }

    /// Times to the first update, to the complete histogram and to the first steered token.
    fn slider_move(&mut self, seed: usize) -> [Duration; 3] {
        let vector = self.fresh_vector(seed);
        let middle = self.model.n_blocks / 2;
        // The state before the move: everything measured, text streaming.
        let before = self.set(&vector, BlockIndex(middle - 1));
        let (mut measured, mut steered) = (false, 0);
        self.wait(|e| {
            match e {
                Event::MeasureFinished { run, .. } => measured |= run == before,
                Event::Tokens { run, lane, tokens } if run == before && lane == Lane::Steered => {
                    steered += tokens.len();
                }
                _ => {}
            }
            (measured && steered > 3).then_some(())
        });
        let begin = Instant::now();
        let after = self.set(&vector, BlockIndex(middle));
        let mut times = [None; 3];
        while times.iter().any(Option::is_none) {
            let (at, event) = self.events.recv().expect("the worker lives");
            let i = match event {
                Event::Measured { run, .. } if run == after => 0,
                Event::MeasureFinished { run, .. } if run == after => 1,
                Event::Tokens { run, lane, .. } if run == after && lane == Lane::Steered => 2,
                Event::Failed(failure) => panic!("{}", failure.message),
                Event::EngineDied(reason) => panic!("{reason}"),
                _ => continue,
            };
            times[i].get_or_insert(at - begin);
        }
        times.map(Option::unwrap_or_default)
    }
}
