//! `persona_mean` (Chen et al. 2507.21509): what the model does under a system text that asks for a trait,
//! less what it does under one that asks for the opposite.
//!
//! The source keeps only pairs that a judge scores (trait at least 50 and below 50, coherence at least
//! 50). There is no judge here: every pair with two responses is kept, and the vector says so.

use super::corpora::{SideText, Texts};
use super::error::ExtractError;
use super::family::{BlockOutcome, Family, Outcome};
use super::linear::add;
use super::mean::MeanDifference;
use super::method::Method;
use super::position::{Layout, Phase, PositionRead};
use super::read::{self, batch_len};
use super::respond::{Responding, respond};
use crate::engine::{Cancel, EngineError, Model};
use crate::units::BlockIndex;

/// Two system texts and the prompts that are answered under both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Persona {
    /// System text that asks for the trait.
    pub positive: String,
    /// System text that asks for its opposite.
    pub negative: String,
    /// What the user says, one response under each.
    pub prompts: Texts,
}

/// Prompts under way.
pub(super) struct PersonaJob {
    /// Tokens of each prompt under the trait's and the other system text.
    prompts: Vec<[Vec<u32>; 2]>,
    read: PositionRead,
    how: Responding,
    stop: Vec<u32>,
    next: usize,
    mean: MeanDifference,
    kept: usize,
    empty: usize,
    responses: Vec<[String; 2]>,
    blocks: usize,
    dataset_id: String,
    chat: bool,
}

impl PersonaJob {
    pub(super) fn new(
        model: &Model,
        persona: &Persona,
        read: PositionRead,
        how: Responding,
    ) -> Result<Self, ExtractError> {
        let readable = matches!(
            read,
            PositionRead::Phase(Phase::Assistant) | PositionRead::Prompt | PositionRead::PromptLast
        );
        if !readable {
            return Err(ExtractError::WrongSource {
                method: Method::PersonaMean,
                given: "that position",
                needed: "read it at assistant (mean over the response), prompt_last or prompt",
            });
        }
        let most = model.config().max_positions;
        let mut prompts = Vec::with_capacity(persona.prompts.texts.len());
        for text in &persona.prompts.texts {
            let ask = |system: &str| asked(model, system, text);
            let both = [ask(&persona.positive)?, ask(&persona.negative)?];
            if both.iter().all(|ids| !ids.is_empty() && ids.len() < most) {
                prompts.push(both);
            }
        }
        if prompts.is_empty() {
            return Err(ExtractError::NoTexts {
                what: "prompt",
                file: persona.prompts.name.clone(),
                why: format!(
                    "none of {} fits the model's context",
                    persona.prompts.texts.len()
                ),
                needed: 1,
            });
        }
        let systems = Texts {
            name: String::new(),
            texts: vec![persona.positive.clone(), persona.negative.clone()],
        };
        Ok(Self {
            prompts,
            read,
            how,
            stop: model.chat_stop_ids(),
            next: 0,
            mean: MeanDifference::new(model.n_blocks(), model.hidden_size()),
            kept: 0,
            empty: 0,
            responses: Vec::new(),
            blocks: model.n_blocks(),
            dataset_id: Texts::id([&systems, &persona.prompts]),
            chat: model.chat().is_some(),
        })
    }

    /// Prompts of the next batch: those that fill a pass together with their responses.
    fn batch(&self, model: &Model) -> usize {
        let room = if self.generates() {
            self.how.max_tokens
        } else {
            0
        };
        let sizes = self.prompts[self.next..]
            .iter()
            .map(|[a, b]| (a.len() + b.len() + 2 * room, 2));
        batch_len(model, self.blocks, sizes).min(self.prompts.len() - self.next)
    }

    fn generates(&self) -> bool {
        self.read == PositionRead::Phase(Phase::Assistant)
    }
}

impl Family for PersonaJob {
    fn total(&self) -> usize {
        self.prompts.len()
    }

