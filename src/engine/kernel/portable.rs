//! The tile product in plain Rust; the compiler vectorises the inner loop (NEON on aarch64).

use super::{Element, Left, PANEL, Panel, Store};

/// One multiply-add: fused where the machine has it in its base set.
#[inline]
fn step(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(target_arch = "aarch64") {
        a.mul_add(b, c)
    } else {
        a * b + c
    }
}

/// # Safety
/// As for [`super::product_at`].
#[expect(
    unsafe_code,
    reason = "parallel tasks write disjoint column ranges of one matrix"
)]
pub(super) unsafe fn product<T: Element>(
    x: Left<'_>,
    p: Panel<'_, T>,
    y: *mut f32,
    ys: usize,
    store: Store,
) {
    for i in 0..x.m {
        // SAFETY: row `i` of the target, by the caller's promise.
        let out = unsafe { std::slice::from_raw_parts_mut(y.add(i * ys), PANEL) };
        let mut acc = [0.0f32; PANEL];
        if store == Store::Continue {
            acc.copy_from_slice(out);
        }
        for (k, a) in x.data[i * x.stride..][..x.k].iter().enumerate() {
            for (acc, b) in acc.iter_mut().zip(&p.data[k * p.stride..][..PANEL]) {
                *acc = step(*a, b.widen(), *acc);
            }
        }
        if store == Store::Add {
            for (out, acc) in out.iter_mut().zip(acc) {
                *out += acc;
            }
        } else {
            out.copy_from_slice(&acc);
        }
    }
}
