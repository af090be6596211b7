//! Commands and flags: the one source of `--help` and of what the program accepts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use super::args_calibrate::{CalibrateArgs, FanArgs, SignChoice};
pub use super::args_data::{
    ConvertArgs, DatasetCommand, ExportArgs, GcArgs, InfoArgs, LayoutChoice, MergeArgs,
    RunsCommand, RunsFilter, RunsListArgs, ShowArgs, SplitArgs, TableChoice, WhichStore,
};
pub use super::args_extract::ExtractArgs;
pub use super::args_keep::{MemoryArgs, StoreArgs};
pub use super::args_lab::{CompareArgs, ControlsArgs, FactorsArgs, PredictArgs, ShiftArgs};
pub use super::args_rows::{AskArgs, SplitChoice, TemplateChoice};
pub use super::args_site::{ConditionArgs, EditArgs, SiteArgs, UnitArgs};
pub use super::args_sweep::{Blocks, LengthChoice, Shard, SweepArgs};
pub use super::args_tokens::TokensArgs;
pub use super::args_vectors::{
    ImportArgs, LocationChoice, ProbeArgs, RowsChoice, VectorConvertArgs, VectorInfoArgs,
    VectorsCommand, VectorsListArgs,
};
use crate::protocol::{ModelSource, Sampling};
use crate::units::{BlockIndex, DEFAULT_MULTIPLIERS, DeviceChoice};
use crate::worker::LIVE_INPUTS;

/// Take the helm of a language model in the terminal.
///
/// Without a subcommand the interactive screen opens. Data goes to standard output, progress and
/// errors to standard error. Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    max_term_width = 100,
    disable_help_subcommand = true,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// What to do; nothing opens the interactive screen.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Flags of the interactive screen.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// The twins of the interactive screen.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Generate text from a prompt, unsteered and steered side by side
    Generate(GenerateArgs),
    /// Make a steering vector (every layer) from contrastive pairs, texts, prompts or responses
    Extract(ExtractArgs),
    /// Measure how strongly each input of a data set responds to a vector
    Measure(MeasureArgs),
    /// Measure a vector at all blocks and multipliers, and suggest where to steer
    Sweep(SweepArgs),
    /// What share of the spread of steerability is the option letter or the word Yes
    Factors(FactorsArgs),
    /// What can be known about a data set's vector before steering: agreement and separation
    Predict(PredictArgs),
    /// Vectors made in one prompt setting, measured in another
    Shift(ShiftArgs),
    /// Several vectors on one data set side by side, each at its own block or all at one
    Compare(CompareArgs),
    /// A vector against other directions of the same length: random, reversed, permuted, shuffled labels
    Controls(ControlsArgs),
    /// The coefficient at which a vector moves the next-token distribution by a given amount
    Calibrate(CalibrateArgs),
    /// One prompt continued under several coefficients at once
    Fan(FanArgs),
    /// What a vector changes in one given text, token by token and block by block
    Tokens(TokensArgs),
    /// List the bundled vectors and data sets and those in the user's data directory
    List(ListArgs),
    /// What was measured before: list, show, export, remove, merge
    #[command(subcommand)]
    Runs(RunsCommand),
    /// What a data set holds; conversion and split
    #[command(subcommand)]
    Dataset(DatasetCommand),
    /// What vector files hold; conversion between the formats of other tools
    #[command(subcommand)]
    Vectors(VectorsCommand),
}

