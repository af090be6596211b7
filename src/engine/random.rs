//! Seeded random weights, for benchmarks and tests.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::EngineError;
use super::precision::Precision;
use super::quant::dequantise;
use super::weights::{RowSource, Weights};

/// Seeded random weights of the usual scale: normal, standard deviation 0.02 (norms 1, biases 0);
/// quantised ones have random integers.
#[derive(Debug, Clone, Copy)]
pub(super) struct RandomWeights {
    pub(super) seed: u64,
    /// Values are rounded to it and kept in it.
    pub(super) precision: Precision,
}

impl Weights for RandomWeights {
    fn has(&self, _: &str) -> bool {
        true
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Box<dyn RowSource + '_>, EngineError> {
        let mut hasher = Sha256::new();
        hasher.update(self.seed.to_le_bytes());
        hasher.update(name);
        let state = hasher
            .finalize()
            .first_chunk::<8>()
            .map_or(0, |b| u64::from_le_bytes(*b));
        let (path, kind) = name.rsplit_once('.').unwrap_or((name, ""));
        let fixed = if kind == "bias" {
            Some(0.0)
        } else if path.ends_with("norm") || path.contains("ln_") {
            Some(1.0)
        } else {
            None
        };
        let k = shape.last().copied().unwrap_or(1);
        let precision = match self.precision {
            _ if fixed.is_some() => Precision::F32,
            Precision::Quantised(kind) => Precision::Quantised(kind.fitting(k)),
            plain => plain,
        };
        Ok(Box::new(RandomRows {
            state,
            rows: shape.iter().rev().skip(1).product(),
            k,
            fixed,
            precision,
        }))
    }
}

struct RandomRows {
    state: u64,
    rows: usize,
    k: usize,
    fixed: Option<f32>,
    precision: Precision,
}

impl RowSource for RandomRows {
    fn rows(&self) -> usize {
        self.rows
    }

    fn fill(&self, i: usize, row: &mut [f32]) -> Result<(), EngineError> {
        if let Some(value) = self.fixed {
            row.fill(value);
            return Ok(());
        }
        if let (Precision::Quantised(kind), Some(blocks)) = (self.precision, self.bytes(i)) {
            dequantise(kind, &blocks, row);
            return Ok(());
        }
        let mut state = self.row(i);
        for v in row {
            // Sum of four uniform numbers (Irwin-Hall): close enough to normal, variance 1/3.
            let bits = split_mix(&mut state);
            let sum: f32 = (0..4)
                .map(|j| (bits >> (16 * j) & 0xFFFF) as f32 / 65_536.0 - 0.5)
                .sum();
            *v = self.precision.round(0.02 * 3.0f32.sqrt() * sum);
        }
        Ok(())
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn bytes(&self, i: usize) -> Option<Cow<'_, [u8]>> {
        let Precision::Quantised(kind) = self.precision else {
            return None;
        };
        let mut state = self.row(i);
        let mut bytes = vec![0; self.k / kind.steps() * kind.bytes()];
        for b in &mut bytes {
            *b = (split_mix(&mut state) >> 56) as u8;
        }
        for block in bytes.chunks_exact_mut(kind.bytes()) {
            kind.rescale(block, 0.02);
        }
        Some(Cow::Owned(bytes))
    }
}

impl RandomRows {
    /// The generator's state before row `i`.
    fn row(&self, i: usize) -> u64 {
        self.state ^ (i as u64).wrapping_mul(0xD134_2543_DE82_EF95)
    }
}

/// `SplitMix64` (Steele et al. 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
