//! The protocol: everything about a measurement that is chosen rather than found.
//!
//! Its canonical JSON (fields in the order below) is part of every result's key, so that no number
//! is ever shown under another protocol than its own.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::MeasureError;
use crate::engine::Model;
use crate::steering::dataset::Part;
use crate::steering::hex;
use crate::units::{BlockIndex, Edit, HookPoint, Mask, Operator};

/// Version of the definitions behind a number: location of the answer, propensity, application of
/// the vector. Raised with every change that moves results, which makes all older ones stale.
pub const STATISTICS: u32 = 1;

/// How a data set was divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitKind {
    /// Disjoint parts: the file's own where every row names one, else 40, 10 and 50 % after the
    /// seeded shuffle.
    Disjoint,
    /// Every row, in file order.
    Whole,
    /// The overlapping split behind the figures of Tan et al. (2407.12404): first half, and
    /// everything from row 50 on.
    Published,
}

/// Which rows were measured.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Split {
    /// How the data set was divided.
    pub kind: SplitKind,
    /// `train`, `val`, `test` or `all`.
    pub part: String,
    /// Rows that make vectors, per cent of the shuffled rows, `[from, to)`.
    pub train: [u8; 2],
    /// Rows that are reported, the same way; the published split counts where it begins in rows.
    pub test: [u8; 2],
    /// Seed of the shuffle.
    pub seed: u64,
    /// Only the first so many rows of the part.
    pub limit: Option<usize>,
}

impl Split {
    /// A part of the disjoint split.
    pub fn part(part: Part, seed: u64) -> Self {
        let kind = match part {
            Part::All => SplitKind::Whole,
            Part::Train | Part::Validation | Part::Test => SplitKind::Disjoint,
        };
        Self {
            kind,
            part: part.name().to_owned(),
            train: [0, 40],
            test: [50, 100],
            seed,
            limit: None,
        }
    }

    /// A part of the overlapping split (see [`SplitKind::Published`]); `None` unless it is the training
    /// or the test part.
    pub fn published(part: Part, seed: u64) -> Option<Self> {
        matches!(part, Part::Train | Part::Test).then(|| Self {
            kind: SplitKind::Published,
            part: part.name().to_owned(),
            train: [0, 50],
            test: [50, 100],
            seed,
            limit: None,
        })
    }

    /// The same, its first `limit` rows only.
    #[must_use]
    pub fn first(mut self, limit: Option<usize>) -> Self {
        self.limit = limit;
        self
    }
}

/// What stands around a data set's prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// Nothing: prompts as they are written.
    #[default]
    Plain,
    /// The model's own chat template.
    Chat,
    /// Braun's plain format (2505.22637), for models without a chat template: the question after
    /// `Question:`, the answer after `Answer:`.
    Question,
}

impl Template {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Plain => "plain prompts",
            Self::Chat => "chat template",
            Self::Question => "plain questions (Braun et al.)",
        }
    }
}

/// What multiplier 1 means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// The vector as it was extracted, its norm kept.
    #[default]
    Raw,
}

/// What a propensity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Propensity {
    /// Logit of the positive minus logit of the negative answer at the first differing token.
    #[default]
    AnswerLogit,
    /// Sum over all answer tokens of raw teacher-forced logits, positive minus negative: the
    /// released code of Tan et al. (2407.12404). See [`super::summed_propensity`].
    SumLogits,
}

impl Propensity {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::AnswerLogit => {
                "logit of the positive minus logit of the negative answer at the first differing token"
            }
            Self::SumLogits => {
                "sum of the answer tokens' logits, positive minus negative (released code of Tan et al.)"
            }
        }
    }
}

/// How it was measured. Fields serialise in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Protocol {
    /// [`STATISTICS`].
    pub statistics: u32,
    /// Site: output of this block, 0-based.
    pub block: BlockIndex,
    /// Steered positions.
    pub mask: Mask,
    /// How the vector is applied.
    pub operator: Operator,
    /// Where in the block (no field in the canonical text for its output).
    #[serde(default, skip_serializing_if = "HookPoint::is_canonical")]
    pub point: HookPoint,
    /// What multiplier 1 means.
    pub unit: Unit,
    /// Multiplier grid, in the order of the figures.
    pub multipliers: Vec<f32>,
    /// Which rows.
    pub split: Split,
    /// What stands around the prompts.
    pub template: Template,
    /// System text before the prompts; `None` (and no field in the canonical text) without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// What a propensity is.
    pub propensity: Propensity,
    /// Number type of the matrix products: `f32` on the CPU, the weights' own on a GPU.
    pub arithmetic: String,
}

