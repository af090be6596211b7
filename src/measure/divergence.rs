//! Kullback–Leibler divergence of next-token distributions, in f64.

use super::tokens::kl_divergence;
use crate::engine::logits::all_finite;

/// KL(p‖q) in nats of two rows of logits over one vocabulary: Σ p·(log p − log q).
///
/// Infinite where a row is not finite: such a model says nothing any more.
pub fn kl(p: &[f32], q: &[f32]) -> f64 {
    if all_finite(p) && all_finite(q) {
        kl_divergence(p, q)
    } else {
        f64::INFINITY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::logits::most_likely;

    #[test]
    fn two_coins() {
        // p = (0.5, 0.5), q = (0.8, 0.2): 0.5·ln(0.5/0.8) + 0.5·ln(0.5/0.2).
        let (p, q) = ([1.0, 1.0], [0.8f32.ln(), 0.2f32.ln()]);
        let expected = 0.5 * (0.5f64 / 0.8).ln() + 0.5 * (0.5f64 / 0.2).ln();
        assert!((kl(&p, &q) - expected).abs() < 1e-6);
        assert!(kl(&q, &q).abs() < 1e-12);
        assert_eq!(most_likely(&[0.0, 2.0, 2.0]), Some(1));
    }

    #[test]
    fn overflow_is_infinite_and_never_a_number() {
        assert!(kl(&[f32::NAN, 0.0], &[0.0, 0.0]).is_infinite());
        assert_eq!(most_likely(&[0.0, f32::NAN]), None);
        // Far apart, but finite.
        assert!((kl(&[1000.0, 0.0], &[0.0, 1000.0]) - 1000.0).abs() < 1e-9);
    }
}
