//! Dense symmetric problems of extraction in f64: Gram matrices, the largest eigenpair, linear
//! systems with a positive definite matrix.

/// Row-major matrix.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Matrix {
    width: usize,
    values: Vec<f64>,
}

impl Matrix {
    pub(super) fn zeros(n: usize, width: usize) -> Self {
        Self {
            width,
            values: vec![0.0; n * width],
        }
    }

    /// Rows of `width` values each; a rest that fills no row is dropped.
    pub(super) fn from_rows(width: usize, values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        let width = width.max(1);
        values.truncate(values.len() / width * width);
        Self { width, values }
    }

    pub(super) fn n(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.width..][..self.width]
    }

    pub(super) fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.values[i * self.width..][..self.width]
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// Sum of all squares.
    pub(super) fn squares(&self) -> f64 {
        dot(&self.values, &self.values)
    }

    /// Mean of the rows.
    pub(super) fn mean(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.width];
        for row in self.rows() {
            add(&mut mean, row, 1.0);
        }
        let n = self.n().max(1) as f64;
        divide(&mut mean, n);
        mean
    }

    /// The rows less their mean.
    pub(super) fn centred(mut self) -> Self {
        let mean = self.mean();
        for row in self.values.chunks_exact_mut(self.width.max(1)) {
            add(row, &mean, -1.0);
        }
        self
    }

    pub(super) fn transposed(&self) -> Self {
        let (n, width) = (self.n(), self.width);
        let mut other = Self::zeros(width, n);
        for (i, row) in self.rows().enumerate() {
            for (j, x) in row.iter().enumerate() {
                other.values[j * n + i] = *x;
            }
        }
        other
    }

    /// A·Aᵀ, inner products of all rows.
    pub(super) fn gram(&self) -> Self {
        let n = self.n();
        let mut gram = Self::zeros(n, n);
        for i in 0..n {
            for j in 0..=i {
                let x = dot(self.row(i), self.row(j));
                gram.values[i * n + j] = x;
                gram.values[j * n + i] = x;
            }
        }
        gram
    }

    /// A·x.
    pub(super) fn times(&self, x: &[f64]) -> Vec<f64> {
        self.rows().map(|row| dot(row, x)).collect()
    }

    /// Aᵀ·x, the sum of rows with these weights.
    pub(super) fn weighted(&self, x: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; self.width];
        for (row, x) in self.rows().zip(x) {
            add(&mut sum, row, *x);
        }
        sum
    }
}

/// Inner product. Eight partial sums in a fixed order, so that the loop is done in vector registers.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a8.iter().zip(b8) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

/// `a += c·b`
pub(super) fn add(a: &mut [f64], b: &[f64], c: f64) {
    for (a, b) in a.iter_mut().zip(b) {
        *a += c * b;
    }
}

/// `a /= c`
pub(super) fn divide(a: &mut [f64], c: f64) {
    for a in a {
        *a /= c;
    }
}

pub(super) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// Most steps of [`largest`]; the top of a spectrum has settled long before.
const STEPS: usize = 400;

/// Largest eigenvalue of a symmetric positive semidefinite matrix and its unit eigenvector: Lanczos
/// (Golub & Van Loan, Matrix Computations, 10.1) with full reorthogonalisation, from a fixed start.
pub(super) fn largest(matrix: &Matrix) -> (f64, Vec<f64>) {
    let m = matrix.n();
    let scale: f64 = (0..m).map(|i| matrix.row(i)[i].abs()).sum();
    let mut basis = vec![start(m)];
    let (mut diagonal, mut beside): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    loop {
        let k = diagonal.len();
        let mut next = matrix.times(&basis[k]);
        diagonal.push(dot(&next, &basis[k]));
        // Once is not enough where cancellation is severe.
        for _ in 0..2 {
            for q in &basis {
                let along = dot(&next, q);
                add(&mut next, q, -along);
            }
        }
        let rest = norm(&next);
        let (value, weights) = top_of_tridiagonal(&diagonal, &beside);
        let last = weights.last().copied().unwrap_or(0.0);
        let settled = rest * last.abs() <= 1e-14 * value.abs() || rest <= 1e-15 * scale;
        if settled || k + 1 >= m.min(STEPS) {
            let mut vector = vec![0.0; m];
            for (q, weight) in basis.iter().zip(&weights) {
                add(&mut vector, q, *weight);
            }
            return (value, scaled(vector));
        }
        divide(&mut next, rest);
        beside.push(rest);
        basis.push(next);
    }
}

