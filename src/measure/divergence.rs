//! Kullback–Leibler divergence and likelihood of next-token distributions, in f64.

/// KL(p‖q) in nats of two rows of logits over one vocabulary: Σ p·(log p − log q).
///
/// Infinite where a row is not finite: such a model says nothing any more.
pub fn kl(p: &[f32], q: &[f32]) -> f64 {
    let (Some(log_p), Some(log_q)) = (log_sum_exp(p), log_sum_exp(q)) else {
        return f64::INFINITY;
    };
    let term = |(a, b): (&f32, &f32)| {
        let a = f64::from(*a) - log_p;
        a.exp() * (a - (f64::from(*b) - log_q))
    };
    // Rounding may leave a sum just below 0.
    p.iter().zip(q).map(term).sum::<f64>().max(0.0)
}

/// −log p(token) in nats; infinite where the row is not finite or has no such token.
pub(super) fn surprise(logits: &[f32], token: u32) -> f64 {
    match (log_sum_exp(logits), logits.get(token as usize)) {
        (Some(total), Some(own)) => total - f64::from(*own),
        _ => f64::INFINITY,
    }
}

/// Index of the greatest logit, the first of equal ones; `None` where the row is not finite.
pub(super) fn most_likely(logits: &[f32]) -> Option<u32> {
    let mut best: Option<(usize, f32)> = None;
    for (i, &logit) in logits.iter().enumerate() {
        if !logit.is_finite() {
            return None;
        }
        if best.is_none_or(|(_, b)| logit > b) {
            best = Some((i, logit));
        }
    }
    best.map(|(i, _)| i as u32)
}

/// log Σ exp; `None` where a value is not finite, and for none.
fn log_sum_exp(logits: &[f32]) -> Option<f64> {
    if !logits.iter().all(|l| l.is_finite()) {
        return None;
    }
    let most = f64::from(logits.iter().copied().reduce(f32::max)?);
    let sum: f64 = logits.iter().map(|l| (f64::from(*l) - most).exp()).sum();
    Some(most + sum.ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_coins() {
        // p = (0.5, 0.5), q = (0.8, 0.2): 0.5·ln(0.5/0.8) + 0.5·ln(0.5/0.2).
        let (p, q) = ([1.0, 1.0], [0.8f32.ln(), 0.2f32.ln()]);
        let expected = 0.5 * (0.5f64 / 0.8).ln() + 0.5 * (0.5f64 / 0.2).ln();
        assert!((kl(&p, &q) - expected).abs() < 1e-6);
        assert!(kl(&q, &q).abs() < 1e-12);
        assert!((surprise(&q, 1) - 5.0f64.ln()).abs() < 1e-6);
        assert_eq!(most_likely(&[0.0, 2.0, 2.0]), Some(1));
    }

    #[test]
    fn overflow_is_infinite_and_never_a_number() {
        assert!(kl(&[f32::NAN, 0.0], &[0.0, 0.0]).is_infinite());
        assert!(surprise(&[f32::INFINITY], 0).is_infinite());
        assert_eq!(most_likely(&[0.0, f32::NAN]), None);
        // Far apart, but finite.
        assert!((kl(&[1000.0, 0.0], &[0.0, 1000.0]) - 1000.0).abs() < 1e-9);
    }
}