/// Flags of the interactive screen.
#[derive(Debug, Clone, Args)]
pub struct ScreenArgs {
    /// Model to open: a Hugging Face directory, a .gguf file, a hub id (gpt2, org/name, org/name@revision, `org/name:Q4_K_M`), or 'bundled'
    #[arg(long, value_name = "PATH|ID|bundled", default_value = "bundled", value_parser = parse_model)]
    pub model: ModelSource,
    /// Device to compute on; 'auto' is the first GPU where this build supports one and it works, else the CPU
    #[arg(long, value_name = "auto|cpu|cuda:N|metal", default_value_t)]
    pub device: DeviceChoice,
    /// Vector to load at start: a file, or the name of a bundled one
    #[arg(long, value_name = "FILE|NAME")]
    pub vector: Option<String>,
    /// Data set to load at start: a file, or the name of a bundled one
    #[arg(long, value_name = "FILE|NAME")]
    pub dataset: Option<String>,
    /// Inputs of a data set to measure live, at most
    #[arg(long, value_name = "N", default_value_t = LIVE_INPUTS, value_parser = parse_positive)]
    pub inputs: usize,
    /// Template of the prompts that are measured.
    #[command(flatten)]
    pub ask: AskArgs,
    /// Measure as the released code of Tan et al. does it: overlapping split, repeated prompts kept, summed logits
    #[arg(long)]
    pub parity: bool,
    /// Colour theme: one of the shipped
    #[arg(long, value_name = "NAME")]
    pub theme: Option<String>,
    /// Characters to draw with
    #[arg(long, value_enum, default_value_t = GlyphChoice::Auto)]
    pub glyphs: GlyphChoice,
    /// When to use colour
    #[arg(long, value_enum, default_value_t = ColourChoice::Auto)]
    pub color: ColourChoice,
    /// Leave the mouse to the terminal
    #[arg(long)]
    pub no_mouse: bool,
    /// Where results are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Memory of prompts.
    #[command(flatten)]
    pub memory: MemoryArgs,
    /// Panic on purpose, for the tests of the panic policy
    #[arg(long, hide = true, value_enum)]
    pub crash: Option<CrashPoint>,
}

/// Characters to draw with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GlyphChoice {
    /// Unicode unless the locale or terminal cannot show it
    Auto,
    /// Block elements and braille
    Unicode,
    /// Plain ASCII
    Ascii,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColourChoice {
    /// As the terminal says, never under `NO_COLOR`
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Where `--crash` panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CrashPoint {
    /// The interface thread, on the first key.
    Ui,
    /// The engine thread, on the second generation.
    Engine,
}

/// The model of a command.
#[derive(Debug, Clone, Args)]
pub struct ModelArgs {
    /// Model: a Hugging Face directory, a .gguf file, a hub id (gpt2, org/name, org/name@revision, `org/name:Q4_K_M`), or 'bundled'
    #[arg(long, value_name = "PATH|ID|bundled", default_value = "bundled", value_parser = parse_model)]
    pub model: ModelSource,
    /// Device to compute on; 'auto' is the first GPU where this build supports one and it works, else the CPU
    #[arg(long, value_name = "auto|cpu|cuda:N|metal", default_value_t)]
    pub device: DeviceChoice,
}

/// `steerscope generate`
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Prompt text; '-' or nothing reads standard input
    #[arg(long, short, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Put the prompt into the model's chat format, as a user's turn
    #[arg(long)]
    pub chat: bool,
    /// System text before the user's turn
    #[arg(long, value_name = "TEXT", requires = "chat")]
    pub system: Option<String>,
    /// Vector: a file, or the name of a bundled one; without it only the unsteered text is made
    #[arg(long, value_name = "FILE|NAME")]
    pub vector: Option<String>,
    /// Site.
    #[command(flatten)]
    pub site: SiteArgs,
    /// Raw coefficient multiplying the vector
    #[arg(long, value_name = "C", default_value_t = 1.0, allow_negative_numbers = true, value_parser = parse_finite)]
    pub coefficient: f32,
    /// Unit.
    #[command(flatten)]
    pub unit: UnitArgs,
    /// Condition.
    #[command(flatten)]
    pub condition: ConditionArgs,
    /// Sampling.
    #[command(flatten)]
    pub sampling: SamplingArgs,
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// Sampling flags.
#[derive(Debug, Clone, Args)]
pub struct SamplingArgs {
    /// Sampling temperature; 0 is greedy
    #[arg(long, value_name = "T", default_value_t = 0.0, value_parser = parse_temperature)]
    pub temperature: f64,
    /// Keep the K most likely tokens
    #[arg(long, value_name = "K", value_parser = parse_positive)]
    pub top_k: Option<usize>,
    /// Keep the smallest set of tokens with this probability
    #[arg(long, value_name = "P", value_parser = parse_probability)]
    pub top_p: Option<f64>,
    /// Seed; both lanes draw the same random numbers
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Most tokens to generate
    #[arg(long, value_name = "N", default_value_t = 96, value_parser = parse_positive)]
    pub max_tokens: usize,
}

impl SamplingArgs {
    /// As the protocol wants it.
    pub fn to_sampling(&self) -> Sampling {
        Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            seed: self.seed,
            max_tokens: self.max_tokens,
        }
    }
}

