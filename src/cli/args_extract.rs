//! Flags of `steerscope extract`.

use std::path::PathBuf;

use clap::Args;

use super::args::{
    AskArgs, ModelArgs, SplitChoice, parse_block, parse_positive, parse_temperature,
};
use super::args_keep::parse_size;
use crate::steering::{Method, PositionRead};
use crate::units::BlockIndex;

/// `steerscope extract`
#[derive(Debug, Args)]
pub struct ExtractArgs {
    /// Model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Method (`persona_mean` and `refusal_mean` ask in the model's chat format where it has one): mean, pca, logistic, `corpus_mean`, actadd, lat, `repeng_diff`, `repeng_center`, `persona_mean`, `refusal_mean`, `diffmean_tokens`
    #[arg(long, value_name = "METHOD", default_value_t)]
    pub method: Method,
    /// Data set of contrastive pairs: a file, or the name of a bundled one
    #[arg(long, value_name = "FILE|NAME", required_unless_present_any = ["positive", "pair", "trait_text"], conflicts_with_all = ["positive", "pair", "trait_text"])]
    pub dataset: Option<String>,
    /// Texts or prompts that show the behaviour, one per line with \n escapes, or JSON lines {"text"}
    #[arg(long, value_name = "FILE", requires = "negative", conflicts_with_all = ["pair", "trait_text"])]
    pub positive: Option<PathBuf>,
    /// Texts or prompts of the other kind; paired with the positive ones line by line for methods of pairs
    #[arg(long, value_name = "FILE", requires = "positive")]
    pub negative: Option<PathBuf>,
    /// One pair of prompts, positive and negative
    #[arg(long, num_args = 2, value_names = ["POSITIVE", "NEGATIVE"], conflicts_with = "trait_text", allow_hyphen_values = true)]
    pub pair: Option<Vec<String>>,
    /// System text that asks for a trait, for `persona_mean`
    #[arg(long = "trait", value_name = "TEXT", requires_all = ["anti", "prompts"])]
    pub trait_text: Option<String>,
    /// System text that asks for the opposite of --trait
    #[arg(long, value_name = "TEXT", requires = "trait_text")]
    pub anti: Option<String>,
    /// Prompts answered under --trait and --anti: one per line, or JSON lines {"text"}
    #[arg(long, value_name = "FILE", requires = "trait_text")]
    pub prompts: Option<PathBuf>,
    /// Tokens read in each text: answer, last, all, every, `prompt_last`, prompt, system, user, assistant, template, -2 (from the end), 3..7 [default: the method's]
    #[arg(long, value_name = "POSITION", allow_hyphen_values = true)]
    pub read: Option<PositionRead>,
    /// What stands around the prompts.
    #[command(flatten)]
    pub ask: AskArgs,
    /// Block whose predictors are shown below the table: agreement of the pairs and their separation
    #[arg(long, value_name = "B", value_parser = parse_block)]
    pub layer: Option<BlockIndex>,
    /// Part of the data set to use after the seeded shuffle
    #[arg(long, value_enum, default_value_t = SplitChoice::Train)]
    pub split: SplitChoice,
    /// Use at most N pairs, or texts of each side
    #[arg(long, value_name = "N", value_parser = parse_positive)]
    pub limit: Option<usize>,
    /// Seed of the split, of random signs, of held-out prompts and of draws
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Cut texts of `corpus_mean` and `diffmean_tokens` after N tokens
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = parse_positive)]
    pub truncate: usize,
    /// Most tokens of a response of `persona_mean`
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = parse_positive)]
    pub max_tokens: usize,
    /// Temperature of the responses; 0 is greedy
    #[arg(long, value_name = "T", default_value_t = 0.0, value_parser = parse_temperature)]
    pub temperature: f64,
    /// File to write; an existing one is replaced only with --force
    #[arg(long, value_name = "FILE.safetensors")]
    pub out: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    pub force: bool,
    /// Name stored in the file [default: the data set's]
    #[arg(long)]
    pub name: Option<String>,
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
    /// Memory for the differences that a method keeps, such as 512M or 2G; beyond it blocks are done in groups, and all pairs are read again for each
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = parse_size)]
    pub memory: usize,
}
