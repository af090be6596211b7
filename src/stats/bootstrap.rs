//! Percentile bootstrap over examples.

use super::interval::Interval;
use super::mersenne::MersenneTwister;
use super::quantile::quantile_sorted;

/// Replicates drawn by default.
pub const REPLICATES: usize = 2000;

/// Below this number of examples no interval is given.
pub const MIN_EXAMPLES: usize = 8;

/// Percentile bootstrap (Efron 1979) with a fixed seed, 95 %.
///
/// Each replicate draws example *indices* once; every statistic is computed from the same
/// indices, so that differences between statistics are paired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// Seed of the index draws.
    pub seed: u64,
    /// Number of replicates.
    pub replicates: usize,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            seed: 0,
            replicates: REPLICATES,
        }
    }
}

impl Bootstrap {
    /// Intervals of the statistics that `statistic` computes from resampled indices into `n`
    /// examples. The closure must return the same number of values every time.
    ///
    /// `None` when `n` is below [`MIN_EXAMPLES`] or no replicate was asked for. A statistic that
    /// is not finite in some replicate has no interval of its own (`None` at its place).
    pub fn intervals(
        &self,
        n: usize,
        mut statistic: impl FnMut(&[usize]) -> Vec<f64>,
    ) -> Option<Vec<Option<Interval>>> {
        if n < MIN_EXAMPLES || self.replicates == 0 {
            return None;
        }
        let mut random = MersenneTwister::new(self.seed);
        let mut indices = vec![0; n];
        let mut columns: Vec<Vec<f64>> = Vec::new();
        for _ in 0..self.replicates {
            indices.fill_with(|| random.below(n));
            let values = statistic(&indices);
            columns.resize(
                columns.len().max(values.len()),
                Vec::with_capacity(self.replicates),
            );
            for (column, value) in columns.iter_mut().zip(values) {
                column.push(value);
            }
        }
        Some(
            columns
                .into_iter()
                .map(|c| percentile_interval(c, self.replicates))
                .collect(),
        )
    }

    /// Interval of the mean of `values`; `None` below [`MIN_EXAMPLES`] values.
    pub fn mean(&self, values: &[f64]) -> Option<Interval> {
        let n = values.len() as f64;
        let mean = |indices: &[usize]| vec![indices.iter().map(|&i| values[i]).sum::<f64>() / n];
        let interval = self.intervals(values.len(), mean)?.pop()??;
        // Summing equal values rounds; constant data must still give an interval of zero width,
        // and no mean lies outside the data.
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let within = |x: f64| x.max(low).min(high);
        Some(Interval {
            low: within(interval.low),
            high: within(interval.high),
        })
    }
}

fn percentile_interval(mut column: Vec<f64>, replicates: usize) -> Option<Interval> {
    if column.len() != replicates || column.iter().any(|v| !v.is_finite()) {
        return None;
    }
    column.sort_by(f64::total_cmp);
    Some(Interval {
        low: quantile_sorted(&column, 0.025)?,
        high: quantile_sorted(&column, 0.975)?,
    })
}
