//! Number types of weights.

use half::{bf16, f16};

/// How weights are kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 4 bytes.
    F32,
    /// IEEE half precision, 2 bytes.
    F16,
    /// The upper half of an f32, 2 bytes.
    Bf16,
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

    /// Bytes of a value.
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    /// The nearest value it has.
    pub(super) fn round(self, value: f32) -> f32 {
        match self {
            Self::F32 => value,
            Self::F16 => f16::from_f32(value).to_f32(),
            Self::Bf16 => bf16::from_f32(value).to_f32(),
        }
    }
}
