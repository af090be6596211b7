//! Choosing the next token: the most likely one, or one drawn by candle-transformers' sampler.

use candle_core::{Device, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling};

use super::EngineError;
use super::logits::{all_finite, most_likely};

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
    pub(super) fn sampler(&self) -> Sampler {
        let temperature = self.temperature;
        let k = self.top_k.filter(|k| *k > 0);
        let p = self.top_p.filter(|p| *p > 0.0 && *p < 1.0);
        // Below this the division overflows f32 for usual logits, and the result is the argmax anyway.
        if temperature.is_nan() || temperature < 1e-5 {
            return Sampler::MostLikely;
        }
        let sampling = match (k, p) {
            (None, None) => Sampling::All { temperature },
            (Some(k), None) => Sampling::TopK { k, temperature },
            (None, Some(p)) => Sampling::TopP { p, temperature },
            (Some(k), Some(p)) => Sampling::TopKThenTopP { k, p, temperature },
        };
        Sampler::Drawn(LogitsProcessor::from_sampling(self.seed, sampling))
    }
}

/// How one lane goes on.
#[expect(
    clippy::large_enum_variant,
    reason = "one for each lane, for as long as the lane lives"
)]
pub(super) enum Sampler {
    /// With the most likely token, the first of equal ones.
    MostLikely,
    /// With one that is drawn.
    Drawn(LogitsProcessor),
}

impl Sampler {
    /// The next token after one row of logits; `None` when they are not all finite.
    pub(super) fn next(&mut self, logits: &[f32]) -> Result<Option<u32>, EngineError> {
        match self {
            Self::MostLikely => Ok(most_likely(logits)),
            Self::Drawn(processor) if all_finite(logits) => {
                let logits = Tensor::from_slice(logits, logits.len(), &Device::Cpu)?;
                Ok(Some(processor.sample(&logits)?))
            }
            Self::Drawn(_) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_likely_is_the_first_of_equal_ones_and_what_is_no_number_ends_a_lane() {
        let drawn = SamplerSettings {
            temperature: 0.7,
            ..SamplerSettings::default()
        };
        let logits: Vec<f32> = (0..100).map(|i| [0.5, 3.0, -1.0][i % 3]).collect();
        let mut greedy = SamplerSettings::default().sampler();
        assert_eq!(greedy.next(&logits).unwrap(), Some(1));
        for settings in [SamplerSettings::default(), drawn] {
            for odd in [f32::NAN, f32::INFINITY] {
                let mut logits = logits.clone();
                logits[40] = odd;
                assert_eq!(settings.sampler().next(&logits).unwrap(), None);
            }
        }
    }
}
