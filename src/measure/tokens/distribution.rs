//! Next-token distributions from logits, in f64.

use crate::engine::logits::{largest, largest_k, rank, sum_apart, sum_exp};

/// Logarithm of the sum of the exponentials of `logits`: `log p(i) = logits[i] − log_normaliser`. Natural logarithm, f64
/// sum; not finite where the logits are not.
pub fn log_normaliser(logits: &[f32]) -> f64 {
    let top = f64::from(largest(logits));
    top + sum_exp(logits, top).ln()
}

/// KL(p‖q) = Σ p (log p − log q) in nats of the distributions with these logits, which have the same length. At least 0,
/// exactly 0 for equal logits, not finite where logits are not.
pub fn kl_divergence(p: &[f32], q: &[f32]) -> f64 {
    Pair::of(p, q).kl
}

/// Two distributions over one vocabulary.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    /// [`log_normaliser`] of p and q.
    pub(super) normalisers: [f64; 2],
    /// KL(p‖q), nats.
    pub(super) kl: f64,
}

impl Pair {
    /// Of logits `p` and `q` in one pass over both.
    pub(super) fn of(p: &[f32], q: &[f32]) -> Self {
        // Below the largest: differences stay small where the two distributions are close. A logit of −∞ on
        // both sides has no part in either.
        let tops = [p, q].map(|row| f64::from(largest(row)));
        let [sum_p, sum_q, apart] = sum_apart(p, q, tops);
        let kl = apart / sum_p + (sum_q.ln() - sum_p.ln());
        Self {
            normalisers: [tops[0] + sum_p.ln(), tops[1] + sum_q.ln()],
            // Rounding may leave −1e-17 where the two hardly differ; NaN stays.
            kl: if kl < 0.0 { 0.0 } else { kl },
        }
    }

    /// The same distribution on both sides.
    pub(super) fn same(logits: &[f32]) -> Self {
        Self {
            normalisers: [log_normaliser(logits); 2],
            kl: 0.0,
        }
    }

    pub(super) fn is_finite(&self) -> bool {
        self.kl.is_finite() && self.normalisers.iter().all(|n| n.is_finite())
    }
}

/// What is said of two distributions at one place.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    /// KL(steered‖unsteered), nats.
    pub(super) kl: f64,
    /// Unsteered and steered.
    pub(super) sides: [Side; 2],
}

/// What is said of one of them.
#[derive(Debug, Clone)]
pub(super) struct Side {
    /// Of the token that follows in the text.
    pub(super) next: Option<Chance>,
    /// Most likely tokens and their probabilities.
    pub(super) top: Vec<(u32, f64)>,
}

/// How likely one token is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance {
    /// ln p.
    pub(super) log_probability: f64,
    /// 1 for the most likely.
    pub(super) rank: usize,
}

impl Figures {
    /// Of logits, `steered` being `None` where both sides are the same; `None` where they are not all finite.
    pub(super) fn of(
        unsteered: &[f32],
        steered: Option<&[f32]>,
        next: Option<u32>,
        top: usize,
    ) -> Option<Self> {
        let pair = match steered {
            Some(steered) => Pair::of(steered, unsteered),
            None => Pair::same(unsteered),
        };
        if !pair.is_finite() {
            return None;
        }
        let [after, before] = pair.normalisers;
        let ours = Side::of(unsteered, before, next, top);
        let theirs = match steered {
            Some(steered) => Side::of(steered, after, next, top),
            None => ours.clone(),
        };
        Some(Self {
            kl: pair.kl,
            sides: [ours, theirs],
        })
    }
}

impl Side {
    fn of(logits: &[f32], normaliser: f64, next: Option<u32>, top: usize) -> Self {
        let log = |logit: f32| f64::from(logit) - normaliser;
        Self {
            next: next.map(|id| Chance {
                log_probability: log(logits[id as usize]),
                rank: rank(logits, id),
            }),
            top: largest_k(logits, top.max(1))
                .into_iter()
                .map(|(id, logit)| (id, log(logit).exp()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergence_of_two_tokens_is_the_textbook_figure() {
        // p = (1/2, 1/2), q = (1/4, 3/4): ½ ln 2 + ½ ln(2/3) = 0.14384103622589042.
        let kl = kl_divergence(&[3.0, 3.0], &[0.0, 3.0_f32.ln()]);
        assert!((kl - 0.143_841_036_225_890_42).abs() < 1e-8, "{kl}");
        assert_eq!(
            kl_divergence(&[1.0, 2.0, -5.0], &[1.0, 2.0, -5.0]).to_bits(),
            0
        );
        assert!(!kl_divergence(&[f32::NAN, 1.0], &[0.0, 1.0]).is_finite());
        assert!(!kl_divergence(&[f32::INFINITY, 1.0], &[0.0, 1.0]).is_finite());
    }
}
