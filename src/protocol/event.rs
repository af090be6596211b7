//! What the worker tells the interface.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    CatalogEntry, DatasetInfo, Gated, ImportQuestion, InputResult, ModelInfo, ModelSource,
    PromptToken, ReceiptReport, StudyNews, Survey, VectorInfo,
};
use crate::units::{Lane, RunId};

/// A complete character run of one token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPiece {
    /// Vocabulary id.
    pub id: u32,
    /// Text that became complete with this token; may be empty for part of a character.
    pub text: String,
}

/// Why a lane ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended its text.
    Eos,
    /// The length limit was reached.
    Length,
    /// The user or a newer request stopped it.
    Stopped,
    /// The logits were not finite; the setting is outside the usable range.
    NonFinite,
}

/// What the worker is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Fetching a model from the hub; counted in MiB of the file under way.
    Fetch,
    /// Reading a model.
    LoadModel,
    /// Reading a vector.
    LoadVector,
    /// Reading and tokenizing a data set.
    LoadDataset,
    /// First pass over the data set's prompts (kept for every later change).
    Prefill,
    /// Evaluating multipliers.
    Measure,
    /// Streaming text.
    Generate,
    /// A study.
    Study,
    /// Keeping results in the run store.
    Store,
    /// Probing how a vector is applied.
    Probe,
}

/// A refusal or failure: what, where, what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Part of the work that failed.
    pub stage: Stage,
    /// Run it belongs to, for generation and measurement.
    pub run: Option<RunId>,
    /// Model it is about, for fetching and reading one.
    pub model: Option<Box<ModelSource>>,
    /// Stable kebab-case id, e.g. `hidden-size`.
    pub id: String,
    /// Plain sentence naming the file and the fix.
    pub message: String,
}

/// From the worker to the interface.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// What can be picked. Sent once at start and after a rescan.
    Catalog {
        /// Vectors, bundled first.
        vectors: Vec<CatalogEntry>,
        /// Data sets, bundled first.
        datasets: Vec<CatalogEntry>,
    },
    /// A model is ready; vectors and data sets must be loaded again for it.
    ModelLoaded {
        /// The wish that this answers; there may be a newer one.
        source: ModelSource,
        /// Its facts.
        info: Box<ModelInfo>,
    },
    /// A vector is ready for the running model.
    VectorLoaded(VectorInfo),
    /// A data set is ready for the running model.
    DatasetLoaded(DatasetInfo),
    /// Work under way. `total` 0: unknown.
    Progress {
        /// What.
        stage: Stage,
        /// Units finished.
        done: usize,
        /// Units in all.
        total: usize,
    },
    /// A stage ended (also after an error or a stop).
    Idle(Stage),
    /// Both lanes start; the app clears its panes when the first token comes, not before.
    GenerationStarted {
        /// Run.
        run: RunId,
        /// Tokens of the prompt, BOS included.
        prompt_tokens: usize,
    },
    /// How the condition judges the prompt of a generation.
    Gated {
        /// Run.
        run: RunId,
        /// Judgement.
        gate: Gated,
    },
    /// What the lane beside the steered one stands for, in words; or why it cannot be made.
    Reference {
        /// Run.
        run: RunId,
        /// The words.
        words: Result<String, String>,
    },
    /// The pairs behind shuffled labels were read: the text that waits for them can be made.
    PairsRead,
    /// New tokens of one lane, in order.
    Tokens {
        /// Run.
        run: RunId,
        /// Lane.
        lane: Lane,
        /// Pieces.
        tokens: Vec<TokenPiece>,
    },
    /// One lane ended.
    LaneFinished {
        /// Run.
        run: RunId,
        /// Lane.
        lane: Lane,
        /// Why.
        reason: FinishReason,
        /// Tokens per second over both lanes, decode only.
        tokens_per_second: f32,
    },
    /// Results of some inputs.
    Measured {
        /// Run.
        run: RunId,
        /// Results, any order.
        results: Vec<InputResult>,
    },
    /// All inputs measured.
    MeasureFinished {
        /// Run.
        run: RunId,
        /// Time from the request's arrival to here.
        elapsed: Duration,
        /// The figures were kept from an earlier run.
        from_cache: bool,
    },
    /// The loaded data set's prompts do not fit into the memory for them: some are computed again
    /// with every change.
    OverBudget {
        /// Prompts in memory.
        kept: usize,
        /// Prompts in all.
        prompts: usize,
        /// Bytes that may be used.
        budget: usize,
    },
    /// A study reports.
    Study {
        /// Run.
        run: RunId,
        /// What.
        news: StudyNews,
    },
    /// A receipt, check by check.
    Receipt {
        /// Run.
        run: RunId,
        /// As far as it is.
        report: Box<ReceiptReport>,
    },
    /// A prompt token by token.
    PromptRead {
        /// Which was asked for.
        run: RunId,
        /// Its tokens, those of the template among them.
        tokens: Vec<PromptToken>,
    },
    /// Vectors side by side.
    Survey(Box<Survey>),
    /// A vector's file leaves something open: it is loaded once that is answered.
    Asked(Box<ImportQuestion>),
    /// A vector was written to the user's folder.
    Saved(PathBuf),
    /// Something was refused or failed; the state before it still holds.
    Failed(Failure),
    /// The engine thread panicked and ended; the text is its reason.
    EngineDied(String),
}