/// `steerscope measure`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
pub struct MeasureArgs {
    /// Model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Vector: a file, or the name of a bundled one [default: extracted from the training split]
    #[arg(long, value_name = "FILE|NAME")]
    pub vector: Option<String>,
    /// Data set: a file, or the name of a bundled one
    #[arg(long, value_name = "FILE|NAME")]
    pub dataset: String,
    /// Site.
    #[command(flatten)]
    pub site: SiteArgs,
    /// Condition.
    #[command(flatten)]
    pub condition: ConditionArgs,
    /// Multiplier grid of the slope, at least three values
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true, value_parser = parse_finite, conflicts_with = "coefficient")]
    pub multipliers: Option<Vec<f32>>,
    /// Shorthand for the grid -C, 0, C
    #[arg(long, value_name = "C", allow_negative_numbers = true, value_parser = parse_finite)]
    pub coefficient: Option<f32>,
    /// Unit.
    #[command(flatten)]
    pub unit: UnitArgs,
    /// Part of the data set to measure after the seeded shuffle
    #[arg(long, value_enum, default_value_t = SplitChoice::Test)]
    pub split: SplitChoice,
    /// Template.
    #[command(flatten)]
    pub ask: AskArgs,
    /// As the released code of Tan et al. does it: overlapping split, repeated prompts kept, summed logits of whole answers
    #[arg(long)]
    pub parity: bool,
    /// Measure at most N inputs
    #[arg(long, value_name = "N", value_parser = parse_positive)]
    pub limit: Option<usize>,
    /// Seed of the split and of the bootstrap
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// One JSON object, nothing else, on standard output
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// One line per input on standard output
    #[arg(long)]
    pub csv: bool,
    /// Also draw histogram and curve to this .svg or .png file
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Also write a folder with vector, receipt, data set, figures, texts and the commands that repeat it
    #[arg(long, value_name = "DIR", conflicts_with = "condition")]
    pub bundle: Option<PathBuf>,
    /// Replace an existing figure or bundle
    #[arg(long)]
    pub force: bool,
    /// Where results are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Memory of prompts.
    #[command(flatten)]
    pub memory: MemoryArgs,
}

impl MeasureArgs {
    /// The multiplier grid these flags ask for.
    pub fn grid(&self) -> Vec<f32> {
        match (&self.multipliers, self.coefficient) {
            (Some(list), _) => list.clone(),
            (None, Some(c)) => vec![-c, 0.0, c],
            (None, None) => DEFAULT_MULTIPLIERS.to_vec(),
        }
    }
}

/// `steerscope list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

#[expect(clippy::unnecessary_wraps, reason = "the signature is clap's")]
fn parse_model(s: &str) -> Result<ModelSource, String> {
    Ok(ModelSource::parse(s))
}

pub(super) fn parse_block(s: &str) -> Result<BlockIndex, String> {
    s.parse()
        .map(BlockIndex)
        .map_err(|_| "give a block index, 0 or more".to_string())
}

pub(super) fn parse_positive(s: &str) -> Result<usize, String> {
    s.parse()
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| "give a whole number above 0".to_string())
}

pub(super) fn parse_finite(s: &str) -> Result<f32, String> {
    s.trim()
        .parse()
        .ok()
        .filter(|x: &f32| x.is_finite())
        .ok_or_else(|| "give a finite number".to_string())
}

pub(super) fn parse_temperature(s: &str) -> Result<f64, String> {
    s.parse()
        .ok()
        .filter(|t: &f64| t.is_finite() && *t >= 0.0)
        .ok_or_else(|| "give a number of 0 or more".to_string())
}

fn parse_probability(s: &str) -> Result<f64, String> {
    s.parse()
        .ok()
        .filter(|p: &f64| *p > 0.0 && *p <= 1.0)
        .ok_or_else(|| "give a probability above 0 and at most 1".to_string())
}
