//! How the rows of a data set are asked and what their propensity is: the part of a protocol that is
//! fixed before any vector.

use super::error::MeasureError;
use super::prepare::PreparedSet;
use super::prompting::Prompting;
use super::protocol::{Propensity, Protocol, Split};
use crate::engine::{Cancel, Model};
use crate::steering::dataset::{Dataset, Example, LoadOptions, Part};
use crate::steering::{NORM_PROMPTS, PairSet, wording_norms};

/// Rows, wording and propensity of measurements.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// What stands around the prompts.
    pub prompting: Prompting,
    /// As the released code of Tan et al. (2407.12404) does it: overlapping split, repeated prompts,
    /// summed logits.
    pub parity: bool,
}

impl Asked {
    /// How a data set has to be read for it.
    pub fn load_options(&self) -> LoadOptions {
        LoadOptions {
            // Repeated prompts are part of the published split.
            deduplicate: !self.parity,
        }
    }

    /// The rows of a part in measuring order and how the protocol names them.
    ///
    /// # Errors
    /// [`MeasureError::PublishedPart`] and [`MeasureError::PublishedRows`] where the published split
    /// does not have them.
    pub fn part<'a>(
        &self,
        dataset: &'a Dataset,
        part: Part,
        seed: u64,
    ) -> Result<(Vec<&'a Example>, Split), MeasureError> {
        if !self.parity {
            return Ok((dataset.part(part, seed), Split::part(part, seed)));
        }
        let split = Split::published(part, seed);
        let split = split.ok_or(MeasureError::PublishedPart { part: part.name() })?;
        let (rows, _) = dataset.published_part(part, seed);
        if rows.is_empty() {
            return Err(MeasureError::PublishedRows {
                dataset: dataset.name.clone(),
                rows: dataset.examples.len(),
            });
        }
        Ok((rows, split))
    }

    /// Contrastive pairs of worded rows ([`Prompting::examples`]).
    ///
    /// # Errors
    /// [`MeasureError::WholeTexts`] where only whole texts would have to be put into a template; those of
    /// [`Prompting::wording`] and [`PairSet::of_rows`].
    pub fn pairs(
        &self,
        model: &Model,
        dataset: &Dataset,
        examples: &[Example],
    ) -> Result<PairSet, MeasureError> {
        let (tokenizer, most) = (model.tokenizer(), model.config().max_positions);
        if self.prompting == Prompting::plain() {
            let rows: Vec<&Example> = examples.iter().collect();
            return Ok(PairSet::of_rows(dataset, &rows, tokenizer, most)?);
        }
        let wordings = self.prompting.wordings(model, examples)?;
        if wordings.is_empty() && !examples.is_empty() {
            return Err(MeasureError::WholeTexts {
                dataset: dataset.name.clone(),
            });
        }
        Ok(PairSet::of_wordings(dataset, &wordings, tokenizer, most)?)
    }

    /// Worded rows as inputs of the model.
    ///
    /// # Errors
    /// Those of [`PreparedSet::of_prompted`].
    pub fn prepared(
        &self,
        model: &Model,
        dataset: &Dataset,
        examples: &[Example],
    ) -> Result<PreparedSet, MeasureError> {
        let rows: Vec<&Example> = examples.iter().collect();
        let set = PreparedSet::of_prompted(dataset, &rows, &self.prompting, model)?;
        Ok(if self.parity {
            set.summed(model.config().max_positions)
        } else {
            set
        })
    }

    /// `H_b` per block over prompts of the validation part as they are asked; of the test part where
    /// there is none.
    ///
    /// # Errors
    /// Those of [`Prompting::wording`] and of the engine.
    pub fn norms(
        &self,
        model: &Model,
        dataset: &Dataset,
        cancel: &Cancel,
    ) -> Result<Vec<f32>, MeasureError> {
        let parts = [Part::Validation, Part::Test].map(|part| dataset.part(part, 0));
        let rows = parts.iter().find(|rows| !rows.is_empty());
        let with_prompt = rows.into_iter().flatten().copied();
        let some: Vec<&Example> = with_prompt
            .filter(|e| e.prompt_text().is_some())
            .take(NORM_PROMPTS)
            .collect();
        let examples = self.prompting.examples(&some);
        let wordings = self.prompting.wordings(model, &examples)?;
        Ok(wording_norms(model, &wordings, cancel)?)
    }

    /// The protocol of measurements so asked.
    #[must_use]
    pub fn stamp(&self, protocol: Protocol) -> Protocol {
        let mut protocol = self.prompting.stamp(protocol);
        if self.parity {
            protocol.propensity = Propensity::SumLogits;
        }
        protocol
    }
}
