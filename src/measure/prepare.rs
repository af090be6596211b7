//! Tokenising and locating once per model and data set.

use rayon::prelude::*;

use super::error::MeasureError;
use crate::engine::{EngineError, TextTokenizer};
use crate::steering::dataset::{Dataset, Example};
use crate::steering::{Located, Rejection, Rejections, locate};

/// One input as the model sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedInput {
    /// Row of the data set: the input's stable id.
    pub row: usize,
    /// Shared prefix of both texts, `ids[0..k)`, BOS included. Propensity is read from the logits
    /// at its last position, k − 1.
    pub prefix: Vec<u32>,
    /// P: tokens of the prompt.
    pub prompt_len: usize,
    /// Tokens at position k: `[y⁺, y⁻]`.
    pub answers: [u32; 2],
    /// Prompt text.
    pub prompt: String,
    /// Answer that shows the behaviour, as it follows the prompt.
    pub positive: String,
    /// The other answer.
    pub negative: String,
}

/// The measurable inputs of a data set for one tokenizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedSet {
    /// Name of the data set.
    pub dataset: String,
    /// Its canonical hash.
    pub dataset_id: String,
    /// Inputs in measuring order.
    pub inputs: Vec<PreparedInput>,
    /// Rows left out, counted by reason.
    pub rejected: Rejections,
    /// Rows without a prompt, which cannot be measured.
    pub texts_only: usize,
}

impl PreparedSet {
    /// Prepares every measurable row of a data set; rows longer than `max_positions` tokens are
    /// left out.
    pub fn build(
        dataset: &Dataset,
        tokenizer: &TextTokenizer,
        max_positions: usize,
    ) -> Result<Self, MeasureError> {
        let rows: Vec<&Example> = dataset.examples.iter().collect();
        Self::of_rows(dataset, &rows, tokenizer, max_positions)
    }

    /// The same for some rows, such as the test part of a split.
    pub fn of_rows(
        dataset: &Dataset,
        rows: &[&Example],
        tokenizer: &TextTokenizer,
        max_positions: usize,
    ) -> Result<Self, MeasureError> {
        let with_prompt: Vec<&Example> = rows
            .iter()
            .copied()
            .filter(|e| e.prompt_text().is_some())
            .collect();
        let prepared: Vec<_> = with_prompt
            .par_iter()
            .map(|e| prepare(e, tokenizer, max_positions))
            .collect();
        let mut set = Self {
            dataset: dataset.name.clone(),
            dataset_id: dataset.id.clone(),
            inputs: Vec::with_capacity(prepared.len()),
            rejected: Rejections::default(),
            texts_only: rows.len() - with_prompt.len(),
        };
        for input in prepared {
            match input? {
                Ok(input) => set.inputs.push(input),
                Err(reason) => set.rejected.add(reason),
            }
        }
        if set.inputs.is_empty() {
            let why = set.warnings().join("; ");
            let why = if why.is_empty() {
                "it has no rows".to_owned()
            } else {
                why
            };
            return Err(MeasureError::NoInputs {
                dataset: set.dataset,
                why,
            });
        }
        Ok(set)
    }

    /// Inputs whose answer letter is predicted at the last prompt position: under the mask
    /// `from_answer` nothing that is read there is steered and the effect is exactly zero.
    pub fn void_under_from_answer(&self) -> usize {
        self.inputs
            .iter()
            .filter(|input| input.prefix.len() == input.prompt_len)
            .count()
    }

    /// Counted remarks on rows that were left out.
    pub fn warnings(&self) -> Vec<String> {
        let mut messages = self.rejected.messages();
        if self.texts_only > 0 {
            messages.push(format!(
                "{} rows without a prompt: for extraction only",
                self.texts_only
            ));
        }
        messages
    }
}

fn prepare(
    example: &Example,
    tokenizer: &TextTokenizer,
    max_positions: usize,
) -> Result<Result<PreparedInput, Rejection>, EngineError> {
    let prompt = example.prompt_text().unwrap_or_default();
    let [positive, negative] = example.answer_texts();
    let mut prefix = tokenizer.encode(&format!("{prompt}{positive}"))?;
    let other = tokenizer.encode(&format!("{prompt}{negative}"))?;
    let found = match locate(&tokenizer.encode(prompt)?, &prefix, &other) {
        Ok(found) => found,
        Err(reason) => return Ok(Err(reason)),
    };
    let Located {
        prompt_len,
        k,
        positive: yes,
        negative: no,
    } = found;
    if k >= max_positions {
        return Ok(Err(Rejection::TooLong));
    }
    prefix.truncate(k);
    let (row, prompt, answers) = (example.row, prompt.to_owned(), [yes, no]);
    Ok(Ok(PreparedInput {
        row,
        prefix,
        prompt_len,
        answers,
        prompt,
        positive,
        negative,
    }))
}
