//! 32 steps of 32 columns from integers to f32, with AVX-512 and with AVX2.

use std::arch::x86_64::{
    __m512, __m512i, _MM_HINT_T0, _mm_loadu_si128, _mm_prefetch, _mm256_loadu_si256,
    _mm512_and_si512, _mm512_cvtepi8_epi32, _mm512_cvtepi32_ps, _mm512_cvtepu8_epi32,
    _mm512_cvtph_ps, _mm512_fmsub_ps, _mm512_loadu_si512, _mm512_mul_ps, _mm512_permutex2var_ps,
    _mm512_permutexvar_ps, _mm512_rol_epi32, _mm512_ror_epi32, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setr_ps, _mm512_setzero_ps, _mm512_srli_epi32, _mm512_storeu_ps, _mm512_sub_ps,
    _mm512_ternarylogic_epi32,
};

use super::Quant;
use super::decode::plain;
use super::panel::{Layout, RUN};
use crate::engine::kernel::PANEL;

/// Bytes ahead of the decoder that are asked for: far enough to hide the memory's delay.
const AHEAD: usize = 4096;
/// Takes bits of the second operand where the first has ones, else of the third.
const SELECT: i32 = 0xCA;

/// Plain Rust compiled with wider registers.
///
/// # Safety
/// On a machine with AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c")]
#[expect(unsafe_code, reason = "compiled for an instruction set")]
pub(super) unsafe fn run_256(kind: Quant, block: &[u8], run: usize, out: &mut [f32; RUN * PANEL]) {
    match kind {
        Quant::Q8_0 => plain(Quant::Q8_0, block, run, out),
        Quant::Q5_0 => plain(Quant::Q5_0, block, run, out),
        Quant::Q5_1 => plain(Quant::Q5_1, block, run, out),
        Quant::Q4_0 => plain(Quant::Q4_0, block, run, out),
        Quant::Q4_1 => plain(Quant::Q4_1, block, run, out),
        Quant::Q4K => plain(Quant::Q4K, block, run, out),
        Quant::Q5K => plain(Quant::Q5K, block, run, out),
        Quant::Q6K => plain(Quant::Q6K, block, run, out),
    }
}

/// # Safety
/// `block` is a whole panel block of this kind, `out` takes 32 × 32 values, on a machine with
/// AVX-512F.
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
pub(super) unsafe fn run_512(kind: Quant, block: *const u8, run: usize, out: *mut f32) {
    let layout = Layout::of(kind);
    // SAFETY: all offsets lie inside the block by its layout, and those of `out` below 32 × 32;
    // prefetching may name any address.
    unsafe {
        let scales = block.add(layout.header + run * layout.run());
        let low = scales.add(layout.scales);
        let high = low.add(layout.low);
        for line in 0..layout.run().div_ceil(64) {
            _mm_prefetch::<_MM_HINT_T0>(scales.wrapping_add(AHEAD + 64 * line).cast());
        }
        for j in 0..2 {
            let affine = affine(kind, block, scales, j);
            let out = out.add(16 * j);
            match kind {
                Quant::Q8_0 => bytes(low.add(16 * j), affine[0], out),
                Quant::Q4_0 | Quant::Q4_1 | Quant::Q4K => {
                    nibbles(low.add(64 * j), |q, _| table(q), affine, out);
                }
                Quant::Q5_0 | Quant::Q5_1 | Quant::Q5K => {
                    five(low.add(64 * j), high.add(64 * j), affine, out);
                }
                Quant::Q6K => six(low.add(64 * j), high.add(64 * j), affine, out),
            }
        }
    }
}

type Affine = (__m512, __m512);

/// Scales and offsets of 16 columns for the two halves of a run.
#[target_feature(enable = "avx512f")]
#[inline]
#[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
unsafe fn affine(kind: Quant, header: *const u8, scales: *const u8, j: usize) -> [Affine; 2] {
    // SAFETY: the caller's promise about the block.
    unsafe {
        let half = |at: usize| _mm512_cvtph_ps(_mm256_loadu_si256(header.add(at + 32 * j).cast()));
        let byte = |at: usize| _mm_loadu_si128(scales.add(at + 16 * j).cast());
        let d = half(0);
        match kind {
            Quant::Q8_0 => [(d, _mm512_setzero_ps()); 2],
            Quant::Q4_0 => [(d, _mm512_mul_ps(d, _mm512_set1_ps(8.0))); 2],
            Quant::Q5_0 => [(d, _mm512_mul_ps(d, _mm512_set1_ps(16.0))); 2],
            Quant::Q4_1 | Quant::Q5_1 => [(d, _mm512_sub_ps(_mm512_setzero_ps(), half(64))); 2],
            Quant::Q4K | Quant::Q5K => {
                let times = |d, b| _mm512_mul_ps(d, _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(b)));
                [(times(d, byte(0)), times(half(64), byte(PANEL))); 2]
            }
            Quant::Q6K => [0, PANEL].map(|at| {
                let b = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(byte(at)));
                let s = _mm512_mul_ps(d, b);
                (s, _mm512_mul_ps(s, _mm512_set1_ps(32.0)))
            }),
        }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
