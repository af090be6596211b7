//! Flags of the commands that ask how far a measurement is to be trusted.

use std::path::PathBuf;

use clap::Args;

use super::args::{
    AskArgs, ConditionArgs, LengthChoice, MemoryArgs, ModelArgs, SiteArgs, SplitChoice, StoreArgs,
    parse_block, parse_finite, parse_positive,
};
use crate::measure::DEFAULT_SYSTEM;
use crate::units::{BlockIndex, DEFAULT_MULTIPLIERS};

/// Multiplier grid.
#[derive(Debug, Clone, Args)]
pub struct GridArgs {
    /// Multiplier grid of the slope, at least three values
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true, value_parser = parse_finite)]
    pub multipliers: Option<Vec<f32>>,
}

impl GridArgs {
    /// The grid asked for, else the default one.
    pub fn grid(&self) -> Vec<f32> {
        self.multipliers
            .clone()
            .unwrap_or_else(|| DEFAULT_MULTIPLIERS.to_vec())
    }
}

/// `steerscope factors`
#[derive(Debug, Args)]
pub struct FactorsArgs {
    /// Model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Vector: a file, or the name of a bundled one [default: extracted from each training split]
    #[arg(long, value_name = "FILE|NAME")]
    pub vector: Option<String>,
    /// Data set: a file, or the name of a bundled one; may be given several times
    #[arg(long = "dataset", value_name = "FILE|NAME", required = true)]
    pub datasets: Vec<String>,
    /// Site.
    #[command(flatten)]
    pub site: SiteArgs,
    /// Condition.
    #[command(flatten)]
    pub condition: ConditionArgs,
    /// Grid.
    #[command(flatten)]
    pub grid: GridArgs,
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
    /// Seed of the split
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// One JSON object instead of tables
    #[arg(long)]
    pub json: bool,
    /// Where results are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Memory of prompts.
    #[command(flatten)]
    pub memory: MemoryArgs,
}

/// `steerscope predict`
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// Model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Data set of contrastive pairs: a file, or the name of a bundled one; may be given several times
    #[arg(long = "dataset", value_name = "FILE|NAME", required = true)]
    pub datasets: Vec<String>,
    /// Block whose output is read, 0-based [default: 0.42 of the depth]
    #[arg(long, value_name = "B", value_parser = parse_block)]
    pub layer: Option<BlockIndex>,
    /// Part that the vector is fitted on
    #[arg(long, value_enum, default_value_t = SplitChoice::Train)]
    pub fit: SplitChoice,
    /// Part whose pairs are held out
    #[arg(long, value_enum, default_value_t = SplitChoice::Val)]
    pub held_out: SplitChoice,
    /// Template.
    #[command(flatten)]
    pub ask: AskArgs,
    /// Use at most N pairs of each part
    #[arg(long, value_name = "N", value_parser = parse_positive)]
    pub limit: Option<usize>,
    /// Seed of the split and of the subsamples
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// One JSON object instead of tables
    #[arg(long)]
    pub json: bool,
}

/// `steerscope shift`
#[derive(Debug, Args)]
pub struct ShiftArgs {
    /// Model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Data set: a file, or the name of a bundled one; may be given several times
    #[arg(long = "dataset", value_name = "FILE|NAME", required = true)]
    pub datasets: Vec<String>,
    /// TOML file with a table per data set, each with 'positive' and 'negative' [default: sentences.toml in the data directory]
    #[arg(long, value_name = "FILE.toml")]
    pub sentences: Option<PathBuf>,
    /// System text of the settings that do not replace it; '' for none
    #[arg(long, value_name = "TEXT", default_value = DEFAULT_SYSTEM)]
    pub system: String,
    /// Keep every vector's own norm instead of rescaling all to that of BASE
    #[arg(long)]
    pub no_norm_matching: bool,
    /// Site.
    #[command(flatten)]
    pub site: SiteArgs,
    /// Grid.
    #[command(flatten)]
    pub grid: GridArgs,
    /// Measure at most N inputs of the test part
    #[arg(long, value_name = "N", value_parser = parse_positive)]
    pub limit: Option<usize>,
    /// Make vectors of at most N pairs of the training part
    #[arg(long, value_name = "N", value_parser = parse_positive)]
    pub pairs: Option<usize>,
    /// Seed of the split
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// One JSON object instead of tables
    #[arg(long)]
    pub json: bool,
    /// Where results are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Memory of prompts.
    #[command(flatten)]
    pub memory: MemoryArgs,
}

