//! The receipt: proof that a loaded vector was applied where and as its file says, for this model.
//!
//! Nine checks (a shape, an exact zero, the place, the count of positions, the cache, the sign, the
//! geometry, the effect, a null), each with its figures. A failed one blocks the label "steered".

mod effect;
mod pairs;
mod passes;
mod probe;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use probe::{Probe, ProbePlan};

use crate::units::{BlockIndex, Edit, Mask};

/// Version of the layout; raised when a field changes its meaning or goes away.
pub const RECEIPT_SCHEMA: u32 = 1;
/// Tokens that are generated unsteered after the prompt and then read under both.
pub const PROBE_TOKENS: usize = 20;
/// Tokens of a prompt that are used, from its beginning.
pub const PROBE_PROMPT: usize = 32;
/// Contrastive pairs that sign and geometry are taken from.
pub const PROBE_PAIRS: usize = 8;
/// Random directions of the null.
pub const PROBE_NULLS: usize = 4;

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

/// The checks, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Check {
    /// Width, blocks, finite values, norms.
    Shape,
    /// Multiplier 0 gives the unsteered logits bit for bit, also after a steered run.
    Zero,
    /// The residual stream changes at the site by what the operator says, and nowhere below.
    Place,
    /// Every position in the mask is edited once, no other, in prefill and in every decode step.
    Count,
    /// Steered decoding under the cache equals one full pass.
    Cache,
    /// Positive texts project further along the vector than negative ones.
    Sign,
    /// Norms, turn, and cosines with this model's own mean difference at the neighbouring blocks.
    Geometry,
    /// KL of the steered from the unsteered distribution per token.
    Effect,
    /// The same for random vectors of equal norm.
    Null,
}

impl Check {
    /// All, in their order.
    pub const ALL: [Self; 9] = [
        Self::Shape,
        Self::Zero,
        Self::Place,
        Self::Count,
        Self::Cache,
        Self::Sign,
        Self::Geometry,
        Self::Effect,
        Self::Null,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shape => "shape",
            Self::Zero => "zero",
            Self::Place => "place",
            Self::Count => "count",
            Self::Cache => "cache",
            Self::Sign => "sign",
            Self::Geometry => "geometry",
            Self::Effect => "effect",
            Self::Null => "null",
        }
    }
}

/// One check's outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Which.
    pub check: Check,
    /// How it came out.
    pub verdict: Verdict,
    /// What was found, one sentence.
    pub words: String,
    /// Its numbers by name; infinite and undefined ones are left out.
    pub figures: BTreeMap<String, f64>,
}

impl Item {
    fn new(check: Check, verdict: Verdict, words: impl Into<String>) -> Self {
        Self {
            check,
            verdict,
            words: words.into(),
            figures: BTreeMap::new(),
        }
    }

    fn with(mut self, name: &str, value: f64) -> Self {
        if value.is_finite() {
            self.figures.insert(name.to_owned(), value);
        }
        self
    }
}

/// Which model it was probed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbedModel {
    /// Display name.
    pub name: String,
    /// SHA-256 of the weights, hex.
    pub sha256: String,
    /// Number type of the weights in memory, quantisation included.
    pub dtype: String,
    /// Where it was computed.
    pub device: String,
    /// Number of blocks.
    pub n_blocks: usize,
    /// Residual width.
    pub hidden_size: usize,
}

/// Which vector, and what its file said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbedVector {
    /// Display name.
    pub name: String,
    /// Identity of its directions, hex.
    pub id: String,
    /// SHA-256 over the tensor bytes, hex.
    pub tensor_sha256: String,
    /// Everything else the file says about itself and how it was read.
    pub metadata: BTreeMap<String, String>,
}

/// Where and how it was applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbedSite {
    /// Block, 0-based.
    pub block: BlockIndex,
    /// Operator and point of the block.
    #[serde(flatten)]
    pub edit: Edit,
    /// Steered positions.
    pub mask: Mask,
    /// Raw coefficient c.
    pub coefficient: f32,
    /// c·‖v‖.
    pub applied_norm: f64,
    /// c·‖v‖ / H_b; none where H_b is not known.
    pub kappa: Option<f64>,
    /// H_b: median residual norm at the site.
    pub residual_norm: Option<f64>,
}

/// A receipt, complete or as far as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// [`RECEIPT_SCHEMA`].
    pub schema: u32,
    /// Program and version.
    pub tool: String,
    /// Model.
    pub model: ProbedModel,
    /// Vector.
    pub vector: ProbedVector,
    /// Site.
    pub site: ProbedSite,
    /// Coefficient that the checks used: the site's, or 1 where that switches the operator off.
    pub probed_coefficient: f32,
    /// Prompt tokens that were used.
    pub prompt_tokens: usize,
    /// Seed of the random directions.
    pub seed: u64,
    /// Outcomes so far, in order.
    pub items: Vec<Item>,
    /// Whether all checks were made.
    pub complete: bool,
}

impl Receipt {
    /// The worst outcome so far; nothing yet is a skip.
    pub fn verdict(&self) -> Verdict {
        let worst = self.items.iter().map(|i| i.verdict);
        worst.max().unwrap_or(Verdict::Skipped)
    }

    /// Whether a text may be labelled "steered": all checks made, none failed.
    pub fn holds(&self) -> bool {
        self.complete && self.verdict() < Verdict::Fail
    }

    /// One check's outcome.
    pub fn item(&self, check: Check) -> Option<&Item> {
        self.items.iter().find(|i| i.check == check)
    }

    /// The JSON object of every export.
    pub fn to_json(&self) -> serde_json::Value {
        // Plain data with text keys always serialises.
        serde_json::to_value(self).unwrap_or_default()
    }
}
