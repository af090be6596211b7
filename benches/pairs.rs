//! What hooks cost, as ratios: every round times all variants one after the other, so that whatever
//! else the machine does falls on all of them alike.
//!
//! `cargo bench --bench pairs [-- NAME]` prints the median and the quartiles of the rounds' ratios. The
//! first variant stands twice: the ratio of the second to the first is what the machine's noise does.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that cannot be set up should stop; the figures are its output"
)]

mod shapes;

use std::time::{Duration, Instant};

use shapes::{Shape, model, tokens};
use steerscope::engine::{Cancel, Hook, Keep, KvCache, Model, NoHook, Part, Place, init_threads};
use steerscope::steering::{LaneSteering, SteerHook};
use steerscope::units::{BlockIndex, Mask};

/// Tokens of a prompt.
const PROMPT: usize = 32;

/// Asked at every block, wants none.
struct Idle;

impl Hook for Idle {
    fn wants(&self, _: BlockIndex) -> bool {
        false
    }

    fn visit(&mut self, _: BlockIndex, _: &[Place], _: &mut [f32], _: usize) {}
}

fn main() {
    init_threads();
    let only = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    // Many short rounds: a disturbance then spoils few ratios. A step of the first takes a hundredth
    // of the others' time.
    for (name, shape, length) in [
        ("bundled", Shape::Bundled, (400, 16)),
        ("SmolLM2-135M f32", Shape::Smol135, (50, 4)),
        ("SmolLM2-135M bf16", Shape::Smol135Bf16, (50, 4)),
    ] {
        if only.as_ref().is_some_and(|only| !name.contains(only)) {
            continue;
        }
        let model = model(shape);
        let direction: Vec<f32> = (0..model.hidden_size())
            .map(|i| ((i * 31 % 17) as f32 - 8.0) / 100.0)
            .collect();
        let middle = BlockIndex(model.n_blocks() / 2);
        let on = LaneSteering::new(Mask::FromLastPrompt, PROMPT, 1.5);
        let add = |lanes: Vec<LaneSteering>| -> Box<dyn Hook> {
            Box::new(SteerHook::new(
                middle,
                steerscope::units::Edit::ADD,
                direction.as_slice(),
                lanes,
            ))
        };
        let mut one: [(&str, Box<dyn Hook>); 4] = [
            ("no hook", Box::new(NoHook)),
            ("no hook again", Box::new(NoHook)),
            ("a hook that wants nothing", Box::new(Idle)),
            ("a steered lane", add(vec![on])),
        ];
        compare(&format!("{name}, 1 lane"), model, 1, &mut one, length);
        let mut two: [(&str, Box<dyn Hook>); 3] = [
            ("two unsteered lanes", Box::new(NoHook)),
            ("two unsteered lanes again", Box::new(NoHook)),
            ("one of two steered", add(vec![LaneSteering::OFF, on])),
        ];
        compare(&format!("{name}, 2 lanes"), model, 2, &mut two, length);
    }
}

fn compare(
    what: &str,
    model: &Model,
    lanes: usize,
    variants: &mut [(&str, Box<dyn Hook>)],
    (rounds, steps): (usize, u32),
) {
    let start = filled(model, lanes);
    let mut times = vec![Vec::with_capacity(rounds); variants.len()];
    // The first rounds warm up what is computed on first use.
    for round in 0..rounds + 2 {
        // Each variant has every place in the order.
        for i in 0..variants.len() {
            let i = (i + round) % variants.len();
            let took = decode(model, start.clone(), lanes, steps, &mut *variants[i].1);
            if round >= 2 {
                times[i].push(took);
            }
        }
    }
    let base = median(times[0].iter().map(Duration::as_secs_f64).collect());
    println!(
        "{what}: {} {:.3} ms a step",
        variants[0].0,
        base * 1e3 / f64::from(steps)
    );
    for (variant, own) in variants.iter().zip(&times).skip(1) {
        let mut ratios: Vec<f64> = own
            .iter()
            .zip(&times[0])
            .map(|(a, b)| a.as_secs_f64() / b.as_secs_f64())
            .collect();
        ratios.sort_by(f64::total_cmp);
        let at = |q: f64| ratios[((ratios.len() - 1) as f64 * q).round() as usize];
        println!(
            "  {}: {:.4} of its time (quartiles {:.4} to {:.4}, {} rounds)",
            variant.0,
            at(0.5),
            at(0.25),
            at(0.75),
            ratios.len()
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn filled(model: &Model, lanes: usize) -> KvCache {
    let mut cache = KvCache::new(model, lanes);
    let ids: Vec<Vec<u32>> = (0..lanes).map(|s| tokens(PROMPT, s)).collect();
    let parts: Vec<Part<'_>> = ids
        .iter()
        .enumerate()
        .map(|(sequence, ids)| Part { sequence, ids })
        .collect();
    let never = Cancel::never();
    model
        .extend(&mut cache, &parts, Keep::Nothing, &mut NoHook, &never)
        .expect("a prefill");
    cache
}

/// Time of `steps` tokens per lane, output head included.
fn decode(
    model: &Model,
    mut cache: KvCache,
    lanes: usize,
    steps: u32,
    hook: &mut dyn Hook,
) -> Duration {
    let begin = Instant::now();
    for step in 0..steps {
        let ids = [step + 5];
        let parts: Vec<Part<'_>> = (0..lanes)
            .map(|sequence| Part {
                sequence,
                ids: &ids,
            })
            .collect();
        let rows = model
            .extend(&mut cache, &parts, Keep::Last, hook, &Cancel::never())
            .expect("a step");
        std::hint::black_box(model.logits(&rows).expect("logits"));
    }
    begin.elapsed()
}
