//! Counting inputs into bars that two histograms share.

use std::collections::BTreeMap;

use crate::app::experiment::Measurement;

/// Bars at integer places relative to zero: place k covers `(k·width, (k + 1)·width]`.
#[derive(Debug, Default)]
pub(super) struct Bars {
    pub(super) width: f64,
    pub(super) now: BTreeMap<i64, usize>,
    /// Of the measurement behind it, or of random directions: inputs per direction.
    pub(super) before: BTreeMap<i64, f64>,
    pub(super) first: i64,
    pub(super) last: i64,
}

fn place(value: f64, width: f64) -> i64 {
    let k = (value / width).ceil() as i64 - 1;
    if value > 0.0 { k.max(0) } else { k.min(-1) }
}

/// Counts at a common width. While a run fills, the width and the range of the finished one
/// behind it hold, so that the axis does not jump.
pub(super) fn count_bars(
    current: Option<&Measurement>,
    ghost: Option<&Measurement>,
    (random, directions): &(Vec<f64>, usize),
    columns: usize,
) -> Bars {
    let widths = [ghost, current]
        .into_iter()
        .flatten()
        .map(|m| m.histogram.width());
    let Some(width) = widths.into_iter().find(|w| *w > 0.0) else {
        return Bars::default();
    };
    let slopes = |m: Option<&Measurement>| -> Vec<f64> {
        let results = m.into_iter().flat_map(|m| m.results.iter().flatten());
        results
            .map(|r| f64::from(r.steerability))
            .filter(|s| s.is_finite())
            .collect()
    };
    let mut now: BTreeMap<i64, usize> = BTreeMap::new();
    for s in slopes(current) {
        *now.entry(place(s, width)).or_default() += 1;
    }
    let behind = if *directions > 0 {
        (random.clone(), 1.0 / *directions as f64)
    } else {
        (slopes(ghost), 1.0)
    };
    let mut before: BTreeMap<i64, f64> = BTreeMap::new();
    for s in behind.0 {
        *before.entry(place(s, width)).or_default() += behind.1;
    }
    let places = || now.keys().chain(before.keys());
    // Zero stays in view: the bars left and right of it are always part of the range.
    let first = places().min().map_or(-1, |k| (*k).min(-1));
    let last = places().max().map_or(0, |k| (*k).max(0));
    let bars = Bars {
        width,
        now,
        before,
        first,
        last,
    };
    merge(bars, columns)
}

/// Joins neighbouring bars, never across zero, until they fit the columns.
fn merge(bars: Bars, columns: usize) -> Bars {
    let span = usize::try_from(bars.last.saturating_sub(bars.first)).unwrap_or(usize::MAX);
    let each = (span.saturating_add(columns) / columns.max(1)).max(1);
    if each == 1 {
        return bars;
    }
    let each = i64::try_from(each).unwrap_or(i64::MAX);
    Bars {
        width: bars.width * each as f64,
        now: join(bars.now, each),
        before: join(bars.before, each),
        first: bars.first.div_euclid(each),
        last: bars.last.div_euclid(each),
    }
}

fn join<N: std::ops::AddAssign + Default>(counts: BTreeMap<i64, N>, each: i64) -> BTreeMap<i64, N> {
    let mut out: BTreeMap<i64, N> = BTreeMap::new();
    for (k, n) in counts {
        *out.entry(k.div_euclid(each)).or_default() += n;
    }
    out
}
