//! Propensity as the published code computes it: summed teacher-forced logits of whole answers.

use super::cache::Site;
use super::error::MeasureError;
use super::prepare::PreparedInput;
use crate::engine::{Cancel, Keep, KvCache, Model, NoHook, Part, Rows};
use crate::steering::{LaneSteering, SteerHook};

/// Propensity of one input at each multiplier: the raw logits of every answer token, each predicted
/// from the text before it, summed over the positive answer minus the same over the negative one
/// (released code of Tan et al. 2407.12404).
///
/// The answer is what follows the prompt, closing parenthesis included. Tokens that both answers begin
/// with have the same logits in both sums; from the first differing token k on each text is computed by
/// itself, every position of the mask steered, those of the answer too. The sum differs from
/// the logit difference at k by the logits of the tokens after it, which are predicted in different
/// contexts and share no normaliser: an artefact of the published definition.
///
/// # Errors
/// [`MeasureError::Block`] and [`MeasureError::Width`] for a site the model does not have,
/// [`MeasureError::Multiplier`], and those of the engine, a text beyond the context among them.
pub fn summed_propensity(
    model: &Model,
    input: &PreparedInput,
    site: &Site<'_>,
    multipliers: &[f32],
    cancel: &Cancel,
) -> Result<Vec<f32>, MeasureError> {
    site.check(model)?;
    if let Some(bad) = multipliers.iter().find(|m| !m.is_finite()) {
        return Err(MeasureError::Multiplier { value: *bad });
    }
    let k = input.prefix.len();
    // What comes before the first steered position is the same for every multiplier and both texts.
    let shared = site.mask.first_position(input.prompt_len).min(k - 1);
    let texts: Vec<Vec<u32>> = (input.answers.iter().zip(&input.tails))
        .map(|(answer, tail)| {
            // The last token is predicted, never read.
            let mut ids = input.prefix[shared..].to_vec();
            ids.extend([*answer].iter().chain(tail).take(tail.len()));
            ids
        })
        .collect();
    // Sequence 0 holds what is shared; two for each multiplier follow.
    let n = 1 + 2 * multipliers.len();
    let mut cache = KvCache::new(model, n);
    let head = Part {
        sequence: 0,
        ids: &input.prefix[..shared],
    };
    let heads: &[Part<'_>] = if shared > 0 { &[head] } else { &[] };
    model.extend(&mut cache, heads, Keep::Nothing, &mut NoHook, cancel)?;
    let mut lanes = vec![LaneSteering::OFF; n];
    let mut parts = Vec::with_capacity(n - 1);
    for (sequence, lane) in lanes.iter_mut().enumerate().skip(1) {
        let (multiplier, text) = ((sequence - 1) / 2, (sequence - 1) % 2);
        *lane = LaneSteering::new(site.mask, input.prompt_len, multipliers[multiplier]);
        cache.clone_sequence(0, sequence)?;
        let ids = &texts[text];
        parts.push(Part { sequence, ids });
    }
    let mut hook = SteerHook::new(site.block, site.edit, site.direction, lanes);
    let rows = model.extend(&mut cache, &parts, Keep::All, &mut hook, cancel)?;
    let sums = sums(model, input, &texts, k - 1 - shared, rows)?;
    Ok(sums.chunks_exact(2).map(|s| s[0] - s[1]).collect())
}

/// Sum over the answer's tokens from k on, per text; `read` is the row that predicts the first of them.
fn sums(
    model: &Model,
    input: &PreparedInput,
    texts: &[Vec<u32>],
    read: usize,
    rows: Rows,
) -> Result<Vec<f32>, MeasureError> {
    let d = model.hidden_size();
    let rows = rows.into_vec();
    let (mut x, mut wanted, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
    let mut from = 0;
    while from < rows.len() {
        for ((ids, answer), tail) in texts.iter().zip(input.answers).zip(&input.tails) {
            let to = from + ids.len() * d;
            x.extend_from_slice(rows.get(from + read * d..to).unwrap_or_default());
            wanted.push([answer; 2]);
            wanted.extend(tail.iter().map(|id| [*id; 2]));
            lengths.push(1 + tail.len());
            from = to;
        }
    }
    let logits = model.answer_logits(&Rows::from_vec(x, d)?, &wanted)?;
    let mut logits = logits.into_iter().map(|[logit, _]| logit);
    let sum = |n: &usize| logits.by_ref().take(*n).sum();
    Ok(lengths.iter().map(sum).collect())
}
