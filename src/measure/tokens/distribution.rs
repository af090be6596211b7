//! Next-token distributions from logits, in f64.

use std::cmp::Ordering;

/// Logarithm of the sum of the exponentials of `logits`: `log p(i) = logits[i] − log_normaliser`. Natural logarithm, f64
/// sum; not finite where the logits are not.
pub fn log_normaliser(logits: &[f32]) -> f64 {
    let largest = largest(logits);
    let sum: f64 = logits.iter().map(|x| (f64::from(*x) - largest).exp()).sum();
    largest + sum.ln()
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
        let (top_p, top_q) = (largest(p), largest(q));
        let (mut sum_p, mut sum_q, mut apart) = (0.0, 0.0, 0.0);
        for (p, q) in p.iter().zip(q) {
            // Below the largest: differences stay small where the two distributions are close.
            let (p, q) = (f64::from(*p) - top_p, f64::from(*q) - top_q);
            let weight = p.exp();
            sum_p += weight;
            sum_q += q.exp();
            // A logit of −∞ on both sides has no part in either distribution.
            if weight > 0.0 {
                apart += weight * (p - q);
            }
        }
        let kl = apart / sum_p + (sum_q.ln() - sum_p.ln());
        Self {
            normalisers: [top_p + sum_p.ln(), top_q + sum_q.ln()],
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

/// The `k` largest logits, largest first, of equal ones the lower id first: `(id, logit)`.
pub(super) fn largest_k(logits: &[f32], k: usize) -> Vec<(u32, f32)> {
    let mut top: Vec<(u32, f32)> = Vec::with_capacity(k + 1);
    for (id, logit) in logits.iter().enumerate() {
        if top.len() == k && top.last().is_none_or(|(_, least)| logit <= least) {
            continue;
        }
        let at = top.partition_point(|(_, other)| other >= logit);
        top.insert(at, (id as u32, *logit));
        top.truncate(k);
    }
    top
}

/// Place of `id` among the logits, 1 for the largest; of equal ones the lower id stands first.
pub(super) fn rank(logits: &[f32], id: u32) -> usize {
    let own = logits[id as usize];
    let before = |(i, x): (usize, &f32)| match x.partial_cmp(&own) {
        Some(Ordering::Greater) => true,
        Some(Ordering::Equal) => i < id as usize,
        _ => false,
    };
    1 + logits.iter().enumerate().filter(|l| before(*l)).count()
}

fn largest(logits: &[f32]) -> f64 {
    f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max))
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

    #[test]
    fn of_equal_logits_the_lower_id_comes_first() {
        let logits = [1.0, 4.0, 2.0, 4.0, 2.0];
        let ids: Vec<u32> = largest_k(&logits, 3).iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [1, 3, 2]);
        assert_eq!([0, 1, 2, 3, 4].map(|id| rank(&logits, id)), [5, 1, 3, 2, 4]);
        assert_eq!(largest_k(&logits, 9).len(), 5);
        assert!(largest_k(&logits, 0).is_empty());
    }
}
