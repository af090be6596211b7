//! Is it the direction? The published vectors against random ones and ones with shuffled labels, and their effect on
//! sampled stories.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use steerscope::engine::{Cancel, Generation, Model, SamplerSettings};
use steerscope::stats::{mean, sd};
use steerscope::steering::dataset::Part;
use steerscope::steering::{LaneSteering, PairSet, SteerHook, SteeringVector};
use steerscope::units::{BlockIndex, Mask};

use crate::Result;
use crate::propensity::{Bench, extract, load, pairs};
use crate::rng::Rng;
use crate::vectors::{RECIPES, Recipe, by_block};

const RANDOM: usize = 16;
const SHUFFLED: usize = 12;
const STORIES: u64 = 24;

/// Everything the model card says about vectors; `root` as written by `--publish`.
pub(crate) fn report(root: &Path) -> Result<String> {
    let model = Arc::new(Model::from_dir(&root.join("assets/model"))?);
    let data = root.join("assets/data");
    let mut out = by_block(&model, &data, Part::Validation)?;
    out += "\n";
    out += &by_block(&model, &data, Part::Test)?;
    out += "\n| vector | block | norm | mean slope | anti-steerable | random: mean, sd | z | shuffled labels: mean, sd | z |\n|---|---|---|---|---|---|---|---|---|\n";
    for recipe in RECIPES.iter().filter(|r| r.on.is_some()) {
        out += &control(&model, recipe, &data, root)?;
    }
    for (name, words) in [("she_he", [SHE, HE]), ("mood", [GLAD, SAD])] {
        let recipe = RECIPES.iter().find(|r| r.name == name);
        let block = recipe.ok_or("no such vector")?.block;
        let vector = SteeringVector::load(&root.join(format!("vectors/{name}.safetensors")))?;
        let _ = write!(out, "\nsampled stories, {name}, block {block}:");
        for coefficient in [-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0] {
            let [a, b] = counts(&model, &vector, block, coefficient, words)?;
            let share = a as f64 / (a + b).max(1) as f64;
            let _ = write!(out, " {coefficient}: {share:.2} of {};", a + b);
        }
    }
    Ok(out)
}

/// One row of the table.
fn control(model: &Arc<Model>, recipe: &Recipe, data: &Path, root: &Path) -> Result<String> {
    let path = root.join(format!("vectors/{}.safetensors", recipe.name));
    let vector = SteeringVector::load(&path)?;
    let direction = vector
        .directions
        .get(&recipe.block)
        .ok_or("no direction at the recommended block")?;
    let mut bench = Bench::new(
        model,
        &load(data, recipe.on.unwrap_or_default())?,
        Part::Test,
    )?;
    let slopes = bench.slopes(recipe.block, direction)?;
    let real = mean(&slopes).unwrap_or(f64::NAN);
    let anti = slopes.iter().filter(|s| **s <= 0.0).count() as f64 / slopes.len() as f64;
    let norm = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();

    let mut rng = Rng::new(7, recipe.block as u64);
    let mut random = Vec::new();
    for _ in 0..RANDOM {
        let drawn: Vec<f32> = direction.iter().map(|_| rng.normal()).collect();
        let scale = norm(direction) / norm(&drawn);
        let drawn: Vec<f32> = drawn.iter().map(|x| x * scale).collect();
        random.push(mean(&bench.slopes(recipe.block, &drawn)?).unwrap_or(f64::NAN));
    }
    let mut shuffled = Vec::new();
    let from = recipe.pairs(model, data)?;
    let train = pairs(model, &load(data, from)?, Part::Train)?;
    for _ in 0..SHUFFLED {
        let flipped = train
            .pairs
            .iter()
            .map(|p| if rng.coin() { p.swapped() } else { p.clone() });
        let set = PairSet {
            pairs: flipped.collect(),
            ..train.clone()
        };
        let vector = extract(model, recipe.name, &set)?;
        let direction = vector.directions.get(&recipe.block).ok_or("no direction")?;
        shuffled.push(mean(&bench.slopes(recipe.block, direction)?).unwrap_or(f64::NAN));
    }
    let against = |control: &[f64]| {
        let (m, s) = (
            mean(control).unwrap_or(f64::NAN),
            sd(control).unwrap_or(f64::NAN),
        );
        format!("{m:+.3}, {s:.3} | {:.1}", (real - m) / s)
    };
    Ok(format!(
        "| {} ({from}) | {} | {:.0} | {real:+.3} | {:.1}% | {} | {} |\n",
        recipe.name,
        recipe.block,
        norm(direction),
        100.0 * anti,
        against(&random),
        against(&shuffled)
    ))
}

const SHE: &[&str] = &["she", "her", "hers", "herself"];
const HE: &[&str] = &["he", "him", "his", "himself"];
#[rustfmt::skip]
const GLAD: &[&str] = &[
    "happy", "glad", "smiled", "smile", "laughed", "joy", "fun", "cheerful", "loved", "wonderful", "proud", "danced", "bright",
];
#[rustfmt::skip]
const SAD: &[&str] = &[
    "sad", "upset", "cried", "tears", "wept", "alone", "sorrow", "terrible", "lonely", "gloom", "hurt", "cold", "mean",
];

/// How often words of two lists occur in sampled stories under a coefficient.
fn counts(
    model: &Arc<Model>,
    vector: &SteeringVector,
    block: usize,
    coefficient: f32,
    words: [&[&str]; 2],
) -> Result<[usize; 2]> {
    let prompt = "Once upon a time there was a little child. One day,";
    let ids = model.tokenizer().encode(prompt)?;
    let direction = vector.directions.get(&block).ok_or("no direction")?;
    let mut out = [0, 0];
    for seed in 0..STORIES {
        let settings = SamplerSettings {
            temperature: 0.8,
            seed,
            ..SamplerSettings::default()
        };
        let lane = LaneSteering::new(Mask::FromLastPrompt, ids.len(), coefficient);
        let hook = SteerHook::new(
            BlockIndex(block),
            steerscope::units::Edit::ADD,
            direction.as_slice(),
            vec![lane],
        );
        let stop = model.stop_ids().to_vec();
        let hook = Box::new(hook);
        let story = Generation::start(Arc::clone(model), ids.clone(), 1, &settings, stop, hook)?;
        let (mut story, mut tokens) = (story.limit(60), Vec::new());
        while !story.is_finished() {
            tokens.extend(story.step(&Cancel::never())?.iter().filter_map(|s| s.token));
        }
        let text = model.tokenizer().decode(&tokens)?;
        for word in text.split(|c: char| !c.is_alphabetic()) {
            let word = word.to_lowercase();
            for (n, list) in out.iter_mut().zip(words) {
                *n += usize::from(list.contains(&word.as_str()));
            }
        }
    }
    Ok(out)
}
