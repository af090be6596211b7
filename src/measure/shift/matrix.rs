//! What is read off slopes and unsteered propensities of all vectors in all settings.

use serde::{Deserialize, Serialize};

use super::setting::Setting;
use crate::measure::predictors::{cosine, norm};
use crate::stats::{anti_steerable_count, mean, spearman, variance};

/// Steerability of a setting's own vector above which the relative one is defined.
pub const RELATIVE_ABOVE: f64 = 0.25;

/// Name of the mean vector.
pub const MEAN_VECTOR: &str = "MEAN";

/// Raw figures of one data set. Inputs are the same rows, in the same order, in every setting.
#[derive(Debug, Clone, PartialEq)]
pub struct ShiftFigures {
    /// v of each setting at the block, raw, in the order of [`Setting::ALL`]; width d.
    pub directions: [Vec<f32>; 5],
    /// Slopes `[vector][setting][input]`: six vectors, the mean vector last. An empty list where
    /// the vector has no length.
    pub slopes: Vec<[Vec<f64>; 5]>,
    /// Unsteered propensities `[setting][input]`.
    pub unsteered: [Vec<f64>; 5],
}

/// The six vectors: those of the settings, then the plain mean of the five.
pub fn six_vectors(directions: &[Vec<f32>; 5]) -> Vec<Vec<f32>> {
    let width = directions.iter().map(Vec::len).max().unwrap_or(0);
    let average = (0..width).map(|i| {
        let values = directions.iter().filter_map(|d| d.get(i));
        (values.map(|x| f64::from(*x)).sum::<f64>() / 5.0) as f32
    });
    let mut six: Vec<Vec<f32>> = directions.to_vec();
    six.push(average.collect());
    six
}

/// Rescales a vector to a norm; `None` for one without length. Its own norm gives back its very
/// numbers.
pub fn scaled_to(direction: &[f32], length: f64) -> Option<Vec<f32>> {
    let own = norm(&widened(direction));
    if own <= 0.0 || length <= 0.0 {
        return None;
    }
    let factor = length / own;
    let scale = |x: &f32| (f64::from(*x) * factor) as f32;
    Some(direction.iter().map(scale).collect())
}

/// One vector in one setting.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ShiftCell {
    /// Mean steerability; `None` where the vector has no length or a slope is not finite.
    pub mean: Option<f64>,
    /// Variance of steerability over inputs, n − 1 denominator.
    pub variance: Option<f64>,
    /// Share of inputs with a slope of at most 0.
    pub anti_steerable: Option<f64>,
}

/// A point of the first scatter plot: how well a vector from setting `train` does in `test`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RelativePoint {
    /// Setting of the vector, A.
    pub train: Setting,
    /// Setting of the test, B.
    pub test: Setting,
    /// Mean over inputs of |mᴮ(0) − mᴬ(0)|, in logits.
    pub gap: Option<f64>,
    /// `s(v_A, D_B) / s(v_B, D_B)`; undefined unless the denominator exceeds 0.25.
    pub relative: Option<f64>,
}

/// A point of the second scatter plot: two of the six vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimilarityPoint {
    /// One vector.
    pub a: String,
    /// Another.
    pub b: String,
    /// |mean mᴬ(0) − mean mᴮ(0)|, in logits; the mean vector has the average of the five.
    pub gap: Option<f64>,
    /// Cosine of the two.
    pub cosine: Option<f64>,
}

/// Spearman's correlation over the defined points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// `None` for fewer than four points or constant figures.
    pub spearman: Option<f64>,
    /// Points that entered.
    pub n: usize,
    /// Points with an undefined figure, left out.
    pub left_out: usize,
}

impl Correlation {
    /// Of points with both figures.
    pub fn of(points: impl IntoIterator<Item = (Option<f64>, Option<f64>)>) -> Self {
        let (mut x, mut y, mut left_out) = (Vec::new(), Vec::new(), 0);
        for point in points {
            match point {
                (Some(a), Some(b)) if a.is_finite() && b.is_finite() => {
                    x.push(a);
                    y.push(b);
                }
                _ => left_out += 1,
            }
        }
        Self {
            spearman: (x.len() >= 4).then(|| spearman(&x, &y)).flatten(),
            n: x.len(),
            left_out,
        }
    }
}

