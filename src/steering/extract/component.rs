//! One direction from the differences of pairs at one block.

use super::linear::{self, Matrix, divide, dot, norm};
use super::logistic;
use super::method::Method;
use crate::stats::MersenneTwister;

/// A direction and what was found out on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Direction {
    /// Width d; raw or of norm 1, as [`Method::is_unit`] says.
    pub values: Vec<f32>,
    /// σ₁²/Σσ² of the rows that the component was taken of; `None` for methods without components.
    pub explained_share: Option<f64>,
    /// Whether the data say which way the direction points; where they do not, its sign is arbitrary.
    pub sign_defined: bool,
}

/// Why the differences of a block give no direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Degenerate {
    /// There are none.
    NoPairs,
    /// All are zero.
    NoDifference,
    /// A centred method subtracts the mean, and nothing is left: one pair, or equal differences.
    NoSpread,
}

/// The direction of a method that [takes pairs](Method::takes_pairs); of any other the mean.
///
/// `differences` are dᵢ = a⁺ᵢ − a⁻ᵢ, rows of one width d, all arithmetic in f64. `seed` draws the signs
/// of [`Method::Lat`] and nothing else.
pub fn pair_direction(
    method: Method,
    differences: &[Vec<f32>],
    seed: u64,
) -> Result<Direction, Degenerate> {
    let width = differences.first().ok_or(Degenerate::NoPairs)?.len();
    let values = differences.iter().flatten().map(|x| f64::from(*x));
    of_matrix(method, &Matrix::from_rows(width, values), seed)
}

pub(super) fn of_matrix(method: Method, d: &Matrix, seed: u64) -> Result<Direction, Degenerate> {
    if d.n() == 0 {
        return Err(Degenerate::NoPairs);
    }
    let squares = d.squares();
    if squares <= 0.0 {
        return Err(Degenerate::NoDifference);
    }
    match method {
        Method::Pca => {
            let component = first(d, squares)?;
            Ok(component.signed(by_mean(d)))
        }
        // Rows ±dᵢ/2 have mean zero and the axes of the uncentred dᵢ.
        Method::RepengCenter => {
            let component = first(d, squares)?;
            Ok(component.signed(by_majority(d)))
        }
        Method::RepengDiff => {
            let component = first(&d.clone().centred(), squares)?;
            Ok(component.signed(by_majority(d)))
        }
        Method::Lat => {
            let mut mixed = d.clone();
            let mut random = MersenneTwister::new(seed);
            // Which text of the pair comes first.
            for i in 0..mixed.n() {
                if random.below(2) == 1 {
                    mixed.row_mut(i).iter_mut().for_each(|x| *x = -*x);
                }
            }
            let component = first(&mixed.centred(), squares)?;
            Ok(component.signed(by_majority(d)))
        }
        Method::Logistic => {
            let w = logistic::weights(d);
            let length = norm(&w);
            if length <= 0.0 {
                return Err(Degenerate::NoDifference);
            }
            Ok(Direction {
                values: w.iter().map(|x| (x / length) as f32).collect(),
                explained_share: None,
                sign_defined: true,
            })
        }
        _ => {
            let mean = d.mean();
            if norm(&mean) <= 0.0 {
                return Err(Degenerate::NoDifference);
            }
            Ok(Direction {
                values: mean.iter().map(|x| *x as f32).collect(),
                explained_share: None,
                sign_defined: true,
            })
        }
    }
}

/// First axis of a set of rows.
struct Component {
    axis: Vec<f64>,
    share: f64,
}

impl Component {
    /// Turned so that `side` of it is not negative; where it is 0 the sign is undefined.
    fn signed(mut self, side: impl Fn(&[f64]) -> f64) -> Direction {
        let side = side(&self.axis);
        if side < 0.0 {
            self.axis.iter_mut().for_each(|x| *x = -*x);
        }
        Direction {
            values: self.axis.iter().map(|x| *x as f32).collect(),
            explained_share: Some(self.share),
            sign_defined: side != 0.0,
        }
    }
}

/// First right singular vector of the rows as they are: from their n × n inner products where there
/// are fewer rows than columns, v = Dᵀu/‖Dᵀu‖, else from the d × d scatter.
///
/// `squares` is Σ‖dᵢ‖² before centring, the scale against which nothing is left.
fn first(rows: &Matrix, squares: f64) -> Result<Component, Degenerate> {
    let trace = rows.squares();
    if trace <= 1e-24 * squares {
        return Err(Degenerate::NoSpread);
    }
    let narrow = rows.n() < rows.width();
    let (value, vector) = if narrow {
        linear::largest(&rows.gram())
    } else {
        linear::largest(&rows.transposed().gram())
    };
    let mut axis = if narrow {
        rows.weighted(&vector)
    } else {
        vector
    };
    let length = norm(&axis);
    divide(&mut axis, length);
    Ok(Component {
        axis,
        share: (value / trace).clamp(0.0, 1.0),
    })
}

/// Mean of dᵢ·v; what rounding leaves over counts as 0.
fn by_mean(d: &Matrix) -> impl Fn(&[f64]) -> f64 {
    let mean = d.mean();
    let least = 1e-10 * (d.squares() / d.n().max(1) as f64).sqrt();
    move |axis| {
        let side = dot(&mean, axis);
        if side.abs() <= least { 0.0 } else { side }
    }
}

/// Pairs whose positive text lies further along v, less the others.
fn by_majority(d: &Matrix) -> impl Fn(&[f64]) -> f64 {
    let d = d.clone();
    move |axis| {
        let side = |row| {
            let along = dot(row, axis);
            if along == 0.0 { 0.0 } else { along.signum() }
        };
        d.rows().map(side).sum()
    }
}
