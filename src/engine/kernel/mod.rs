//! CPU kernels over raw f32 memory: one tile product and a few row functions.
//!
//! The product `Y (m, 32) = X (m, k) · P (k, 32)` takes its right side as a *panel*: 32 columns side
//! by side for each of the `k` steps. Weights are stored as panels, so are cached keys (32 positions
//! per panel) and values. Every element is one chain of multiply-adds in the order of `k`, whatever
//! the tile height or the number of rows: results do not depend on the batch.

mod activation;
mod few;
mod isa;
mod layer_norm;
pub(super) mod logits;
mod panel;
mod portable;
mod right;
pub(super) mod row;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(super) use few::PANELS;
pub(super) use panel::{Address, Element, Panel};
pub(super) use right::{MANY, Right, multiply};

pub(super) use activation::{activate, gate, softcap};
pub(super) use layer_norm::layer_norm;

/// Columns of a panel.
pub(super) const PANEL: usize = 32;

/// The first `k` rows of a panel as f32 into `out`: exact on every instruction set.
///
/// # Panics
/// When the panel or `out` is shorter.
pub(super) fn widen<T: Element>(isa: Isa, p: Panel<'_, T>, k: usize, out: &mut [f32]) {
    assert!(
        out.len() >= k * PANEL && (k == 0 || p.data.len() >= (k - 1) * p.stride + PANEL),
        "a panel to be widened"
    );
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => {
            #[expect(unsafe_code, reason = "the lengths were checked just above")]
            // SAFETY: `k` rows are readable and writable; the instruction set was detected.
            unsafe {
                x86::widen_512(p, k, out.as_mut_ptr());
            }
        }
        _ => p.widen(k, out),
    }
}

/// Instruction set, chosen at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Isa {
    /// 16 lanes, 32 registers.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 8 lanes, 16 registers.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Whatever the compiler makes of plain loops.
    Portable,
}

/// What becomes of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Store {
    /// `Y = X·P`.
    Set,
    /// The chains go on from what stands in `Y`.
    Continue,
    /// `Y = Y + (X·P)`.
    Add,
}

/// Left side of a product: `m` rows of `k` values, `stride` apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left<'a> {
    pub(super) data: &'a [f32],
    pub(super) stride: usize,
    pub(super) m: usize,
    pub(super) k: usize,
}

/// Where the product goes: [`PANEL`] columns, rows `stride` apart.
pub(super) struct Target<'a> {
    pub(super) data: &'a mut [f32],
    pub(super) stride: usize,
}

/// One product with bounds checked.
///
/// # Panics
/// When a slice is shorter than its dimensions say.
pub(super) fn product<T: Element>(
    isa: Isa,
    x: Left<'_>,
    p: Panel<'_, T>,
    y: Target<'_>,
    store: Store,
) {
    let Target { data, stride } = y;
    if x.m == 0 {
        return;
    }
    assert!(
        stride >= PANEL && data.len() >= (x.m - 1) * stride + PANEL,
        "target of a tile product"
    );
    #[expect(unsafe_code, reason = "the target was checked just above")]
    // SAFETY: The target is exclusively borrowed and long enough for `m` rows of PANEL values `stride` apart.
    unsafe {
        product_at(isa, x, p, data.as_mut_ptr(), stride, store);
    }
}

/// The same to a raw target, for tasks that write disjoint columns of one matrix.
///
/// # Safety
/// `y` must be valid for `m` rows of [`PANEL`] floats `ys` apart, and nobody else may touch those.
#[expect(
    unsafe_code,
    reason = "parallel tasks write disjoint column ranges of one matrix"
)]
pub(super) unsafe fn product_at<T: Element>(
    isa: Isa,
    x: Left<'_>,
    p: Panel<'_, T>,
    y: *mut f32,
    ys: usize,
    store: Store,
) {
    if x.m == 0 {
        return;
    }
    assert!(
        x.data.len() >= (x.m - 1) * x.stride + x.k,
        "left side of a tile product"
    );
    assert!(
        x.k == 0 || p.data.len() >= (x.k - 1) * p.stride + PANEL,
        "panel of a tile product"
    );
    // SAFETY: the reads were checked above, the writes are the caller's promise, and an `Isa` other
    // than Portable only comes from run-time detection.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => x86::product_512(x, p, y, ys, store),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => x86::product_256(x, p, y, ys, store),
            Isa::Portable => portable::product(x, p, y, ys, store),
        }
    }
}

/// A pointer that parallel tasks share; each writes its own part.
#[derive(Clone, Copy)]
pub(super) struct Shared(*mut f32);

#[expect(
    unsafe_code,
    reason = "the tasks of one operation write disjoint parts of its result"
)]
// SAFETY: only an address; every dereference states why its part is its own.
unsafe impl Send for Shared {}
#[expect(
    unsafe_code,
    reason = "the tasks of one operation write disjoint parts of its result"
)]
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub(super) fn new(data: &mut [f32]) -> Self {
        Self(data.as_mut_ptr())
    }

    /// `len` values from element `first` on.
    ///
    /// # Safety
    /// They must exist, outlive the borrow, and nobody else may touch them meanwhile.
    #[expect(
        unsafe_code,
        reason = "the tasks of one operation write disjoint parts of its result"
    )]
    pub(super) unsafe fn slice<'a>(self, first: usize, len: usize) -> &'a mut [f32] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.at(first), len) }
    }

    /// Address of element `i`.
    pub(super) fn at(self, i: usize) -> *mut f32 {
        self.0.wrapping_add(i)
    }
}

#[cfg(test)]
mod tests;
