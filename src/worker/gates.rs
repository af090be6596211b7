//! Conditions on prompts: which of them are steered (CAST).

use std::collections::BTreeMap;
use std::ops::Range;

use super::bench::Bench;
use super::catalog::Library;
use crate::engine::{Cancel, EngineError, Model};
use crate::protocol::{Asset, Condition, Gated};
use crate::steering::Gate;
use crate::steering::format::{ImportOptions, ModelShape};
use crate::units::BlockIndex;

/// Stable id and words of what is wrong.
type Refusal = (&'static str, String);

/// The newest condition vector and the similarities found with it. A moved threshold reads nothing again.
#[derive(Debug, Default)]
pub(crate) struct Gates {
    known: Option<(Asset, BlockIndex, Vec<f32>)>,
    /// The last prompt of a generation.
    prompt: Option<(Vec<u32>, Option<f64>)>,
    /// Data set, and of its inputs those that were read.
    inputs: (String, BTreeMap<usize, Option<f64>>),
}

impl Gates {
    /// The gate of a condition on the running model.
    pub(crate) fn of(
        &mut self,
        condition: &Condition,
        library: &Library,
        model: &Model,
    ) -> Result<Gate, Refusal> {
        let same = |known: &&(Asset, BlockIndex, Vec<f32>)| {
            (&known.0, known.1) == (&condition.vector, condition.block)
        };
        let known = self.known.as_ref().filter(same);
        let direction = if let Some((_, _, direction)) = known {
            direction.clone()
        } else {
            let direction = direction(condition, library, model)?;
            let known = (condition.vector.clone(), condition.block, direction.clone());
            *self = Self {
                known: Some(known),
                ..Self::default()
            };
            direction
        };
        Ok(Gate {
            direction,
            block: condition.block,
            threshold: f64::from(condition.threshold),
            above: condition.above,
        })
    }

    /// How a gate of [`of`](Self::of) judges one prompt.
    pub(crate) fn judge(
        &mut self,
        gate: &Gate,
        ids: &[u32],
        model: &Model,
        cancel: &Cancel,
    ) -> Result<Gated, EngineError> {
        let known = self.prompt.as_ref().filter(|(prompt, _)| prompt == ids);
        let similarity = if let Some((_, similarity)) = known {
            *similarity
        } else {
            let read = gate.read(model, &[ids], cancel)?;
            let similarity = read.first().copied().flatten();
            self.prompt = Some((ids.to_vec(), similarity));
            similarity
        };
        Ok(judgement(gate, similarity))
    }

    /// The same for some inputs of the loaded data set.
    pub(crate) fn judge_inputs(
        &mut self,
        gate: &Gate,
        range: Range<usize>,
        bench: &Bench,
        model: &Model,
        cancel: &Cancel,
    ) -> Result<Vec<Gated>, EngineError> {
        let set = bench.set();
        if self.inputs.0 != set.dataset_id {
            self.inputs = (set.dataset_id.clone(), BTreeMap::new());
        }
        let known = &mut self.inputs.1;
        let lacking: Vec<usize> = range.clone().filter(|i| !known.contains_key(i)).collect();
        let prompts: Vec<&[u32]> = (lacking.iter())
            .filter_map(|i| set.inputs.get(*i))
            .map(|i| i.prefix.get(..i.prompt_len).unwrap_or(&i.prefix))
            .collect();
        let read = gate.read(model, &prompts, cancel)?;
        known.extend(lacking.into_iter().zip(read));
        let of = |i: usize| judgement(gate, known.get(&i).copied().flatten());
        Ok(range.map(of).collect())
    }

    /// Whether every input of the data set was read.
    pub(crate) fn are_known(&self, bench: &Bench) -> bool {
        self.inputs.0 == bench.set().dataset_id && self.inputs.1.len() == bench.len()
    }
}

fn judgement(gate: &Gate, similarity: Option<f64>) -> Gated {
    Gated {
        similarity,
        open: gate.opens(similarity),
    }
}

/// The condition vector at its block.
fn direction(condition: &Condition, library: &Library, model: &Model) -> Result<Vec<f32>, Refusal> {
    let (n_blocks, hidden_size) = (model.n_blocks(), model.hidden_size());
    let options = ImportOptions {
        model: Some(ModelShape {
            n_blocks,
            hidden_size,
        }),
        ..ImportOptions::default()
    };
    let imported = library
        .import_vector(&condition.vector, &options)
        .map_err(|e| (e.id(), e.to_string()))?;
    let vector = imported.vector;
    vector
        .fit("", model.hash(), n_blocks, hidden_size)
        .map_err(|e| (e.id(), e.to_string()))?;
    let direction = vector
        .direction(condition.block)
        .map_err(|e| (e.id(), e.to_string()))?;
    Ok(direction
        .get(..vector.width())
        .unwrap_or(direction)
        .to_vec())
}
