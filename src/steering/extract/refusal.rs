//! `refusal_mean` (Arditi et al. 2406.11717): harmful against harmless prompts at each token after the
//! instruction, the position and block chosen on prompts kept apart.
//!
//! The source scores candidates by what they do to refusals. Here the score is d′ of the held-out prompts'
//! projections on the candidate: how far the two kinds stand apart along it, without any
//! generation. As in the source, the last fifth of the blocks is not chosen from.

use std::collections::BTreeMap;

use super::super::pair::conversation;
use super::corpora::{Side, SideText, Texts, difference, in_turn, read_texts};
use super::error::ExtractError;
use super::family::{BlockOutcome, Family, Outcome};
use super::linear::{dot, norm};
use super::method::Method;
use super::position::Positions;
use super::read::SlotSum;
use crate::engine::{Cancel, EngineError, Model};
use crate::stats::{DPrime, MersenneTwister, auc, d_prime};

/// Most tokens after the instruction that are looked at.
const MOST: usize = 16;

/// Prompts under way: the training part first, then the part that chooses.
pub(super) struct Refusal {
    texts: Vec<SideText>,
    /// Texts of the training part.
    training: usize,
    next: usize,
    /// Sums per position after the instruction, the first of them first.
    sides: Vec<[Side; 2]>,
    /// Projections of held-out prompts per position and block, both sides.
    held_out: Vec<Vec<[Vec<f64>; 2]>>,
    blocks: usize,
    dataset_id: String,
    chat: bool,
    seed: u64,
}

impl Refusal {
    pub(super) fn new(
        model: &Model,
        sides: [&Texts; 2],
        system: Option<&str>,
        seed: u64,
    ) -> Result<Self, ExtractError> {
        let most = model.config().max_positions;
        let mut all = Vec::with_capacity(2);
        let mut after = MOST;
        for corpus in sides {
            let mut prompts = Vec::with_capacity(corpus.texts.len());
            for text in &corpus.texts {
                let (ids, tokens) = asked(model, system, text)?;
                if !ids.is_empty() && ids.len() <= most {
                    after = after.min(tokens);
                    prompts.push(ids);
                }
            }
            if prompts.len() < 4 {
                return Err(ExtractError::NoTexts {
                    what: "prompt",
                    file: corpus.name.clone(),
                    why: format!("{} fit the model's context", prompts.len()),
                    needed: 4,
                });
            }
            let mut random = MersenneTwister::new(seed);
            random.shuffle(&mut prompts);
            all.push(prompts);
        }
        let after = after.max(1);
        let (mut training, mut choosing) = (Vec::new(), Vec::new());
        for mut prompts in all {
            let chosen = prompts.split_off(prompts.len() - (prompts.len() / 5).max(2));
            training.push(prompts);
            choosing.push(chosen);
        }
        let text = |(side, ids): (usize, Vec<u32>)| {
            let from = ids.len().saturating_sub(after);
            let slots = (from..ids.len()).map(Positions::one).collect();
            SideText { side, ids, slots }
        };
        let part = |sides: Vec<Vec<Vec<u32>>>| {
            let sides = <[_; 2]>::try_from(sides).unwrap_or_default();
            in_turn(sides).into_iter().map(text).collect::<Vec<_>>()
        };
        let mut texts = part(training);
        let training = texts.len();
        texts.extend(part(choosing));
        let blocks = model.n_blocks();
        let side = Side::new(blocks, model.hidden_size());
        Ok(Self {
            texts,
            training,
            next: 0,
            sides: vec![[side.clone(), side]; after],
            held_out: vec![vec![[Vec::new(), Vec::new()]; blocks]; after],
            blocks,
            dataset_id: Texts::id(sides),
            chat: model.chat().is_some(),
            seed,
        })
    }

    /// d′ of the held-out projections; `None` before there are any.
    fn score(&self, position: usize, block: usize) -> Option<f64> {
        let [harmful, harmless] = self.held_out.get(position)?.get(block)?;
        match d_prime(harmful, harmless)? {
            DPrime::Separated => auc(harmful, harmless)
                .filter(|a| *a > 0.5)
                .map(|_| f64::INFINITY),
            DPrime::Finite(value) => Some(value),
        }
    }

