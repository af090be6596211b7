//! Studies: questions about a vector that take longer than a moved slider, asked one at a time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Asset;
use crate::units::{BlockIndex, Mask, RunId};

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
    /// The vector against other directions of its length.
    Controls,
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
    /// Multiplier grid.
    pub multipliers: Vec<f32>,
    /// Block whose length relative to the residual stream is what 1 means at equal κ.
    pub reference: BlockIndex,
}

/// Predictors of a data set's pairs at one block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictStudy {
    /// Pairs.
    pub datasets: Vec<Asset>,
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
    /// [`super::VectorInfo::id`] of the loaded vector for all of them; `None`: each its own, the mean
    /// difference over its training part.
    pub vector: Option<String>,
    /// Site.
    pub block: BlockIndex,
    /// Steered positions.
    pub mask: Mask,
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
    /// Vectors of other behaviours.
    pub others: Vec<Asset>,
    /// Site.
    pub block: BlockIndex,
    /// Steered positions.
    pub mask: Mask,
    /// Multiplier grid.
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
    /// Other directions.
    Controls(ControlsStudy),
}

impl Study {
    /// Which one.
    pub fn kind(&self) -> StudyKind {
        match self {
            Self::Sweep(_) => StudyKind::Sweep,
            Self::Predict(_) => StudyKind::Predict,
            Self::Shift(_) => StudyKind::Shift,
            Self::Datasets(_) => StudyKind::Datasets,
            Self::Controls(_) => StudyKind::Controls,
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

/// How multipliers of different blocks compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SweepUnit {
    /// Times the vector as it is.
    #[default]
    Raw,
    /// Times a direction that is as long relative to the residual stream as at the reference block.
    EqualKappa,
}

/// Some inputs of one block of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepPart {
    /// Output of this block.
    pub block: BlockIndex,
    /// Which comparison.
    pub unit: SweepUnit,
    /// What multiplier 1 is, in units of the vector at this block.
    pub scale: f32,
    /// Index of the first input.
    pub first: usize,
    /// Propensities `(inputs, multipliers)` in logits.
    pub rows: Vec<Vec<f32>>,
}

/// How far the two sides of pairs stand apart along v.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Apart {
    /// Pairs.
    pub n: usize,
    /// Mean cosine of the pairs' differences with v.
    pub directional: Option<f64>,
    /// d′; `None` also where infinite.
    pub d_prime: Option<f64>,
    /// d′ is infinite.
    pub separated: bool,
    /// P(kproj⁺ > kproj⁻) + ½ P(equal).
    pub auc: Option<f64>,
    /// Overlap of the two histograms.
    pub overlap: Option<f64>,
    /// kproj of the positive sides.
    pub positive: Vec<f32>,
    /// kproj of the negative sides.
    pub negative: Vec<f32>,
}

/// Predictors of one data set at one block (science: Braun et al. 2505.22637, Tan et al. 2407.12404).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Prediction {
    /// Data set.
    pub dataset: String,
    /// Block that was read.
    pub block: usize,
    /// ‖v‖ of the mean difference.
    pub norm: f64,
    /// Pairs that made v.
    pub pairs: usize,
    /// Pairs without a difference.
    pub dropped: usize,
    /// Mean cosine of each difference with v, which contains it.
    pub directional: Option<f64>,
    /// The same with v made of all others; chance is 0.
    pub leave_one_out: Option<f64>,
    /// Mean of the full cosine matrix.
    pub pairwise: Option<f64>,
    /// −mean ‖dᵢ − d̄‖ / mean ‖dᵢ‖.
    pub euclidean: Option<f64>,
    /// −Var ‖dᵢ‖ / mean ‖dᵢ‖.
    pub norm_variance: Option<f64>,
    /// Pairs that had no part in v; `None` where there are none.
    pub held_out: Option<Apart>,
    /// The pairs that made v: inflated.
    pub in_sample: Apart,
    /// Mean, smallest cosine of v with means of random subsamples, and the pairs of a subsample.
    pub stability: Option<(f64, f64, usize)>,
}

