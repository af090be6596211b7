//! Memory for weights: large arrays stand in pages of their own, huge ones where the system has
//! them. Streaming a model through small pages costs a fifth of the speed.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use half::{bf16, f16};

use super::EngineError;

/// Bytes from which an array gets pages of its own.
const LARGE: usize = 1 << 20;

/// A type that any bit pattern is a value of.
pub(super) trait Plain: Copy + Default + Send + Sync {}

impl Plain for f32 {}
impl Plain for f16 {}
impl Plain for bf16 {}
impl Plain for u8 {}

/// An array of fixed length.
#[derive(Debug)]
pub(super) enum Buffer<T> {
    Heap(Vec<T>),
    Pages(memmap2::MmapMut, usize, PhantomData<T>),
}

impl<T: Plain> Buffer<T> {
    /// `len` zeros.
    pub(super) fn zeros(len: usize) -> Result<Self, EngineError> {
        let bytes = len.saturating_mul(size_of::<T>());
        if bytes < LARGE {
            return Ok(Self::Heap(vec![T::default(); len]));
        }
        let refused = |_| EngineError::Allocation { bytes };
        let map = memmap2::MmapMut::map_anon(bytes).map_err(refused)?;
        // A system without huge pages says no, and small ones do as well.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Self::Pages(map, len, PhantomData))
    }
}

impl<T: Plain> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Heap(values) => values,
            Self::Pages(map, len, _) => {
                #[expect(unsafe_code, reason = "the bytes of pages as numbers")]
                // SAFETY: pages are aligned for any number, hold `len` of them, and every bit pattern
                // is a value of a `Plain` type.
                unsafe {
                    std::slice::from_raw_parts(map.as_ptr().cast(), *len)
                }
            }
        }
    }
}

impl<T: Plain> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Self::Heap(values) => values,
            Self::Pages(map, len, _) => {
                #[expect(unsafe_code, reason = "the bytes of pages as numbers")]
                // SAFETY: as above, and exclusively borrowed.
                unsafe {
                    std::slice::from_raw_parts_mut(map.as_mut_ptr().cast(), *len)
                }
            }
        }
    }
}
