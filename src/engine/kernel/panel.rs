//! The right side of a tile product: 32 columns side by side for each of the `k` steps, as f32 or in
//! half precision. A value read from a panel is the same f32 on every instruction set.

#![allow(
    clippy::inline_always,
    reason = "a load that stayed a call would not be compiled for the caller's instruction set"
)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256, __m512, _mm_loadu_si128, _mm256_castsi256_ps, _mm256_cvtepu16_epi32, _mm256_cvtph_ps,
    _mm256_loadu_ps, _mm256_loadu_si256, _mm256_slli_epi32, _mm512_castsi512_ps,
    _mm512_cvtepu16_epi32, _mm512_cvtph_ps, _mm512_loadu_ps, _mm512_slli_epi32,
};

use half::{bf16, f16};

use super::PANEL;

/// A number type of panels.
pub(in crate::engine) trait Element:
    Copy + Default + Send + Sync + 'static
{
    /// Exact.
    fn widen(self) -> f32;

    /// The nearest.
    fn narrow(value: f32) -> Self;

    /// From the little-endian bytes at the beginning of `bytes`.
    fn read(bytes: &[u8]) -> Self;

    /// # Safety
    /// 16 values at `p` are readable, on a machine with AVX-512F.
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
    unsafe fn load_512(p: *const Self) -> __m512;

    /// # Safety
    /// 8 values at `p` are readable, on a machine with AVX2 and F16C.
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
    unsafe fn load_256(p: *const Self) -> __m256;
}

impl Element for f32 {
    fn widen(self) -> f32 {
        self
    }

    fn narrow(value: f32) -> Self {
        value
    }

    #[inline(always)]
    fn read(bytes: &[u8]) -> Self {
        bytes
            .first_chunk()
            .map_or(Self::default(), |b| Self::from_le_bytes(*b))
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    #[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
    unsafe fn load_512(p: *const Self) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe { _mm512_loadu_ps(p) }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    #[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
    unsafe fn load_256(p: *const Self) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe { _mm256_loadu_ps(p) }
    }
}

impl Element for f16 {
    fn widen(self) -> f32 {
        self.to_f32()
    }

    fn narrow(value: f32) -> Self {
        Self::from_f32(value)
    }

    #[inline(always)]
    fn read(bytes: &[u8]) -> Self {
        bytes
            .first_chunk()
            .map_or(Self::default(), |b| Self::from_le_bytes(*b))
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    #[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
    unsafe fn load_512(p: *const Self) -> __m512 {
        // SAFETY: the caller's promise; an f16 is 2 bytes.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(p.cast())) }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    #[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
    unsafe fn load_256(p: *const Self) -> __m256 {
        // SAFETY: the caller's promise; an f16 is 2 bytes.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(p.cast())) }
    }
}

impl Element for bf16 {
    fn widen(self) -> f32 {
        self.to_f32()
    }

    fn narrow(value: f32) -> Self {
        Self::from_f32(value)
    }

    #[inline(always)]
    fn read(bytes: &[u8]) -> Self {
        bytes
            .first_chunk()
            .map_or(Self::default(), |b| Self::from_le_bytes(*b))
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    #[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
    unsafe fn load_512(p: *const Self) -> __m512 {
        // SAFETY: the caller's promise; a bf16 is the upper half of an f32.
        unsafe {
            let low = _mm512_cvtepu16_epi32(_mm256_loadu_si256(p.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(low))
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    #[expect(unsafe_code, reason = "vector intrinsics on raw memory")]
    unsafe fn load_256(p: *const Self) -> __m256 {
        // SAFETY: the caller's promise; a bf16 is the upper half of an f32.
        unsafe {
            let low = _mm256_cvtepu16_epi32(_mm_loadu_si128(p.cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(low))
        }
    }
}

/// Right side of a product: `k` rows of [`PANEL`] values, `stride` apart.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Panel<'a, T = f32> {
    pub(in crate::engine) data: &'a [T],
    pub(in crate::engine) stride: usize,
    /// What is read next, where that is not what stands behind it.
    pub(super) next: Option<Address>,
}

/// Where something stands in memory, to ask for it early: nothing is read there.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Address(usize);

impl Address {
    pub(super) fn of<T>(data: &[T]) -> Self {
        Self(data.as_ptr().addr())
    }

    pub(super) fn pointer(self) -> *const u8 {
        std::ptr::without_provenance(self.0)
    }
}

impl<'a, T: Element> Panel<'a, T> {
    /// Rows one behind the other.
    pub(in crate::engine) fn packed(data: &'a [T]) -> Self {
        Self::rows(data, PANEL)
    }

    /// Rows `stride` apart.
    pub(in crate::engine) fn rows(data: &'a [T], stride: usize) -> Self {
        Self {
            data,
            stride,
            next: None,
        }
    }

    /// The first `k` rows as f32, one behind the other, into `out`.
    pub(in crate::engine) fn widen(self, k: usize, out: &mut [f32]) {
        let rows = self.data.chunks(self.stride).take(k);
        for (to, row) in out.chunks_exact_mut(PANEL).zip(rows) {
            for (to, v) in to.iter_mut().zip(row) {
                *to = v.widen();
            }
        }
    }
}
