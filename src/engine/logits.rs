//! What a row of logits says, computed with the machine's best instructions. Sums are f64.

use super::kernel::{Isa, logits};

/// Whether all of them are finite.
pub fn all_finite(x: &[f32]) -> bool {
    logits::all_finite(Isa::best(), x)
}

/// The largest; −∞ for none. Values that are not numbers are passed over.
pub fn largest(x: &[f32]) -> f32 {
    logits::largest(Isa::best(), x)
}

/// Σ exp(x − top); not finite where a value is not a number, or infinite as its top is.
pub fn sum_exp(x: &[f32], top: f64) -> f64 {
    logits::sum_exp(Isa::best(), x, top)
}

/// Of two rows over one vocabulary, with a = p − `tops[0]` and b = q − `tops[1]`: Σ eᵃ, Σ eᵇ, Σ eᵃ (a − b).
pub fn sum_apart(p: &[f32], q: &[f32], tops: [f64; 2]) -> [f64; 3] {
    logits::sum_apart(Isa::best(), p, q, tops)
}

/// How many tokens stand before one with logit `own` at place `at` of the row: those with a larger logit, and of those with
/// the same the ones before it. For a row in parts, `at` is the token's place in the part: its length or more where
/// the part ends before it, 0 where it begins after it.
pub fn ahead(x: &[f32], at: usize, own: f32) -> usize {
    logits::ahead(Isa::best(), x, at, own)
}

/// The most likely token, of equal ones the first; `None` where the logits are not all finite, or there are none.
pub fn most_likely(x: &[f32]) -> Option<u32> {
    let mut top = Vec::with_capacity(2);
    if all_finite(x) {
        largest_k(x, 0, 1, &mut top);
    }
    top.first().map(|(id, _)| *id)
}

/// Makes of `top`, the `k` largest of what was seen so far with their ids, those that are the largest together with `x`, whose
/// first id is `first`: largest first, of equal ones the lower id first.
pub fn largest_k(x: &[f32], first: u32, k: usize, top: &mut Vec<(u32, f32)>) {
    logits::largest_k(Isa::best(), x, first, k, top);
}
