//! How much of a variance two binary factors explain, and five numbers of a box plot.

use serde::{Deserialize, Serialize};

use super::moments::mean;
use super::quantile::quantile_sorted;

/// Fewest values that a decomposition is made of.
const FEWEST: usize = 4;

/// A variance in three parts that sum to it, all with the n − 1 denominator.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Decomposition {
    /// Var(s).
    pub total: f64,
    /// What the first factor explains alone: Var(s) − Var(residuals of s ~ 1 + x₁).
    pub first: f64,
    /// What the second one adds: Var(residuals of s ~ 1 + x₁) − Var(residuals of s ~ 1 + x₁ + x₂).
    pub second_marginal: f64,
    /// Variance of the residuals of s ~ 1 + x₁ + x₂.
    pub unexplained: f64,
}

impl Decomposition {
    /// First, marginal second and unexplained part as shares of the total, each in 0..=1.
    pub fn shares(&self) -> [f64; 3] {
        [self.first, self.second_marginal, self.unexplained].map(|part| part / self.total)
    }
}

/// Decomposes the variance of `values` by two factors, least squares without interaction
/// (Tan et al. 2407.12404, released code).
///
/// A constant factor explains nothing, and a second factor that repeats the first, or its
/// complement, adds nothing. `None` for slices of different length, below four values, and where
/// all values are equal.
pub fn decompose(values: &[f64], first: &[f64], second: &[f64]) -> Option<Decomposition> {
    let n = values.len();
    if n < FEWEST || first.len() != n || second.len() != n {
        return None;
    }
    let residual = centred(values)?;
    let total = dot(&residual, &residual);
    let largest = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    // Summing rounds: equal values may leave a trace of variation. A total that is not a number
    // fails the comparison as well.
    if total.is_nan() || total <= (1e-14 * largest).powi(2) * n as f64 {
        return None;
    }
    // Sequential least squares by projection: the part of the second factor that the first does
    // not already hold is what it can add.
    let a = centred(first)?;
    let b = centred(second)?;
    let b_alone = without(&b, &a);
    let scale = 1.0 / (n - 1) as f64;
    let explained = |x: &[f64], whole: &[f64]| {
        let size = dot(x, x);
        let nothing = size <= 1e-12 * dot(whole, whole).max(f64::MIN_POSITIVE);
        if nothing {
            0.0
        } else {
            dot(x, &residual).powi(2) / size * scale
        }
    };
    let (first, second_marginal) = (explained(&a, first), explained(&b_alone, second));
    let total = total * scale;
    Some(Decomposition {
        total,
        first,
        second_marginal,
        unexplained: (total - first - second_marginal).max(0.0),
    })
}

/// Minimum, quartiles and maximum: one box of a box plot.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FiveNumbers {
    /// Smallest value.
    pub min: f64,
    /// 25 % quantile.
    pub lower: f64,
    /// Median.
    pub median: f64,
    /// 75 % quantile.
    pub upper: f64,
    /// Largest value.
    pub max: f64,
}

impl FiveNumbers {
    /// Of finite values; `None` without values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |q| quantile_sorted(&sorted, q);
        Some(Self {
            min: at(0.0)?,
            lower: at(0.25)?,
            median: at(0.5)?,
            upper: at(0.75)?,
            max: at(1.0)?,
        })
    }
}

fn centred(values: &[f64]) -> Option<Vec<f64>> {
    let centre = mean(values)?;
    Some(values.iter().map(|x| x - centre).collect())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The part of `b` orthogonal to `a`.
fn without(b: &[f64], a: &[f64]) -> Vec<f64> {
    let size = dot(a, a);
    if size <= 0.0 {
        return b.to_vec();
    }
    let share = dot(a, b) / size;
    b.iter().zip(a).map(|(b, a)| b - share * a).collect()
}
