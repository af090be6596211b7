//! What the interface and the worker say to each other: plain data, nothing else.
//!
//! `app` produces [`Command`]s and consumes [`Event`]s; `worker` does the opposite. Neither sees
//! the other's types, so either side can be replaced (the tests run the app on a scripted worker).

mod asking;
mod event;
mod figure;
mod prompt;
mod receipt;
mod reference;
mod report;
mod source;
mod study;
mod vectors;

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use asking::{AskedWords, Asking};
pub use event::{Event, Failure, FinishReason, Stage, TokenPiece};
pub use figure::ResponseFigure;
pub use prompt::{PromptPart, PromptToken, covers};
pub use receipt::{ProbeRequest, ReceiptLine, ReceiptReport, Verdict};
pub use reference::Reference;
pub use report::{
    Apart, Calibration, ControlGroup, ControlReport, ControlsTable, DatasetResponse, ExtractBlock,
    ExtractReport, FanPart, Lens, Likely, Prediction, Published, ShiftTable, SweepPart, SweepUnit,
    Tax, TaxLine, TokenRow, TokenStrip, VectorResponse, VectorsTable,
};
pub use source::ModelSource;
pub use study::{
    CalibrateStudy, ControlsStudy, DatasetsStudy, ExtractSource, ExtractStudy, FanStudy,
    PredictStudy, ShiftStudy, Study, StudyKind, StudyNews, StudyRequest, SweepStudy, TaxStudy,
    TokensStudy, VectorsStudy,
};

pub use vectors::{Factor, ImportQuestion, Survey, VectorChange, VectorFacts};

use crate::units::{BlockIndex, Edit, FileFact, Mask, RunId};

/// Where a steering vector or a data set comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asset {
    /// Shipped inside the binary, by name.
    Bundled(String),
    /// A file of the user.
    File(PathBuf),
    /// A vector with changes that its file does not know.
    Changed(Box<Asset>, Vec<VectorChange>),
}

impl Asset {
    /// The asset without changes.
    pub fn unchanged(&self) -> &Self {
        match self {
            Self::Changed(from, _) => from.unchanged(),
            asset => asset,
        }
    }

    /// What was changed, in order.
    pub fn changes(&self) -> &[VectorChange] {
        match self {
            Self::Changed(_, changes) => changes,
            _ => &[],
        }
    }

    /// The same with one more change.
    #[must_use]
    pub fn with(&self, change: VectorChange) -> Self {
        match self {
            Self::Changed(from, changes) => {
                let mut changes = changes.clone();
                changes.push(change);
                Self::Changed(from.clone(), changes)
            }
            asset => Self::Changed(Box::new(asset.clone()), vec![change]),
        }
    }

    /// Short name for titles and pickers: the bundled name or the file stem.
    pub fn label(&self) -> String {
        match self {
            Self::Bundled(name) => name.clone(),
            Self::Changed(from, changes) => {
                let renamed = changes.iter().rev().find_map(|c| match c {
                    VectorChange::Rename(name) => Some(name.clone()),
                    _ => None,
                });
                let mut label = renamed.unwrap_or_else(|| from.label());
                let placed =
                    |c: &&VectorChange| matches!(c, VectorChange::Told(FileFact::AsMeasured(_)));
                // Only the last word about the place holds.
                let marks = changes.iter().filter(|c| !placed(c));
                let marks = marks.chain(changes.iter().rev().find(placed));
                for mark in marks.map(VectorChange::mark).filter(|m| !m.is_empty()) {
                    label.push(' ');
                    label.push_str(&mark);
                }
                label
            }
            Self::File(path) => path.file_stem().map_or_else(
                || path.display().to_string(),
                |s| s.to_string_lossy().into_owned(),
            ),
        }
    }
}

/// One line of a picker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogEntry {
    /// What to load when it is chosen.
    pub asset: Asset,
    /// One-line description; empty when nothing is known.
    pub description: String,
    /// Name of the data set (or vector) that belongs with it, if any.
    pub companion: Option<String>,
}