/// Vectors of six settings (BASE, SYS_POS, SYS_NEG, USER_POS, USER_NEG, their mean) in five tests.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ShiftTable {
    /// Data set.
    pub dataset: String,
    /// Names of the vectors' settings, rows of the matrices.
    pub train: Vec<String>,
    /// Names of the tests' settings, columns.
    pub test: Vec<String>,
    /// Mean steerability.
    pub steerability: Vec<Vec<Option<f64>>>,
    /// Variance of it (n − 1).
    pub variance: Vec<Vec<Option<f64>>>,
    /// s(v_A, D_B) / s(v_B, D_B); `None` where the denominator is at most 0.25.
    pub relative: Vec<Vec<Option<f64>>>,
    /// Cosines between the vectors, rows and columns as `train`.
    pub cosine: Vec<Vec<Option<f64>>>,
    /// Points (propensity gap, relative steerability).
    pub gaps: Vec<(f64, f64)>,
    /// Points (propensity gap, cosine).
    pub cosines: Vec<(f64, f64)>,
    /// Spearman over `gaps`.
    pub gap_correlation: Option<f64>,
    /// Spearman over `cosines`.
    pub cosine_correlation: Option<f64>,
    /// Test rows usable in all settings.
    pub rows: usize,
    /// Test rows that some setting cannot use.
    pub left_out: usize,
    /// The two sentences, and whether they are the fallback.
    pub sentences: (String, String, bool),
    /// Whether the model's chat template was used.
    pub chat: bool,
}

/// A published row for a data set of the same name: another model, another protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// Where it is from.
    pub source: String,
    /// Median steerability.
    pub median: f64,
    /// Anti-steerable share, 0..=1.
    pub anti: f64,
    /// Variance of steerability.
    pub variance: f64,
    /// Shares of letter and word, 0..=1.
    pub shares: (f64, f64),
}

/// One data set's inputs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DatasetResponse {
    /// Data set.
    pub dataset: String,
    /// Vector: its name, or how it was made.
    pub vector: String,
    /// Norm of the vector at the block.
    pub norm: f32,
    /// Slope of each input, with whether its positive answer is option (A) and whether it says Yes.
    pub inputs: Vec<(f32, Option<bool>, Option<bool>)>,
    /// The figures were in the run store.
    pub from_store: bool,
    /// What was published for a data set of this name.
    pub published: Option<Published>,
}

/// Which group of controls a row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlGroup {
    /// The vector itself.
    Vector,
    /// −v.
    Reversed,
    /// Gaussian directions at ‖v‖.
    Random,
    /// The same, orthogonal to v.
    Orthogonal,
    /// v with its coordinates in another order.
    Permuted,
    /// Means of pairs with half of the labels turned, at ‖v‖.
    Shuffled,
    /// Another behaviour's vector at ‖v‖.
    Other,
    /// No vector, the behaviour's sentence as system text instead.
    Prompt,
}

/// One group of controls: all its directions' inputs together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ControlReport {
    /// Which.
    pub group: ControlGroup,
    /// Name of the behaviour, for [`ControlGroup::Other`].
    pub name: String,
    /// Mean steerability of each direction.
    pub means: Vec<f64>,
    /// Slopes of all inputs under all directions; for [`ControlGroup::Prompt`] what the sentence
    /// changes in propensity, which multiplier 1 is to be compared with.
    pub slopes: Vec<f32>,
}

/// The vector against its controls.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ControlsTable {
    /// Groups, the vector first.
    pub groups: Vec<ControlReport>,
    /// (mean − mean of the random directions) / their standard deviation.
    pub z_random: Option<f64>,
    /// The same against shuffled labels.
    pub z_shuffled: Option<f64>,
    /// Inputs so far, and in all.
    pub inputs: (usize, usize),
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
    /// Controls over the inputs measured so far; replaces the report before.
    Controls(Box<ControlsTable>),
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
