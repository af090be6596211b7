//! Quantised weights, kept in memory as their file has them: small integers in blocks of 32 or 256
//! along a row, with scales. Every weight enters the arithmetic as the f32 `q · s − m` that the
//! format defines (the product is exact, the difference is rounded once), so neither the number of
//! rows nor the instruction set changes a result.

mod block;
mod decode;
mod panel;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(super) use block::dequantise;
pub(super) use panel::{Blocks, RUN, decode_column, pack};

/// A quantised type of GGUF files that is kept as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quant {
    /// 8 bits, one scale per 32 values.
    Q8_0,
    /// 5 bits, one scale per 32 values.
    Q5_0,
    /// 5 bits, a scale and a minimum per 32 values.
    Q5_1,
    /// 4 bits, one scale per 32 values.
    Q4_0,
    /// 4 bits, a scale and a minimum per 32 values.
    Q4_1,
    /// 4 bits; 256 values share a scale of 6-bit scales and minima per 32.
    Q4K,
    /// 5 bits, scaled like [`Q4K`](Self::Q4K).
    Q5K,
    /// 6 bits; 256 values share a scale of 8-bit scales per 16.
    Q6K,
}

impl Quant {
    /// Its name in GGUF files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q8_0 => "Q8_0",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
        }
    }

    /// Values of a block.
    pub(super) fn steps(self) -> usize {
        match self {
            Self::Q4K | Self::Q5K | Self::Q6K => 256,
            _ => 32,
        }
    }

    /// Bytes of a block in a file.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Q8_0 => 34,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }

    /// This type, or the one that llama.cpp's quantiser takes for rows of `k` values that are no whole
    /// blocks of it.
    pub(super) fn fitting(self, k: usize) -> Self {
        match self {
            _ if k.is_multiple_of(self.steps()) => self,
            Self::Q4K => Self::Q5_0,
            Self::Q5K => Self::Q5_1,
            _ => Self::Q8_0,
        }
    }

    /// Sets the scales of a block of random bytes so that its values have about this standard
    /// deviation.
    pub(super) fn rescale(self, block: &mut [u8], deviation: f32) {
        // Deviation of the integers times that of the scales of 16 or 32 values, and the minimum in
        // units of the scale.
        let (unit, min) = match self {
            Self::Q8_0 => (73.9, 0.0),
            Self::Q5_0 | Self::Q5_1 => (9.2, -15.5),
            Self::Q4_0 | Self::Q4_1 => (4.6, -7.5),
            Self::Q4K => (4.6 * 36.0, 7.5),
            Self::Q5K => (9.2 * 36.0, 15.5),
            Self::Q6K => (18.5 * 73.9, 0.0),
        };
        let d = deviation / unit;
        let mut put = |at: usize, v: f32| {
            block[at..at + 2].copy_from_slice(&half::f16::from_f32(v).to_le_bytes());
        };
        put(if self == Self::Q6K { 208 } else { 0 }, d);
        if matches!(self, Self::Q4_1 | Self::Q5_1 | Self::Q4K | Self::Q5K) {
            put(2, min * d);
        }
    }
}

#[cfg(test)]
mod tests;
