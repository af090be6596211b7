//! Visible changes of a loaded vector: each gives a new one, recorded in its metadata.

use std::collections::BTreeMap;

use super::error::VectorError;
use super::vector::{SteeringVector, meta};

/// Metadata key of the factor that all values were multiplied by.
const SCALED: &str = "scaled_by";

impl SteeringVector {
    /// All values times `factor`; a projection, which has no length, stays as it is in effect.
    ///
    /// # Errors
    /// A factor that is not finite or leaves nothing but zeros.
    pub fn scaled(&self, factor: f32) -> Result<Self, VectorError> {
        let scale = |v: &Vec<f32>| v.iter().map(|x| x * factor).collect();
        let directions = self.directions.iter().map(|(b, v)| (*b, scale(v)));
        self.changed(directions.collect(), SCALED, |old| {
            let before = old.and_then(|o| o.parse::<f32>().ok()).unwrap_or(1.0);
            (before * factor).to_string()
        })
    }

    /// The multiplier made part of the data, for tools that have none: multiplier 1 is then what `c` was.
    ///
    /// # Errors
    /// As [`scaled`](Self::scaled).
    pub fn folded(&self, c: f32) -> Result<Self, VectorError> {
        let mut folded = self.scaled(c)?;
        folded.metadata.remove(SCALED);
        let entries = [
            ("folded_multiplier", c.to_string()),
            (meta::RECOMMENDED_MULTIPLIER, "1".to_owned()),
        ];
        (folded.metadata).extend(entries.map(|(key, value)| (key.to_owned(), value)));
        Ok(folded)
    }

    /// Every direction `by` blocks later (earlier where negative); those beyond block 0 or the model's
    /// last block, where the file says how many there are, are dropped.
    ///
    /// # Errors
    /// [`VectorError::ShiftedAway`] where nothing is left.
    pub fn shifted(&self, by: i64) -> Result<Self, VectorError> {
        let blocks = self.metadata.get(meta::N_LAYERS);
        let blocks = blocks.and_then(|n| n.parse::<usize>().ok());
        let moved = |(b, v): (&usize, &Vec<f32>)| {
            let to = usize::try_from(i64::try_from(*b).ok()?.checked_add(by)?).ok()?;
            blocks.is_none_or(|n| to < n).then(|| (to, v.clone()))
        };
        let directions: BTreeMap<usize, Vec<f32>> =
            self.directions.iter().filter_map(moved).collect();
        if directions.is_empty() {
            return Err(VectorError::ShiftedAway {
                name: self.name.clone(),
                by,
            });
        }
        let mut shifted = self.changed(directions, "source_shift", |old| {
            let before = old.and_then(|o| o.parse::<i64>().ok()).unwrap_or(0);
            format!("{:+}", before + by)
        })?;
        if let Some(block) = shifted.metadata.get_mut(meta::RECOMMENDED_LAYER)
            && let Ok(old) = block.trim().parse::<i64>()
        {
            *block = (old + by).max(0).to_string();
        }
        Ok(shifted)
    }

    /// The same under another name.
    #[must_use]
    pub fn renamed(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self.metadata.insert(meta::NAME.to_owned(), name.to_owned());
        self
    }

    fn changed(
        &self,
        directions: BTreeMap<usize, Vec<f32>>,
        key: &str,
        value: impl Fn(Option<&String>) -> String,
    ) -> Result<Self, VectorError> {
        let mut metadata = self.metadata.clone();
        let value = value(metadata.get(key));
        metadata.insert(key.to_owned(), value);
        for stale in [meta::SHA256, meta::VECTOR_NORM] {
            metadata.remove(stale);
        }
        Self::with_edit(
            self.name.clone(),
            self.edit,
            self.rank,
            directions,
            metadata,
        )
    }

    /// Share of ‖v‖² in the two largest coordinates at a block, 0..=1: a vector that a few huge
    /// residual coordinates dominate says little about a behaviour. `None` where there is no direction.
    pub fn top_two_share(&self, block: usize) -> Option<f32> {
        let v = self.directions.get(&block)?.get(..self.width())?;
        let mut squares: Vec<f64> = v.iter().map(|x| f64::from(*x).powi(2)).collect();
        let total: f64 = squares.iter().sum();
        squares.sort_by(|a, b| b.total_cmp(a));
        let top: f64 = squares.iter().take(2).sum();
        (total > 0.0).then(|| (top / total) as f32)
    }
}

/// Cosine of two directions, with the two largest coordinates of either left out on request. `None`
/// for other widths and where nothing is left.
pub fn cosine(a: &[f32], b: &[f32], without_top_two: bool) -> Option<f32> {
    if a.len() != b.len() || a.is_empty() {
        return None;
    }
    let mut out: Vec<usize> = Vec::new();
    if without_top_two {
        out.extend([a, b].into_iter().flat_map(two_largest));
    }
    let (mut ab, mut aa, mut bb) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        if out.contains(&i) {
            continue;
        }
        let (x, y) = (f64::from(*x), f64::from(*y));
        (ab, aa, bb) = (ab + x * y, aa + x * x, bb + y * y);
    }
    (aa > 0.0 && bb > 0.0).then(|| (ab / (aa.sqrt() * bb.sqrt())) as f32)
}

/// Indices of the two values that are largest in size.
fn two_largest(v: &[f32]) -> impl Iterator<Item = usize> {
    let mut best: [Option<(usize, f32)>; 2] = [None, None];
    for (i, x) in v.iter().enumerate() {
        let here = Some((i, x.abs()));
        let beats = |other: Option<(usize, f32)>| other.is_none_or(|(_, y)| x.abs() > y);
        if beats(best[0]) {
            best = [here, best[0]];
        } else if beats(best[1]) {
            best[1] = here;
        }
    }
    best.into_iter().flatten().map(|(i, _)| i)
}
