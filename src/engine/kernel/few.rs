//! Few rows against several panels at once. With one row a single panel gives two chains of
//! multiply-adds and one stream of memory; several panels keep the machine busy while each chain
//! waits for itself. The chains are the same.

use super::{Element, Isa, Left, PANEL, Panel, Store, product_at as one};

/// Most panels of one product.
pub(in crate::engine) const PANELS: usize = 4;

/// How many panels to take at once for `m` rows: their accumulators fill 24 registers at most.
pub(super) fn together(m: usize) -> usize {
    match m {
        0..=3 => PANELS,
        4..=6 => 2,
        _ => 1,
    }
}

/// The product of `panels` panels that stand one behind the other in `data`.
///
/// # Safety
/// `y` must be valid for `m` rows of `32 · panels` floats `ys` apart, and nobody else may touch those.
#[expect(
    unsafe_code,
    reason = "parallel tasks write disjoint column ranges of one matrix"
)]
pub(super) unsafe fn product_at<T: Element>(
    isa: Isa,
    x: Left<'_>,
    data: &[T],
    panels: usize,
    y: *mut f32,
    ys: usize,
    store: Store,
) {
    let size = x.k * PANEL;
    assert!(data.len() >= panels * size, "panels of a product");
    assert!(
        x.m == 0 || x.data.len() >= (x.m - 1) * x.stride + x.k,
        "left side of a product"
    );
    // SAFETY: the reads were checked just above, the writes are the caller's promise, and an `Isa`
    // other than Portable only comes from run-time detection.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        if isa == Isa::Avx512 && panels > 1 && panels == together(x.m) {
            return x86::sweep(x, data.as_ptr(), panels, y, ys, store);
        }
        for i in 0..panels {
            // The panels behind it are left in sight.
            let panel = Panel::packed(&data[i * size..]);
            one(isa, x, panel, y.add(i * PANEL), ys, store);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m512, _MM_HINT_T0, _mm_prefetch, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps,
        _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
    };

    use super::super::x86::AHEAD;
    use super::super::{Element, Left, PANEL, Store};

    /// # Safety
    /// As for [`super::product_at`], all reads checked, at most 6 rows, on a machine with AVX-512F.
    #[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
    pub(super) unsafe fn sweep<T: Element>(
        x: Left<'_>,
        p: *const T,
        panels: usize,
        y: *mut f32,
        ys: usize,
        store: Store,
    ) {
        macro_rules! tile {
            ($(($m:literal, $n:literal)),*) => {
                match (x.m, panels) {
                    // SAFETY: the caller's promise.
                    $(($m, $n) => unsafe { tile::<$m, $n, T>(x, p, y, ys, store) },)*
                    _ => {}
                }
            };
        }
        tile!((1, 4), (2, 4), (3, 4), (4, 2), (5, 2), (6, 2));
    }

    #[target_feature(enable = "avx512f")]
    #[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
    unsafe fn tile<const M: usize, const N: usize, T: Element>(
        x: Left<'_>,
        p: *const T,
        y: *mut f32,
        ys: usize,
        store: Store,
    ) {
        let rows = x.data.as_ptr();
        let size = x.k * PANEL;
        // SAFETY: M rows of x and y and N panels of k steps are readable and writable by the caller's
        // promise; prefetching may name any address.
        unsafe {
            let mut acc: [[[__m512; 2]; M]; N] = [[[_mm512_setzero_ps(); 2]; M]; N];
            for i in 0..x.k {
                let mut a = [_mm512_setzero_ps(); M];
                for (m, a) in a.iter_mut().enumerate() {
                    *a = _mm512_set1_ps(*rows.add(m * x.stride + i));
                }
                for (n, acc) in acc.iter_mut().enumerate() {
                    let at = p.add(n * size + i * PANEL);
                    for line in 0..(PANEL * size_of::<T>()).div_ceil(64) {
                        let ahead = at.cast::<u8>().wrapping_add(AHEAD + 64 * line);
                        _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
                    }
                    let b = [T::load_512(at), T::load_512(at.add(16))];
                    for (acc, a) in acc.iter_mut().zip(&a) {
                        acc[0] = _mm512_fmadd_ps(*a, b[0], acc[0]);
                        acc[1] = _mm512_fmadd_ps(*a, b[1], acc[1]);
                    }
                }
            }
            for (n, acc) in acc.iter().enumerate() {
                for (m, acc) in acc.iter().enumerate() {
                    for (j, acc) in acc.iter().enumerate() {
                        let to = y.add(m * ys + n * PANEL + 16 * j);
                        let sum = match store {
                            Store::Add => _mm512_add_ps(_mm512_loadu_ps(to), *acc),
                            _ => *acc,
                        };
                        _mm512_storeu_ps(to, sum);
                    }
                }
            }
        }
    }
}
