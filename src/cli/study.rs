//! A data set as the flags ask for it: which rows, worded how, measured by which definition.

use std::sync::Arc;

use super::args::AskArgs;
use super::lab::SLICE;
use super::open::{self, Opened, failed, remark};
use super::output::{Ending, Progress};
use crate::engine::Cancel;
use crate::measure::{
    Asked, CacheFacts, CacheOptions, MeasureError, PreparedSet, PromptCache, Prompting, Protocol,
    Site, Split,
};
use crate::steering::dataset::{Dataset, Example, Part};
use crate::steering::{PairSet, SteeringVector, extract_mean};
use crate::units::{BlockIndex, Mask};

/// One data set on one model.
pub(super) struct Study<'a> {
    opened: &'a Opened,
    pub(super) dataset: Dataset,
    pub(super) asked: Asked,
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
        let asked = Asked { prompting, parity };
        Ok(Self {
            opened,
            dataset: open::dataset_with(dataset, asked.load_options())?,
            asked,
            seed,
        })
    }

    /// The rows of a part in measuring order, at most `limit`.
    pub(super) fn rows(&self, part: Part, limit: Option<usize>) -> Result<Rows, Ending> {
        let found = self.asked.part(&self.dataset, part, self.seed);
        let (mut rows, split) = found.map_err(|error| match error {
            MeasureError::PublishedPart { part } => Ending::Usage(format!(
                "the published split has no part '{part}'; with --parity give --split test or train"
            )),
            error => failed(error),
        })?;
        if self.asked.parity && part == Part::Test {
            let (all, overlap) = self.dataset.published_part(part, self.seed);
            remark(&format!(
                "paper-parity: {overlap} of {} test rows are training rows too",
                all.len()
            ));
        }
        rows.truncate(limit.unwrap_or(usize::MAX));
        Ok(Rows {
            examples: self.asked.prompting.examples(&rows),
            split: split.first(limit),
        })
    }

    /// Without a vector: the mean difference over the training part, which no reported input is in
    /// unless the published split is asked for.
    pub(super) fn own_vector(&self) -> Result<SteeringVector, Ending> {
        let found = self.asked.part(&self.dataset, Part::Train, self.seed);
        let (rows, _) = found.map_err(failed)?;
        let pairs = self.pairs(&self.asked.prompting.examples(&rows))?;
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
        let pairs = (self.asked).pairs(&self.opened.model, &self.dataset, examples);
        pairs.map_err(failed)
    }

    /// The rows as inputs of the model; what is left out or cannot be steered goes to standard error.
    pub(super) fn prepared(&self, rows: &Rows, mask: Mask) -> Result<Arc<PreparedSet>, Ending> {
        let set = (self.asked)
            .prepared(&self.opened.model, &self.dataset, &rows.examples)
            .map_err(failed)?;
        for warning in set.warnings() {
            remark(&warning);
        }
        let void = set.void_under_from_answer();
        if mask == Mask::FromAnswer && void > 0 {
            let effect = if self.asked.parity {
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

    /// `H_b` per block over prompts as they are asked.
    pub(super) fn residual_norms(&self) -> Result<Vec<f32>, Ending> {
        (self.asked)
            .norms(&self.opened.model, &self.dataset, &Cancel::never())
            .map_err(failed)
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
        self.asked.stamp(protocol.on(&self.opened.model))
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
    let Some(system) = ask.chat().map_err(Ending::Usage)? else {
        return Ok(Prompting::plain());
    };
    if opened.model.chat().is_none() && opened.model.chat_error().is_none() {
        remark(&format!(
            "'{}' came without a chat template: rows of public evaluation sets are asked as plain questions (Braun et al.), others as they are written, after the system text",
            opened.name
        ));
    }
    Prompting::chat(&opened.model, system).map_err(failed)
}
