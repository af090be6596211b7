//! Matrix products on plain slices.

/// (row stride, column stride)
pub(super) type Strides = (usize, usize);

/// y (m, n; row stride ys) = [y +] a (m, k) b (k, n), on the calling thread.
#[allow(clippy::too_many_arguments, unsafe_code)] // the matrix crate's only interface takes raw pointers
pub(super) fn gemm(
    y: &mut [f32],
    ys: usize,
    add: bool,
    (m, n, k): (usize, usize, usize),
    a: &[f32],
    sa: Strides,
    b: &[f32],
    sb: Strides,
) {
    let reach = |r: usize, c: usize, s: Strides| {
        if r == 0 || c == 0 {
            0
        } else {
            (r - 1) * s.0 + (c - 1) * s.1 + 1
        }
    };
    assert!(
        reach(m, n, (ys, 1)) <= y.len() && reach(m, k, sa) <= a.len() && reach(k, n, sb) <= b.len()
    );
    // SAFETY: the largest index of each matrix was checked against its slice just above; y is borrowed mutably.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            y.as_mut_ptr(),
            1,
            ys as isize,
            add,
            a.as_ptr(),
            sa.1 as isize,
            sa.0 as isize,
            b.as_ptr(),
            sb.1 as isize,
            sb.0 as isize,
            1f32,
            1f32,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// y (m, n) = x (m, k) w^T, w (n, k)
pub(super) fn linear(y: &mut [f32], x: &[f32], w: &[f32], k: usize) {
    let (m, n) = (x.len() / k, w.len() / k);
    gemm(y, n, false, (m, n, k), x, (k, 1), w, (1, k));
}

/// dx (m, k) = dy (m, n) w
pub(super) fn linear_dx(dx: &mut [f32], dy: &[f32], w: &[f32], k: usize) {
    let n = w.len() / k;
    let m = dy.len() / n;
    gemm(dx, k, false, (m, k, n), dy, (n, 1), w, (k, 1));
}

/// dw (n, k) = dy^T x
pub(super) fn linear_dw(dw: &mut [f32], dy: &[f32], x: &[f32], k: usize) {
    let n = dw.len() / k;
    let m = x.len() / k;
    gemm(dw, k, false, (n, k, m), dy, (1, n), x, (k, 1));
}
