//! Number types of weights.

use half::{bf16, f16};

use super::quant::Quant;

/// How weights are kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 4 bytes.
    F32,
    /// IEEE half precision, 2 bytes.
    F16,
    /// The upper half of an f32, 2 bytes.
    Bf16,
    /// Blocks of small integers with scales.
    Quantised(Quant),
}

impl Precision {
    /// One that holds all of these exactly.
    pub(super) fn of(all: impl IntoIterator<Item = Self>) -> Self {
        let mut all = all.into_iter();
        let first = all.next().unwrap_or(Self::F32);
        if all.all(|other| other == first) {
            first
        } else {
            Self::F32
        }
    }

    /// Bytes of `values` values of a file.
    pub fn bytes(self, values: usize) -> usize {
        match self {
            Self::F32 => 4 * values,
            Self::F16 | Self::Bf16 => 2 * values,
            Self::Quantised(kind) => values / kind.steps() * kind.bytes(),
        }
    }

    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Quantised(kind) => kind.name(),
        }
    }

    /// The nearest value it has; quantised values have no rounding of their own.
    pub(super) fn round(self, value: f32) -> f32 {
        match self {
            Self::F32 | Self::Quantised(_) => value,
            Self::F16 => f16::from_f32(value).to_f32(),
            Self::Bf16 => bf16::from_f32(value).to_f32(),
        }
    }
}
