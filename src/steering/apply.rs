//! The operators: what each does to one row of the residual stream.

use crate::units::{Edit, Operator};

/// Below this a norm or a sine is taken for zero.
const TINY: f64 = 1e-12;
/// Below this sine two directions are parallel or opposite, and there is no way from one to the other.
const PARALLEL: f64 = 1e-6;

/// `row += coefficient · direction`; a coefficient of zero touches nothing.
pub fn add_scaled(row: &mut [f32], direction: &[f32], coefficient: f32) {
    if coefficient == 0.0 {
        return;
    }
    for (h, v) in row.iter_mut().zip(direction) {
        *h += coefficient * v;
    }
}

/// Applies an operator to one `row` of width d.
///
/// `basis` holds one or several directions, `(rank, d)` row-major: [`Operator::Angular`] takes two
/// orthonormal ones, [`Operator::Project`] any number of orthogonal ones, the others one. A
/// coefficient that switches the operator off (see [`Operator::is_off`]) leaves the row bit for bit.
pub fn apply(operator: Operator, row: &mut [f32], basis: &[f32], coefficient: f32) {
    if operator.is_off(coefficient) || row.is_empty() {
        return;
    }
    let v = basis.get(..row.len()).unwrap_or_default();
    let c = f64::from(coefficient);
    match operator {
        Operator::Add => add_scaled(row, v, coefficient),
        Operator::NormPreservingAdd => {
            let before = norm(row);
            let sum: Vec<f64> = wide(row).zip(wide(v)).map(|(h, v)| h + c * v).collect();
            let after = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
            if after >= TINY {
                write(row, sum.into_iter().map(|x| x * before / after));
            }
        }
        Operator::Project => {
            let removed: Vec<(f64, &[f32])> = (basis.chunks_exact(row.len()))
                .filter_map(|d| Some((c * dot(row, d) / square(d)?, d)))
                .collect();
            for (along, d) in removed {
                add_wide(row, d, -along);
            }
        }
        Operator::AblateThenAdd | Operator::Clamp => {
            if let Some(square) = square(v) {
                let along = dot(row, v) / square;
                add_wide(row, v, c - along);
            }
        }
        Operator::Angular => {
            let (b1, b2) = (v, basis.get(row.len()..2 * row.len()).unwrap_or_default());
            let (p1, p2) = (dot(row, b1), dot(row, b2));
            let (radius, (sin, cos)) = (p1.hypot(p2), c.to_radians().sin_cos());
            if radius > 0.0 {
                add_wide(row, b1, radius * cos - p1);
                add_wide(row, b2, radius * sin - p2);
            }
        }
        Operator::Spherical => spherical(row, v, c),
        Operator::Piecewise => {
            let along = dot(row, v);
            if along != 0.0 {
                add_scaled(row, v, coefficient * along.signum() as f32);
            }
        }
    }
}

fn spherical(row: &mut [f32], v: &[f32], t: f64) {
    let (length, Some(square)) = (norm(row), square(v)) else {
        return;
    };
    if length < TINY {
        return;
    }
    let towards = t.signum() / square.sqrt();
    let share = t.abs();
    let cosine = (dot(row, v) * towards / length).clamp(-1.0, 1.0);
    let angle = cosine.acos();
    if angle.sin() < PARALLEL {
        return;
    }
    let stay = ((1.0 - share) * angle).sin() / angle.sin();
    let go = length * (share * angle).sin() / angle.sin() * towards;
    let turned: Vec<f64> = wide(row)
        .zip(wide(v))
        .map(|(h, v)| stay * h + go * v)
        .collect();
    write(row, turned.into_iter());
}

/// Whether `values` numbers are as many directions of `width` as the operator takes.
pub fn fits(edit: Edit, values: usize, width: usize) -> bool {
    let (least, most) = edit.operator.ranks();
    width > 0 && values.is_multiple_of(width) && (least..=most).contains(&(values / width))
}

/// Whether directions `(rank, width)` are orthonormal to within `tolerance`.
pub fn is_orthonormal(basis: &[f32], width: usize, tolerance: f64) -> bool {
    let rows: Vec<&[f32]> = basis.chunks_exact(width.max(1)).collect();
    rows.iter().enumerate().all(|(i, a)| {
        (rows.iter().enumerate())
            .all(|(j, b)| (dot(a, b) - f64::from(u8::from(i == j))).abs() <= tolerance)
    })
}

fn wide(row: &[f32]) -> impl Iterator<Item = f64> + '_ {
    row.iter().map(|x| f64::from(*x))
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    wide(a).zip(wide(b)).map(|(a, b)| a * b).sum()
}

fn norm(row: &[f32]) -> f64 {
    dot(row, row).sqrt()
}

/// ‖v‖²; `None` for a vector too short to be a direction.
fn square(v: &[f32]) -> Option<f64> {
    Some(dot(v, v)).filter(|s| s.sqrt() >= TINY)
}

fn add_wide(row: &mut [f32], direction: &[f32], by: f64) {
    for (h, v) in row.iter_mut().zip(direction) {
        *h = (f64::from(*h) + by * f64::from(*v)) as f32;
    }
}

fn write(row: &mut [f32], values: impl Iterator<Item = f64>) {
    for (h, x) in row.iter_mut().zip(values) {
        *h = x as f32;
    }
}
