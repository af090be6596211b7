//! Rotary position embedding (Su et al. 2104.09864), the half-split layout of Hugging Face files.

mod frequencies;

use std::sync::OnceLock;

pub(super) use frequencies::RopeSpec;

/// Positions per lazily computed table: contexts of 128k positions would cost megabytes at start.
const CHUNK: usize = 256;

/// Cosines and sines per position, computed when first needed.
#[derive(Debug)]
pub(super) struct Rope {
    inverse: Vec<f32>,
    /// Factor of cosines and sines.
    attention: f32,
    chunks: Vec<OnceLock<Vec<f32>>>,
    /// For texts beyond the original length.
    long: Option<Box<Rope>>,
}

impl Rope {
    pub(super) fn new(spec: &RopeSpec, max_positions: usize) -> Self {
        let n = max_positions.div_ceil(CHUNK);
        let with = |inverse: &[f32], long| Self {
            inverse: inverse.to_vec(),
            attention: spec.attention,
            chunks: (0..n).map(|_| OnceLock::new()).collect(),
            long,
        };
        let long = spec.long.as_ref();
        let long = long.map(|long| Box::new(with(&long.inverse, None)));
        with(&spec.inverse, long)
    }

    /// The rotation of texts up to the original length, or of longer ones.
    pub(super) fn side(&self, long: bool) -> &Self {
        self.long.as_deref().filter(|_| long).unwrap_or(self)
    }

    /// Rotated pairs of a head.
    pub(super) fn pairs(&self) -> usize {
        self.inverse.len()
    }

    /// Cosines, then sines, of one position; one value each per rotated pair.
    pub(super) fn at(&self, position: usize) -> (&[f32], &[f32]) {
        let half = self.inverse.len();
        let table = self.chunks[position / CHUNK].get_or_init(|| self.table(position / CHUNK));
        table[position % CHUNK * 2 * half..][..2 * half].split_at(half)
    }

    fn table(&self, chunk: usize) -> Vec<f32> {
        let half = self.inverse.len();
        let mut table = vec![0.0; CHUNK * 2 * half];
        for (i, row) in table.chunks_exact_mut((2 * half).max(1)).enumerate() {
            let position = (chunk * CHUNK + i) as f32;
            let (cos, sin) = row.split_at_mut(half);
            for (j, inverse) in self.inverse.iter().enumerate() {
                // The angle is rounded to f32 as the reference implementation does.
                let angle = f64::from(position * inverse);
                cos[j] = angle.cos() as f32 * self.attention;
                sin[j] = angle.sin() as f32 * self.attention;
            }
        }
        table
    }

    /// Rotates one head `src` into `dst` for `position`; dimensions beyond the rotated ones are copied.
    pub(super) fn rotate(&self, position: usize, src: &[f32], dst: &mut [f32]) {
        let half = self.inverse.len();
        let (cos, sin) = self.at(position);
        let (turned, rest) = src.split_at(2 * half);
        let (to, to_rest) = dst.split_at_mut(2 * half);
        let (a, b) = turned.split_at(half);
        let (x, y) = to.split_at_mut(half);
        for j in 0..half {
            x[j] = a[j] * cos[j] - b[j] * sin[j];
            y[j] = a[j] * sin[j] + b[j] * cos[j];
        }
        to_rest.copy_from_slice(rest);
    }
}
