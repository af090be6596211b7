//! Next-token distributions of two sides, row by row.

use rayon::prelude::*;

use super::distribution::{Figures, Ranks, Seen};
use crate::engine::{Cancel, EngineError, Model, Rows};

/// Logits in memory at once, of both sides together (f32 values).
const LOGITS: usize = 1 << 23;
/// Rows of a side, at least and at most: a product with the head is worth its while from some on.
const ROWS: (usize, usize) = (8, 128);

/// Rows of a side to be compared at once.
pub(in crate::measure) fn rows_at_once(model: &Model) -> usize {
    let part = model.vocabulary_part(2 * ROWS.1);
    (LOGITS / (2 * part)).clamp(ROWS.0, ROWS.1)
}

/// What the model makes of residual rows after its last block (or, for a lens, after another one): `ours` unsteered, `(n, d)`;
/// `theirs` of the steered side for the last of these, the others being the same on both sides. `next[i]` follows row i
/// in the text; `top` most likely tokens are named. `None` for a row whose logits are not all finite.
///
/// # Errors
/// [`EngineError::Cancelled`], [`EngineError::TokenId`], rows of another width.
pub(in crate::measure) fn side_by_side(
    model: &Model,
    ours: &[f32],
    theirs: &[f32],
    next: &[Option<u32>],
    top: usize,
    cancel: &Cancel,
) -> Result<Vec<Option<Figures>>, EngineError> {
    let (d, n) = (model.hidden_size(), next.len());
    let edited = n - theirs.len() / d;
    let rows = Rows::from_vec([ours, theirs].concat(), d)?;
    let next = [next, &next[edited..]].concat();
    let own = own_logits(model, &rows, &next)?;
    let ranks = |i: usize| Ranks::new(next[i].map(|id| (id, own[i])), top);
    let steered = |i: usize| i.checked_sub(edited).map(|j| n + j);
    let mut seen: Vec<Seen> = (0..n)
        .map(|i| Seen::new(ranks(i), steered(i).map(ranks)))
        .collect();
    model.logits_in_parts(&rows, cancel, |ids, logits| {
        let row = |i: usize| &logits[i * ids.len()..(i + 1) * ids.len()];
        let see = |(i, seen): (usize, &mut Seen)| {
            seen.see(ids.start, row(i), steered(i).map(row));
        };
        seen.par_iter_mut().enumerate().for_each(see);
    })?;
    Ok(seen.par_iter().map(Seen::figures).collect())
}

/// The logit of the token that follows each row, which the rank in a part of the vocabulary that it is not in is
/// counted by; where there is one part only, it is found there.
fn own_logits(model: &Model, rows: &Rows, next: &[Option<u32>]) -> Result<Vec<f32>, EngineError> {
    if model.vocabulary_part(rows.n()) == model.config().vocab_size {
        return Ok(vec![f32::NAN; next.len()]);
    }
    let ids: Vec<[u32; 2]> = next.iter().map(|id| [id.unwrap_or(0); 2]).collect();
    let own = model.answer_logits(rows, &ids)?;
    Ok(own.into_iter().map(|[own, _]| own).collect())
}
