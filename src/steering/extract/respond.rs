//! Responses of the model to many prompts, decoded as one batch.

use crate::engine::{Cancel, EngineError, Keep, KvCache, Model, NoHook, Part};
use crate::stats::MersenneTwister;

/// How responses are generated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Responding {
    /// Most tokens of a response.
    pub max_tokens: usize,
    /// 0 takes the likeliest token.
    pub temperature: f64,
    /// Seed of the draws; each response has random numbers of its own.
    pub seed: u64,
}

impl Default for Responding {
    fn default() -> Self {
        Self {
            max_tokens: 64,
            temperature: 0.0,
            seed: 0,
        }
    }
}

/// Tokens of one response to each prompt, stop tokens left out. `first` numbers the responses, so that
/// a response's random numbers do not depend on its batch.
pub(super) fn respond(
    model: &Model,
    prompts: &[&[u32]],
    stop: &[u32],
    how: Responding,
    first: usize,
    cancel: &Cancel,
) -> Result<Vec<Vec<u32>>, EngineError> {
    let most = model.config().max_positions;
    let vocabulary = model.config().vocab_size.max(1);
    let mut cache = KvCache::new(model, prompts.len());
    let mut responses: Vec<Vec<u32>> = vec![Vec::new(); prompts.len()];
    let mut random: Vec<MersenneTwister> = (0..prompts.len())
        .map(|i| MersenneTwister::new(how.seed.wrapping_add((first + i) as u64)))
        .collect();
    let mut open: Vec<usize> = (0..prompts.len())
        .filter(|i| prompts[*i].len() < most)
        .collect();
    while !open.is_empty() {
        let parts: Vec<Part<'_>> = (open.iter())
            .map(|&sequence| Part {
                sequence,
                ids: match responses[sequence].as_slice() {
                    [] => prompts[sequence],
                    said => &said[said.len() - 1..],
                },
            })
            .collect();
        let rows = model.extend(&mut cache, &parts, Keep::Last, &mut NoHook, cancel)?;
        let logits = model.logits(&rows)?;
        let mut still = Vec::with_capacity(open.len());
        for (&i, logits) in open.iter().zip(logits.chunks_exact(vocabulary)) {
            let Some(token) = choose(logits, how.temperature, &mut random[i]) else {
                continue;
            };
            if stop.contains(&token) {
                continue;
            }
            responses[i].push(token);
            let used = prompts[i].len() + responses[i].len();
            if responses[i].len() < how.max_tokens && used < most {
                still.push(i);
            }
        }
        open = still;
    }
    Ok(responses)
}

/// The likeliest token, or one drawn from softmax(logits/temperature); `None` where logits are not
/// finite.
fn choose(logits: &[f32], temperature: f64, random: &mut MersenneTwister) -> Option<u32> {
    if logits.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let (mut best, mut top) = (0, f32::NEG_INFINITY);
    for (i, x) in logits.iter().enumerate() {
        if *x > top {
            (best, top) = (i, *x);
        }
    }
    // Below this the division gives the likeliest token anyway.
    if temperature < 1e-5 {
        return u32::try_from(best).ok();
    }
    let weight = |x: &f32| ((f64::from(*x) - f64::from(top)) / temperature).exp();
    let total: f64 = logits.iter().map(weight).sum();
    let mut left = f64::from(random.next_u32()) / 4_294_967_296.0 * total;
    for (i, x) in logits.iter().enumerate() {
        left -= weight(x);
        if left < 0.0 {
            return u32::try_from(i).ok();
        }
    }
    u32::try_from(best).ok()
}
