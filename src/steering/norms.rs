//! `H_b`: how long residual vectors are at each block, the yardstick of the relative coefficient κ.

use super::wording::Wording;
use crate::engine::{Cancel, EngineError, Hook, Keep, KvCache, Model, Part, Place};
use crate::units::BlockIndex;

/// Prompts whose residual norms are looked at for `H_b`; the median settles long before.
pub const NORM_PROMPTS: usize = 32;

/// `H_b` for every block: median over prompt tokens of `‖h_t‖` at the block's output, unsteered.
///
/// Position 0 is left out: attention sinks there have norms of another order. 0 where no token is
/// left.
pub fn residual_norms(
    model: &Model,
    prompts: &[&[u32]],
    cancel: &Cancel,
) -> Result<Vec<f32>, EngineError> {
    let mut hook = NormReader {
        norms: vec![Vec::new(); model.n_blocks()],
    };
    let mut cache = KvCache::new(model, prompts.len());
    let parts: Vec<Part<'_>> = (prompts.iter().enumerate())
        .filter(|(_, ids)| !ids.is_empty())
        .map(|(sequence, ids)| Part { sequence, ids })
        .collect();
    model.extend(&mut cache, &parts, Keep::Nothing, &mut hook, cancel)?;
    Ok(hook.norms.into_iter().map(median).collect())
}

/// `H_b` over the prompts of some wordings, the first few of them.
///
/// # Errors
/// Those of the engine.
pub fn wording_norms(
    model: &Model,
    wordings: &[Wording],
    cancel: &Cancel,
) -> Result<Vec<f32>, EngineError> {
    let tokenizer = model.tokenizer();
    let mut prompts = Vec::new();
    for wording in wordings.iter().take(NORM_PROMPTS) {
        let ids = wording.encode(tokenizer, &wording.prompt)?;
        if ids.len() <= model.config().max_positions {
            prompts.push(ids);
        }
    }
    let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
    residual_norms(model, &prompts, cancel)
}

struct NormReader {
    norms: Vec<Vec<f32>>,
}

impl Hook for NormReader {
    fn wants(&self, _: BlockIndex) -> bool {
        true
    }

    fn visit(&mut self, block: BlockIndex, places: &[Place], rows: &mut [f32], width: usize) {
        let Some(norms) = self.norms.get_mut(block.0) else {
            return;
        };
        let tokens = places
            .iter()
            .zip(rows.chunks_exact(width))
            .filter(|(place, _)| place.position > 0);
        norms.extend(tokens.map(|(_, row)| row.iter().map(|x| x * x).sum::<f32>().sqrt()));
    }

    fn first_edit(&self, _: usize) -> usize {
        usize::MAX
    }
}

fn median(mut values: Vec<f32>) -> f32 {
    values.sort_by(f32::total_cmp);
    let n = values.len();
    match n {
        0 => 0.0,
        _ if n.is_multiple_of(2) => f32::midpoint(values[n / 2 - 1], values[n / 2]),
        _ => values[n / 2],
    }
}
