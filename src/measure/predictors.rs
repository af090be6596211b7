//! What can be known about a vector before it is used: geometry of the activations it comes from.
//!
//! Directional agreement and separation along the vector after Braun et al. (2505.22637), pairwise
//! agreement, euclidean spread and norm variance after Tan et al. (2407.12404). Measured on the
//! pairs that made the vector, separation is inflated (isotropic noise alone gives d′ ≈ √(2d/n)),
//! so that the figures to look at are those of held-out pairs with vector and midpoint fixed.

use serde::{Deserialize, Serialize};

use crate::stats::{
    DPrime, MersenneTwister, Quartiles, auc, d_prime, mean, overlap, quartiles, variance,
};
use crate::steering::PairActivations;

/// Bins of the overlap.
const BINS: usize = 50;
/// Pairs of one subsample.
const SUBSAMPLE: usize = 25;
/// Subsamples drawn.
const REPETITIONS: usize = 100;

/// Activations of pairs, in f64: row i of both sides belongs to pair i.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cloud {
    /// a⁺, rows of width d.
    pub positive: Vec<Vec<f64>>,
    /// a⁻, rows of width d.
    pub negative: Vec<Vec<f64>>,
}

impl From<&PairActivations> for Cloud {
    fn from(activations: &PairActivations) -> Self {
        let rows = |values: &[f32]| {
            let widen = |row: &[f32]| row.iter().map(|x| f64::from(*x)).collect();
            values
                .chunks_exact(activations.width.max(1))
                .map(widen)
                .collect()
        };
        Self {
            positive: rows(&activations.positive),
            negative: rows(&activations.negative),
        }
    }
}

impl Cloud {
    /// dᵢ = a⁺ᵢ − a⁻ᵢ.
    fn differences(&self) -> Vec<Vec<f64>> {
        let minus = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| a - b).collect();
        self.positive
            .iter()
            .zip(&self.negative)
            .map(minus)
            .collect()
    }

    /// kproj of both sides of another cloud along this one's mean difference: what the separation
    /// figures are read off. Empty for a zero vector.
    pub fn places(&self, other: &Self) -> (Vec<f32>, Vec<f32>) {
        let (v, midpoint) = (mean_row(&self.differences()), self.midpoint());
        let places = |rows: &[Vec<f64>]| {
            let places = kproj(rows, &v, &midpoint);
            places.into_iter().map(|x| x as f32).collect()
        };
        (places(&other.positive), places(&other.negative))
    }

    /// μ = (mean a⁺ + mean a⁻)/2.
    fn midpoint(&self) -> Vec<f64> {
        (mean_row(&self.positive).iter())
            .zip(mean_row(&self.negative))
            .map(|(a, b)| f64::midpoint(*a, b))
            .collect()
    }

    /// Pairs in both sides.
    pub fn len(&self) -> usize {
        self.positive.len().min(self.negative.len())
    }

    /// Without pairs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How alike the differences of the pairs are. Figures that the data cannot give are `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Pairs with a difference of non-zero length.
    pub n: usize,
    /// Pairs without a difference; they enter nothing here.
    pub dropped: usize,
    /// Mean cosine of dᵢ and v, v being their mean (Braun). v contains dᵢ: n unrelated
    /// differences give about 1/√n.
    pub directional: Option<f64>,
    /// Mean cosine of dᵢ and the sum of all others; 0 for unrelated differences.
    pub leave_one_out: Option<f64>,
    /// Mean of the full matrix of cosines, diagonal included (Tan): the squared norm of the mean
    /// unit difference.
    pub pairwise: Option<f64>,
    /// The same without the diagonal.
    pub pairwise_off_diagonal: Option<f64>,
    /// −mean ‖dᵢ − d̄‖ / mean ‖dᵢ‖ (Tan).
    pub euclidean: Option<f64>,
    /// −Var(‖dᵢ‖) / mean ‖dᵢ‖, n − 1 denominator (Tan).
    pub norm_variance: Option<f64>,
}

