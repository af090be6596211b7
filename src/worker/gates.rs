//! Conditions on prompts: which of them are steered (CAST).

use std::collections::BTreeMap;
use std::ops::Range;

use super::bench::Bench;
use super::catalog::Library;
use crate::engine::{Cancel, EngineError, Model};
use crate::measure::PreparedInput;
use crate::protocol::{Asset, Condition, Gated};
use crate::steering::Gate;
use crate::steering::format::{ImportOptions, ModelShape};
use crate::units::BlockIndex;

/// Stable id and words of what is wrong.
pub(crate) type Refusal = (&'static str, String);

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
        if let Some((_, _, direction)) = known {
            return Ok(with(condition, direction.clone()));
        }
        let gate = gate(condition, library, model)?;
        let direction = gate.direction.clone();
        *self = Self {
            known: Some((condition.vector.clone(), condition.block, direction)),
            ..Self::default()
        };
        Ok(gate)
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
        let is_newest = |known: &(Asset, BlockIndex, Vec<f32>)| {
            (known.1, known.2.as_slice()) == (gate.block, gate.direction.as_slice())
        };
        if !self.known.as_ref().is_some_and(is_newest) {
            // A study that began under another condition vector.
            let prompts: Vec<&[u32]> = (bench.set().inputs.get(range).unwrap_or_default().iter())
                .map(PreparedInput::prompt_ids)
                .collect();
            let read = gate.read(model, &prompts, cancel)?;
            return Ok(read.into_iter().map(|s| judgement(gate, s)).collect());
        }
        // The same data set asked in another way has other prompts.
        if self.inputs.0 != bench.id() {
            self.inputs = (bench.id().to_owned(), BTreeMap::new());
        }
        let set = bench.set();
        let known = &mut self.inputs.1;
        let lacking: Vec<usize> = range.clone().filter(|i| !known.contains_key(i)).collect();
        let prompts: Vec<&[u32]> = (lacking.iter())
            .filter_map(|i| set.inputs.get(*i))
            .map(PreparedInput::prompt_ids)
            .collect();
        let read = gate.read(model, &prompts, cancel)?;
        known.extend(lacking.into_iter().zip(read));
        let of = |i: usize| judgement(gate, known.get(&i).copied().flatten());
        Ok(range.map(of).collect())
    }

    /// Whether every input of the data set was read.
    pub(crate) fn are_known(&self, bench: &Bench) -> bool {
        self.inputs.0 == bench.id() && self.inputs.1.len() == bench.len()
    }

    /// The similarities of all inputs of the data set, once they were read, with the condition vector and
    /// block that they belong to.
    pub(crate) fn similarities(
        &self,
        bench: &Bench,
    ) -> Option<(Asset, BlockIndex, Vec<Option<f64>>)> {
        let (vector, block, _) = self.known.as_ref().filter(|_| self.are_known(bench))?;
        let all = self.inputs.1.values().copied().collect();
        Some((vector.clone(), *block, all))
    }
}

/// How a gate judges a prompt of this similarity.
pub(crate) fn judgement(gate: &Gate, similarity: Option<f64>) -> Gated {
    Gated {
        similarity,
        open: gate.opens(similarity),
    }
}

fn with(condition: &Condition, direction: Vec<f32>) -> Gate {
    Gate {
        direction,
        block: condition.block,
        threshold: f64::from(condition.threshold),
        above: condition.above,
    }
}

/// The gate of a condition on a model, its vector read from the file.
pub(crate) fn gate(
    condition: &Condition,
    library: &Library,
    model: &Model,
) -> Result<Gate, Refusal> {
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
    let direction = direction.get(..vector.width()).unwrap_or(direction);
    Ok(with(condition, direction.to_vec()))
}
