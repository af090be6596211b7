//! Logistic regression on ±dᵢ/2 with labels ±1, no intercept, C = 1, to convergence.
//!
//! Both members of a pair contribute the same loss, so that the objective is
//! ½‖w‖² + 2C Σ log(1 + exp(−dᵢ·w/2)). Its minimum is w = Dᵀα with αᵢ = C σ(−dᵢ·w/2), found by
//! Newton's method: in the n coefficients α where there are fewer pairs than coordinates, in w else.

use super::linear::{self, Matrix, add, dot};

/// Weight of the loss.
const C: f64 = 1.0;
/// Newton steps; convergence is quadratic, and takes 5 to 10.
const STEPS: usize = 100;

/// The minimiser w.
pub(super) fn weights(d: &Matrix) -> Vec<f64> {
    if d.n() < d.width() {
        d.weighted(&dual(&d.gram()))
    } else {
        primal(d)
    }
}

/// σ(−z/2)
fn doubt(z: f64) -> f64 {
    if z >= 0.0 {
        let e = (-z / 2.0).exp();
        e / (1.0 + e)
    } else {
        1.0 / (1.0 + (z / 2.0).exp())
    }
}

/// Σ log(1 + exp(−z/2))
fn loss(z: &[f64]) -> f64 {
    z.iter()
        .map(|z| (-z / 2.0).max(0.0) + (-(z / 2.0).abs()).exp().ln_1p())
        .sum()
}

/// Curvature of 2C·loss in z: (C/2) σ(1 − σ).
fn curvatures(z: &[f64]) -> Vec<f64> {
    let curvature = |z: &f64| {
        let p = doubt(*z);
        0.5 * C * p * (1.0 - p)
    };
    z.iter().map(curvature).collect()
}

/// Coefficients α from the inner products G = D·Dᵀ.
fn dual(g: &Matrix) -> Vec<f64> {
    let n = g.n();
    let objective = |alpha: &[f64], z: &[f64]| 0.5 * dot(alpha, z) + 2.0 * C * loss(z);
    let mut alpha = vec![0.0; n];
    let mut z = vec![0.0; n];
    for _ in 0..STEPS {
        let force: Vec<f64> = (alpha.iter().zip(&z))
            .map(|(a, z)| C * doubt(*z) - a)
            .collect();
        // (1 + A·G) δ = force, made symmetric with R = A^½: δ = force − R (1 + R·G·R)⁻¹ R·G·force.
        let root: Vec<f64> = curvatures(&z).iter().map(|a| a.sqrt()).collect();
        let pushed = g.times(&force);
        let mut system = Matrix::zeros(n, n);
        for i in 0..n {
            let row = system.row_mut(i);
            for (j, x) in row.iter_mut().enumerate() {
                *x = root[i] * g.row(i)[j] * root[j];
            }
            row[i] += 1.0;
        }
        let right: Vec<f64> = root.iter().zip(&pushed).map(|(r, x)| r * x).collect();
        let Some(solved) = linear::solve(system, &right) else {
            break;
        };
        let step: Vec<f64> = (force.iter().zip(&root).zip(&solved))
            .map(|((f, r), s)| f - r * s)
            .collect();
        let change = g.times(&step);
        let before = objective(&alpha, &z);
        let mut t = 1.0;
        loop {
            let (mut next, mut moved) = (alpha.clone(), z.clone());
            add(&mut next, &step, t);
            add(&mut moved, &change, t);
            if objective(&next, &moved) <= before || t < 1e-9 {
                (alpha, z) = (next, moved);
                break;
            }
            t *= 0.5;
        }
        if dot(&step, &change) <= 1e-24 * dot(&alpha, &z).max(f64::MIN_POSITIVE) {
            break;
        }
    }
    alpha
}

/// The same in the d weights themselves.
fn primal(d: &Matrix) -> Vec<f64> {
    let width = d.width();
    let objective = |w: &[f64], z: &[f64]| 0.5 * dot(w, w) + 2.0 * C * loss(z);
    let mut w = vec![0.0; width];
    let mut z = vec![0.0; d.n()];
    for _ in 0..STEPS {
        let pull: Vec<f64> = z.iter().map(|z| C * doubt(*z)).collect();
        let mut force = d.weighted(&pull);
        add(&mut force, &w, -1.0);
        let curvatures = curvatures(&z);
        let scaled = (d.rows().zip(&curvatures)).flat_map(|(row, a)| {
            let root = a.sqrt();
            row.iter().map(move |x| root * x)
        });
        let mut hessian = Matrix::from_rows(width, scaled).transposed().gram();
        for i in 0..width {
            hessian.row_mut(i)[i] += 1.0;
        }
        let Some(step) = linear::solve(hessian, &force) else {
            break;
        };
        let change = d.times(&step);
        let before = objective(&w, &z);
        let mut t = 1.0;
        loop {
            let (mut next, mut moved) = (w.clone(), z.clone());
            add(&mut next, &step, t);
            add(&mut moved, &change, t);
            if objective(&next, &moved) <= before || t < 1e-9 {
                (w, z) = (next, moved);
                break;
            }
            t *= 0.5;
        }
        if dot(&step, &step) <= 1e-24 * dot(&w, &w).max(f64::MIN_POSITIVE) {
            break;
        }
    }
    w
}