/// Text-generation settings; greedy when `temperature` is zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 means argmax.
    pub temperature: f64,
    /// Keep the k most likely tokens.
    pub top_k: Option<usize>,
    /// Keep the smallest set of tokens with this probability mass.
    pub top_p: Option<f64>,
    /// Seed of the random numbers; both lanes draw the same ones.
    pub seed: u64,
    /// Most tokens to generate.
    pub max_tokens: usize,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: None,
            top_p: None,
            seed: 0,
            max_tokens: 96,
        }
    }
}

/// A condition on the prompt (CAST, Lee et al. 2409.05907): only prompts on one side of a threshold of
/// similarity to a condition vector are steered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// Condition vector.
    pub vector: Asset,
    /// Block whose output is compared.
    pub block: BlockIndex,
    /// Similarity at which the gate opens, −1..=1.
    pub threshold: f32,
    /// Opens above the threshold; below it where `false`.
    pub above: bool,
}

/// How a condition judges a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gated {
    /// Similarity of the prompt to the condition vector; `None` where either has no length.
    pub similarity: Option<f64>,
    /// Whether the prompt is steered.
    pub open: bool,
}

/// The intervention that both panes and histogram describe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Steering {
    /// Hash of the loaded vector file's tensors, as reported by [`VectorInfo::id`].
    pub vector: String,
    /// Site: output of this block.
    pub block: BlockIndex,
    /// Raw coefficient `c` multiplying the stored vector (papers also say multiplier).
    pub coefficient: f32,
    /// Steered positions.
    pub mask: Mask,
    /// What is done there, and at which point of the block.
    pub edit: Edit,
    /// Steer only prompts that meet it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
}

/// A prompt as the user's turn of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChatFormat {
    /// System text before it.
    pub system: Option<String>,
}

/// Id of the failure that is only a remark: the model is loaded, without its chat format.
pub const CHAT_UNUSABLE: &str = "chat-unusable";

/// Whether a model has a chat format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatSupport {
    /// No template came with it: a base model.
    #[default]
    None,
    /// It has a template.
    Template,
    /// Its template cannot be used.
    Unusable,
}

/// Generate the two lanes from one prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenerateRequest {
    /// Events of this request carry this id.
    pub run: RunId,
    /// Prompt text: verbatim, or what the user says in `chat`.
    pub prompt: String,
    /// Put the prompt into the model's chat format; `None`: plain text.
    pub chat: Option<ChatFormat>,
    /// `None`: no vector is loaded, both lanes are unsteered.
    pub steering: Option<Steering>,
    /// What the lane beside the steered one is.
    pub reference: Reference,
    /// Sampling settings, shared by both lanes.
    pub sampling: Sampling,
}

/// Measure a vector at one site over the loaded data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasureRequest {
    /// Events of this request carry this id.
    pub run: RunId,
    /// [`VectorInfo::id`] of the vector.
    pub vector: String,
    /// [`DatasetInfo::id`] of the data set.
    pub dataset: String,
    /// Site.
    pub block: BlockIndex,
    /// Steered positions.
    pub mask: Mask,
    /// What is done there, and at which point of the block.
    pub edit: Edit,
    /// Multiplier grid of the slope; at least three distinct values.
    pub multipliers: Vec<f32>,
    /// Further coefficient to measure (the slider's), when it is not on the grid.
    pub probe: Option<f32>,
    /// Steer only prompts that meet it; the others have their unsteered propensity at every multiplier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
}

