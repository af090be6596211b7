//! Tokenising and locating once per model and data set.

use rayon::prelude::*;

use super::error::MeasureError;
use super::prompting::Prompting;
use super::protocol::Propensity;
use crate::engine::{EngineError, Model, TextTokenizer};
use crate::steering::dataset::{Dataset, Example};
use crate::steering::{LocatedTexts, Rejection, Rejections, Wording};

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
    /// Tokens after position k of the positive and of the negative text, such as a closing
    /// parenthesis; only summed logits look at them.
    pub tails: [Vec<u32>; 2],
    /// Prompt text.
    pub prompt: String,
    /// Answer that shows the behaviour, as it follows the prompt.
    pub positive: String,
    /// The other answer.
    pub negative: String,
}

impl PreparedInput {
    /// The prompt's tokens, without any of an answer.
    pub fn prompt_ids(&self) -> &[u32] {
        self.prefix.get(..self.prompt_len).unwrap_or(&self.prefix)
    }
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
    /// What is measured of them.
    pub propensity: Propensity,
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
        let wordings: Vec<Wording> = rows.iter().filter_map(|e| Wording::of(e)).collect();
        let texts_only = rows.len() - wordings.len();
        Self::collect(dataset, &wordings, texts_only, tokenizer, max_positions)
    }

    /// The same in a template.
    ///
    /// # Errors
    /// [`MeasureError::NoInputs`]; those of [`Prompting::wording`].
    pub fn of_prompted(
        dataset: &Dataset,
        rows: &[&Example],
        prompting: &Prompting,
        model: &Model,
    ) -> Result<Self, MeasureError> {
        let wordings = prompting.wordings(model, rows.iter().copied())?;
        let texts_only = rows.len() - wordings.len();
        let most = model.config().max_positions;
        Self::collect(dataset, &wordings, texts_only, model.tokenizer(), most)
    }

    /// Inputs of given wordings, such as the rows of a data set in a chat format.
    pub fn of_wordings(
        dataset: &Dataset,
        wordings: &[Wording],
        tokenizer: &TextTokenizer,
        max_positions: usize,
    ) -> Result<Self, MeasureError> {
        Self::collect(dataset, wordings, 0, tokenizer, max_positions)
    }

    fn collect(
        dataset: &Dataset,
        wordings: &[Wording],
        texts_only: usize,
        tokenizer: &TextTokenizer,
        max_positions: usize,
    ) -> Result<Self, MeasureError> {
        let prepared: Vec<_> = wordings
            .par_iter()
            .map(|w| prepare(w, tokenizer, max_positions))
            .collect();
        let mut set = Self {
            dataset: dataset.name.clone(),
            dataset_id: dataset.id.clone(),
            inputs: Vec::with_capacity(prepared.len()),
            rejected: Rejections::default(),
            texts_only,
            propensity: Propensity::AnswerLogit,
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

    /// The same measured by summed logits ([`Propensity::SumLogits`]); inputs whose whole answers are
    /// longer than `max_positions` tokens with their prompt are left out.
    #[must_use]
    pub fn summed(mut self, max_positions: usize) -> Self {
        self.propensity = Propensity::SumLogits;
        let n = self.inputs.len();
        self.inputs.retain(|input| {
            let tail = input.tails.iter().map(Vec::len).max().unwrap_or(0);
            input.prefix.len() + 1 + tail <= max_positions
        });
        for _ in self.inputs.len()..n {
            self.rejected.add(Rejection::TooLong);
        }
        self
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
    wording: &Wording,
    tokenizer: &TextTokenizer,
    max_positions: usize,
) -> Result<Result<PreparedInput, Rejection>, EngineError> {
    let LocatedTexts {
        located,
        texts: [mut prefix, negative_text],
    } = match wording.tokens(tokenizer)? {
        Ok(found) => found,
        Err(reason) => return Ok(Err(reason)),
    };
    if located.k >= max_positions {
        return Ok(Err(Rejection::TooLong));
    }
    let tail = |text: &[u32]| text.get(located.k + 1..).unwrap_or_default().to_vec();
    let tails = [tail(&prefix), tail(&negative_text)];
    prefix.truncate(located.k);
    let [positive, negative] = wording.answers.clone();
    Ok(Ok(PreparedInput {
        row: wording.row,
        prefix,
        prompt_len: located.prompt_len,
        answers: [located.positive, located.negative],
        tails,
        prompt: wording.prompt.clone(),
        positive,
        negative,
    }))
}
