//! Flags of `steerscope vectors`, and those that answer what a vector file does not say.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::args::{ModelArgs, SiteArgs, UnitArgs, parse_finite, parse_positive};
use crate::steering::format::{
    ImportOptions, Location, MAX_TENSOR_BYTES, ModelShape, RowsAre, Target,
};
use crate::units::HookPoint;

/// Vector files: what they hold, conversion between formats.
#[derive(Debug, Subcommand)]
pub enum VectorsCommand {
    /// What vectors there are, and what each file says about itself
    List(VectorsListArgs),
    /// What one vector file or directory holds, and at which blocks
    Info(VectorInfoArgs),
    /// Write a vector in another format, and say what that format cannot hold
    Convert(VectorConvertArgs),
    /// The receipt: nine checks that a vector is applied where and as its file says
    Probe(ProbeArgs),
}

/// `steerscope vectors list`
#[derive(Debug, Args)]
pub struct VectorsListArgs {
    /// Files and folders to look at [default: the bundled vectors and the user's data directory]
    #[arg(value_name = "FOLDER|FILE")]
    pub paths: Vec<PathBuf>,
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `steerscope vectors info`
#[derive(Debug, Args)]
pub struct VectorInfoArgs {
    /// Vector: a file or directory of any readable format, or the name of a bundled one
    #[arg(value_name = "FILE|NAME")]
    pub vector: String,
    /// Answers.
    #[command(flatten)]
    pub import: ImportArgs,
    /// Point of the block, where it is another than the file's
    #[arg(long, value_name = "POINT")]
    pub site: Option<HookPoint>,
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `steerscope vectors convert`
#[derive(Debug, Args)]
pub struct VectorConvertArgs {
    /// Vector: a file or directory of any readable format, or the name of a bundled one
    #[arg(value_name = "FILE|NAME")]
    pub vector: String,
    /// Format to write: native, gguf, glp, svec-cast, svec-aisteer, johny-b, steering-vectors, lm-eval, npy, csv, neuronpedia, easysteer
    #[arg(long, value_name = "FORMAT")]
    pub to: Target,
    /// Point of the block, where it is another than the file's
    #[arg(long, value_name = "POINT")]
    pub site: Option<HookPoint>,
    /// File or, for formats of several files, directory to write
    #[arg(long, value_name = "PATH")]
    pub out: PathBuf,
    /// Replace what exists
    #[arg(long)]
    pub force: bool,
    /// Leave this block out; may be given several times
    #[arg(long, value_name = "B")]
    pub skip_layer: Vec<usize>,
    /// The block of formats that hold one [default: the recommended or only one]
    #[arg(long, value_name = "B")]
    pub block: Option<usize>,
    /// Make the coefficient C part of the data, for tools without one
    #[arg(long, value_name = "C", allow_negative_numbers = true, value_parser = parse_finite)]
    pub fold_multiplier: Option<f32>,
    /// Reverse the direction
    #[arg(long)]
    pub flip: bool,
    /// Multiply the values by X
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = parse_finite)]
    pub scale: Option<f32>,
    /// Name stored in the file
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// `model_type` of the model's configuration, for formats that carry it
    #[arg(long, value_name = "TYPE")]
    pub model_hint: Option<String>,
    /// Answers.
    #[command(flatten)]
    pub import: ImportArgs,
}

