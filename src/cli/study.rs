//! A data set as the flags ask for it: which rows, worded how, measured by which definition.

use std::sync::Arc;

use super::args::{AskArgs, TemplateChoice};
use super::lab::SLICE;
use super::open::{self, Opened, failed, remark};
use super::output::{Ending, Progress};
use crate::engine::Cancel;
use crate::measure::{
    CacheFacts, CacheOptions, DEFAULT_SYSTEM, PreparedSet, PromptCache, Prompting, Propensity,
    Protocol, Site, Split, summed_propensity,
};
use crate::steering::dataset::{Dataset, Example, LoadOptions, Part};
use crate::steering::{NORM_PROMPTS, PairSet, SteeringVector, extract_mean, wording_norms};
use crate::units::{BlockIndex, Mask};

/// One data set on one model.
pub(super) struct Study<'a> {
    opened: &'a Opened,
    pub(super) dataset: Dataset,
    pub(super) prompting: Prompting,
    /// As the published code does it: overlapping split, repeated prompts, summed logits.
    parity: bool,
    seed: u64,
}

/// Rows of one part, worded.
pub(super) struct Rows {
    pub(super) examples: Vec<Example>,
    pub(super) split: Split,
}

impl Rows {
    pub(super) fn refs(&self) -> Vec<&Example> {
        self.examples.iter().collect()
    }
}

impl<'a> Study<'a> {
    /// Opens a data set; remarks go to standard error.
    pub(super) fn open(
        opened: &'a Opened,
        dataset: &str,
        ask: &AskArgs,
        parity: bool,
        seed: u64,
    ) -> Result<Self, Ending> {
        let prompting = prompting(opened, ask)?;
        // Repeated prompts are part of the published split.
        let options = LoadOptions {
            deduplicate: !parity,
        };
        Ok(Self {
            opened,
            dataset: open::dataset_with(dataset, options)?,
            prompting,
            parity,
            seed,
        })
    }

    /// The rows of a part in measuring order, at most `limit`.
    pub(super) fn rows(&self, part: Part, limit: Option<usize>) -> Result<Rows, Ending> {
        let (mut rows, split) = if self.parity {
            let split = Split::published(part, self.seed).ok_or_else(|| {
                Ending::Usage(format!(
                    "the published split has no part '{}'; with --parity give --split test or train",
                    part.name()
                ))
            })?;
            (self.published(part)?, split)
        } else {
            let rows = self.dataset.part(part, self.seed);
            (rows, Split::part(part, self.seed))
        };
        rows.truncate(limit.unwrap_or(usize::MAX));
        Ok(Rows {
            examples: self.prompting.examples(&rows),
            split: split.first(limit),
        })
    }

    fn published(&self, part: Part) -> Result<Vec<&Example>, Ending> {
        let (rows, overlap) = self.dataset.published_part(part, self.seed);
        if rows.is_empty() {
            return Err(Ending::Failed(format!(
                "the published split tests rows from number 50 on; '{}' has {} rows",
                self.dataset.name,
                self.dataset.examples.len()
            )));
        }
        if part == Part::Test {
            remark(&format!(
                "paper-parity: {overlap} of {} test rows are training rows too",
                rows.len()
            ));
        }
        Ok(rows)
    }

    /// Without a vector: the mean difference over the training part, which no reported input is in
    /// unless the published split is asked for.
    pub(super) fn own_vector(&self) -> Result<SteeringVector, Ending> {
        let rows = if self.parity {
            self.dataset.published_part(Part::Train, self.seed).0
        } else {
            self.dataset.part(Part::Train, self.seed)
        };
        let pairs = self.pairs(&self.prompting.examples(&rows))?;
        remark(&format!(
            "no --vector given: taking the mean difference of {} training pairs of '{}'",
            pairs.pairs.len(),
            self.dataset.name
        ));
        let mut progress = Progress::start("extracting");
        let mut report = |done, total| progress.update(done, total);
        extract_mean(
            &self.opened.model,
            &self.dataset.name,
            &self.opened.name,
            &pairs,
            &mut report,
            &Cancel::never(),
        )
        .map_err(failed)
    }

    /// Contrastive pairs of worded rows.
    pub(super) fn pairs(&self, examples: &[Example]) -> Result<PairSet, Ending> {
        let model = &self.opened.model;
        let (tokenizer, most) = (model.tokenizer(), model.config().max_positions);
        if self.prompting == Prompting::plain() {
            let rows: Vec<&Example> = examples.iter().collect();
            return PairSet::of_rows(&self.dataset, &rows, tokenizer, most).map_err(failed);
        }
        let wordings = self.prompting.wordings(model, examples).map_err(failed)?;
        if wordings.is_empty() && !examples.is_empty() {
            return Err(Ending::Failed(format!(
                "'{}' holds whole texts without prompts; leave --template chat out",
                self.dataset.name
            )));
        }
        PairSet::of_wordings(&self.dataset, &wordings, tokenizer, most).map_err(failed)
    }

