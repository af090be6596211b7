//! Flags of the commands that need no model: `runs` and `dataset`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::args::{SplitChoice, parse_block};
use crate::store::{ExportFormat, Filter};
use crate::units::BlockIndex;

/// `steerscope runs`
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// List what was measured
    List(RunsListArgs),
    /// Everything about one run
    Show(ShowArgs),
    /// Write runs as one table, a row for each input and multiplier
    Export(ExportArgs),
    /// Remove runs
    Gc(GcArgs),
    /// Take over the runs of other stores, such as those of a job array
    Merge(MergeArgs),
}

/// Which store.
#[derive(Debug, Clone, Args)]
pub struct WhichStore {
    /// Run store [default: runs.sqlite in the data directory]
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
}

/// Which runs.
#[derive(Debug, Clone, Args)]
pub struct RunsFilter {
    /// Part of the model's name, or the beginning of its hash
    #[arg(long, value_name = "TEXT")]
    pub model: Option<String>,
    /// Part of the vector's name, or the beginning of its id
    #[arg(long, value_name = "TEXT")]
    pub vector: Option<String>,
    /// Part of the data set's name, or the beginning of its hash
    #[arg(long, value_name = "TEXT")]
    pub dataset: Option<String>,
    /// Block whose output was steered
    #[arg(long, value_name = "B", value_parser = parse_block)]
    pub layer: Option<BlockIndex>,
    /// Numbers of runs, as 'runs list' shows them
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub run: Vec<i64>,
}

impl RunsFilter {
    /// As the store wants it.
    pub fn filter(&self) -> Filter {
        Filter {
            model: self.model.clone(),
            vector: self.vector.clone(),
            dataset: self.dataset.clone(),
            block: self.layer.map(|b| b.0),
            runs: self.run.clone(),
        }
    }
}

/// `steerscope runs list`
#[derive(Debug, Args)]
pub struct RunsListArgs {
    /// Store.
    #[command(flatten)]
    pub store: WhichStore,
    /// Filter.
    #[command(flatten)]
    pub filter: RunsFilter,
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `steerscope runs show`
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Number of the run, as 'runs list' shows it
    #[arg(value_name = "RUN")]
    pub run: i64,
    /// Store.
    #[command(flatten)]
    pub store: WhichStore,
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `steerscope runs export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Store.
    #[command(flatten)]
    pub store: WhichStore,
    /// Filter.
    #[command(flatten)]
    pub filter: RunsFilter,
    /// Format of the table
    #[arg(long, value_enum)]
    pub format: TableChoice,
    /// File to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    pub force: bool,
}

/// Format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableChoice {
    /// Comma-separated values with one header line
    Csv,
    /// A list of objects
    Json,
    /// Apache Parquet
    Parquet,
}

impl From<TableChoice> for ExportFormat {
    fn from(choice: TableChoice) -> Self {
        match choice {
            TableChoice::Csv => Self::Csv,
            TableChoice::Json => Self::Json,
            TableChoice::Parquet => Self::Parquet,
        }
    }
}

/// `steerscope runs gc`
#[derive(Debug, Args)]
pub struct GcArgs {
    /// Store.
    #[command(flatten)]
    pub store: WhichStore,
    /// Filter.
    #[command(flatten)]
    pub filter: RunsFilter,
    /// Only runs measured longer ago than so many days
    #[arg(long, value_name = "DAYS")]
    pub older_than: Option<u64>,
    /// The newest so many runs stay
    #[arg(long, value_name = "N")]
    pub keep: Option<usize>,
    /// Say what would go, remove nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `steerscope runs merge`
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Stores to read
    #[arg(value_name = "FILE", required = true)]
    pub from: Vec<PathBuf>,
    /// Store.
    #[command(flatten)]
    pub store: WhichStore,
}

/// `steerscope dataset`
#[derive(Debug, Subcommand)]
pub enum DatasetCommand {
    /// What a file holds and how it is read
    Info(InfoArgs),
    /// Write the rows in another layout to standard output
    Convert(ConvertArgs),
    /// Divide the rows after the seeded shuffle
    Split(SplitArgs),
}

/// `steerscope dataset info`
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// Data set: a file, or the name of a bundled one
    #[arg(value_name = "FILE|NAME")]
    pub dataset: String,
    /// Keep rows with a repeated prompt
    #[arg(long)]
    pub keep_duplicates: bool,
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `steerscope dataset convert`
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// Data set: a file, or the name of a bundled one
    #[arg(value_name = "FILE|NAME")]
    pub dataset: String,
    /// Layout to write
    #[arg(long, value_enum, default_value_t = LayoutChoice::Jsonl)]
    pub format: LayoutChoice,
    /// Drop rows with a repeated prompt, as measuring does
    #[arg(long)]
    pub deduplicate: bool,
    /// The class that shows the behaviour, where a file has texts of two named classes
    #[arg(long, value_name = "NAME", conflicts_with = "deduplicate")]
    pub positive_class: Option<String>,
}

/// Layout of a converted data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LayoutChoice {
    /// Rows of prompt, positive and negative, texts exactly as the model reads them
    Jsonl,
    /// The processed layout of steering-bench
    SteeringBench,
}

/// `steerscope dataset split`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub struct SplitArgs {
    /// Data set: a file, or the name of a bundled one
    #[arg(value_name = "FILE|NAME")]
    pub dataset: String,
    /// Seed of the shuffle, as in Python's random.Random(SEED).shuffle
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The overlapping split behind the figures of Tan et al.: first half, and from row 50 on
    #[arg(long, conflicts_with = "slice")]
    pub published: bool,
    /// Write this part to standard output
    #[arg(long, value_enum, conflicts_with_all = ["slice", "out_dir"])]
    pub part: Option<SplitChoice>,
    /// Write these shuffled rows to standard output: FIRST:SECOND, each a row or a percentage
    #[arg(long, value_name = "FIRST:SECOND", conflicts_with = "out_dir")]
    pub slice: Option<String>,
    /// Write one file for each part into this folder
    #[arg(long, value_name = "DIR")]
    pub out_dir: Option<PathBuf>,
    /// Layout to write
    #[arg(long, value_enum, default_value_t = LayoutChoice::Jsonl)]
    pub format: LayoutChoice,
    /// Keep rows with a repeated prompt, which leak between the parts
    #[arg(long)]
    pub keep_duplicates: bool,
    /// Replace existing files
    #[arg(long)]
    pub force: bool,
    /// Row numbers of the parts as one JSON object
    #[arg(long, conflicts_with_all = ["part", "slice", "out_dir"])]
    pub json: bool,
}
