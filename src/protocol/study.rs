//! Studies: questions about a vector that take longer than a moved slider, asked one at a time.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Asking, Asset, Calibration, ChatFormat, Condition, ControlsTable, DatasetResponse,
    ExtractReport, FanPart, Gated, Prediction, Sampling, ShiftTable, SweepPart, TaxLine,
    TokenStrip, VectorsTable,
};
use crate::units::{BlockIndex, Edit, Mask, RunId};

/// Which study.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StudyKind {
    /// Every block at every multiplier.
    Sweep,
    /// Geometry of the pairs, before any steering.
    Predict,
    /// The vector under other prompts.
    Shift,
    /// Per-input steerability of many data sets.
    Datasets,
    /// Per-input steerability under several vectors.
    Vectors,
    /// The vector against other directions of its length.
    Controls,
    /// A text token by token.
    Tokens,
    /// One prompt under several coefficients.
    Fan,
    /// The coefficient that has a given effect.
    Calibrate,
    /// What steering costs.
    Tax,
    /// A vector made of texts.
    Extract,
}

/// Every block of the loaded vector on the loaded data set, raw and at equal κ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepStudy {
    /// [`super::VectorInfo::id`] of the vector.
    pub vector: String,
    /// [`super::DatasetInfo::id`] of the data set.
    pub dataset: String,
    /// Steered positions.
    pub mask: Mask,
    /// What is done there, and at which point of the block.
    pub edit: Edit,
    /// Steer only prompts that meet it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// Multiplier grid.
    pub multipliers: Vec<f32>,
    /// Block whose length relative to the residual stream is what 1 means at equal κ.
    pub reference: BlockIndex,
}

/// What a vector is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtractSource {
    /// The training part of a data set.
    Dataset(Asset),
    /// Two files of texts, positive and negative.
    Files([PathBuf; 2]),
    /// Two texts, positive and negative.
    Pair([String; 2]),
    /// Responses to prompts under two system texts.
    Systems {
        /// System text that asks for the trait, and the one that asks for its opposite.
        texts: [String; 2],
        /// File of prompts.
        prompts: PathBuf,
        /// Most tokens of a response.
        max_tokens: usize,
    },
}

/// A vector made of texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractStudy {
    /// Texts.
    pub source: ExtractSource,
    /// Stable name of the method.
    pub method: String,
    /// Tokens read; `None`: the method's own.
    pub read: Option<String>,
    /// So many pairs, texts of each side or prompts at most.
    pub limit: Option<usize>,
    /// Name of the vector and of its file in the user's folder.
    pub name: String,
    /// Block whose predictors are shown.
    pub block: BlockIndex,
}

/// Predictors of a data set's pairs at one block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictStudy {
    /// Pairs.
    pub datasets: Vec<Asset>,
    /// How their rows are asked.
    pub asking: Asking,
    /// Site that is read.
    pub block: BlockIndex,
}

/// Vectors made under one prompt, tested under another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShiftStudy {
    /// Data sets.
    pub datasets: Vec<Asset>,
    /// Site.
    pub block: BlockIndex,
    /// Steered positions.
    pub mask: Mask,
    /// What is done there, and at which point of the block.
    pub edit: Edit,
    /// Multiplier grid.
    pub multipliers: Vec<f32>,
    /// Rescale every vector to the norm of BASE's.
    pub norm_matched: bool,
}

/// Many data sets at one site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetsStudy {
    /// Data sets.
    pub datasets: Vec<Asset>,
    /// How their rows are asked.
    pub asking: Asking,
    /// [`super::VectorInfo::id`] of the loaded vector for all of them; `None`: each its own, the mean
    /// difference over its training part.
    pub vector: Option<String>,
    /// Site.
    pub block: BlockIndex,
    /// Steered positions.
    pub mask: Mask,
    /// What is done there, and at which point of the block.
    pub edit: Edit,
    /// Steer only prompts that meet it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// Multiplier grid.
    pub multipliers: Vec<f32>,
}

/// Several vectors on the loaded data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VectorsStudy {
    /// Vectors, in the order in which they are reported.
    pub vectors: Vec<Asset>,
    /// [`super::DatasetInfo::id`] of the data set.
    pub dataset: String,
    /// Block of those that recommend none; of all, unless `own_blocks`.
    pub block: BlockIndex,
    /// Each vector at the block that its file or card recommends.
    pub own_blocks: bool,
    /// At equal κ: the vector whose length relative to the residual stream is what 1 means for all.
    pub equal_kappa: Option<Asset>,
    /// Steered positions.
    pub mask: Mask,
    /// What is done there, and at which point of the block.
    pub edit: Edit,
    /// Steer only prompts that meet it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// Multiplier grid.
    pub multipliers: Vec<f32>,
}

/// The loaded vector against controls at one site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ControlsStudy {
    /// [`super::VectorInfo::id`] of the vector.
    pub vector: String,
    /// [`super::DatasetInfo::id`] of the data set.
    pub dataset: String,
    /// Where the data set came from: its training pairs make the shuffled-label vectors.
    pub pairs: Asset,
    /// How its rows are asked.
    pub asking: Asking,
    /// Vectors of other behaviours.
    pub others: Vec<Asset>,
    /// Site.
    pub block: BlockIndex,
    /// Steered positions.
    pub mask: Mask,
    /// What is done there, and at which point of the block.
    pub edit: Edit,
    /// Steer only prompts that meet it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// Multiplier grid.
    pub multipliers: Vec<f32>,
}

