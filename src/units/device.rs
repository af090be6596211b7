//! Where a model is computed.

use std::fmt;

use serde::{Deserialize, Serialize};

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
