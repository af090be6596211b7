//! This engine's side of the comparison with other engines: opens a model, then answers one JSON
//! request per line of standard input with one JSON line. `compare.py` beside it drives this.
//!
//! `peer MODEL`: a Hugging Face directory or a GGUF file. `peer --ceilings`: what the machine gives
//! to plain loops, without a model.

#![allow(
    clippy::expect_used,
    reason = "a benchmark that cannot run must say so"
)]
#![allow(
    clippy::print_stdout,
    reason = "standard output is the protocol of this program"
)]

mod ceilings;
mod steering;

use std::hint::black_box;
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Value, json};
use steerscope::engine::{Cancel, Keep, KvCache, Model, NoHook, Part, init_threads, thread_count};

/// What is to be measured.
#[derive(Debug, Deserialize)]
#[serde(tag = "measure", rename_all = "snake_case")]
enum Request {
    /// Prompts from nothing to the logits after their last tokens.
    Prefill { sequences: usize, tokens: usize },
    /// Steps of one token per lane after prompts of equal length, logits of every lane each step.
    Decode {
        lanes: usize,
        prompt: usize,
        tokens: usize,
    },
    /// Logits after the last token of a given text.
    Logits { ids: Vec<u32> },
    /// Propensities over a grid of multipliers, as the screen and `measure` compute them.
    Steer(steering::Grid),
}

fn main() {
    let argument = std::env::args().skip(1).find(|a| a != "--bench");
    match argument.as_deref() {
        // `cargo bench` without arguments runs every benchmark; this one is for another program.
        None => println!("driven by benches/peers/compare.py; see benches/peers/README.md"),
        Some("--ceilings") => println!("{}", ceilings::measure()),
        Some(path) => serve(Path::new(path)),
    }
}

fn serve(path: &Path) {
    init_threads();
    let start = Instant::now();
    let model = Arc::new(Model::open(path).expect("a model"));
    let open = start.elapsed().as_secs_f64();
    let memory = resident();
    // The digest is computed beside the first work; no measure should share the cores with it.
    let start = Instant::now();
    black_box(model.hash());
    println!(
        "{}",
        json!({
            "engine": "steerscope", "version": env!("CARGO_PKG_VERSION"), "threads": thread_count(),
            "precision": model.precision().name(), "parameters": model.parameters(),
            "weight_bytes": model.weight_bytes(), "open_s": open,
            "hash_s": start.elapsed().as_secs_f64(), "memory": memory,
        })
    );
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line of text");
        let request: Request = serde_json::from_str(&line).expect("a request");
        let answer = match request {
            Request::Prefill { sequences, tokens } => prefill(&model, sequences, tokens),
            Request::Decode {
                lanes,
                prompt,
                tokens,
            } => decode(&model, lanes, prompt, tokens),
            Request::Logits { ids } => {
                let logits = extend(&model, &mut KvCache::new(&model, 1), &[ids]);
                json!({ "logits": logits })
            }
            Request::Steer(grid) => steering::measure(&model, &grid),
        };
        println!("{answer}");
    }
}

/// The same ids as the other engines use; every vocabulary here has them.
fn ids(n: usize, sequence: usize) -> Vec<u32> {
    (0..n)
        .map(|i| ((i * 7919 + sequence * 104_729 + 13) % 2048) as u32)
        .collect()
}

/// Appends to every sequence; logits after each one's last token.
fn extend(model: &Model, cache: &mut KvCache, ids: &[Vec<u32>]) -> Vec<f32> {
    let parts: Vec<Part<'_>> = ids
        .iter()
        .enumerate()
        .map(|(sequence, ids)| Part { sequence, ids })
        .collect();
    let rows = model
        .extend(cache, &parts, Keep::Last, &mut NoHook, &Cancel::never())
        .expect("a pass");
    model.logits(&rows).expect("logits")
}

fn prefill(model: &Model, sequences: usize, tokens: usize) -> Value {
    let prompts: Vec<Vec<u32>> = (0..sequences).map(|s| ids(tokens, s)).collect();
    let start = Instant::now();
    let mut cache = KvCache::new(model, sequences);
    black_box(extend(model, &mut cache, &prompts));
    json!({ "seconds": start.elapsed().as_secs_f64() })
}

fn decode(model: &Model, lanes: usize, prompt: usize, tokens: usize) -> Value {
    let mut cache = KvCache::new(model, lanes);
    let prompts: Vec<Vec<u32>> = (0..lanes).map(|s| ids(prompt, s)).collect();
    extend(model, &mut cache, &prompts);
    let start = Instant::now();
    for step in 0..tokens {
        let next: Vec<Vec<u32>> = (0..lanes).map(|s| ids(1, s + step)).collect();
        black_box(extend(model, &mut cache, &next));
    }
    json!({ "seconds": start.elapsed().as_secs_f64() })
}

/// Lines of `/proc/self/status` that say what is in memory, in bytes; empty where there is no such
/// file.
fn resident() -> Value {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let wanted = ["VmHWM", "VmRSS", "RssAnon", "RssFile"];
    status
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| wanted.contains(name))
        .filter_map(|(name, value)| {
            let kib: u64 = value.trim().trim_end_matches(" kB").parse().ok()?;
            Some((name.to_owned(), json!(kib * 1024)))
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}