/// A unit vector without symmetry, so that no eigenvector of data is orthogonal to it.
fn start(m: usize) -> Vec<f64> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let draw = |_| {
        // Knuth's linear congruential generator, upper bits.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 31) - 0.5
    };
    scaled((0..m).map(draw).collect())
}

fn scaled(mut a: Vec<f64>) -> Vec<f64> {
    let length = norm(&a);
    if length > 0.0 {
        divide(&mut a, length);
    }
    a
}

/// Largest eigenvalue of a symmetric tridiagonal matrix by bisection on the signs of its pivots, and
/// its eigenvector by inverse iteration from above, where all pivots are positive.
fn top_of_tridiagonal(diagonal: &[f64], beside: &[f64]) -> (f64, Vec<f64>) {
    if diagonal.len() < 2 {
        return (diagonal.first().copied().unwrap_or(0.0), vec![1.0]);
    }
    let reach = |i: usize| {
        let side = |j: Option<usize>| j.and_then(|j| beside.get(j)).map_or(0.0, |b| b.abs());
        side(i.checked_sub(1)) + side(Some(i))
    };
    let bound = |sign: f64| (diagonal.iter().enumerate()).map(move |(i, a)| a + sign * reach(i));
    let mut low = diagonal.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut high = bound(1.0).fold(f64::NEG_INFINITY, f64::max);
    let above = |x: f64| pivots(diagonal, beside, x).iter().all(|p| *p > 0.0);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if above(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    let shift = high + high.abs() * 4.0 * f64::EPSILON;
    let least = high.abs().max(1e-300) * f64::EPSILON;
    let mut pivots = pivots(diagonal, beside, shift);
    for p in &mut pivots {
        *p = p.max(least);
    }
    let mut x = vec![1.0; diagonal.len()];
    for _ in 0..4 {
        for i in 1..x.len() {
            x[i] += beside[i - 1] / pivots[i - 1] * x[i - 1];
        }
        for i in (0..x.len()).rev() {
            let from_below = if i + 1 < x.len() {
                beside[i] * x[i + 1]
            } else {
                0.0
            };
            x[i] = (x[i] + from_below) / pivots[i];
        }
        x = scaled(x);
    }
    (high, x)
}

/// Pivots of x·1 − T in Gaussian elimination; all positive exactly where x lies above the spectrum.
fn pivots(diagonal: &[f64], beside: &[f64], x: f64) -> Vec<f64> {
    let mut pivots: Vec<f64> = Vec::with_capacity(diagonal.len());
    for (i, a) in diagonal.iter().enumerate() {
        let taken = i.checked_sub(1).map_or(0.0, |j| {
            let before = if pivots[j] == 0.0 {
                f64::MIN_POSITIVE
            } else {
                pivots[j]
            };
            beside[j] * beside[j] / before
        });
        pivots.push(x - a - taken);
    }
    pivots
}

/// Solves A·x = b for a symmetric positive definite A (Cholesky); `None` where it is none.
pub(super) fn solve(mut a: Matrix, b: &[f64]) -> Option<Vec<f64>> {
    let n = a.n();
    for j in 0..n {
        for i in j..n {
            let (upper, lower) = (&a.row(j)[..j], &a.row(i)[..j]);
            let value = a.row(i)[j] - dot(upper, lower);
            let value = if i == j {
                if value <= 0.0 || !value.is_finite() {
                    return None;
                }
                value.sqrt()
            } else {
                value / a.row(j)[j]
            };
            a.row_mut(i)[j] = value;
        }
    }
    let mut x = b.to_vec();
    for i in 0..n {
        let known = dot(&a.row(i)[..i], &x[..i]);
        x[i] = (x[i] - known) / a.row(i)[i];
    }
    for i in (0..n).rev() {
        x[i] /= a.row(i)[i];
        let value = x[i];
        for (j, x) in x.iter_mut().take(i).enumerate() {
            *x -= a.row(i)[j] * value;
        }
    }
    Some(x)
}
