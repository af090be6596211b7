//! A condition on the prompt: the vector is applied only to prompts that are like a condition vector
//! (CAST, Lee et al. 2409.05907).

use crate::engine::{Cancel, EngineError, Hook, Keep, KvCache, Model, Part, Place};
use crate::units::BlockIndex;

/// Prompts read in one pass.
const PROMPTS: usize = 16;

/// When a vector is applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// Condition vector, width d.
    pub direction: Vec<f32>,
    /// Block whose output is compared.
    pub block: BlockIndex,
    /// Similarity at which the gate opens.
    pub threshold: f64,
    /// Opens above the threshold; below it where `false`.
    pub above: bool,
}

impl Gate {
    /// cos(h̄, tanh(P·h̄)) for the mean residual row h̄ of a prompt, P the projector on the condition
    /// vector: −1..=1. `None` where either has no length.
    pub fn similarity(&self, mean: &[f64]) -> Option<f64> {
        let wide = || self.direction.iter().map(|x| f64::from(*x));
        let square: f64 = wide().map(|x| x * x).sum();
        if self.direction.len() != mean.len() || square == 0.0 {
            return None;
        }
        let along = wide().zip(mean).map(|(v, h)| v * h).sum::<f64>() / square;
        let projected: Vec<f64> = wide().map(|v| (along * v).tanh()).collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let lengths = (dot(mean, mean) * dot(&projected, &projected)).sqrt();
        (lengths > 0.0).then(|| dot(mean, &projected) / lengths)
    }

    /// Whether a prompt of this similarity is steered; one without is not.
    pub fn opens(&self, similarity: Option<f64>) -> bool {
        similarity.is_some_and(|s| (s > self.threshold) == self.above)
    }

    /// Similarity of each prompt, read unsteered. The mean is over all of its tokens.
    ///
    /// # Errors
    /// [`EngineError::Request`] for a block or width that the model does not have; those of the engine.
    pub fn read(
        &self,
        model: &Model,
        prompts: &[&[u32]],
        cancel: &Cancel,
    ) -> Result<Vec<Option<f64>>, EngineError> {
        if self.block.0 >= model.n_blocks() || self.direction.len() != model.hidden_size() {
            return Err(EngineError::Request(format!(
                "a condition vector of {} values at block {} for a model of {} blocks of width {}",
                self.direction.len(),
                self.block,
                model.n_blocks(),
                model.hidden_size()
            )));
        }
        let mut all = Vec::with_capacity(prompts.len());
        for group in prompts.chunks(PROMPTS) {
            let mut means = Means {
                block: self.block,
                sums: vec![(vec![0.0; model.hidden_size()], 0); group.len()],
            };
            let mut cache = KvCache::new(model, group.len());
            let parts: Vec<Part<'_>> = (group.iter().enumerate())
                .filter(|(_, ids)| !ids.is_empty())
                .map(|(sequence, ids)| Part { sequence, ids })
                .collect();
            model.extend(&mut cache, &parts, Keep::Nothing, &mut means, cancel)?;
            all.extend(means.sums.into_iter().map(|(sum, n)| {
                let mean: Vec<f64> = sum.iter().map(|x| x / f64::from(n.max(1))).collect();
                self.similarity(&mean)
            }));
        }
        Ok(all)
    }
}

/// Sums of the rows after one block, per sequence, with how many.
struct Means {
    block: BlockIndex,
    sums: Vec<(Vec<f64>, u32)>,
}

impl Hook for Means {
    fn wants(&self, block: BlockIndex) -> bool {
        block == self.block
    }

    fn visit(&mut self, _: BlockIndex, places: &[Place], rows: &mut [f32], width: usize) {
        for (place, row) in places.iter().zip(rows.chunks_exact(width)) {
            if let Some((sum, n)) = self.sums.get_mut(place.sequence) {
                for (sum, x) in sum.iter_mut().zip(row) {
                    *sum += f64::from(*x);
                }
                *n += 1;
            }
        }
    }

    fn first_edit(&self, _: usize) -> usize {
        usize::MAX
    }
}
