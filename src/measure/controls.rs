//! Controls: what other directions of the same length do at the same place, so that an effect is read
//! against them and not against nothing.
//!
//! At small widths any direction moves logits a good deal; the figure to look at is how far the
//! vector stands apart from random ones (z), not its mean alone.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::cache::{PromptCache, Site, SweepCell};
use super::error::MeasureError;
use crate::engine::Cancel;
use crate::stats::{MersenneTwister, Summary, mean, sd, steerability};
use crate::units::{BlockIndex, Edit, Mask};

/// Fewest random directions that a z is read off.
pub const RANDOM: usize = 16;

/// One control.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// The vector itself.
    Vector,
    /// −v.
    Reversed,
    /// Gaussian direction number k at ‖v‖.
    Random(usize),
    /// The same, orthogonal to v.
    Orthogonal(usize),
    /// The coordinates of v in another order: same norm, same values.
    Permuted,
    /// Mean of the training pairs' differences with signs drawn at random, at ‖v‖.
    Shuffled(usize),
    /// The vector of another behaviour, at ‖v‖.
    Other(String),
}

impl Control {
    /// Name on screen and in files.
    pub fn name(&self) -> String {
        match self {
            Self::Vector => "vector".to_owned(),
            Self::Reversed => "reversed".to_owned(),
            Self::Random(k) => format!("random {k}"),
            Self::Orthogonal(k) => format!("orthogonal {k}"),
            Self::Permuted => "permuted".to_owned(),
            Self::Shuffled(k) => format!("shuffled labels {k}"),
            Self::Other(name) => name.clone(),
        }
    }
}

/// A direction with what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlDirection {
    /// Which.
    pub control: Control,
    /// Width d, at the norm of the vector.
    pub direction: Vec<f32>,
}

/// Draws the controls of a vector that need nothing but itself: reversed, `k` random, `k` orthogonal,
/// permuted. The same seed gives the same directions.
///
/// `direction` has width d. Nothing is drawn for one of length 0.
pub fn drawn(direction: &[f32], k: usize, seed: u64) -> Vec<ControlDirection> {
    let length = self::length(direction);
    if length <= 0.0 {
        return Vec::new();
    }
    let mut random = MersenneTwister::new(seed);
    let d = direction.len();
    let mut all = vec![ControlDirection {
        control: Control::Reversed,
        direction: direction.iter().map(|x| -x).collect(),
    }];
    for i in 0..k {
        let u = gaussian(&mut random, d);
        all.extend(at_norm(&u, length).map(|direction| ControlDirection {
            control: Control::Random(i),
            direction,
        }));
    }
    let unit: Vec<f64> = direction.iter().map(|x| f64::from(*x) / length).collect();
    for i in 0..k {
        let u = gaussian(&mut random, d);
        let along: f64 = u.iter().zip(&unit).map(|(a, b)| a * b).sum();
        let u: Vec<f64> = u.iter().zip(&unit).map(|(a, b)| a - along * b).collect();
        all.extend(at_norm(&u, length).map(|direction| ControlDirection {
            control: Control::Orthogonal(i),
            direction,
        }));
    }
    let order = random.permutation(d);
    all.push(ControlDirection {
        control: Control::Permuted,
        direction: order.iter().map(|i| direction[*i]).collect(),
    });
    all
}

/// `k` vectors of shuffled labels: means of `differences` (pairs × d) with the signs of half of the
/// pairs turned, chosen at random, at `length`. Half, because a majority of unturned pairs would leave a
/// part of the vector, and the common length would enlarge it. A vector that carries a behaviour loses it this way and keeps everything that
/// the pairs have in common by format.
pub fn shuffled(
    differences: &[Vec<f32>],
    length: f64,
    k: usize,
    seed: u64,
) -> Vec<ControlDirection> {
    let Some(d) = differences.first().map(Vec::len) else {
        return Vec::new();
    };
    let mut random = MersenneTwister::new(seed);
    (0..k)
        .filter_map(|i| {
            let mut sum = vec![0.0f64; d];
            let order = random.permutation(differences.len());
            for (place, pair) in order.into_iter().enumerate() {
                let row = &differences[pair];
                let sign = if place < differences.len() / 2 {
                    -1.0
                } else {
                    1.0
                };
                for (sum, x) in sum.iter_mut().zip(row) {
                    *sum += sign * f64::from(*x);
                }
            }
            Some(ControlDirection {
                control: Control::Shuffled(i),
                direction: at_norm(&sum, length)?,
            })
        })
        .collect()
}

/// Another behaviour's direction at `length`; `None` for one of length 0 or another width.
pub fn other(name: &str, direction: &[f32], like: &[f32]) -> Option<ControlDirection> {
    let wide: Vec<f64> = direction.iter().map(|x| f64::from(*x)).collect();
    Some(ControlDirection {
        control: Control::Other(name.to_owned()),
        direction: at_norm(&wide, length(like)).filter(|v| v.len() == like.len())?,
    })
}

/// Slopes of many directions at one site: `(directions, inputs)`, all in the passes of one sweep.
///
/// # Errors
/// Those of [`PromptCache::sweep`].
pub fn slopes(
    cache: &mut PromptCache,
    directions: &[ControlDirection],
    (block, mask, edit): (BlockIndex, Mask, Edit),
    multipliers: &[f32],
    inputs: Range<usize>,
    cancel: &Cancel,
) -> Result<Vec<Vec<f64>>, MeasureError> {
    let cells: Vec<SweepCell<'_>> = directions
        .iter()
        .map(|control| SweepCell {
            site: Site {
                edit,
                direction: &control.direction,
                block,
                mask,
            },
            multipliers,
        })
        .collect();
    let rows = cache.sweep(&cells, inputs, cancel)?;
    let slope = |row: &Vec<f32>| steerability(multipliers, row).unwrap_or(f64::NAN);
    Ok(rows
        .into_iter()
        .map(|inputs| inputs.iter().map(slope).collect())
        .collect())
}