/// `steerscope compare`
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Vector: a file, or the name of a bundled one; may be given several times; the first is the reference of equal κ [default: all that 'steerscope list' shows and that fit the model]
    #[arg(long = "vector", value_name = "FILE|NAME")]
    pub vectors: Vec<String>,
    /// Data set: a file, or the name of a bundled one
    #[arg(long, value_name = "FILE|NAME")]
    pub dataset: String,
    /// Site; with --layer all vectors are applied at that block, else each at the one that its file recommends. The operator is the same for all.
    #[command(flatten)]
    pub site: SiteArgs,
    /// Condition.
    #[command(flatten)]
    pub condition: ConditionArgs,
    /// Grid.
    #[command(flatten)]
    pub grid: GridArgs,
    /// Length: the vectors as they are, at the κ of the first, or both
    #[arg(long, alias = "unit", value_enum, default_value_t = LengthChoice::Raw)]
    pub length: LengthChoice,
    /// Part of the data set to measure after the seeded shuffle
    #[arg(long, value_enum, default_value_t = SplitChoice::Test)]
    pub split: SplitChoice,
    /// Template.
    #[command(flatten)]
    pub ask: AskArgs,
    /// Measure at most N inputs
    #[arg(long, value_name = "N", value_parser = parse_positive)]
    pub limit: Option<usize>,
    /// Seed of the split
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
    /// Where results are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Memory of prompts.
    #[command(flatten)]
    pub memory: MemoryArgs,
}

/// `steerscope controls`
#[derive(Debug, Args)]
pub struct ControlsArgs {
    /// Model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Vector: a file, or the name of a bundled one [default: extracted from the training split]
    #[arg(long, value_name = "FILE|NAME")]
    pub vector: Option<String>,
    /// Data set: a file, or the name of a bundled one; its training pairs give the shuffled labels
    #[arg(long, value_name = "FILE|NAME")]
    pub dataset: String,
    /// Vector of another behaviour, applied at the length of the first; may be given several times
    #[arg(long = "other", value_name = "FILE|NAME")]
    pub others: Vec<String>,
    /// Site.
    #[command(flatten)]
    pub site: SiteArgs,
    /// Condition.
    #[command(flatten)]
    pub condition: ConditionArgs,
    /// Grid.
    #[command(flatten)]
    pub grid: GridArgs,
    /// Random directions, and as many orthogonal ones; z takes two at least
    #[arg(long, value_name = "K", default_value_t = crate::measure::controls::RANDOM, value_parser = parse_positive)]
    pub random: usize,
    /// Vectors of shuffled labels
    #[arg(long, value_name = "K", default_value_t = 8, value_parser = parse_positive)]
    pub shuffled: usize,
    /// Part of the data set to measure after the seeded shuffle
    #[arg(long, value_enum, default_value_t = SplitChoice::Test)]
    pub split: SplitChoice,
    /// Template.
    #[command(flatten)]
    pub ask: AskArgs,
    /// Measure at most N inputs
    #[arg(long, value_name = "N", value_parser = parse_positive)]
    pub limit: Option<usize>,
    /// Seed of the split and of the directions
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// One JSON object instead of a table
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// One line per direction on standard output
    #[arg(long)]
    pub csv: bool,
    /// Where results are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Memory of prompts.
    #[command(flatten)]
    pub memory: MemoryArgs,
}
