//! Arrays of numbers as files have them: shape, number type, values widened or narrowed to f32.

use half::{bf16, f16};

use super::super::error::VectorError;
use super::error::FormatError;

/// A number type of numpy or `PyTorch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    F16,
    Bf16,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Bool,
}

impl Number {
    /// Bytes of one value.
    pub(super) fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    /// numpy's letter and size, e.g. `f4`.
    pub(super) fn from_numpy(code: &str) -> Option<Self> {
        Some(match code {
            "f2" => Self::F16,
            "f4" => Self::F32,
            "f8" => Self::F64,
            "i1" => Self::I8,
            "i2" => Self::I16,
            "i4" => Self::I32,
            "i8" => Self::I64,
            "u1" => Self::U8,
            "u2" => Self::U16,
            "u4" => Self::U32,
            "u8" => Self::U64,
            "b1" => Self::Bool,
            _ => return None,
        })
    }

    /// Values of `bytes`, a whole number of them, in either byte order.
    pub(super) fn decode(self, bytes: &[u8], big: bool) -> Vec<f32> {
        macro_rules! each {
            ($type:ty, $widen:expr) => {{
                const N: usize = size_of::<$type>();
                let widen = $widen;
                let value = |b: &[u8; N]| {
                    let value = match big {
                        true => <$type>::from_be_bytes(*b),
                        false => <$type>::from_le_bytes(*b),
                    };
                    widen(value)
                };
                bytes.as_chunks::<N>().0.iter().map(value).collect()
            }};
        }
        match self {
            Self::F16 => each!(f16, f16::to_f32),
            Self::Bf16 => each!(bf16, bf16::to_f32),
            Self::F32 => each!(f32, |x: f32| x),
            Self::F64 => each!(f64, |x: f64| x as f32),
            Self::I8 => each!(i8, |x| x as f32),
            Self::I16 => each!(i16, |x| x as f32),
            Self::I32 => each!(i32, |x| x as f32),
            Self::I64 => each!(i64, |x| x as f32),
            Self::U8 | Self::Bool => each!(u8, |x| x as f32),
            Self::U16 => each!(u16, |x| x as f32),
            Self::U32 => each!(u32, |x| x as f32),
            Self::U64 => each!(u64, |x| x as f32),
        }
    }
}

/// An array, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Array {
    pub(super) shape: Vec<usize>,
    pub(super) number: Number,
    pub(super) values: Vec<f32>,
}

impl Array {
    /// The same values with axes of length 1 removed.
    pub(super) fn squeezed(mut self) -> Self {
        self.shape.retain(|n| *n != 1);
        self
    }

    /// Rows along the first axis.
    pub(super) fn rows(&self) -> impl Iterator<Item = Vec<f32>> + '_ {
        let width = self.values.len() / self.shape.first().copied().unwrap_or(1).max(1);
        self.values.chunks_exact(width.max(1)).map(<[f32]>::to_vec)
    }

    /// A single direction: `[d]`, `[1, d]`, `[d, 1]`, `[1, 1, d]`.
    pub(super) fn direction(self, file: &str, key: &str) -> Result<Vec<f32>, VectorError> {
        let shape = self.shape.clone();
        match self.squeezed() {
            array if array.shape.len() == 1 && !array.values.is_empty() => Ok(array.values),
            _ => Err(VectorError::Shape {
                file: file.to_owned(),
                key: key.to_owned(),
                shape,
            }),
        }
    }
}

/// Number of values of a shape and their bytes, if both can be counted.
pub(super) fn count(shape: &[usize], size: usize) -> Option<(usize, usize)> {
    let n = shape.iter().try_fold(1usize, |a, n| a.checked_mul(*n))?;
    Some((n, n.checked_mul(size)?))
}

/// Refuses a tensor beyond the limit.
pub(super) fn within(file: &str, bytes: u64, limit: u64) -> Result<(), VectorError> {
    if bytes > limit {
        let file = file.to_owned();
        return Err(FormatError::TensorTooLarge { file, bytes, limit }.into());
    }
    Ok(())
}
