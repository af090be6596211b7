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

/// Place of token `id` by its logit, 1 for the largest; of equal ones the lower id stands first. 0 for a token
/// that is not there.
pub fn rank(x: &[f32], id: u32) -> usize {
    if (id as usize) < x.len() {
        logits::rank(Isa::best(), x, id as usize)
    } else {
        0
    }
}

/// The `k` largest with their ids, largest first, of equal ones the lower id first.
pub fn largest_k(x: &[f32], k: usize) -> Vec<(u32, f32)> {
    logits::largest_k(Isa::best(), x, k)
}
