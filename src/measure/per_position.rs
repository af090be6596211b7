//! Propensity under rows that are added position by position (`ActAdd`, Turner et al. 2308.10248).

use std::sync::Arc;

use super::error::MeasureError;
use super::prepare::{PreparedInput, PreparedSet};
use crate::engine::{Branch, Cancel, Hook, Keep, KvCache, Model, NoHook, Part, Place, Rows};
use crate::steering::PositionRows;
use crate::units::BlockIndex;

/// Propensity of each input at each multiplier c, `(inputs, multipliers)` in logits: c·`v_t` is added to
/// position t of the prompt at the output of `block`, as [`PositionRows::hook`] does it. Each prompt is
/// computed once; its multipliers are branches of the blocks above. `progress` is told how many inputs are
/// done.
///
/// # Errors
/// [`MeasureError::Multiplier`], [`MeasureError::Vector`] for a block without rows,
/// [`MeasureError::Width`], and those of the engine.
pub fn propensities_per_position(
    model: &Arc<Model>,
    set: &PreparedSet,
    rows: &PositionRows,
    block: BlockIndex,
    multipliers: &[f32],
    progress: &mut dyn FnMut(usize),
    cancel: &Cancel,
) -> Result<Vec<Vec<f32>>, MeasureError> {
    if let Some(bad) = multipliers.iter().find(|m| !m.is_finite()) {
        return Err(MeasureError::Multiplier { value: *bad });
    }
    let (got, expected) = (rows.width, model.hidden_size());
    if got != expected {
        return Err(MeasureError::Width { got, expected });
    }
    let mut all = Vec::with_capacity(set.inputs.len());
    for input in &set.inputs {
        all.push(one(model, input, rows, block, multipliers, cancel)?);
        progress(all.len());
    }
    Ok(all)
}

fn one(
    model: &Model,
    input: &PreparedInput,
    rows: &PositionRows,
    block: BlockIndex,
    multipliers: &[f32],
    cancel: &Cancel,
) -> Result<Vec<f32>, MeasureError> {
    let n = input.prefix.len();
    let mut reader = Reader {
        block,
        rows: Vec::with_capacity(n * model.hidden_size()),
    };
    let mut cache = KvCache::new(model, 1);
    let part = Part {
        sequence: 0,
        ids: &input.prefix,
    };
    let last = model.extend(&mut cache, &[part], Keep::Last, &mut reader, cancel)?;
    let unsteered = model.answer_logits(&last, &[input.answers])?;
    let unsteered = unsteered.first().map_or(f32::NAN, |[a, b]| a - b);
    let on: Vec<f32> = multipliers.iter().copied().filter(|m| *m != 0.0).collect();
    let mut x = Vec::with_capacity(on.len() * reader.rows.len());
    for multiplier in &on {
        let from = x.len();
        x.extend_from_slice(&reader.rows);
        rows.add(block, *multiplier, input.prompt_len, &mut x[from..])?;
    }
    let branch = Branch {
        sequence: 0,
        start: 0,
        len: n,
    };
    let branches = vec![branch; on.len()];
    let x = Rows::from_vec(x, model.hidden_size())?;
    let last = model.resume(&cache, Some(block), &branches, x, &mut NoHook, cancel)?;
    let logits = model.answer_logits(&last, &vec![input.answers; on.len()])?;
    let mut steered = logits.into_iter().map(|[a, b]| a - b);
    let at = |m: &f32| match *m {
        0.0 => unsteered,
        _ => steered.next().unwrap_or(f32::NAN),
    };
    Ok(multipliers.iter().map(at).collect())
}

/// Rows after one block, in the order of the positions.
struct Reader {
    block: BlockIndex,
    rows: Vec<f32>,
}

impl Hook for Reader {
    fn wants(&self, block: BlockIndex) -> bool {
        block == self.block
    }

    fn visit(&mut self, _: BlockIndex, _: &[Place], rows: &mut [f32], _: usize) {
        self.rows.extend_from_slice(rows);
    }

    fn first_edit(&self, _: usize) -> usize {
        usize::MAX
    }
}