    fn step(&mut self, model: &Model, cancel: &Cancel) -> Result<usize, ExtractError> {
        let n = self.batch(model);
        let batch = &self.prompts[self.next..self.next + n];
        let flat: Vec<&[u32]> = batch.iter().flatten().map(Vec::as_slice).collect();
        let answers = if self.generates() && n > 0 {
            respond(model, &flat, &self.stop, self.how, 2 * self.next, cancel)?
        } else {
            vec![Vec::new(); flat.len()]
        };
        let mut texts = Vec::with_capacity(flat.len());
        let mut said = Vec::new();
        let mut empty = 0;
        for (prompts, answers) in flat.chunks_exact(2).zip(answers.chunks_exact(2)) {
            let mut pair = Vec::with_capacity(2);
            for (side, (prompt, answer)) in prompts.iter().zip(answers).enumerate() {
                let ids = [prompt, answer.as_slice()].concat();
                let layout = Layout {
                    len: ids.len(),
                    prompt_len: Some(prompt.len()),
                    ..Layout::default()
                };
                if let Ok(positions) = self.read.of(&layout) {
                    let mut ids = ids;
                    ids.truncate(positions.end());
                    let slots = vec![positions];
                    pair.push(SideText { side, ids, slots });
                }
            }
            if pair.len() == 2 {
                texts.extend(pair);
                if let ([a, b], true) = (answers, self.generates()) {
                    let decode = |ids: &[u32]| model.tokenizer().decode(ids);
                    said.push([decode(a)?, decode(b)?]);
                }
            } else {
                empty += 1;
            }
        }
        let mean = &mut self.mean;
        let mut first: Vec<f64> = Vec::new();
        let mut take = |read: read::SlotSum<'_>| {
            let row: Vec<f64> = read.sum.iter().map(|x| x / read.tokens as f64).collect();
            if read.text.is_multiple_of(2) {
                first = row;
            } else {
                add(&mut first, &row, -1.0);
                mean.add_difference(BlockIndex(read.block), first.iter().copied());
            }
        };
        let passages: Vec<read::Passage<'_>> = texts.iter().map(SideText::passage).collect();
        if !passages.is_empty() {
            read::read(model, &passages, &[], 0..self.blocks, &mut take, cancel)?;
        }
        self.kept += texts.len() / 2;
        self.empty += empty;
        self.responses.extend(said);
        self.next += n;
        Ok(self.next)
    }

    fn outcome(&self) -> Result<Outcome, ExtractError> {
        if self.kept == 0 && self.empty > 0 {
            return Err(ExtractError::NoTexts {
                what: "response",
                file: "the model".to_owned(),
                why: format!("it said nothing to {} prompts", self.empty),
                needed: 1,
            });
        }
        let block = |block| {
            let (mean, n) = self.mean.at(block).ok_or(ExtractError::NothingRead)?;
            let outcome = BlockOutcome::of_mean(Method::PersonaMean, block, mean, n)?;
            Ok((block, outcome))
        };
        let mut outcome = Outcome {
            blocks: (0..self.blocks)
                .map(block)
                .collect::<Result<_, ExtractError>>()?,
            counts: [self.kept, self.kept],
            read: self.read.to_string(),
            dataset_id: self.dataset_id.clone(),
            responses: self.responses.clone(),
            ..Outcome::default()
        };
        let mut fact = |key: &str, value: String| outcome.facts.insert(key.to_owned(), value);
        fact(
            "filter",
            format!("unfiltered: no judge, all {} pairs kept", self.kept),
        );
        fact(
            "template",
            if self.chat { "chat" } else { "plain" }.to_owned(),
        );
        if self.empty > 0 {
            fact("empty_responses", self.empty.to_string());
        }
        if self.generates() {
            fact("max_tokens", self.how.max_tokens.to_string());
            fact("temperature", self.how.temperature.to_string());
            fact("seed", self.how.seed.to_string());
        }
        Ok(outcome)
    }
}

/// A prompt under a system text: in the model's chat format, with an empty line between them for a
/// model without one.
fn asked(model: &Model, system: &str, prompt: &str) -> Result<Vec<u32>, EngineError> {
    let given = Some(system).filter(|s| !s.is_empty());
    match model.chat_prompt(given, prompt) {
        Ok(turn) => Ok(turn.ids),
        Err(EngineError::NoChat) => match given {
            Some(system) => model.tokenizer().encode(&format!("{system}\n\n{prompt}")),
            None => model.tokenizer().encode(prompt),
        },
        Err(error) => Err(error),
    }
}
