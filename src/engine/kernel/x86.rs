//! The tile product with AVX-512 and with AVX2.

use std::arch::x86_64::{
    __m256, __m512, _MM_HINT_T0, _MM_HINT_T1, _mm_prefetch, _mm256_add_ps, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps, _mm512_add_ps,
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

use super::{Element, Left, PANEL, Panel, Store};

/// Tallest tile: 12 rows × 2 registers accumulate, which leaves 8 of 32 registers for operands.
const ROWS_512: usize = 12;
/// 3 rows × 4 registers of 16.
const ROWS_256: usize = 3;
/// Bytes ahead that a panel is asked for: the first rows that meet it wait for memory otherwise, and
/// the others for the second-level cache, which holds more of it than the first.
pub(super) const AHEAD: usize = 2048;
/// Bytes of the next panel that a tile asks for with every step: eight tiles, which is what one product
/// has at most, ask for all of an f32 panel, so that it is in the second-level cache when its turn comes.
const ASKED: usize = 16;

macro_rules! sweep {
    ($tile:ident, $tallest:expr, $x:expr, $p:expr, $y:expr, $ys:expr, $store:expr, [$($m:literal),*]) => {{
        let mut i = 0;
        while i < $x.m {
            let take = ($x.m - i).min($tallest);
            // SAFETY: rows i..i + take lie inside what the caller of the sweep promised.
            unsafe {
                let (x, y) = ($x.data.as_ptr().add(i * $x.stride), $y.add(i * $ys));
                match take {
                    $($m => $tile::<$m, T>(x, $x.stride, $x.k, $p.data.as_ptr(), $p.stride, y, $ys, $store),)*
                    _ => {}
                }
            }
            i += take;
        }
    }};
}

/// # Safety
/// As for [`super::product_at`], on a machine with AVX-512F.
#[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
pub(super) unsafe fn product_512<T: Element>(
    x: Left<'_>,
    p: Panel<'_, T>,
    y: *mut f32,
    ys: usize,
    store: Store,
) {
    let size = x.k * PANEL;
    let here = p.data.as_ptr();
    // With one tile nothing is gained: whoever comes next may have few rows too.
    let behind = x.m > ROWS_512 && p.stride == PANEL && p.data.len() >= 2 * size;
    let (next, asked) = match p.next {
        Some(next) => (next.pointer(), x.k * ASKED),
        None if behind => (here.wrapping_add(size).cast(), x.k * ASKED),
        None => (here.cast(), 0),
    };
    // Tiles of about one height: a row or two by themselves take the time of four.
    let tiles = x.m.div_ceil(ROWS_512);
    let mut i = 0;
    for tile in 0..tiles {
        let take = (x.m - i).div_ceil(tiles - tile);
        // Every tile asks for another part of what comes next.
        let ahead = next.wrapping_add(tile * asked);
        macro_rules! tile {
            ($($m:literal),*) => {
                match take {
                    // SAFETY: rows i..i + take lie inside what the caller promised.
                    $($m => unsafe { tile_512::<$m, T>(Tile {
                        x: x.data.as_ptr().add(i * x.stride),
                        xs: x.stride,
                        k: x.k,
                        p: here,
                        ps: p.stride,
                        ahead,
                        y: y.add(i * ys),
                        ys,
                    }, store) },)*
                    _ => {}
                }
            };
        }
        tile!(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
        i += take;
    }
}

/// # Safety
/// As for [`super::product_at`], on a machine with AVX2, FMA and F16C.
#[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
pub(super) unsafe fn product_256<T: Element>(
    x: Left<'_>,
    p: Panel<'_, T>,
    y: *mut f32,
    ys: usize,
    store: Store,
) {
    sweep!(tile_256, ROWS_256, x, p, y, ys, store, [1, 2, 3]);
}

/// Three matrices with their strides.
#[derive(Clone, Copy)]
struct Tile<T> {
    x: *const f32,
    xs: usize,
    k: usize,
    p: *const T,
    ps: usize,
    /// From here on [`ASKED`] bytes per step are asked for: what the next tiles need, or what is there.
    ahead: *const u8,
    y: *mut f32,
    ys: usize,
}

#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
unsafe fn tile_512<const M: usize, T: Element>(tile: Tile<T>, store: Store) {
    let Tile {
        x,
        xs,
        k,
        p,
        ps,
        ahead,
        y,
        ys,
    } = tile;
    // SAFETY: M rows of x and y and k rows of p are readable and writable by the caller's promise;
    // prefetching may name any address.
    unsafe {
        let mut acc: [[__m512; 2]; M] = [[_mm512_setzero_ps(); 2]; M];
        if store == Store::Continue {
            for (m, acc) in acc.iter_mut().enumerate() {
                *acc = [
                    _mm512_loadu_ps(y.add(m * ys)),
                    _mm512_loadu_ps(y.add(m * ys + 16)),
                ];
            }
        }
        for i in 0..k {
            let at = p.add(i * ps);
            for line in 0..(PANEL * size_of::<T>()).div_ceil(64) {
                let soon = at.cast::<u8>().wrapping_add(AHEAD + 64 * line);
                _mm_prefetch::<_MM_HINT_T0>(soon.cast());
            }
            _mm_prefetch::<_MM_HINT_T1>(ahead.wrapping_add(ASKED * i).cast());
            let b = [T::load_512(at), T::load_512(at.add(16))];
            for (m, acc) in acc.iter_mut().enumerate() {
                let a = _mm512_set1_ps(*x.add(m * xs + i));
                acc[0] = _mm512_fmadd_ps(a, b[0], acc[0]);
                acc[1] = _mm512_fmadd_ps(a, b[1], acc[1]);
            }
        }
        for (m, acc) in acc.iter().enumerate() {
            for (j, acc) in acc.iter().enumerate() {
                let to = y.add(m * ys + 16 * j);
                let sum = if store == Store::Add {
                    _mm512_add_ps(_mm512_loadu_ps(to), *acc)
                } else {
                    *acc
                };
                _mm512_storeu_ps(to, sum);
            }
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
#[expect(
    clippy::too_many_arguments,
    reason = "three matrices with their strides"
)]
unsafe fn tile_256<const M: usize, T: Element>(
    x: *const f32,
    xs: usize,
    k: usize,
    p: *const T,
    ps: usize,
    y: *mut f32,
    ys: usize,
    store: Store,
) {
    // SAFETY: M rows of x and y and k rows of p are readable and writable by the caller's promise.
    unsafe {
        let mut acc: [[__m256; 4]; M] = [[_mm256_setzero_ps(); 4]; M];
        if store == Store::Continue {
            for (m, acc) in acc.iter_mut().enumerate() {
                for (j, acc) in acc.iter_mut().enumerate() {
                    *acc = _mm256_loadu_ps(y.add(m * ys + 8 * j));
                }
            }
        }
        for i in 0..k {
            for j in 0..4 {
                let b = T::load_256(p.add(i * ps + 8 * j));
                for (m, acc) in acc.iter_mut().enumerate() {
                    acc[j] = _mm256_fmadd_ps(_mm256_set1_ps(*x.add(m * xs + i)), b, acc[j]);
                }
            }
        }
        for (m, acc) in acc.iter().enumerate() {
            for (j, acc) in acc.iter().enumerate() {
                let to = y.add(m * ys + 8 * j);
                let sum = if store == Store::Add {
                    _mm256_add_ps(_mm256_loadu_ps(to), *acc)
                } else {
                    *acc
                };
                _mm256_storeu_ps(to, sum);
            }
        }
    }
}

/// # Safety
/// `k` rows of `p` are readable and `k` rows of [`PANEL`] floats at `out` writable, on a machine with
/// AVX-512F.
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
pub(super) unsafe fn widen_512<T: Element>(p: Panel<'_, T>, k: usize, out: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        for i in 0..k {
            for j in [0, 16] {
                let v = T::load_512(p.data.as_ptr().add(i * p.stride + j));
                _mm512_storeu_ps(out.add(i * PANEL + j), v);
            }
        }
    }
}
