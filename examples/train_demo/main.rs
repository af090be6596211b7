//! Rebuilds the bundled model: tokenizer, training, evaluation, data sets, vectors with their cards.
//!
//! ```text
//! cargo run --release --example train_demo -- --text stories.txt --out runs/demo --publish runs/demo/published
//! ```
//!
//! See `assets/README.md` for what the model is for and how it came out.
#![allow(clippy::print_stdout)] // a command-line program that reports its progress

mod args;
mod bare;
mod checkpoint;
mod controls;
mod corpus;
mod datasets;
mod dialects;
mod documents;
mod evaluate;
mod export;
mod fused;
mod lexicon;
mod model;
mod optim;
mod params;
mod plain;
mod propensity;
mod questions;
mod report;
mod rng;
mod schedule;
mod split;
mod stories;
#[cfg(test)]
mod tests;
mod tokenizer;
mod vectors;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use candle_core::Device;
use tokenizers::Tokenizer;

use args::Args;
use checkpoint::Progress;
use corpus::Corpus;
use model::Model;
use optim::AdamW;
use schedule::Curriculum;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

fn main() -> Result<()> {
    one_thread_per_shard();
    let a = Args::parse()?;
    if let Some(dir) = &a.data_only {
        return datasets::write_all(dir, a.seed);
    }
    if let Some(root) = &a.controls {
        println!("{}", controls::report(root)?);
        return Ok(());
    }
    if a.show > 0 {
        corpus::show(a.seed, a.show);
        return Ok(());
    }
    std::fs::create_dir_all(&a.out)?;
    let corpus = corpus(&a)?;
    println!("story tokens train/val/test: {:?}", corpus.story_tokens());

    let device = device(&a.device)?;
    let loaded = if a.resume || a.eval {
        checkpoint::load(&a.out, &device)?
    } else {
        None
    };
    if loaded.is_none() && a.eval {
        return Err(format!("{}: no checkpoint to evaluate", a.out.display()).into());
    }
    let (model, opt, seed, done) = if let Some(run) = loaded {
        run
    } else {
        let model = Model::new(a.shape, &a.shape.init(a.seed), &device)?;
        let opt = AdamW::new(&model)?;
        (model, opt, a.seed, Progress::default())
    };
    println!(
        "{:?}: {} parameters on {:?}, at step {}",
        model.shape,
        model.shape.parameters(),
        device.location(),
        done.step
    );
    if a.eval {
        println!("{}", report::report(&model.on_cpu()?, &corpus)?);
        return Ok(());
    }
    train(&a, &corpus, &model, &opt, seed, done)?;
    match &a.publish {
        Some(root) => publish(root, &model, &corpus.tok, seed),
        None => Ok(()),
    }
}

/// candle splits every addition of large tensors between threads that wait for each other in a busy loop. The shards of
/// a batch already fill the processor, and in that crowd a step takes twice as long.
#[expect(unsafe_code, reason = "the variable is the only switch there is")]
fn one_thread_per_shard() {
    // SAFETY: called first in main, while no other thread can be reading the environment.
    unsafe { std::env::set_var("CANDLE_NUM_THREADS", "1") };
}

/// The device of `--device`; `auto` takes a GPU that this build can use, or else the CPU.
fn device(name: &str) -> Result<Device> {
    Ok(match name {
        "cuda" => Device::new_cuda(0)?,
        "metal" => Device::new_metal(0)?,
        "auto" if candle_core::utils::cuda_is_available() => Device::new_cuda(0)?,
        "auto" if candle_core::utils::metal_is_available() => Device::new_metal(0)?,
        "auto" | "cpu" => Device::Cpu,
        _ => return Err(format!("unknown device {name}: auto, cpu, cuda or metal").into()),
    })
}

/// Reads the stories; trains the tokenizer on the first run, loads it afterwards.
fn corpus(a: &Args) -> Result<Corpus> {
    let stories = corpus::read_stories(&a.text)?;
    let path = a.out.join("tokenizer.json");
    let tok = if path.exists() {
        Tokenizer::from_file(&path)?
    } else {
        let tok = tokenizer::train(&corpus::tokenizer_texts(&stories, a.seed))?;
        tok.save(&path, false)?;
        tok
    };
    Corpus::new(&stories, tok)
}

fn train(
    a: &Args,
    corpus: &Corpus,
    model: &Model,
    opt: &AdamW,
    seed: u64,
    before: Progress,
) -> Result<()> {
    // on the CPU, threads meet once a step; a GPU wants the batch whole
    let shards = a
        .shards
        .unwrap_or(if model.device().is_cpu() { 2 } else { 1 });
    let start = Instant::now();
    let mut done = before;
    let mut mean = 0f32;
    let end = a.steps.min(a.stop);
    while done.step < end {
        let lr = schedule::learning_rate(done.step, a.steps);
        let batch = corpus.batch(seed, done.step, a.rows)?;
        let (loss, grads) = model.gradient(&batch, shards)?;
        let norm = opt.step(&model.vars, &grads, lr, done.step)?;
        if !norm.is_finite() {
            println!("step {}: gradient not finite, skipped", done.step);
        }
        mean += (loss as f32 - mean) * if done.step == before.step { 1.0 } else { 0.02 };
        done.step += 1;
        done.tokens += batch.inputs.len() as u64;
        done.seconds = before.seconds + start.elapsed().as_secs_f64();
        if done.step.is_multiple_of(50) {
            let rate = (done.tokens - before.tokens) as f64 / start.elapsed().as_secs_f64();
            let left = (end - done.step) as f64 * batch.inputs.len() as f64 / rate / 60.0;
            println!(
                "step {} loss {mean:.4} norm {norm:.2} lr {lr:.2e} {:.2} M tokens, {rate:.0}/s, {left:.0} min left",
                done.step,
                done.tokens as f64 / 1e6
            );
        }
        if done.step.is_multiple_of(a.every) || done.step == end {
            checkpoint::save(&a.out, model, opt, seed, done)?;
            let cur = Curriculum::at(done.step - 1);
            println!("{}", report::brief(&model.on_cpu()?, corpus, cur, 24)?);
        }
    }
    Ok(())
}

/// Writes model, data sets and vectors as the program bundles them.
fn publish(root: &Path, model: &Model, tok: &Tokenizer, seed: u64) -> Result<()> {
    let (weights, data) = (root.join("assets/model"), root.join("assets/data"));
    export::write(&weights, &model.on_cpu()?, tok)?;
    datasets::write_all(&data, seed)?;
    let model = Arc::new(steerscope::engine::Model::from_dir(&weights)?);
    vectors::write_all(&root.join("vectors"), &model, &data)?;
    println!("written to {}", root.display());
    Ok(())
}