impl Protocol {
    /// `add`, raw vector, plain prompts, answer logits.
    pub fn new(block: BlockIndex, mask: Mask, multipliers: &[f32], split: Split) -> Self {
        Self {
            statistics: STATISTICS,
            block,
            mask,
            operator: Operator::Add,
            point: HookPoint::ResidPost,
            unit: Unit::Raw,
            // Both zeros are the same multiplier.
            multipliers: multipliers.iter().map(|m| m + 0.0).collect(),
            split,
            template: Template::Plain,
            system: None,
            propensity: Propensity::AnswerLogit,
            arithmetic: "f32".to_owned(),
        }
    }

    /// The same with another operator or at another point of the block.
    #[must_use]
    pub fn with_edit(mut self, edit: Edit) -> Self {
        (self.operator, self.point) = (edit.operator, edit.point);
        self
    }

    /// Operator and point together.
    pub fn edit(&self) -> Edit {
        Edit {
            operator: self.operator,
            point: self.point,
        }
    }

    /// The same on the model's device.
    #[must_use]
    pub fn on(mut self, model: &Model) -> Self {
        // On the CPU everything is widened; quantised weights become f32 on a GPU too.
        self.arithmetic = match model.precision().name() {
            half @ ("f16" | "bf16") if !model.device().contains("cpu") => half.to_owned(),
            _ => "f32".to_owned(),
        };
        self
    }

    /// Refuses a grid of multipliers that gives no slope.
    pub fn check(&self) -> Result<(), MeasureError> {
        super::check_multipliers(&self.multipliers)
    }

    /// Said beside every figure that a paper's code defines instead of this program: the overlapping
    /// split, summed logits, or both.
    pub fn badge(&self) -> Option<String> {
        let published = self.split.kind == SplitKind::Published;
        let summed = self.propensity == Propensity::SumLogits;
        let what = match (published, summed) {
            (false, false) => return None,
            (true, true) => "overlapping split, summed logits",
            (true, false) => "overlapping split",
            (false, true) => "summed logits",
        };
        Some(format!(
            "paper-parity: {what}; not comparable with figures of the default protocol"
        ))
    }

    /// JSON text with the fields in their fixed order, no spaces: equal protocols, equal texts.
    pub fn canonical(&self) -> String {
        // Plain data with text keys always serialises.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// SHA-256 of the canonical text, hex.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.canonical()))
    }

    /// Which rows, in words.
    pub fn rows_words(&self) -> String {
        let split = &self.split;
        let rows = match (split.kind, split.part.as_str()) {
            (SplitKind::Whole, _) => "all rows".to_owned(),
            (SplitKind::Disjoint, part) => format!("{part} part, seed {}", split.seed),
            (SplitKind::Published, part) => {
                format!(
                    "{part} part of the published overlapping split, seed {}",
                    split.seed
                )
            }
        };
        let limit = split
            .limit
            .map_or_else(String::new, |n| format!(", first {n}"));
        format!("{rows}{limit}")
    }

    /// What stands around the prompts, in words.
    pub fn prompts_words(&self) -> String {
        let template = self.template.words();
        let system = (self.system.as_deref())
            .map_or_else(String::new, |text| format!(", system text {text:?}"));
        format!("{template}{system}")
    }

    /// What a propensity is, in a few words.
    pub fn propensity_words(&self) -> &'static str {
        match self.propensity {
            Propensity::AnswerLogit => "answer logits",
            Propensity::SumLogits => "summed logits (published code)",
        }
    }

    /// One line for panels and tables.
    pub fn words(&self) -> String {
        let grid: Vec<String> = self.multipliers.iter().map(ToString::to_string).collect();
        format!(
            "block {} · {} · {} · raw × {} · {} · {} · {} · {}",
            self.block,
            self.mask,
            self.edit(),
            grid.join(" "),
            self.rows_words(),
            self.prompts_words(),
            self.propensity_words(),
            self.arithmetic
        )
    }
}