/// `steerscope vectors probe`
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// Vector: a file or directory of any readable format, or the name of a bundled one
    #[arg(value_name = "FILE|NAME")]
    pub vector: String,
    /// Model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Site.
    #[command(flatten)]
    pub site: SiteArgs,
    /// Raw coefficient multiplying the vector
    #[arg(long, value_name = "C", default_value_t = 1.0, allow_negative_numbers = true, value_parser = parse_finite)]
    pub coefficient: f32,
    /// Unit.
    #[command(flatten)]
    pub unit: UnitArgs,
    /// Prompt that is read; its first 32 tokens are used
    #[arg(long, short, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Put the prompt into the model's chat format, as a user's turn
    #[arg(long, requires = "prompt")]
    pub chat: bool,
    /// System text before the user's turn
    #[arg(long, value_name = "TEXT", requires = "chat")]
    pub system: Option<String>,
    /// Data set whose pairs sign and geometry are taken from [default: the one that the vector's file names by hash]
    #[arg(long, value_name = "FILE|NAME")]
    pub dataset: Option<String>,
    /// Seed of the random directions
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// What the file does not say.
    #[command(flatten)]
    pub import: ImportArgs,
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// What a vector file does not say, or is to be read differently.
#[derive(Debug, Clone, Default, Args)]
pub struct ImportArgs {
    /// Block whose output a file without layers belongs to, 0-based
    #[arg(long, value_name = "B")]
    pub layer_in_file: Option<usize>,
    /// What the rows of a matrix are
    #[arg(long, value_enum, value_name = "WHAT")]
    pub rows: Option<RowsChoice>,
    /// Row, feature or list item to take, from 0
    #[arg(long, value_name = "I")]
    pub row: Option<usize>,
    /// Whether layers are inputs or outputs of their blocks, where the file does not say
    #[arg(long, value_enum, value_name = "END")]
    pub location: Option<LocationChoice>,
    /// Place directions where they were measured, not where their own tool applies them
    #[arg(long)]
    pub as_measured: bool,
    /// Token position of an array of positions, negative from the prompt's end
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub position: Option<i64>,
    /// Two directions per layer span a plane of rotation
    #[arg(long)]
    pub angular: bool,
    /// Move every layer by this many blocks
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    pub shift: i64,
    /// Most bytes of one tensor
    #[arg(long, value_name = "N", default_value_t = MAX_TENSOR_BYTES)]
    pub max_tensor_bytes: u64,
    /// Decoder blocks of the model the vector is for; settles what rows are
    #[arg(long, value_name = "N", value_parser = parse_positive, requires = "model_width")]
    pub model_blocks: Option<usize>,
    /// Residual width of that model
    #[arg(long, value_name = "D", value_parser = parse_positive, requires = "model_blocks")]
    pub model_width: Option<usize>,
}

impl ImportArgs {
    /// The same at another point of the block than the file says.
    pub fn options_at(&self, site: Option<HookPoint>) -> ImportOptions {
        ImportOptions {
            site,
            ..self.options()
        }
    }

    /// As the readers want it.
    pub fn options(&self) -> ImportOptions {
        ImportOptions {
            layer: self.layer_in_file,
            rows: self.rows.map(RowsChoice::meaning),
            row: self.row,
            location: self.location.map(LocationChoice::meaning),
            site: None,
            as_measured: self.as_measured,
            position: self.position,
            angular: self.angular,
            shift: self.shift,
            max_tensor_bytes: self.max_tensor_bytes,
            model: self
                .model_blocks
                .zip(self.model_width)
                .map(|(n_blocks, hidden_size)| ModelShape {
                    n_blocks,
                    hidden_size,
                }),
        }
    }
}

/// What the rows of a matrix are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RowsChoice {
    /// Row i is the output of block i
    Layers,
    /// Row i is `hidden_states[i]`, the output of block i - 1
    HiddenStates,
    /// Rows are concepts; --row takes one
    Concepts,
}

impl RowsChoice {
    fn meaning(self) -> RowsAre {
        match self {
            Self::Layers => RowsAre::Layers,
            Self::HiddenStates => RowsAre::HiddenStates,
            Self::Concepts => RowsAre::Concepts,
        }
    }
}

/// Input or output of the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LocationChoice {
    /// What enters the block
    Input,
    /// What leaves the block
    Output,
}

impl LocationChoice {
    fn meaning(self) -> Location {
        match self {
            Self::Input => Location::Input,
            Self::Output => Location::Output,
        }
    }
}
