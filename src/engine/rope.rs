//! Rotary position embedding (Su et al. 2104.09864), the half-split layout of Hugging Face Llama.

use std::sync::OnceLock;

use super::config::{Config, RopeScaling};

/// Positions per lazily computed table: contexts of 128k positions would cost megabytes at start.
const CHUNK: usize = 256;

/// Cosines and sines per position, computed when first needed.
#[derive(Debug)]
pub(super) struct Rope {
    inverse: Vec<f32>,
    chunks: Vec<OnceLock<Vec<f32>>>,
}

impl Rope {
    pub(super) fn new(config: &Config) -> Self {
        let d = config.head_dim;
        let inverse = (0..d / 2)
            .map(|i| {
                let frequency = config.rope_theta.powf(-2.0 * i as f64 / d as f64);
                scaled(frequency, config.rope_scaling) as f32
            })
            .collect();
        let n = config.max_positions.div_ceil(CHUNK);
        Self {
            inverse,
            chunks: (0..n).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Cosines, then sines, of one position; `head_dim / 2` values each.
    pub(super) fn at(&self, position: usize) -> (&[f32], &[f32]) {
        let half = self.inverse.len();
        let table = self.chunks[position / CHUNK].get_or_init(|| self.table(position / CHUNK));
        table[position % CHUNK * 2 * half..][..2 * half].split_at(half)
    }

    fn table(&self, chunk: usize) -> Vec<f32> {
        let half = self.inverse.len();
        let mut table = vec![0.0; CHUNK * 2 * half];
        for (i, row) in table.chunks_exact_mut(2 * half).enumerate() {
            let position = (chunk * CHUNK + i) as f32;
            let (cos, sin) = row.split_at_mut(half);
            for (j, inverse) in self.inverse.iter().enumerate() {
                // The angle is rounded to f32 as the reference implementation does.
                let angle = f64::from(position * inverse);
                cos[j] = angle.cos() as f32;
                sin[j] = angle.sin() as f32;
            }
        }
        table
    }

    /// Rotates one head `src` into `dst` for `position`.
    pub(super) fn rotate(&self, position: usize, src: &[f32], dst: &mut [f32]) {
        let half = self.inverse.len();
        let (cos, sin) = self.at(position);
        let (a, b) = src.split_at(half);
        let (x, y) = dst.split_at_mut(half);
        for j in 0..half {
            x[j] = a[j] * cos[j] - b[j] * sin[j];
            y[j] = a[j] * sin[j] + b[j] * cos[j];
        }
    }
}

fn scaled(frequency: f64, scaling: RopeScaling) -> f64 {
    match scaling {
        RopeScaling::Default => frequency,
        RopeScaling::Llama3 {
            factor,
            low,
            high,
            original,
        } => {
            let wavelength = 2.0 * std::f64::consts::PI / frequency;
            if wavelength < original / high {
                frequency
            } else if wavelength > original / low {
                frequency / factor
            } else {
                let smooth = (original / wavelength - low) / (high - low);
                (1.0 - smooth) * frequency / factor + smooth * frequency
            }
        }
    }
}