#[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
unsafe fn bytes(low: *const u8, (s, m): Affine, out: *mut f32) {
    for step in 0..RUN {
        // SAFETY: the caller's promise about the block and its result.
        unsafe {
            let q = _mm512_cvtepi8_epi32(_mm_loadu_si128(low.add(step * PANEL).cast()));
            let v = _mm512_fmsub_ps(_mm512_cvtepi32_ps(q), s, m);
            _mm512_storeu_ps(out.add(step * PANEL), v);
        }
    }
}

/// `value` makes the integers of a step from words whose lowest 4 bits are theirs and the number of
/// the step.
#[target_feature(enable = "avx512f")]
#[inline]
#[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
unsafe fn nibbles(
    low: *const u8,
    mut value: impl FnMut(__m512i, usize) -> __m512,
    affine: [Affine; 2],
    out: *mut f32,
) {
    for word in 0..RUN / 8 {
        let (s, m) = affine[word / 2];
        // SAFETY: the caller's promise about the block and its result.
        unsafe {
            let mut q = _mm512_loadu_si512(low.add(4 * word * PANEL).cast());
            for i in 0..8 {
                let step = 8 * word + i;
                let v = _mm512_fmsub_ps(value(q, step), s, m);
                _mm512_storeu_ps(out.add(step * PANEL), v);
                q = _mm512_srli_epi32::<4>(q);
            }
        }
    }
}

/// 0 to 15 by the lowest 4 bits.
#[target_feature(enable = "avx512f")]
#[inline]
fn table(q: __m512i) -> __m512 {
    _mm512_permutexvar_ps(q, first())
}

#[target_feature(enable = "avx512f")]
#[inline]
fn first() -> __m512 {
    _mm512_setr_ps(
        0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.,
    )
}

#[target_feature(enable = "avx512f")]
#[inline]
#[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
unsafe fn five(low: *const u8, high: *const u8, affine: [Affine; 2], out: *mut f32) {
    // SAFETY: the caller's promise about the block and its result.
    unsafe {
        // Bit 4 of `bits` is the fifth of the step under way.
        let mut bits = _mm512_rol_epi32::<4>(_mm512_loadu_si512(high.cast()));
        let mask = _mm512_set1_epi32(15);
        let second = _mm512_setr_ps(
            16., 17., 18., 19., 20., 21., 22., 23., 24., 25., 26., 27., 28., 29., 30., 31.,
        );
        let value = |q: __m512i, _: usize| {
            let index = _mm512_ternarylogic_epi32::<SELECT>(mask, q, bits);
            bits = _mm512_ror_epi32::<1>(bits);
            _mm512_permutex2var_ps(first(), index, second)
        };
        nibbles(low, value, affine, out);
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
#[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
unsafe fn six(low: *const u8, high: *const u8, affine: [Affine; 2], out: *mut f32) {
    // SAFETY: the caller's promise about the block and its result.
    unsafe {
        let mut bits = _mm512_set1_epi32(0);
        let (mask, all) = (_mm512_set1_epi32(15), _mm512_set1_epi32(63));
        let value = |q: __m512i, step: usize| {
            // Bits 4 and 5 are the upper ones of the step under way.
            if step.is_multiple_of(16) {
                let words = _mm512_loadu_si512(high.add(step / 16 * 4 * PANEL).cast());
                bits = _mm512_rol_epi32::<4>(words);
            }
            let v = _mm512_ternarylogic_epi32::<SELECT>(mask, q, bits);
            bits = _mm512_ror_epi32::<2>(bits);
            _mm512_cvtepi32_ps(_mm512_and_si512(v, all))
        };
        nibbles(low, value, affine, out);
    }
}
