//! The receipt of the loaded vector at the present site, one check per turn of the engine.

use std::sync::Arc;

use super::catalog::Library;
use super::generate::prompt_ids;
use super::job::{Desk, Emit, failure};
use super::mailbox::Mailbox;
use crate::engine::{Cancel, Model};
use crate::measure::receipt::{Check, Probe, ProbePlan, Receipt, Verdict};
use crate::protocol::{self, Event, ProbeRequest, ReceiptLine, ReceiptReport, Stage};
use crate::steering::dataset::Part;
use crate::steering::{PairSet, SteeringVector, meta};
use crate::units::RunId;

/// Seed of the random directions.
const SEED: u64 = 0;

/// A running probe.
pub(crate) struct Job {
    run: RunId,
    probe: Probe,
    cancel: Cancel,
}

impl Job {
    /// Begins a receipt; `None` where the request is about what is no longer loaded, or refused.
    pub(crate) fn start(
        request: &ProbeRequest,
        desk: &mut Desk,
        library: &Library,
        mailbox: &Mailbox,
        emit: Emit<'_>,
    ) -> Option<Self> {
        let (model, vector) = (desk.model.clone()?, desk.vector.clone()?);
        if vector.id() != request.vector {
            return None;
        }
        let run = request.run;
        let refused = |id: &str, error: &dyn std::fmt::Display| {
            emit(Event::Failed(failure(Stage::Probe, Some(run), id, error)));
        };
        let prompt = match prompt_ids(&model, &request.prompt, request.chat.as_ref()) {
            Ok((ids, _)) => ids,
            Err(error) => {
                refused(error.id(), &error);
                return None;
            }
        };
        let norms = desk.bench.as_ref().map(super::bench::Bench::norms);
        let plan = ProbePlan {
            model_name: desk.model_name.clone(),
            block: request.block,
            edit: request.edit,
            mask: request.mask,
            coefficient: request.coefficient,
            prompt,
            residual_norm: norms.and_then(|n| n.get(request.block.0).copied()),
            pairs: desk.pairs.of(&vector, &model, library),
            seed: SEED,
            vector,
        };
        match Probe::new(&model, plan) {
            Ok(probe) => Some(Self {
                run,
                probe,
                cancel: mailbox.probe_cancel(run),
            }),
            Err(error) => {
                refused(error.id(), &error);
                None
            }
        }
    }

    /// Whether a newer one was asked for.
    pub(crate) fn is_stale(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// The next check. `false` at the end.
    pub(crate) fn step(&mut self, emit: Emit<'_>) -> bool {
        match self.probe.step(&self.cancel) {
            Ok(None) => false,
            Ok(Some(_)) => {
                let receipt = self.probe.receipt();
                let done = receipt.complete;
                emit(Event::Receipt {
                    run: self.run,
                    report: Box::new(report(&receipt)),
                });
                !done
            }
            Err(error) => {
                if !error.is_cancelled() {
                    let run = Some(self.run);
                    emit(Event::Failed(failure(
                        Stage::Probe,
                        run,
                        error.id(),
                        &error,
                    )));
                }
                false
            }
        }
    }
}

/// The pairs that a vector was made of, where its data set is at hand.
#[derive(Debug, Default)]
pub(crate) struct KnownPairs {
    /// Hash of a data set, and its pairs for the running model.
    found: Option<(String, Option<Arc<PairSet>>)>,
}

impl KnownPairs {
    /// Pairs of the shipped data set that the vector's file names by hash; sign and geometry mean
    /// something only at the positions that the vector was read at.
    fn of(
        &mut self,
        vector: &SteeringVector,
        model: &Model,
        library: &Library,
    ) -> Option<Arc<PairSet>> {
        let hash = vector.metadata.get(meta::DATASET_SHA256)?;
        if let Some((known, pairs)) = &self.found
            && known == hash
        {
            return pairs.clone();
        }
        let pairs = library.dataset_of(vector).and_then(|set| {
            let rows = set.part(Part::Test, 0);
            let max = model.config().max_positions;
            PairSet::of_rows(&set, &rows, model.tokenizer(), max).ok()
        });
        let pairs = pairs.map(Arc::new);
        self.found = Some((hash.clone(), pairs.clone()));
        pairs
    }
}

/// A receipt in plain data.
pub(crate) fn report(receipt: &Receipt) -> ReceiptReport {
    let (model, vector, site) = (&receipt.model, &receipt.vector, &receipt.site);
    let short = |hash: &str| hash.chars().take(12).collect::<String>();
    let mut facts = vec![
        (
            "model",
            format!(
                "{} ({}, {}, sha256 {})",
                model.name,
                model.dtype,
                model.device,
                short(&model.sha256)
            ),
        ),
        (
            "vector",
            format!(
                "{} (tensors sha256 {})",
                vector.name,
                short(&vector.tensor_sha256)
            ),
        ),
    ];
    let said = |key: &str| vector.metadata.get(key).cloned();
    if let Some(source) = said("source_sentence") {
        facts.push(("source", source));
    }
    if let Some(method) = said(meta::METHOD) {
        facts.push(("method", method));
    }
    facts.push((
        "site",
        format!(
            "output of block {} of {}, {}, mask {}",
            site.block, model.n_blocks, site.edit, site.mask
        ),
    ));
    let kappa = site
        .kappa
        .map_or_else(String::new, |k| format!(", κ {k:+.3}"));
    facts.push((
        "coefficient",
        format!(
            "{:+} (c·‖v‖ {:+.3}{kappa})",
            site.coefficient, site.applied_norm
        ),
    ));
    if receipt.probed_coefficient.to_bits() != site.coefficient.to_bits() {
        let probed = receipt.probed_coefficient;
        facts.push((
            "probed at",
            format!("c = {probed}: the slider switches the vector off"),
        ));
    }
    let verdict = |verdict| match verdict {
        Verdict::Pass => protocol::Verdict::Pass,
        Verdict::Skipped => protocol::Verdict::Skipped,
        Verdict::Warn => protocol::Verdict::Warn,
        Verdict::Fail => protocol::Verdict::Fail,
    };
    ReceiptReport {
        facts: facts.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
        lines: (receipt.items.iter())
            .map(|item| ReceiptLine {
                check: item.check.name().to_owned(),
                verdict: verdict(item.verdict),
                words: item.words.clone(),
            })
            .collect(),
        checks: Check::ALL.len(),
        max_projection: (receipt.item(Check::Sign))
            .and_then(|item| item.figures.get("max_projection").copied()),
        json: serde_json::to_string_pretty(&receipt.to_json()).unwrap_or_default(),
    }
}
