//! Flags of the commands that find a coefficient and look at what it does to texts.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::args::{
    AskArgs, ConditionArgs, ModelArgs, SamplingArgs, SiteArgs, StoreArgs, UnitArgs, parse_finite,
};

/// `--sign`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SignChoice {
    /// Towards the behaviour
    #[value(name = "+")]
    Positive,
    /// Away from it
    #[value(name = "-")]
    Negative,
}

/// `steerscope calibrate`
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    /// Model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Vector: a file, or the name of a bundled one
    #[arg(long, value_name = "FILE|NAME")]
    pub vector: String,
    /// Site.
    #[command(flatten)]
    pub site: SiteArgs,
    /// Condition.
    #[command(flatten)]
    pub condition: ConditionArgs,
    /// Statistic to reach: 95th percentile of KL(steered‖unsteered) in nats
    #[arg(long, value_name = "NATS", default_value_t = 1.0, value_parser = parse_nats)]
    pub target: f64,
    /// Sign of the coefficient
    #[arg(
        long,
        value_enum,
        default_value = "+",
        allow_hyphen_values = true,
        value_name = "+|-"
    )]
    pub sign: SignChoice,
    /// Prompts to continue, one per line, the first eight [default: eight neutral ones]
    #[arg(long, value_name = "FILE", conflicts_with = "dataset")]
    pub prompts: Option<PathBuf>,
    /// Take the prompts from the validation part of a data set: a file, or the name of a bundled one
    #[arg(long, value_name = "FILE|NAME")]
    pub dataset: Option<String>,
    /// Template.
    #[command(flatten)]
    pub ask: AskArgs,
    /// Read the statistic on this text instead of on continuations
    #[arg(long, value_name = "FILE")]
    pub fixed_text: Option<PathBuf>,
    /// Neutral text that the tax is read on [default: one that comes with the program]
    #[arg(long, value_name = "FILE")]
    pub neutral: Option<PathBuf>,
    /// Where results are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// One JSON object instead of tables
    #[arg(long)]
    pub json: bool,
}

/// `steerscope fan`
#[derive(Debug, Args)]
pub struct FanArgs {
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
    /// Vector: a file, or the name of a bundled one
    #[arg(long, value_name = "FILE|NAME")]
    pub vector: String,
    /// Site.
    #[command(flatten)]
    pub site: SiteArgs,
    /// Condition.
    #[command(flatten)]
    pub condition: ConditionArgs,
    /// Raw coefficients, two to nine; the unsteered text is added where 0 is not among them
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true, default_value = "-2,-1,0,1,2", value_parser = parse_finite)]
    pub coefficients: Vec<f32>,
    /// Unit.
    #[command(flatten)]
    pub unit: UnitArgs,
    /// Also the reversed, a random and the permuted vector, at the coefficient furthest from 0
    #[arg(long)]
    pub controls: bool,
    /// Sampling.
    #[command(flatten)]
    pub sampling: SamplingArgs,
    /// One JSON object instead of texts
    #[arg(long)]
    pub json: bool,
}

fn parse_nats(s: &str) -> Result<f64, String> {
    s.trim()
        .parse()
        .ok()
        .filter(|x: &f64| x.is_finite() && *x > 0.0)
        .ok_or_else(|| "give a number of nats above 0".to_string())
}
