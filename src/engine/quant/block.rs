//! One block of a row as GGUF files have it, taken apart. Layouts: ggml's `block_q8_0`, `block_q5_0`
//! and so on.

use half::f16;

use super::Quant;

/// A block taken apart; a value is `q · s − m` with scale and offset of its 16 values.
pub(super) struct Parts {
    /// Scale of the block.
    pub(super) d: f16,
    /// Scale of the minima, or the minimum itself; 0 where there are none.
    pub(super) dmin: f16,
    /// Scale of each 16 values in units of `d`.
    pub(super) scales: [i8; 16],
    /// Minimum of each 32 values in units of `dmin`.
    pub(super) mins: [u8; 8],
    /// The integers; of `Q8_0` with a sign, all others from 0.
    pub(super) values: [u8; 256],
}

impl Parts {
    /// Takes apart `kind.bytes()` bytes.
    pub(super) fn read(kind: Quant, bytes: &[u8]) -> Self {
        let half = |at: usize| f16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let word = |at: usize| {
            bytes[at..]
                .first_chunk()
                .map_or(0, |b| u32::from_le_bytes(*b))
        };
        let mut parts = Self {
            d: half(0),
            dmin: f16::ZERO,
            scales: [1; 16],
            mins: [0; 8],
            values: [0; 256],
        };
        match kind {
            Quant::Q8_0 => parts.values[..32].copy_from_slice(&bytes[2..34]),
            Quant::Q4_0 => parts.thirty_two(0, &bytes[2..18]),
            Quant::Q5_0 => parts.thirty_two(word(2), &bytes[6..22]),
            Quant::Q4_1 | Quant::Q5_1 => {
                parts.dmin = half(2);
                if kind == Quant::Q5_1 {
                    parts.thirty_two(word(4), &bytes[8..24]);
                } else {
                    parts.thirty_two(0, &bytes[4..20]);
                }
            }
            Quant::Q4K | Quant::Q5K => {
                parts.dmin = half(2);
                parts.six_bit_scales(&bytes[4..16]);
                let (high, low) = if kind == Quant::Q5K {
                    (Some(&bytes[16..48]), &bytes[48..176])
                } else {
                    (None, &bytes[16..144])
                };
                for (pair, low) in low.chunks_exact(32).enumerate() {
                    for (l, b) in low.iter().enumerate() {
                        let fifth = |sub: usize| high.map_or(0, |h| (h[l] >> sub & 1) << 4);
                        parts.values[64 * pair + l] = (b & 15) | fifth(2 * pair);
                        parts.values[64 * pair + 32 + l] = (b >> 4) | fifth(2 * pair + 1);
                    }
                }
            }
            Quant::Q6K => {
                parts.d = half(208);
                for (scale, b) in parts.scales.iter_mut().zip(&bytes[192..208]) {
                    *scale = b.cast_signed();
                }
                for (n, values) in parts.values.chunks_exact_mut(128).enumerate() {
                    let (low, high) = (&bytes[64 * n..], &bytes[128 + 32 * n..]);
                    for (i, v) in values.iter_mut().enumerate() {
                        let (l, quarter) = (i % 32, i / 32);
                        let low = low[l + 32 * (quarter % 2)] >> (4 * (quarter / 2)) & 15;
                        *v = low | (high[l] >> (2 * quarter) & 3) << 4;
                    }
                }
            }
        }
        parts
    }

    /// 32 values: their low 4 bits, 16 apart in one byte, and a fifth one each.
    fn thirty_two(&mut self, high: u32, low: &[u8]) {
        for (j, b) in low.iter().enumerate() {
            let fifth = |i: usize| u8::from(high >> i & 1 == 1) << 4;
            self.values[j] = (b & 15) | fifth(j);
            self.values[j + 16] = (b >> 4) | fifth(j + 16);
        }
    }

    /// Eight scales and eight minima of 6 bits in 12 bytes.
    fn six_bit_scales(&mut self, b: &[u8]) {
        for j in 0..8 {
            let (scale, min) = if j < 4 {
                (b[j] & 63, b[j + 4] & 63)
            } else {
                let (low, high) = (b[j + 4], [b[j - 4] >> 6, b[j] >> 6]);
                (low & 15 | high[0] << 4, low >> 4 | high[1] << 4)
            };
            // 6 bits.
            self.scales[2 * j] = scale.cast_signed();
            self.scales[2 * j + 1] = scale.cast_signed();
            self.mins[j] = min;
        }
    }

    /// Scale and offset of the values from `16 · group` on.
    pub(super) fn affine(&self, kind: Quant, group: usize) -> (f32, f32) {
        let s = self.d.to_f32() * f32::from(self.scales[group]);
        let m = match kind {
            Quant::Q8_0 => 0.0,
            Quant::Q4_0 => 8.0 * s,
            Quant::Q5_0 => 16.0 * s,
            Quant::Q4_1 | Quant::Q5_1 => -self.dmin.to_f32(),
            Quant::Q6K => 32.0 * s,
            Quant::Q4K | Quant::Q5K => self.dmin.to_f32() * f32::from(self.mins[group / 2]),
        };
        (s, m)
    }

    /// The values as f32.
    pub(super) fn fill(&self, kind: Quant, row: &mut [f32]) {
        for (group, row) in row.chunks_exact_mut(16).enumerate() {
            let (s, m) = self.affine(kind, group);
            for (v, q) in row.iter_mut().zip(&self.values[16 * group..]) {
                let q = if kind == Quant::Q8_0 {
                    f32::from(q.cast_signed())
                } else {
                    f32::from(*q)
                };
                *v = q * s - m;
            }
        }
    }
}

/// A row of blocks as f32.
pub(in crate::engine) fn dequantise(kind: Quant, bytes: &[u8], row: &mut [f32]) {
    let blocks = bytes.chunks_exact(kind.bytes());
    for (row, bytes) in row.chunks_exact_mut(kind.steps()).zip(blocks) {
        Parts::read(kind, bytes).fill(kind, row);
    }
}
