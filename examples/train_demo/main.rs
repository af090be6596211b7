//! Rebuilds the bundled model: tokenizer, training, evaluation, data sets.
//!
//! ```text
//! cargo run --release --example train_demo -- --text stories.txt --out runs/demo --export assets/model
//! ```
//!
//! See `assets/README.md` for what the model is for and how it came out.
#![allow(clippy::print_stdout)] // a command-line program that reports its progress

mod args;
mod attention;
mod checkpoint;
mod corpus;
mod datasets;
mod dialects;
mod documents;
mod evaluate;
mod export;
mod kernels;
mod lexicon;
mod linalg;
mod model;
mod optim;
mod params;
mod questions;
mod rng;
mod split;
mod steer;
mod stories;
mod tokenizer;

use std::time::Instant;

use tokenizers::Tokenizer;

use args::Args;
use checkpoint::Progress;
use corpus::Corpus;
use documents::Curriculum;
use model::Model;
use optim::AdamW;

/// Every forward pass allocates its activations anew; this allocator keeps them from being mapped and faulted.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

fn main() -> Result<()> {
    let a = Args::parse()?;
    if let Some(dir) = &a.data_only {
        return datasets::write_all(dir, a.seed);
    }
    if a.show > 0 {
        corpus::show(a.seed, a.show);
        return Ok(());
    }
    std::fs::create_dir_all(&a.out)?;
    let corpus = corpus(&a)?;
    println!("story tokens train/val/test: {:?}", corpus.story_tokens());

    let loaded = if a.needs_checkpoint() {
        checkpoint::load(&a.out)?
    } else {
        None
    };
    if loaded.is_none() && a.needs_checkpoint() && !a.resume {
        return Err(format!("{}: no checkpoint to work on", a.out.display()).into());
    }
    let (model, opt, seed, done) = loaded.unwrap_or_else(|| {
        let model = Model::new(a.shape, a.shape.init(a.seed));
        let opt = AdamW::new(&model.layout);
        (model, opt, a.seed, Progress::default())
    });
    println!(
        "{:?}: {} parameters, at step {}",
        model.shape, model.layout.total, done.step
    );

    if let Some(dir) = &a.export_only {
        export::write(dir, &model, &corpus.tok)
    } else if !a.steer.is_empty() {
        for pair in a.steer.chunks(2) {
            println!(
                "{}",
                steer::report(&model, &corpus.tok, &pair[0], &pair[pair.len() - 1], 64)?
            );
        }
        Ok(())
    } else if a.eval {
        println!("{}", evaluate::report(&model, &corpus)?);
        Ok(())
    } else {
        train(&a, &corpus, model, opt, seed, done)
    }
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
    mut model: Model,
    mut opt: AdamW,
    seed: u64,
    before: Progress,
) -> Result<()> {
    let start = Instant::now();
    let mut done = before;
    let mut mean = 0f32;
    let end = a.steps.min(a.stop);
    while done.step < end {
        let lr = optim::learning_rate(a.lr, done.step, a.steps);
        let batch = corpus.batch(seed, done.step, a.rows)?;
        let (loss, grad) = model.gradient(&batch, a.shards);
        let norm = opt.step(&mut model.params, &grad, lr, done.step);
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
            checkpoint::save(&a.out, &model, &opt, seed, done)?;
            println!(
                "{}",
                evaluate::brief(&model, corpus, Curriculum::at(done.step - 1), 24)?
            );
            if let Some(dir) = &a.export {
                export::write(dir, &model, &corpus.tok)?;
            }
        }
    }
    Ok(())
}