/// From the interface to the worker.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Replace the model; the old one stays until the new one is ready.
    LoadModel(ModelSource),
    /// Load a vector.
    LoadVector(Asset),
    /// Load a data set, its rows asked in this way.
    LoadDataset(Asset, Asking),
    /// Newest wins: replaces a running or waiting generation.
    Generate(GenerateRequest),
    /// Newest wins: replaces a running or waiting measurement.
    Measure(MeasureRequest),
    /// Report a prompt token by token.
    ReadPrompt {
        /// The answer carries it.
        run: RunId,
        /// Prompt.
        prompt: String,
        /// Its chat format, if any.
        chat: Option<ChatFormat>,
    },
    /// Report the first text of a source of vectors token by token, as extraction reads it.
    ReadSource {
        /// The answer carries it.
        run: RunId,
        /// Source.
        source: ExtractSource,
    },
    /// Report these vectors side by side; nothing is loaded.
    Survey(Vec<Asset>),
    /// Write a vector to the user's folder under a name.
    SaveVector(Asset, String),
    /// Newest wins: replaces a running or waiting probe.
    Probe(ProbeRequest),
    /// Stop generating; what was streamed stays.
    StopGeneration,
    /// Stop measuring; what was measured stays.
    StopMeasure,
    /// Newest wins: replaces a running or waiting study.
    Study(StudyRequest),
    /// Stop the study; what was reported stays.
    StopStudy,
    /// End the worker thread.
    Shutdown,
}

/// Facts about the loaded model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Directory or file name, or `bundled`.
    pub name: String,
    /// SHA-256 over the weight bytes, hex.
    pub hash: String,
    /// `model_type` of its configuration.
    pub architecture: String,
    /// Number of decoder blocks.
    pub n_blocks: usize,
    /// Residual width d.
    pub hidden_size: usize,
    /// Vocabulary size.
    pub vocab_size: usize,
    /// Number of parameters.
    pub parameters: usize,
    /// Longest context the model was made for, in tokens.
    pub max_positions: usize,
    /// Number type of the weights in memory, e.g. `f32`.
    pub dtype: String,
    /// Where it runs, e.g. `cpu · 2 threads`.
    pub device: String,
    /// Whether prompts can be given in its chat format.
    pub chat: ChatSupport,
}

/// Facts about a loaded vector, for the running model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VectorInfo {
    /// SHA-256 over the tensor bytes, hex.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Where it came from.
    pub asset: Asset,
    /// Extraction method, if the file says.
    pub method: Option<String>,
    /// How its file means it to be applied, and at which point of its blocks.
    pub edit: Edit,
    /// Directions per block.
    pub rank: usize,
    /// Euclidean norm of the raw vector at each block; `None` where the file has no vector.
    pub norms: Vec<Option<f32>>,
    /// Block the file recommends, if any.
    pub recommended_block: Option<BlockIndex>,
    /// Anything the user should know (another model id with the same width, missing blocks, …).
    pub warnings: Vec<String>,
}

/// One input of a data set as shown to the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputItem {
    /// Stable id within its data set (source row number).
    pub id: usize,
    /// Prompt text as the model sees it; in a chat format what the user says.
    pub prompt: String,
    /// Answer that shows the behaviour.
    pub positive: String,
    /// The other answer.
    pub negative: String,
    /// Whether the positive answer is option (A); `None` where answers are no option letters.
    pub positive_is_a: Option<bool>,
    /// Whether the positive answer says Yes; `None` where it says neither Yes nor No.
    pub positive_is_yes: Option<bool>,
}

/// Facts about a loaded data set.
#[derive(Debug, Clone, PartialEq)]
pub struct DatasetInfo {
    /// [`Asking::identify`] of the SHA-256 over the canonical rows, hex.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Where it came from.
    pub asset: Asset,
    /// How its rows are asked.
    pub asking: Asking,
    /// The same in words.
    pub words: Arc<AskedWords>,
    /// How the file was read, e.g. `MWE persona, converted`.
    pub format: String,
    /// Inputs that can be measured, in measuring order.
    pub items: Arc<Vec<InputItem>>,
    /// Counted remarks: duplicates dropped, rows rejected and why.
    pub warnings: Vec<String>,
    /// `H_b`: median residual norm at each block over the prompt tokens, position 0 excluded.
    pub residual_norms: Vec<f32>,
}

/// One input's response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputResult {
    /// Index into [`DatasetInfo::items`].
    pub index: usize,
    /// Propensity (logit difference, positive minus negative answer) at each multiplier.
    pub propensity: Vec<f32>,
    /// Least-squares slope of propensity against multiplier.
    pub steerability: f32,
    /// Propensity at [`MeasureRequest::probe`].
    pub probe: Option<f32>,
    /// How the condition judges its prompt; `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gated>,
}
