//! What studies report: plain figures.

use serde::{Deserialize, Serialize};

use crate::units::BlockIndex;

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

/// One block of a vector in the making.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ExtractBlock {
    /// Block.
    pub block: usize,
    /// Norm of the direction.
    pub norm: f64,
    /// Explained share, for components.
    pub explained: Option<f64>,
    /// Cosine with the mean difference of the same pairs.
    pub cosine_to_mean: Option<f64>,
    /// Share of its squared norm in the two largest coordinates.
    pub top_two: f64,
    /// Whether the pairs say which way it points.
    pub sign_defined: bool,
}

/// A vector in the making, or made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtractReport {
    /// Its name.
    pub name: String,
    /// Method.
    pub method: String,
    /// Tokens read.
    pub read: String,
    /// Block of the predictors.
    pub block: usize,
    /// What is counted: pairs, texts, prompts, positions.
    pub counted: String,
    /// Of these read, every pass over them counted.
    pub done: usize,
    /// To be read.
    pub total: usize,
    /// Pairs, or texts of the smaller side, that it is made of.
    pub pairs: usize,
    /// What the model said last under both system texts, where responses are read.
    pub said: Option<[String; 2]>,
    /// Remark on what the result is, where it is no ordinary vector.
    pub about: Option<String>,
    /// Block by block.
    pub blocks: Vec<ExtractBlock>,
    /// Mean cosine of the differences with their mean.
    pub directional: Option<f64>,
    /// The same with the mean of all others.
    pub leave_one_out: Option<f64>,
    /// Separation of the two sides along the direction, in standard deviations.
    pub d_prime: Option<f64>,
    /// Area under the curve of the same.
    pub auc: Option<f64>,
    /// Where it was written, once it was.
    pub file: Option<std::path::PathBuf>,
    /// Whether all pairs were read.
    pub complete: bool,
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

/// Vectors of six settings (BASE, `SYS_POS`, `SYS_NEG`, `USER_POS`, `USER_NEG`, their mean) in five tests.
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
    /// `s(v_A`, `D_B`) / `s(v_B`, `D_B`); `None` where the denominator is at most 0.25.
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetResponse {
    /// Data set.
    pub dataset: String,
    /// Where it came from.
    pub asset: super::Asset,
    /// Vector: its name, or how it was made.
    pub vector: String,
    /// Norm of the vector at the block.
    pub norm: f32,
    /// Slope of each input, with whether its positive answer is option (A) and whether it says Yes.
    pub inputs: Vec<(f32, Option<bool>, Option<bool>)>,
    /// Inputs that are steered, where there is a condition; the others have slope 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steered: Option<usize>,
    /// The figures were in the run store.
    pub from_store: bool,
    /// What was published for a data set of this name.
    pub published: Option<Published>,
}

/// One vector's inputs on the loaded data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VectorResponse {
    /// Where the vector came from.
    pub asset: super::Asset,
    /// Its name.
    pub name: String,
    /// Block it was applied at.
    pub block: usize,
    /// Its file or card recommends the block.
    pub recommended: bool,
    /// ‖v‖ there.
    pub norm: f32,
    /// κ of multiplier 1, where the residual norm is known.
    pub kappa: Option<f32>,
    /// What multiplier 1 is, in units of the vector.
    pub scale: f32,
    /// Slope of each input so far.
    pub slopes: Vec<f32>,
    /// 95 % bootstrap interval of their mean, once all inputs are there.
    pub interval: Option<(f64, f64)>,
    /// The figures were in the run store.
    pub from_store: bool,
}

/// Several vectors on one data set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct VectorsTable {
    /// In the order asked for, those left out that cannot be applied.
    pub rows: Vec<VectorResponse>,
    /// At equal κ: the vector that the others are made as long as, and its κ.
    pub reference: Option<(String, f32)>,
    /// Inputs that every vector has had, and inputs in all.
    pub inputs: (usize, usize),
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

/// Tokens with their probabilities, largest first.
pub type Likely = Vec<(String, f32)>;

/// One token of a text, read by the model with and without the vector.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TokenRow {
    /// Vocabulary id.
    pub id: u32,
    /// Its text.
    pub text: String,
    /// KL(steered ‖ unsteered) of the distribution that it was drawn from, nats.
    pub kl: f64,
    /// Its log-probability, unsteered and steered.
    pub log_probability: (f32, f32),
    /// Projection on v̂ of the residual stream at the site at the position before it: unsteered, and
    /// steered after the vector was added.
    pub projection: (f32, f32),
    /// The likeliest tokens in its place, unsteered and steered.
    pub top: (Likely, Likely),
}

/// Both sides' likeliest tokens after each block at one position.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Lens {
    /// Index of the token of the strip.
    pub token: usize,
    /// Per block, unsteered and steered.
    pub blocks: Vec<(Likely, Likely)>,
}

/// A text token by token.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TokenStrip {
    /// The continuation's tokens.
    pub rows: Vec<TokenRow>,
    /// First token whose likeliest candidate differs.
    pub diverges: Option<usize>,
    /// The steered side attends to the unsteered side's keys and values.
    pub frozen: bool,
    /// How the condition judges the prompt; where it is closed, the steered side is the unsteered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<super::Gated>,
    /// The token that was asked for, over the blocks.
    pub lens: Option<Lens>,
}

/// New tokens of one lane of a fan.
#[derive(Debug, Clone, PartialEq)]
pub struct FanPart {
    /// Index of the lane.
    pub lane: usize,
    /// Its text so far goes on with these.
    pub tokens: Vec<super::TokenPiece>,
    /// Why it ended, once it did.
    pub finished: Option<super::FinishReason>,
}

/// The steered model on a neutral text.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Tax {
    /// Raw coefficient.
    pub coefficient: f32,
    /// Share of tokens that the model would have chosen.
    pub top1: f64,
    /// Perplexity.
    pub perplexity: f64,
}

/// The neutral text over a grid.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TaxLine {
    /// The model without the vector.
    pub unsteered: Tax,
    /// Every coefficient, ascending.
    pub rows: Vec<Tax>,
    /// How the condition judges the text; where it is closed, no coefficient costs anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<super::Gated>,
}

/// A coefficient found by its effect on the distribution of the next token.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Calibration {
    /// Raw coefficient; the best one where the target cannot be reached.
    pub coefficient: f32,
    /// 95th percentile of KL(steered ‖ unsteered) there, nats.
    pub achieved: f64,
    /// What was to be reached.
    pub target: f64,
    /// Coefficients tried.
    pub evaluations: usize,
    /// Whether it was reached.
    pub reached: bool,
    /// Where an effect begins, and where texts fall apart, where those were found.
    pub band: (Option<f32>, Option<f32>),
    /// Tax at several coefficients, ascending.
    pub tax: Vec<Tax>,
}
