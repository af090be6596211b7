//! Statistics: slope, quantiles, intervals, bins, seeded shuffle, splits.
//!
//! Everything here is pure arithmetic on slices of `f64`; it knows nothing of models or files.
//! A figure that the data cannot give (a slope over one point, an interval of seven inputs) is
//! `None`, never a made-up number.

mod bootstrap;
mod factors;
mod histogram;
mod interval;
mod line;
mod mersenne;
mod moments;
mod quantile;
mod rank;
mod separation;
mod split;
mod spurious;
mod summary;

pub use bootstrap::{Bootstrap, MIN_EXAMPLES, REPLICATES};
pub use factors::{Decomposition, FiveNumbers, decompose};
pub use histogram::{Bar, Histogram};
pub use interval::{Interval, wilson};
pub use line::{Line, fit_line};
pub use mersenne::MersenneTwister;
pub use moments::{excess_kurtosis, mean, sd, variance};
pub use quantile::{Quartiles, median, quantile, quantile_sorted, quartiles};
pub use rank::{average_ranks, spearman};
pub use separation::{DPrime, auc, d_prime, overlap};
pub use split::{SplitError, Splits, parse_split};
pub use spurious::{FactorCell, FactorEffect, FactorRow, SpuriousFactors};
pub use summary::{AntiSteerable, CurvePoint, Summary, curve, steerability};

/// Share of slopes that are not positive: the anti-steerable fraction of Tan et al. (2407.12404),
/// in which a slope of exactly zero counts as anti-steerable.
///
/// Returns the count; divide by the number of slopes for the fraction.
pub fn anti_steerable_count(slopes: &[f64]) -> usize {
    slopes.iter().filter(|slope| **slope <= 0.0).count()
}
