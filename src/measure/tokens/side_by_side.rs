//! Logits of both sides for some rows at a time.

use rayon::prelude::*;

use super::distribution::Figures;
use crate::engine::{EngineError, Model, Rows};

/// Logits in memory at once, of both sides together (f32 values).
const LOGITS: usize = 1 << 23;
/// Rows of a side, at least and at most: a product with the head is worth its while from some on.
const ROWS: (usize, usize) = (8, 128);

/// Rows of a side to be compared at once.
pub(super) fn rows_at_once(model: &Model) -> usize {
    (LOGITS / (2 * model.config().vocab_size)).clamp(ROWS.0, ROWS.1)
}

/// What the model makes of residual rows after its last block (or, for a lens, after another one): `ours` unsteered, `(n, d)`;
/// `theirs` of the steered side for the last of these, the others being the same on both sides. `next[i]` follows row i
/// in the text. `None` for a row whose logits are not all finite.
pub(super) fn side_by_side(
    model: &Model,
    ours: &[f32],
    theirs: &[f32],
    next: &[Option<u32>],
    top: usize,
) -> Result<Vec<Option<Figures>>, EngineError> {
    let (d, vocab, n) = (model.hidden_size(), model.config().vocab_size, next.len());
    let edited = n - theirs.len() / d;
    let logits = model.logits(&Rows::from_vec([ours, theirs].concat(), d)?)?;
    let (ours, theirs) = logits.split_at(n * vocab);
    let row = |i: usize| i * vocab..(i + 1) * vocab;
    let figures = |i: usize| {
        let steered = i.checked_sub(edited).map(|j| &theirs[row(j)]);
        Figures::of(&ours[row(i)], steered, next[i], top)
    };
    Ok((0..n).into_par_iter().map(figures).collect())
}