/// How far a⁺ and a⁻ stand apart along v.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Separation {
    /// Pairs.
    pub n: usize,
    /// Mean cosine of these pairs' differences and v; pairs without a difference left out.
    pub directional: Option<f64>,
    /// Mean of 2(a⁺ − μ)·v/‖v‖²; exactly +1 on the pairs that made v.
    pub kproj_positive: Option<f64>,
    /// The same of a⁻; exactly −1 on those pairs.
    pub kproj_negative: Option<f64>,
    /// (mean⁺ − mean⁻)/√((var⁺ + var⁻)/2), population variances; `None` also where infinite.
    pub d_prime: Option<f64>,
    /// d′ is infinite: neither side varies along v.
    pub separated: bool,
    /// P(kproj⁺ > kproj⁻) + ½ P(equal).
    pub auc: Option<f64>,
    /// Overlap of the two histograms, 50 bins.
    pub overlap: Option<f64>,
}

/// Cosines between v and means of random subsamples of its pairs (Braun).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    /// Pairs of a subsample.
    pub pairs: usize,
    /// Subsamples drawn without replacement.
    pub repetitions: usize,
    /// Mean cosine.
    pub mean: f64,
    /// Quartiles of the cosines.
    pub quartiles: Quartiles,
    /// Smallest cosine.
    pub min: f64,
}

/// All predictors of one vector at one block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Predictors {
    /// ‖v‖ of the mean difference.
    pub norm: f64,
    /// Agreement of the pairs that made v.
    pub agreement: Agreement,
    /// Separation of pairs that had no part in v; `None` where there are none.
    pub held_out: Option<Separation>,
    /// Separation of the pairs that made v, inflated; for comparison with published figures.
    pub in_sample: Separation,
    /// `None` where there are no more pairs than a subsample has.
    pub stability: Option<Stability>,
}

impl Predictors {
    /// Fits v and μ on `train` and reads everything off; `seed` draws the subsamples.
    pub fn of_clouds(train: &Cloud, held_out: &Cloud, seed: u64) -> Self {
        let differences = train.differences();
        let v = mean_row(&differences);
        let midpoint = train.midpoint();
        let separation = |cloud: &Cloud| separation(cloud, &v, &midpoint);
        Self {
            norm: norm(&v),
            agreement: agreement(&differences),
            held_out: (!held_out.is_empty()).then(|| separation(held_out)),
            in_sample: separation(train),
            stability: stability(&differences, &v, seed),
        }
    }
}

/// kproj(a) = 2 (a − μ)·v/‖v‖² of each row (Braun et al. 2505.22637); empty for a zero vector.
pub(crate) fn kproj(rows: &[Vec<f64>], v: &[f64], midpoint: &[f64]) -> Vec<f64> {
    let square = dot(v, v);
    if square <= 0.0 {
        return Vec::new();
    }
    let offset = dot(midpoint, v);
    let place = |row: &Vec<f64>| 2.0 * (dot(row, v) - offset) / square;
    rows.iter().map(place).collect()
}

fn separation(cloud: &Cloud, v: &[f64], midpoint: &[f64]) -> Separation {
    let up = kproj(&cloud.positive, v, midpoint);
    let down = kproj(&cloud.negative, v, midpoint);
    let d_prime = d_prime(&up, &down);
    let cosines: Vec<f64> = cloud
        .differences()
        .iter()
        .filter_map(|d| cosine(d, v))
        .collect();
    Separation {
        n: cloud.len(),
        directional: mean(&cosines),
        kproj_positive: mean(&up),
        kproj_negative: mean(&down),
        d_prime: d_prime.and_then(DPrime::finite),
        separated: d_prime == Some(DPrime::Separated),
        auc: auc(&up, &down),
        overlap: overlap(&up, &down, BINS),
    }
}