/// One control's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ControlRow {
    /// Which.
    pub control: Control,
    /// Distribution of per-input steerability.
    pub summary: Summary,
}

/// A vector against its controls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Controls {
    /// The vector, then its controls in the order they were drawn.
    pub rows: Vec<ControlRow>,
    /// (mean − mean of the random ones) / their standard deviation; `None` below two random directions.
    pub z_random: Option<f64>,
    /// The same against orthogonal directions.
    pub z_orthogonal: Option<f64>,
    /// The same against shuffled labels.
    pub z_shuffled: Option<f64>,
    /// z of each shuffled-label vector against the random ones, mean over them: near 0 where the labels
    /// carry all of the effect.
    pub shuffled_against_random: Option<f64>,
}

/// Slopes of a vector and its controls, as they are kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ControlSlopes {
    /// The vector, then its controls in the order they were drawn.
    pub controls: Vec<Control>,
    /// Per direction a slope for each input; `None` where it is not finite.
    pub slopes: Vec<Vec<Option<f32>>>,
    /// What the system text changes in each input's propensity; empty where there is none.
    pub system_text: Vec<f32>,
    /// What was left out, and why.
    pub remarks: Vec<String>,
}

impl ControlSlopes {
    /// No input measured yet.
    pub fn new(directions: &[ControlDirection]) -> Self {
        Self {
            controls: directions.iter().map(|d| d.control.clone()).collect(),
            slopes: vec![Vec::new(); directions.len()],
            ..Self::default()
        }
    }

    /// Takes in the slopes of further inputs, `(directions, inputs)`.
    pub fn extend(&mut self, new: Vec<Vec<f64>>) {
        for (all, new) in self.slopes.iter_mut().zip(new) {
            all.extend(new.into_iter().map(|s| s.is_finite().then_some(s as f32)));
        }
    }

    /// The same under a condition on prompts: an input that is not steered has slope 0 under every
    /// direction. The system text steers nothing and stays as it is.
    #[must_use]
    pub fn under(&self, open: &[bool]) -> Self {
        let mut all = self.clone();
        for slopes in &mut all.slopes {
            for (slope, _) in slopes.iter_mut().zip(open).filter(|(_, open)| !**open) {
                *slope = Some(0.0);
            }
        }
        all
    }

    /// Inputs so far.
    pub fn inputs(&self) -> usize {
        self.slopes.first().map_or(0, Vec::len)
    }

    /// Slopes of direction `i`; NaN where not finite.
    pub fn of(&self, i: usize) -> Vec<f64> {
        let slopes = self.slopes.get(i).map_or(&[][..], Vec::as_slice);
        slopes
            .iter()
            .map(|s| s.map_or(f64::NAN, f64::from))
            .collect()
    }

    /// The figures.
    pub fn figures(&self) -> Controls {
        let slopes: Vec<Vec<f64>> = (0..self.slopes.len()).map(|i| self.of(i)).collect();
        Controls::of(&self.controls, &slopes)
    }
}

impl Controls {
    /// Reads the figures off slopes `(directions, inputs)`; the first direction is the vector.
    pub fn of(controls: &[Control], slopes: &[Vec<f64>]) -> Self {
        let rows: Vec<ControlRow> = controls
            .iter()
            .zip(slopes)
            .map(|(control, slopes)| ControlRow {
                control: control.clone(),
                summary: Summary::of_slopes(slopes),
            })
            .collect();
        let means = |belongs: &dyn Fn(&Control) -> bool| -> Vec<f64> {
            rows.iter()
                .filter(|r| belongs(&r.control))
                .filter_map(|r| r.summary.mean)
                .collect()
        };
        let effect = rows.first().and_then(|r| r.summary.mean);
        let random = means(&|c| matches!(c, Control::Random(_)));
        let orthogonal = means(&|c| matches!(c, Control::Orthogonal(_)));
        let shuffled = means(&|c| matches!(c, Control::Shuffled(_)));
        let against = |controls: &[f64]| effect.and_then(|e| z(e, controls));
        let own: Vec<f64> = shuffled.iter().filter_map(|s| z(*s, &random)).collect();
        Self {
            z_random: against(&random),
            z_orthogonal: against(&orthogonal),
            z_shuffled: against(&shuffled),
            shuffled_against_random: mean(&own),
            rows,
        }
    }
}

/// (effect − mean) / standard deviation (n − 1) of the controls; `None` for fewer than two of them or
/// where they do not vary.
pub fn z(effect: f64, controls: &[f64]) -> Option<f64> {
    let spread = sd(controls).filter(|s| *s > 0.0)?;
    Some((effect - mean(controls)?) / spread)
}

/// ‖v‖, in f64.
pub fn length(v: &[f32]) -> f64 {
    v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
}

fn at_norm(v: &[f64], length: f64) -> Option<Vec<f32>> {
    let own = v.iter().map(|x| x * x).sum::<f64>().sqrt();
    (own > 0.0 && length > 0.0).then(|| v.iter().map(|x| (x / own * length) as f32).collect())
}

/// Standard normal numbers (Box and Muller), two uniform ones for each.
fn gaussian(random: &mut MersenneTwister, n: usize) -> Vec<f64> {
    let mut uniform = || (f64::from(random.next_u32()) + 0.5) / 4_294_967_296.0;
    (0..n)
        .map(|_| {
            let (u, v) = (uniform(), uniform());
            (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
        })
        .collect()
}
