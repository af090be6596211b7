//! The proof that a vector is applied as labelled, in plain data.

use serde::{Deserialize, Serialize};

use super::ChatFormat;
use crate::units::{BlockIndex, Edit, Mask, RunId};

/// Probe the loaded vector at a site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeRequest {
    /// Events of this request carry this id.
    pub run: RunId,
    /// [`super::VectorInfo::id`] of the vector.
    pub vector: String,
    /// Site.
    pub block: BlockIndex,
    /// What is done there, and at which point of the block.
    pub edit: Edit,
    /// Steered positions.
    pub mask: Mask,
    /// Raw coefficient.
    pub coefficient: f32,
    /// Prompt that is read.
    pub prompt: String,
    /// Its chat format, if any.
    pub chat: Option<ChatFormat>,
}

impl ProbeRequest {
    /// Whether both are about the same vector at the same site; the coefficient may differ.
    pub fn same_site(&self, other: &Self) -> bool {
        (&self.vector, self.block, self.edit, self.mask)
            == (&other.vector, other.block, other.edit, other.mask)
    }
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it must be.
    Pass,
    /// Nothing to check it with.
    Skipped,
    /// Possible, but to be looked at.
    Warn,
    /// What is shown would not be what the label says.
    Fail,
}

impl Verdict {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Skipped => "skipped",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptLine {
    /// Name of the check.
    pub check: String,
    /// How it came out.
    pub verdict: Verdict,
    /// What was found.
    pub words: String,
}

/// A receipt, complete or as far as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReceiptReport {
    /// What was probed: name and value, in the order shown.
    pub facts: Vec<(String, String)>,
    /// Checks made so far, in order.
    pub lines: Vec<ReceiptLine>,
    /// Checks in all.
    pub checks: usize,
    /// Largest projection on v̂ of the texts that the vector was made of, where they are at hand.
    pub max_projection: Option<f64>,
    /// The whole receipt as JSON, for export.
    pub json: String,
}

impl ReceiptReport {
    /// Whether all checks were made.
    pub fn is_complete(&self) -> bool {
        self.lines.len() == self.checks
    }

    /// The worst outcome so far.
    pub fn verdict(&self) -> Verdict {
        let worst = self.lines.iter().map(|l| l.verdict).max();
        worst.unwrap_or(Verdict::Skipped)
    }
}