fn agreement(differences: &[Vec<f64>]) -> Agreement {
    let long: Vec<&Vec<f64>> = differences.iter().filter(|d| norm(d) > 0.0).collect();
    let n = long.len();
    let norms: Vec<f64> = long.iter().map(|d| norm(d)).collect();
    let v = mean_row(&long);
    let sum: Vec<f64> = v.iter().map(|x| x * n as f64).collect();
    // All or nothing: a mean over the cosines that happen to exist would be another figure.
    let all = |values: Vec<Option<f64>>| {
        let values: Option<Vec<f64>> = values.into_iter().collect();
        values.as_deref().and_then(mean)
    };
    let others = |d: &&Vec<f64>| {
        let rest: Vec<f64> = sum.iter().zip(d.iter()).map(|(s, x)| s - x).collect();
        // Of the very same numbers nothing but rounding is left over.
        (norm(&rest) > 1e-12 * norm(&sum).max(norm(d)))
            .then(|| cosine(d, &rest))
            .flatten()
    };
    let units: Vec<Vec<f64>> = (long.iter().zip(&norms))
        .map(|(d, norm)| d.iter().map(|x| x / norm).collect())
        .collect();
    let unit = mean_row(&units);
    let pairwise = (n > 0).then(|| dot(&unit, &unit));
    let distances: Vec<f64> = long
        .iter()
        .map(|d| norm(&d.iter().zip(&v).map(|(a, b)| a - b).collect::<Vec<_>>()))
        .collect();
    let over_norm = |x: Option<f64>| Some(-x? / mean(&norms)?);
    Agreement {
        n,
        dropped: differences.len() - n,
        directional: all(long.iter().map(|d| cosine(d, &v)).collect()),
        leave_one_out: (n > 1)
            .then(|| all(long.iter().map(others).collect()))
            .flatten(),
        pairwise,
        pairwise_off_diagonal: pairwise.filter(|_| n > 1).map(|full| {
            let n = n as f64;
            (full - 1.0 / n) / (1.0 - 1.0 / n)
        }),
        euclidean: over_norm(mean(&distances)),
        norm_variance: over_norm(variance(&norms)),
    }
}

fn stability(differences: &[Vec<f64>], v: &[f64], seed: u64) -> Option<Stability> {
    let n = differences.len();
    if n <= SUBSAMPLE {
        return None;
    }
    let mut random = MersenneTwister::new(seed);
    let draw = |_| {
        let order = random.permutation(n);
        let chosen: Vec<&Vec<f64>> = (order.iter().take(SUBSAMPLE))
            .filter_map(|i| differences.get(*i))
            .collect();
        cosine(&mean_row(&chosen), v)
    };
    let cosines: Vec<f64> = (0..REPETITIONS).map(draw).collect::<Option<_>>()?;
    Some(Stability {
        pairs: SUBSAMPLE,
        repetitions: REPETITIONS,
        mean: mean(&cosines)?,
        quartiles: quartiles(&cosines)?,
        min: cosines.iter().copied().fold(f64::INFINITY, f64::min),
    })
}

/// Mean of rows of one width; empty without rows.
fn mean_row<R: AsRef<[f64]>>(rows: &[R]) -> Vec<f64> {
    let Some(first) = rows.first() else {
        return Vec::new();
    };
    let mut sum = vec![0.0; first.as_ref().len()];
    for row in rows {
        for (sum, x) in sum.iter_mut().zip(row.as_ref()) {
            *sum += x;
        }
    }
    sum.iter().map(|x| x / rows.len() as f64).collect()
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(super) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// Cosine; `None` where one has no length.
pub(super) fn cosine(a: &[f64], b: &[f64]) -> Option<f64> {
    let lengths = norm(a) * norm(b);
    (lengths > 0.0).then(|| (dot(a, b) / lengths).clamp(-1.0, 1.0))
}
