//! Choosing the next token, on candle-transformers' sampler.

use candle_core::{Device, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling};

use super::EngineError;

/// How the next token is chosen; greedy when `temperature` is zero.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplerSettings {
    /// 0 (or anything not above zero) means argmax.
    pub temperature: f64,
    /// Keep the k most likely tokens; `None` or 0 keeps all.
    pub top_k: Option<usize>,
    /// Keep the smallest set of tokens with this probability mass; `None` or outside (0, 1) keeps all.
    pub top_p: Option<f64>,
    /// Seed of the random numbers. Lanes with one seed draw the same number at the same step.
    pub seed: u64,
}

impl Default for SamplerSettings {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: None,
            top_p: None,
            seed: 0,
        }
    }
}

impl SamplerSettings {
    pub(super) fn processor(&self) -> LogitsProcessor {
        let temperature = self.temperature;
        let k = self.top_k.filter(|k| *k > 0);
        let p = self.top_p.filter(|p| *p > 0.0 && *p < 1.0);
        // Below this the division overflows f32 for usual logits, and the result is the argmax anyway.
        let sampling = if temperature.is_nan() || temperature < 1e-5 {
            Sampling::ArgMax
        } else {
            match (k, p) {
                (None, None) => Sampling::All { temperature },
                (Some(k), None) => Sampling::TopK { k, temperature },
                (None, Some(p)) => Sampling::TopP { p, temperature },
                (Some(k), Some(p)) => Sampling::TopKThenTopP { k, p, temperature },
            }
        };
        LogitsProcessor::from_sampling(self.seed, sampling)
    }
}

/// Draws from one row of logits; `None` when they are not all finite.
pub(super) fn draw(
    processor: &mut LogitsProcessor,
    logits: &[f32],
) -> Result<Option<u32>, EngineError> {
    if !logits.iter().all(|l| l.is_finite()) {
        return Ok(None);
    }
    let logits = Tensor::from_slice(logits, logits.len(), &Device::Cpu)?;
    Ok(Some(processor.sample(&logits)?))
}
