//! The proof that the steered text is steered as its label says: asked for with every new vector or
//! site, shown beside the label, open in full.

use crate::app::overlay::Overlay;
use crate::app::{App, Effect};
use crate::protocol::{Command, Failure, ProbeRequest, ReceiptReport, Verdict};
use crate::units::RunId;

/// What is read where no prompt is open.
const NEUTRAL: &str = "Once upon a time there was";

/// How far the present setting is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proved {
    /// No vector is applied, there is nothing to prove.
    Nothing,
    /// Not all checks are made.
    Pending,
    /// All checks are made and none failed; some may warn.
    Holds {
        /// Whether any check warns.
        warns: bool,
    },
    /// A check failed, or the probe was refused.
    Fails,
}

/// The newest receipt.
#[derive(Debug, Default)]
pub struct Proof {
    asked: Option<ProbeRequest>,
    report: Option<ReceiptReport>,
    refused: Option<String>,
}

impl Proof {
    /// The receipt as far as it is.
    pub fn report(&self) -> Option<&ReceiptReport> {
        self.report.as_ref()
    }

    /// Why there is none.
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// Whether checks are still to be made.
    pub fn is_running(&self) -> bool {
        let unfinished = |r: &ReceiptReport| !r.is_complete();
        self.asked.is_some()
            && self.refused.is_none()
            && self.report.as_ref().is_none_or(unfinished)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn reported(&mut self, run: RunId, report: ReceiptReport) -> bool {
        let ours = self.asked.as_ref().is_some_and(|a| a.run == run);
        if ours {
            self.report = Some(report);
            self.refused = None;
        }
        ours
    }

    pub(super) fn failed(&mut self, failure: &Failure) -> bool {
        let ours = self.asked.as_ref().map(|a| a.run) == failure.run;
        if ours {
            self.refused = Some(failure.message.clone());
            self.report = None;
        }
        ours
    }
}

impl App {
    /// Largest projection on v̂ of the vector's own texts, where a receipt of the present site has it.
    pub(super) fn largest_projection(&self) -> Option<f64> {
        let asked = self.proof.asked.as_ref()?;
        let report = self.proof.report.as_ref()?;
        report.max_projection.filter(|_| self.is_here(asked))
    }

    /// The newest receipt.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// How far the present setting is proved.
    pub fn proved(&self) -> Proved {
        if !self.is_applicable() {
            return Proved::Nothing;
        }
        if !self
            .proof
            .asked
            .as_ref()
            .is_some_and(|asked| self.is_here(asked))
        {
            return Proved::Pending;
        }
        match &self.proof.report {
            None if self.proof.refused.is_some() => Proved::Fails,
            Some(report) if report.verdict() == Verdict::Fail => Proved::Fails,
            Some(report) if report.is_complete() => Proved::Holds {
                warns: report.verdict() == Verdict::Warn,
            },
            _ => Proved::Pending,
        }
    }

    /// Whether the loaded vector has a direction at the block.
    fn is_applicable(&self) -> bool {
        self.norm_at(self.steering.now().block).is_some()
    }

    /// Whether a probe is about the loaded vector at the present site.
    fn is_here(&self, asked: &ProbeRequest) -> bool {
        let now = self.steering.now();
        let same = (asked.block.0, asked.edit, asked.mask) == (now.block, now.edit, now.mask);
        same && self.vector.as_ref().is_some_and(|v| v.id == asked.vector) && self.is_applicable()
    }

    fn probe_now(&self) -> Option<ProbeRequest> {
        let steering = self.steering_now()?;
        let prompt = match self.prompts.active_text() {
            "" => NEUTRAL.to_owned(),
            text => text.to_owned(),
        };
        Some(ProbeRequest {
            run: RunId::default(),
            vector: steering.vector,
            block: steering.block,
            // A vector that is held back is proved as it will be applied.
            edit: self.steering.now().edit,
            mask: steering.mask,
            coefficient: self.steering.now().coefficient,
            prompt,
            chat: self.chat_format(),
        })
    }

    /// Asks for a receipt where the present one is of another vector or site; where it is being read,
    /// of another coefficient too.
    pub(super) fn request_probe(&mut self) {
        let open = matches!(self.overlays.last(), Some(Overlay::Receipt(_)));
        let now = self.steering.now().coefficient.to_bits();
        let known = self.proof.asked.as_ref().is_some_and(|asked| {
            self.is_here(asked) && (!open || asked.coefficient.to_bits() == now)
        });
        if known {
            return;
        }
        let Some(now) = self.probe_now() else {
            return;
        };
        let run = self.next_run();
        let request = ProbeRequest { run, ..now };
        self.proof = Proof {
            asked: Some(request.clone()),
            ..Proof::default()
        };
        self.send(Command::Probe(request));
    }

    /// The receipt as JSON on the clipboard.
    pub(super) fn copy_receipt(&mut self) {
        if let Some(report) = self.proof.report() {
            self.effects.push(Effect::CopyText(report.json.clone()));
        }
    }
}
