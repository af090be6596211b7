//! How far two samples of numbers stand apart.

use super::moments::mean;
use super::rank::average_ranks;

/// d′ of two samples: difference of the means over the root of the mean population variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DPrime {
    /// The usual case.
    Finite(f64),
    /// Neither sample varies and the means differ: d′ is infinite.
    Separated,
}

impl DPrime {
    /// The value; `None` when infinite.
    pub fn finite(self) -> Option<f64> {
        match self {
            Self::Finite(value) => Some(value),
            Self::Separated => None,
        }
    }
}

/// (mean⁺ − mean⁻)/√((var⁺ + var⁻)/2) with population variances (n denominator).
///
/// `None` where a sample is empty, holds numbers that are not finite, or nothing varies and the
/// means are equal.
pub fn d_prime(positive: &[f64], negative: &[f64]) -> Option<DPrime> {
    let population = |values: &[f64]| {
        let centre = mean(values)?;
        let squares = values.iter().map(|x| (x - centre).powi(2)).sum::<f64>();
        Some((centre, squares / values.len() as f64))
    };
    let ((up, var_up), (down, var_down)) = (population(positive)?, population(negative)?);
    let (difference, pooled) = (up - down, f64::midpoint(var_up, var_down).sqrt());
    if !difference.is_finite() || !pooled.is_finite() {
        return None;
    }
    if pooled > 1e-14 * up.abs().max(down.abs()) {
        Some(DPrime::Finite(difference / pooled))
    } else {
        (difference != 0.0).then_some(DPrime::Separated)
    }
}

/// Area under the ROC curve: P(x⁺ > x⁻) + ½ P(x⁺ = x⁻), the Mann–Whitney statistic over n⁺n⁻.
///
/// `None` where a sample is empty or holds NaN.
pub fn auc(positive: &[f64], negative: &[f64]) -> Option<f64> {
    let (up, down) = (positive.len() as f64, negative.len() as f64);
    if positive.is_empty() || negative.is_empty() {
        return None;
    }
    let all: Vec<f64> = positive.iter().chain(negative).copied().collect();
    if all.iter().any(|x| x.is_nan()) {
        return None;
    }
    let ranks: f64 = average_ranks(&all).iter().take(positive.len()).sum();
    Some((ranks - up * (up + 1.0) / 2.0) / (up * down))
}

/// Overlap of two histograms with `bins` equal bins over the common range: the sum of the smaller
/// density times the width, 1 for equal samples and 0 for disjoint ones.
///
/// `None` where a sample is empty, holds numbers that are not finite, or `bins` is 0.
pub fn overlap(positive: &[f64], negative: &[f64], bins: usize) -> Option<f64> {
    let both = || positive.iter().chain(negative).copied();
    if positive.is_empty() || negative.is_empty() || bins == 0 || both().any(|x| !x.is_finite()) {
        return None;
    }
    let low = both().fold(f64::INFINITY, f64::min);
    let high = both().fold(f64::NEG_INFINITY, f64::max);
    let width = (high - low) / bins as f64;
    if width <= 0.0 {
        return Some(1.0);
    }
    let shares = |values: &[f64]| {
        let mut counts = vec![0.0; bins];
        for x in values {
            // The last bin is closed on both sides.
            let bin = (((x - low) / width) as usize).min(bins - 1);
            counts[bin] += 1.0 / values.len() as f64;
        }
        counts
    };
    let smaller = (shares(positive).into_iter().zip(shares(negative))).map(|(a, b)| a.min(b));
    Some(smaller.sum::<f64>().min(1.0))
}