/// A text read with and without the vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokensStudy {
    /// [`super::VectorInfo::id`] of the vector.
    pub vector: String,
    /// Prompt before the text.
    pub prompt: String,
    /// The prompt is a user's turn.
    pub chat: Option<ChatFormat>,
    /// Tokens of the text.
    pub tokens: Vec<u32>,
    /// Site.
    pub block: BlockIndex,
    /// Raw coefficient.
    pub coefficient: f32,
    /// Steered positions.
    pub mask: Mask,
    /// What is done there, and at which point of the block.
    pub edit: Edit,
    /// Steer only prompts that meet it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// The steered side attends to the unsteered side's keys and values.
    pub frozen: bool,
    /// Token whose blocks are looked at.
    pub lens: usize,
}

/// One prompt under several coefficients, decoded together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FanStudy {
    /// [`super::VectorInfo::id`] of the vector.
    pub vector: String,
    /// Prompt.
    pub prompt: String,
    /// The prompt is a user's turn.
    pub chat: Option<ChatFormat>,
    /// Site.
    pub block: BlockIndex,
    /// Steered positions.
    pub mask: Mask,
    /// What is done there, and at which point of the block.
    pub edit: Edit,
    /// Steer only prompts that meet it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// Raw coefficients, one lane each.
    pub coefficients: Vec<f32>,
    /// Lanes of control directions at this coefficient: reversed, random, permuted.
    pub controls: Option<f32>,
    /// Sampling; all lanes draw the same random numbers.
    pub sampling: Sampling,
}

/// The coefficient whose effect on the next token has a given size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrateStudy {
    /// [`super::VectorInfo::id`] of the vector.
    pub vector: String,
    /// [`super::DatasetInfo::id`] of the data set that prompts are taken from.
    pub dataset: String,
    /// Site.
    pub block: BlockIndex,
    /// Steered positions.
    pub mask: Mask,
    /// What is done there, and at which point of the block.
    pub edit: Edit,
    /// Steer only prompts that meet it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// KL to be reached, nats.
    pub target: f64,
    /// Whether the coefficient is to be negative.
    pub negative: bool,
}

/// What steering costs on the neutral text, over a grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaxStudy {
    /// [`super::VectorInfo::id`] of the vector.
    pub vector: String,
    /// Site.
    pub block: BlockIndex,
    /// Steered positions.
    pub mask: Mask,
    /// What is done there, and at which point of the block.
    pub edit: Edit,
    /// Steer only prompts that meet it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// Raw coefficients.
    pub multipliers: Vec<f32>,
}

/// What is studied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Study {
    /// Every block.
    Sweep(SweepStudy),
    /// Geometry.
    Predict(PredictStudy),
    /// Other prompts.
    Shift(ShiftStudy),
    /// Many data sets.
    Datasets(DatasetsStudy),
    /// Several vectors.
    Vectors(VectorsStudy),
    /// Other directions.
    Controls(ControlsStudy),
    /// Token by token.
    Tokens(TokensStudy),
    /// Several coefficients.
    Fan(FanStudy),
    /// The coefficient of an effect.
    Calibrate(CalibrateStudy),
    /// What steering costs.
    Tax(TaxStudy),
    /// A new vector.
    Extract(ExtractStudy),
}

impl Study {
    /// Which one.
    pub fn kind(&self) -> StudyKind {
        match self {
            Self::Sweep(_) => StudyKind::Sweep,
            Self::Predict(_) => StudyKind::Predict,
            Self::Shift(_) => StudyKind::Shift,
            Self::Datasets(_) => StudyKind::Datasets,
            Self::Vectors(_) => StudyKind::Vectors,
            Self::Controls(_) => StudyKind::Controls,
            Self::Tokens(_) => StudyKind::Tokens,
            Self::Fan(_) => StudyKind::Fan,
            Self::Calibrate(_) => StudyKind::Calibrate,
            Self::Tax(_) => StudyKind::Tax,
            Self::Extract(_) => StudyKind::Extract,
        }
    }
}

/// A study under a run id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyRequest {
    /// Events of this request carry this id.
    pub run: RunId,
    /// What.
    pub study: Study,
}

/// What a study reports.
#[derive(Debug, Clone, PartialEq)]
pub enum StudyNews {
    /// Some inputs of a sweep.
    Sweep(Vec<SweepPart>),
    /// A data set's predictors.
    Predicted(Box<Prediction>),
    /// A data set's shifts.
    Shifted(Box<ShiftTable>),
    /// A data set's inputs.
    Dataset(Box<DatasetResponse>),
    /// Several vectors over the inputs measured so far; replaces the report before.
    Vectors(Box<VectorsTable>),
    /// Controls over the inputs measured so far; replaces the report before.
    Controls(Box<ControlsTable>),
    /// A text token by token.
    Tokens(Box<TokenStrip>),
    /// A vector in the making, or made; replaces the report before.
    Extracted(Box<ExtractReport>),
    /// Lanes of a fan.
    FanLanes {
        /// What each is.
        labels: Vec<String>,
        /// How the condition judges the prompt; where it is closed, no lane is steered.
        gate: Option<Gated>,
    },
    /// New tokens of a fan.
    Fan(FanPart),
    /// A coefficient was found.
    Calibrated(Box<Calibration>),
    /// The neutral text at every coefficient.
    Taxed(Box<TaxLine>),
    /// Something the user should know: what was left out and why.
    Remark(String),
    /// All of it.
    Finished {
        /// Time from the request's arrival to here.
        elapsed: Duration,
        /// Cells that were in the run store.
        from_store: usize,
    },
}
