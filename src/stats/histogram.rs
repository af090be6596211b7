//! Histogram of per-input steerability that fills while results arrive.

use super::quantile::quantile_sorted;

/// One bar: the values in `(low, high]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Lower edge, exclusive.
    pub low: f64,
    /// Upper edge, inclusive.
    pub high: f64,
    /// Values in it.
    pub count: usize,
    /// The bar lies left of zero: its inputs are anti-steerable (slope ≤ 0, Tan et al. 2407.12404).
    pub anti_steerable: bool,
}

/// Histogram with edges at integer multiples of one width, bins closed on the right.
///
/// So zero is always an edge, and the bars left of it hold exactly the values ≤ 0. The width is
/// Freedman–Diaconis (2·IQR·n^(−1/3)) limited to range/64 … range/8. While values stream in, edges
/// stay as they are; they are chosen anew only when a value falls outside or the count has doubled.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    values: Vec<f64>,
    width: f64,
    first: i64,
    counts: Vec<usize>,
    binned_at: usize,
    rejected: usize,
}

impl Histogram {
    /// An empty histogram: no bars.
    pub fn new() -> Self {
        Self::default()
    }

    /// Histogram of finished values with the edges chosen for all of them.
    pub fn from_values(values: &[f64]) -> Self {
        let mut histogram = Self::new();
        histogram.values = values.iter().copied().filter(|v| v.is_finite()).collect();
        histogram.rejected = values.len() - histogram.values.len();
        histogram.rebin();
        histogram
    }

    /// Adds a value; returns whether the edges changed. Values that are not finite are counted
    /// apart and draw no bar.
    pub fn push(&mut self, value: f64) -> bool {
        if !value.is_finite() {
            self.rejected += 1;
            return false;
        }
        self.values.push(value);
        let inside = self.bin_of(value);
        match inside {
            Some(bin) if self.values.len() < 2 * self.binned_at => {
                self.counts[bin] += 1;
                false
            }
            _ => {
                self.rebin();
                true
            }
        }
    }

    /// Adds several values; returns whether the edges changed at some point.
    pub fn extend(&mut self, values: impl IntoIterator<Item = f64>) -> bool {
        values
            .into_iter()
            .fold(false, |changed, v| self.push(v) | changed)
    }

    /// Number of binned values.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// No value was binned.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Values that were not finite.
    pub fn rejected(&self) -> usize {
        self.rejected
    }

    /// Width of every bar; 0 when empty.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// Bars from the smallest to the largest value, empty ones between included.
    pub fn bars(&self) -> impl ExactSizeIterator<Item = Bar> + '_ {
        self.counts.iter().enumerate().map(|(i, &count)| {
            let k = self.first + i as i64;
            Bar {
                low: k as f64 * self.width,
                high: (k + 1) as f64 * self.width,
                count,
                anti_steerable: k < 0,
            }
        })
    }

    /// Index into [`Histogram::bars`] of the bar that holds `value`, if it lies within them.
    pub fn bin_of(&self, value: f64) -> Option<usize> {
        if self.counts.is_empty() || !value.is_finite() {
            return None;
        }
        let bin = grid_index(value, self.width).checked_sub(self.first)?;
        usize::try_from(bin)
            .ok()
            .filter(|&bin| bin < self.counts.len())
    }

    /// Values ≤ 0: the sum of the bars left of zero.
    pub fn anti_steerable(&self) -> usize {
        self.bars()
            .filter(|bar| bar.anti_steerable)
            .map(|bar| bar.count)
            .sum()
    }

    fn rebin(&mut self) {
        self.binned_at = self.values.len();
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let (Some(&low), Some(&high)) = (sorted.first(), sorted.last()) else {
            (self.width, self.first, self.counts) = (0.0, 0, Vec::new());
            return;
        };
        self.width = bin_width(&sorted, low, high);
        self.first = grid_index(low, self.width);
        let last = grid_index(high, self.width);
        self.counts = vec![0; usize::try_from(last - self.first).unwrap_or(0) + 1];
        for &value in &self.values {
            let bin = usize::try_from(grid_index(value, self.width) - self.first).unwrap_or(0);
            self.counts[bin] += 1;
        }
    }
}

/// k with `k·width < value <= (k + 1)·width`.
fn grid_index(value: f64, width: f64) -> i64 {
    // A value many orders beyond the width saturates: it lies outside every bar.
    let k = ((value / width).ceil() as i64).saturating_sub(1);
    // The quotient of a tiny value may round to zero: the sign decides which side of zero it is on.
    if value > 0.0 { k.max(0) } else { k.min(-1) }
}

fn bin_width(sorted: &[f64], low: f64, high: f64) -> f64 {
    let range = high - low;
    let largest = low.abs().max(high.abs());
    // Equal values, or a spread below the resolution of the numbers themselves: one bar.
    if range <= largest * 1e-12 || range < f64::MIN_POSITIVE * 1e3 {
        return if largest < f64::MIN_POSITIVE {
            1.0
        } else {
            largest
        };
    }
    if !range.is_finite() {
        return f64::MAX / 8.0;
    }
    let at = |q| quantile_sorted(sorted, q).unwrap_or(low);
    let spread = at(0.75) - at(0.25);
    if spread <= 0.0 {
        return range / 16.0;
    }
    (2.0 * spread / (sorted.len() as f64).cbrt()).clamp(range / 64.0, range / 8.0)
}
