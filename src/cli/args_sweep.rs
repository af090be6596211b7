//! Flags of `steerscope sweep`.

use std::fmt;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::args::{
    AskArgs, ConditionArgs, EditArgs, MemoryArgs, ModelArgs, SplitChoice, StoreArgs, parse_finite,
    parse_positive,
};
use crate::measure::SweepUnit;
use crate::units::{BlockIndex, CoefficientUnit, Mask};

/// `steerscope sweep`
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// Model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Vector: a file, or the name of a bundled one [default: extracted from the training split]
    #[arg(long, value_name = "FILE|NAME")]
    pub vector: Option<String>,
    /// Data set: a file, or the name of a bundled one
    #[arg(long, value_name = "FILE|NAME")]
    pub dataset: String,
    /// Blocks, such as 0-5,8,11 [default: all that the vector has]
    #[arg(long, value_name = "LIST", value_parser = parse_blocks)]
    pub layers: Option<Blocks>,
    /// Steered positions.
    #[arg(long, value_name = "MASK", help = super::args_site::MASKS, default_value_t = Mask::default())]
    pub mask: Mask,
    /// What is done.
    #[command(flatten)]
    pub edit: EditArgs,
    /// Condition.
    #[command(flatten)]
    pub condition: ConditionArgs,
    /// Multiplier grid of the slope, at least three values
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true, value_parser = parse_finite)]
    pub multipliers: Option<Vec<f32>>,
    /// Comparison of blocks: the vector as it is, at equal length relative to the residual stream, or both
    #[arg(long, value_enum, default_value_t = LengthChoice::Both)]
    pub length: LengthChoice,
    /// Unit of the multipliers, in place of a comparison: each block has raw multipliers of its own, and the output states both
    #[arg(long, value_name = "UNIT", help = super::args_site::SWEEP_UNITS, conflicts_with = "length")]
    pub unit: Option<CoefficientUnit>,
    /// Part of the data set after the seeded shuffle; layers are chosen on 'val' [default: val; test with --parity]
    #[arg(long, value_enum)]
    pub split: Option<SplitChoice>,
    /// Template.
    #[command(flatten)]
    pub ask: AskArgs,
    /// As the released code of Tan et al. does it: overlapping split, repeated prompts kept, summed logits of whole answers
    #[arg(long)]
    pub parity: bool,
    /// Only the I-th of N parts of the cells, 1-based, for several processes or machines; 'runs merge' joins their stores
    #[arg(long, value_name = "I/N", conflicts_with = "no_store")]
    pub shard: Option<Shard>,
    /// Measure at most N inputs
    #[arg(long, value_name = "N", value_parser = parse_positive)]
    pub limit: Option<usize>,
    /// Seed of the split and of the bootstrap
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// One JSON object, nothing else, on standard output
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// One line per block and unit on standard output
    #[arg(long)]
    pub csv: bool,
    /// Where results are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Memory of prompts.
    #[command(flatten)]
    pub memory: MemoryArgs,
}

/// Blocks named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocks(pub Vec<BlockIndex>);

/// `--length`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LengthChoice {
    /// The vector as it is
    Raw,
    /// Equal length relative to the residual stream at each block
    Kappa,
    /// Both
    Both,
}

impl LengthChoice {
    /// The comparisons asked for.
    pub fn units(self) -> &'static [SweepUnit] {
        match self {
            Self::Raw => &[SweepUnit::Raw],
            Self::Kappa => &[SweepUnit::EqualKappa],
            Self::Both => &[SweepUnit::Raw, SweepUnit::EqualKappa],
        }
    }
}

/// One of several disjoint parts of a sweep's cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which part, 1-based.
    index: usize,
    /// How many parts.
    of: usize,
}

impl Shard {
    /// Its cells of all, taken in turn, so that late blocks, which cost less, are spread over all
    /// parts. The parts of one sweep are disjoint and hold every cell once.
    pub fn cells<T>(self, all: Vec<T>) -> Vec<T> {
        let mine = |(i, _): &(usize, T)| i % self.of == self.index - 1;
        let cells = all.into_iter().enumerate().filter(mine);
        cells.map(|(_, cell)| cell).collect()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |s: &str| s.trim().parse::<usize>().ok().filter(|n| *n > 0);
        let parts = text.split_once('/');
        match parts.and_then(|(i, n)| Some((number(i)?, number(n)?))) {
            Some((index, of)) if index <= of => Ok(Self { index, of }),
            Some((index, of)) => Err(format!(
                "there is no part {index} of {of}; the last is {of}/{of}"
            )),
            None => Err(format!(
                "'{text}' is no part; write I/N with I from 1 to N, such as 2/8"
            )),
        }
    }
}

fn parse_blocks(text: &str) -> Result<Blocks, String> {
    let number = |s: &str| {
        s.trim()
            .parse::<usize>()
            .map_err(|_| format!("'{s}' is no block; write a list such as 0-5,8,11"))
    };
    let mut blocks = Vec::new();
    for part in text.split(',') {
        let (from, to) = match part.split_once('-') {
            Some((from, to)) => (number(from)?, number(to)?),
            None => (number(part)?, number(part)?),
        };
        if to < from || to - from > 4096 {
            return Err(format!("'{part}' is no range of blocks"));
        }
        blocks.extend((from..=to).map(BlockIndex));
    }
    blocks.sort_unstable();
    blocks.dedup();
    Ok(Blocks(blocks))
}