/// All that is shown about one data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShiftMatrix {
    /// Norms of the six raw vectors at the block.
    pub norms: Vec<f64>,
    /// Mean unsteered propensity per setting, in logits.
    pub unsteered: Vec<Option<f64>>,
    /// `[vector][setting]`, six by five, the mean vector last.
    pub cells: Vec<Vec<ShiftCell>>,
    /// All 25 pairs of settings.
    pub relative: Vec<RelativePoint>,
    /// Relative steerability against the gap.
    pub relative_against_gap: Correlation,
    /// All 15 pairs of vectors.
    pub similarity: Vec<SimilarityPoint>,
    /// Cosine against the gap.
    pub cosine_against_gap: Correlation,
}

impl ShiftMatrix {
    /// Reads the figures off (Tan et al. 2407.12404, prompt shifts).
    pub fn new(figures: &ShiftFigures) -> Self {
        let vectors: Vec<Vec<f64>> = six_vectors(&figures.directions)
            .iter()
            .map(|v| widened(v))
            .collect();
        let cells: Vec<Vec<ShiftCell>> = (figures.slopes.iter())
            .map(|row| row.iter().map(|slopes| cell(slopes)).collect())
            .collect();
        let unsteered: Vec<Option<f64>> =
            figures.unsteered.iter().map(|m| finite_mean(m)).collect();
        let relative = relative(&cells, &figures.unsteered);
        let similarity = similarity(&vectors, &unsteered);
        Self {
            norms: vectors.iter().map(|v| norm(v)).collect(),
            relative_against_gap: Correlation::of(relative.iter().map(|p| (p.gap, p.relative))),
            cosine_against_gap: Correlation::of(similarity.iter().map(|p| (p.gap, p.cosine))),
            cells,
            unsteered,
            relative,
            similarity,
        }
    }

    /// Mean steerability of the vector of `train` in the setting `test`.
    pub fn steerability(&self, train: Setting, test: Setting) -> Option<f64> {
        self.cells.get(train as usize)?.get(test as usize)?.mean
    }
}

fn cell(slopes: &[f64]) -> ShiftCell {
    let finite = !slopes.is_empty() && slopes.iter().all(|s| s.is_finite());
    let share = || anti_steerable_count(slopes) as f64 / slopes.len() as f64;
    ShiftCell {
        mean: finite_mean(slopes),
        variance: finite.then(|| variance(slopes)).flatten(),
        anti_steerable: finite.then(share),
    }
}

fn relative(cells: &[Vec<ShiftCell>], unsteered: &[Vec<f64>; 5]) -> Vec<RelativePoint> {
    let at = |vector: usize, setting: usize| cells.get(vector)?.get(setting)?.mean;
    let mut points = Vec::with_capacity(25);
    for (a, train) in Setting::ALL.into_iter().enumerate() {
        for (b, test) in Setting::ALL.into_iter().enumerate() {
            let own = at(b, b).filter(|s| *s > RELATIVE_ABOVE);
            let distances: Vec<f64> = (unsteered[b].iter().zip(&unsteered[a]))
                .map(|(b, a)| (b - a).abs())
                .collect();
            points.push(RelativePoint {
                train,
                test,
                gap: finite_mean(&distances),
                relative: own.zip(at(a, b)).map(|(own, other)| other / own),
            });
        }
    }
    points
}

fn similarity(vectors: &[Vec<f64>], unsteered: &[Option<f64>]) -> Vec<SimilarityPoint> {
    let all: Option<Vec<f64>> = unsteered.iter().copied().collect();
    let mut levels = unsteered.to_vec();
    levels.push(all.as_deref().and_then(mean));
    let name = |i: usize| {
        Setting::ALL
            .get(i)
            .map_or(MEAN_VECTOR, |s| s.name())
            .to_owned()
    };
    let mut points = Vec::with_capacity(15);
    for (a, v) in vectors.iter().enumerate() {
        for (b, w) in vectors.iter().enumerate().skip(a + 1) {
            let level = |i: usize| levels.get(i).copied().flatten();
            points.push(SimilarityPoint {
                a: name(a),
                b: name(b),
                gap: level(a).zip(level(b)).map(|(x, y)| (x - y).abs()),
                cosine: cosine(v, w),
            });
        }
    }
    points
}

fn finite_mean(values: &[f64]) -> Option<f64> {
    mean(values).filter(|m| m.is_finite())
}

fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().map(|x| f64::from(*x)).collect()
}