    /// The rows as inputs of the model; what is left out or cannot be steered goes to standard error.
    pub(super) fn prepared(&self, rows: &Rows, mask: Mask) -> Result<Arc<PreparedSet>, Ending> {
        let model = &self.opened.model;
        let refs = rows.refs();
        let mut set = PreparedSet::of_prompted(&self.dataset, &refs, &self.prompting, model)
            .map_err(failed)?;
        if self.parity {
            set = set.with_whole_answers(model.config().max_positions);
        }
        for warning in set.warnings() {
            remark(&warning);
        }
        let void = set.void_under_from_answer();
        if mask == Mask::FromAnswer && void > 0 {
            let effect = if self.parity {
                "summed logits then respond after the answer only"
            } else {
                "their effect is exactly zero"
            };
            remark(&format!(
                "{void} of {} inputs read their answer at the last prompt token, which 'from_answer' does not steer: {effect}; use --mask from_last_prompt",
                set.inputs.len()
            ));
        }
        Ok(Arc::new(set))
    }

    /// `H_b` per block over prompts of the validation part as they are asked; of the test part where
    /// there is none.
    pub(super) fn residual_norms(&self) -> Result<Vec<f32>, Ending> {
        let (model, never) = (&self.opened.model, Cancel::never());
        let parts = [Part::Validation, Part::Test].map(|part| self.dataset.part(part, 0));
        let rows = parts.iter().find(|rows| !rows.is_empty());
        let examples = self.prompting.examples(rows.map_or(&[], |rows| rows));
        let worded = examples.iter().filter(|e| e.prompt_text().is_some());
        let wordings = self.prompting.wordings(model, worded.take(NORM_PROMPTS));
        wording_norms(model, &wordings.map_err(failed)?, &never).map_err(failed)
    }

    /// How these rows are measured at one site.
    pub(super) fn protocol(
        &self,
        block: BlockIndex,
        mask: Mask,
        grid: &[f32],
        rows: &Rows,
    ) -> Protocol {
        let protocol = Protocol::new(block, mask, grid, rows.split.clone());
        let mut protocol = self.prompting.stamp(protocol.on(&self.opened.model));
        if self.parity {
            protocol.propensity = Propensity::SumLogits;
        }
        protocol
    }

    /// Propensities of every input of a set at every multiplier, with a progress line.
    pub(super) fn propensities(
        &self,
        set: &Arc<PreparedSet>,
        site: &Site<'_>,
        grid: &[f32],
        options: CacheOptions,
    ) -> Result<Vec<Vec<f32>>, Ending> {
        let (model, never) = (&self.opened.model, Cancel::never());
        let mut progress = Progress::start("measuring");
        let n = set.inputs.len();
        let mut measured = Vec::with_capacity(n);
        if self.parity {
            for input in &set.inputs {
                let row = summed_propensity(model, input, site, grid, &never);
                measured.push(row.map_err(failed)?);
                progress.update(measured.len(), n);
            }
            return Ok(measured);
        }
        let mut cache = PromptCache::new(Arc::clone(model), Arc::clone(set), options);
        while measured.len() < n {
            let range = measured.len()..(measured.len() + SLICE).min(n);
            let rows = cache.evaluate(site, grid, range, &never);
            measured.extend(rows.map_err(failed)?);
            progress.update(measured.len(), n);
        }
        progress.finish();
        repeated(&cache.facts());
        Ok(measured)
    }
}

/// Says so where the memory budget made prompts be computed more than once.
pub(super) fn repeated(facts: &CacheFacts) {
    if facts.recomputed > 0 {
        remark(&format!(
            "{} of {} prompts were computed more than once ({} times in all beyond the first): the memory for them is {}; more with --memory",
            facts.recomputed,
            facts.prompts,
            facts.repeats,
            size(facts.budget)
        ));
    }
}

fn size(bytes: usize) -> String {
    let bytes = bytes as f64;
    match bytes {
        b if b >= f64::from(1 << 30) => format!("{:.1} GiB", b / f64::from(1 << 30)),
        b if b >= f64::from(1 << 20) => format!("{:.1} MiB", b / f64::from(1 << 20)),
        b => format!("{b:.0} bytes"),
    }
}

pub(super) fn prompting(opened: &Opened, ask: &AskArgs) -> Result<Prompting, Ending> {
    match (ask.template, &ask.system) {
        (TemplateChoice::Plain, None) => Ok(Prompting::plain()),
        (TemplateChoice::Plain, Some(_)) => Err(Ending::Usage(
            "a system text belongs to a chat; give --template chat with --system".to_owned(),
        )),
        (TemplateChoice::Chat, system) => {
            let system = system.as_deref().unwrap_or(DEFAULT_SYSTEM);
            if opened.model.chat().is_none() && opened.model.chat_error().is_none() {
                remark(&format!(
                    "'{}' came without a chat template: rows of public evaluation sets are asked as plain questions (Braun et al.), others as they are written, after the system text",
                    opened.name
                ));
            }
            Prompting::chat(&opened.model, system).map_err(failed)
        }
    }
}