    /// Best position and block of the first four fifths of the model.
    fn best(&self) -> Option<(usize, usize, f64)> {
        let blocks = (self.blocks * 4).div_ceil(5).clamp(1, self.blocks.max(1));
        let all = (0..self.sides.len()).flat_map(|p| (0..blocks).map(move |b| (p, b)));
        all.filter_map(|(p, b)| Some((p, b, self.score(p, b)?)))
            .reduce(|best, other| if other.2 > best.2 { other } else { best })
    }
}

impl Family for Refusal {
    fn total(&self) -> usize {
        self.texts.len()
    }

    fn step(&mut self, model: &Model, cancel: &Cancel) -> Result<usize, ExtractError> {
        let trains = self.next < self.training;
        let part = if trains {
            self.next..self.training
        } else {
            self.next..self.texts.len()
        };
        let rest = self.texts.get(part).unwrap_or_default();
        let (sides, held_out) = (&mut self.sides, &mut self.held_out);
        let mut take = |read: SlotSum<'_>| {
            let (Some(text), Some(sides)) = (rest.get(read.text), sides.get_mut(read.slot)) else {
                return;
            };
            if trains {
                if let Some(side) = sides.get_mut(text.side) {
                    side.add(read.block, read.sum, read.tokens);
                }
                return;
            }
            let direction = difference(sides, read.block).unwrap_or_default();
            let length = norm(&direction);
            let place = held_out
                .get_mut(read.slot)
                .and_then(|p| p.get_mut(read.block));
            if let Some(place) = place
                .and_then(|p| p.get_mut(text.side))
                .filter(|_| length > 0.0)
            {
                place.push(dot(read.sum, &direction) / length);
            }
        };
        self.next += read_texts(model, rest, 0..self.blocks, &mut take, cancel)?;
        Ok(self.next)
    }

    fn outcome(&self) -> Result<Outcome, ExtractError> {
        let last = self.sides.len() - 1;
        let best = self.best();
        let position = best.map_or(last, |(p, _, _)| p);
        let sides = &self.sides[position];
        let counts = [sides[0].texts, sides[1].texts];
        let block = |block| {
            let mean = difference(sides, block).ok_or(ExtractError::NothingRead)?;
            let n = counts[0].min(counts[1]);
            Ok((
                block,
                BlockOutcome::of_mean(Method::RefusalMean, block, mean, n)?,
            ))
        };
        let mut facts = BTreeMap::new();
        let mut fact = |key: &str, value: String| facts.insert(key.to_owned(), value);
        fact(
            "template",
            if self.chat { "chat" } else { "plain" }.to_owned(),
        );
        fact("seed", self.seed.to_string());
        fact("positions_tried", self.sides.len().to_string());
        if let Some((_, chosen, score)) = best {
            fact("chosen_by", "d' of held-out projections".to_owned());
            fact("chosen_block", chosen.to_string());
            fact("chosen_score", format!("{score:.4}"));
            fact(
                "held_out_texts",
                (self.texts.len() - self.training).to_string(),
            );
        }
        Ok(Outcome {
            blocks: (0..self.blocks)
                .map(block)
                .collect::<Result<_, ExtractError>>()?,
            counts,
            read: match last - position {
                0 => "last".to_owned(),
                before => format!("-{}", before + 1),
            },
            dataset_id: self.dataset_id.clone(),
            recommended: best.map(|(_, b, _)| b),
            facts,
            ..Outcome::default()
        })
    }
}

/// A prompt as the model is asked it, and its tokens after the instruction: those that the chat template
/// puts there, 1 for a model without one.
fn asked(
    model: &Model,
    system: Option<&str>,
    prompt: &str,
) -> Result<(Vec<u32>, usize), EngineError> {
    match model.chat_prompt(system, prompt.trim()) {
        Ok(turn) => {
            let encode = |text: &str| model.tokenizer().encode_verbatim(text);
            let [_, user] = conversation(&turn.text, system, prompt, &turn.ids, &encode)?;
            let after = user.map_or(1, |user| turn.ids.len() - user.end);
            Ok((turn.ids, after))
        }
        Err(EngineError::NoChat) => {
            let text = system.map_or_else(|| prompt.to_owned(), |s| format!("{s}\n\n{prompt}"));
            Ok((model.tokenizer().encode(&text)?, 1))
        }
        Err(error) => Err(error),
    }
}
