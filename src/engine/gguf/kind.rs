//! Number types of GGUF tensors.

use candle_core::quantized::GgmlDType;

use crate::engine::Quant;
use crate::engine::precision::Precision;

/// How the values of a tensor are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    F32,
    F16,
    Bf16,
    /// Blocks of quantised values that the engine multiplies as they are.
    Kept(Quant),
    /// Other blocks of quantised values; they become f32.
    Quantised(GgmlDType),
    /// A type that is not read, by its number in the format.
    Other(u32),
}

impl Kind {
    pub(super) fn from_number(number: u32) -> Self {
        use GgmlDType as G;
        match number {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Kept(Quant::Q4_0),
            3 => Self::Kept(Quant::Q4_1),
            6 => Self::Kept(Quant::Q5_0),
            7 => Self::Kept(Quant::Q5_1),
            8 => Self::Kept(Quant::Q8_0),
            10 => Self::Quantised(G::Q2K),
            11 => Self::Quantised(G::Q3K),
            12 => Self::Kept(Quant::Q4K),
            13 => Self::Kept(Quant::Q5K),
            14 => Self::Kept(Quant::Q6K),
            30 => Self::Bf16,
            other => Self::Other(other),
        }
    }

    /// Values and bytes of one block; `None` for types that are not read.
    pub(super) fn block(self) -> Option<(usize, usize)> {
        match self {
            Self::F32 => Some((1, 4)),
            Self::F16 | Self::Bf16 => Some((1, 2)),
            Self::Kept(kind) => Some((kind.steps(), kind.bytes())),
            Self::Quantised(kind) => Some((kind.block_size(), kind.type_size())),
            Self::Other(_) => None,
        }
    }

    /// How its values are kept in memory.
    pub(super) fn precision(self) -> Precision {
        match self {
            Self::F16 => Precision::F16,
            Self::Bf16 => Precision::Bf16,
            Self::Kept(kind) => Precision::Quantised(kind),
            _ => Precision::F32,
        }
    }

    /// Its name in messages.
    pub(super) fn name(self) -> String {
        match self {
            Self::Other(number) => format!("GGUF type {number}"),
            known => format!("{known:?}"),
        }
    }
}
