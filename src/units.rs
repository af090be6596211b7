//! Newtypes shared by every layer of the program: block index, lane, run id, mask.
//!
//! A leaf module: it imports nothing of ours and no library but serde.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Index `b` of a decoder block, 0-based. The canonical site is the residual stream at the block's
/// *output*, after both residual additions and before the next block or the final norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlockIndex(pub usize);

impl fmt::Display for BlockIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Rising number of a requested state; events of an older run are dropped by the receiver.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RunId(pub u64);

/// The two streams of one comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// The model as it is, no vector.
    Baseline,
    /// The same prompt and random numbers with the vector applied.
    Steered,
}

/// Which absolute token positions an intervention touches.
///
/// `P` is the number of prompt tokens (BOS included); positions are absolute, so a mask means the
/// same under a KV cache as in one full forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mask {
    /// `p >= P - 1`: the last prompt token and everything after it.
    #[default]
    FromLastPrompt,
    /// `p >= P`: answer and generated tokens only. The first generated token is predicted at
    /// `P - 1` and is therefore never affected.
    FromAnswer,
    /// Every position.
    All,
}

impl Mask {
    /// All masks in the order the pickers show them.
    pub const ALL: [Self; 3] = [Self::FromLastPrompt, Self::FromAnswer, Self::All];

    /// First steered absolute position for a prompt of `prompt_len` tokens.
    pub fn first_position(self, prompt_len: usize) -> usize {
        match self {
            Self::FromLastPrompt => prompt_len.saturating_sub(1),
            Self::FromAnswer => prompt_len,
            Self::All => 0,
        }
    }

    /// The stable name used in files, flags and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::FromLastPrompt => "from_last_prompt",
            Self::FromAnswer => "from_answer",
            Self::All => "all",
        }
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Mask {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|m| m.name() == s)
            .ok_or_else(|| format!("unknown mask '{s}'; use from_last_prompt, from_answer or all"))
    }
}

/// Where a model is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceChoice {
    /// The first GPU where the build supports one, it works and the model fits; else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU's way of computing, on the CPU: slower than [`Cpu`](Self::Cpu), for tests.
    TensorCpu,
    /// An NVIDIA GPU, by number.
    Cuda(usize),
    /// An Apple GPU, by number.
    Metal(usize),
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::TensorCpu => f.write_str("tensor-cpu"),
            Self::Cuda(n) => write!(f, "cuda:{n}"),
            Self::Metal(0) => f.write_str("metal"),
            Self::Metal(n) => write!(f, "metal:{n}"),
        }
    }
}

impl std::str::FromStr for DeviceChoice {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (kind, number) = s.split_once(':').unwrap_or((s, "0"));
        let number = number.parse().ok();
        match (s, kind, number) {
            ("auto", ..) => Ok(Self::Auto),
            ("cpu", ..) => Ok(Self::Cpu),
            ("tensor-cpu", ..) => Ok(Self::TensorCpu),
            (_, "cuda", Some(n)) => Ok(Self::Cuda(n)),
            (_, "metal", Some(n)) => Ok(Self::Metal(n)),
            _ => Err("use auto, cpu, cuda, cuda:N or metal".to_string()),
        }
    }
}

/// The default multiplier grid of Tan et al.: sum 0, sum of squares 7.
pub const DEFAULT_MULTIPLIERS: [f32; 7] = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5];
