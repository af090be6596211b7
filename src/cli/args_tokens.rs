//! Flags of `steerscope tokens`.

use clap::Args;

use super::args::{ConditionArgs, ModelArgs, SiteArgs, UnitArgs, parse_finite, parse_positive};

/// `steerscope tokens`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags are switches")]
pub struct TokensArgs {
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
    /// Text after the prompt to compare on, with its leading space [default: what the steered model writes, greedy]
    #[arg(long, value_name = "CONTINUATION")]
    pub text: Option<String>,
    /// Most tokens that the steered model writes
    #[arg(long, value_name = "N", default_value_t = 48, value_parser = parse_positive, conflicts_with = "text")]
    pub max_tokens: usize,
    /// Vector: a file, or the name of a bundled one
    #[arg(long, value_name = "FILE|NAME")]
    pub vector: String,
    /// Site.
    #[command(flatten)]
    pub site: SiteArgs,
    /// Condition.
    #[command(flatten)]
    pub condition: ConditionArgs,
    /// Raw coefficient multiplying the vector
    #[arg(long, value_name = "C", default_value_t = 1.0, allow_negative_numbers = true, value_parser = parse_finite)]
    pub coefficient: f32,
    /// Unit.
    #[command(flatten)]
    pub unit: UnitArgs,
    /// Let steered positions attend to the unsteered run's keys and values, at every block and position
    #[arg(long)]
    pub frozen: bool,
    /// From the first token of the prompt on, rather than from the last
    #[arg(long)]
    pub whole: bool,
    /// Also show, block by block, what the residual stream at this position says about the next token
    #[arg(long, value_name = "POS")]
    pub lens: Option<usize>,
    /// Most likely tokens per side in --json
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = parse_positive)]
    pub top: usize,
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}
