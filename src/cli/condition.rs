//! `--condition`: steer only prompts that are like a condition vector.

use serde::Serialize;

use super::args::ConditionArgs;
use super::open::{self, Opened, failed};
use super::output::Ending;
use crate::engine::Cancel;
use crate::measure::{MeasureError, PreparedInput, PreparedSet, close_rows, unsteered_at};
use crate::steering::Gate;
use crate::units::{BlockIndex, Edit};

/// The gate that the flags ask for.
pub(super) struct Condition<'a> {
    gate: Gate,
    vector: String,
    opened: &'a Opened,
}

/// How it judges one text, as `--json` prints it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct TextGate {
    vector: String,
    block: BlockIndex,
    threshold: f64,
    above: bool,
    similarity: Option<f64>,
    pub(super) open: bool,
}

/// How it judges the inputs of a data set, as `--json` prints it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SetGate {
    vector: String,
    block: BlockIndex,
    threshold: f64,
    above: bool,
    /// Inputs whose prompts are steered; the others have slope 0.
    steered: usize,
    similarities: Vec<Option<f64>>,
    #[serde(skip)]
    pub(super) open: Vec<bool>,
}

impl<'a> Condition<'a> {
    pub(super) fn of(args: &ConditionArgs, opened: &'a Opened) -> Result<Option<Self>, Ending> {
        let (Some(text), Some(threshold)) = (&args.condition, args.condition_threshold) else {
            return Ok(None);
        };
        let vector = open::vector(text, opened)?;
        let block = open::block(args.condition_layer, &vector, opened)?;
        let direction = vector.direction(block).map_err(failed)?;
        let direction = direction.get(..vector.width()).unwrap_or(direction);
        let gate = Gate {
            direction: direction.to_vec(),
            block,
            threshold: f64::from(threshold),
            above: !args.condition_below,
        };
        Ok(Some(Self {
            gate,
            vector: vector.name,
            opened,
        }))
    }

    fn read(&self, prompts: &[&[u32]]) -> Result<Vec<Option<f64>>, Ending> {
        let read = self
            .gate
            .read(&self.opened.model, prompts, &Cancel::never());
        read.map_err(failed)
    }

    /// Which of some prompts are steered.
    pub(super) fn open(&self, prompts: &[Vec<u32>]) -> Result<Vec<bool>, Ending> {
        let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
        let read = self.read(&prompts)?;
        Ok(read.iter().map(|s| self.gate.opens(*s)).collect())
    }

    /// Whether a text is steered; what was found is a remark.
    pub(super) fn text(&self, ids: &[u32]) -> Result<TextGate, Ending> {
        let similarity = self.read(&[ids])?.first().copied().flatten();
        let open = self.gate.opens(similarity);
        open::remark(&format!(
            "condition at block {}: similarity {}, threshold {}: {}",
            self.gate.block,
            similarity.map_or_else(|| "undefined".to_owned(), |s| format!("{s:.4}")),
            self.gate.threshold as f32,
            if open { "steered" } else { "not steered" }
        ));
        Ok(TextGate {
            vector: self.vector.clone(),
            block: self.gate.block,
            threshold: self.gate.threshold,
            above: self.gate.above,
            similarity,
            open,
        })
    }

    /// Which inputs of a data set are steered; how many those are is a remark.
    pub(super) fn set(&self, set: &PreparedSet) -> Result<SetGate, Ending> {
        let prompts: Vec<&[u32]> = set.inputs.iter().map(PreparedInput::prompt_ids).collect();
        let similarities = self.read(&prompts)?;
        let open: Vec<bool> = similarities.iter().map(|s| self.gate.opens(*s)).collect();
        let found = SetGate {
            vector: self.vector.clone(),
            block: self.gate.block,
            threshold: self.gate.threshold,
            above: self.gate.above,
            steered: open.iter().filter(|open| **open).count(),
            similarities,
            open,
        };
        open::remark(&format!(
            "condition '{}' at block {}: {} of {} prompts are steered; the others have slope 0, which counts as anti-steerable",
            found.vector,
            found.block,
            found.steered,
            found.open.len()
        ));
        Ok(found)
    }
}

impl SetGate {
    /// Propensities of the set's inputs, `(inputs, multipliers)`, with those of prompts that are not
    /// steered as they are at place `unsteered`.
    pub(super) fn close(&self, rows: &[Vec<f32>], unsteered: usize) -> Vec<Vec<f32>> {
        let mut rows = rows.to_vec();
        close_rows(&mut rows, &self.open, unsteered);
        rows
    }

    /// In words, for tables and figures.
    pub(super) fn words(&self) -> String {
        format!(
            "only prompts {} {} in similarity to {} at block {} ({} of {})",
            if self.above { "above" } else { "below" },
            // As it was given.
            self.threshold as f32,
            self.vector,
            self.block,
            self.steered,
            self.open.len()
        )
    }
}

/// Place of the unsteered figure in the multipliers, which a condition needs; 0 without one.
pub(super) fn unsteered(
    args: &ConditionArgs,
    multipliers: &[f32],
    edit: Edit,
) -> Result<usize, Ending> {
    match unsteered_at(multipliers, edit) {
        Ok(at) => Ok(at),
        Err(_) if args.condition.is_none() => Ok(0),
        Err(error @ MeasureError::NoUnsteered) => Err(Ending::Usage(error.to_string())),
        Err(error) => Err(failed(error)),
    }
}

/// The gate over a set, which the figures `rows` of its inputs then obey; `None` without a condition.
pub(super) fn closed(
    condition: Option<&Condition<'_>>,
    set: &PreparedSet,
    rows: &mut Vec<Vec<f32>>,
    unsteered: usize,
) -> Result<Option<SetGate>, Ending> {
    let Some(condition) = condition else {
        return Ok(None);
    };
    let gate = condition.set(set)?;
    *rows = gate.close(rows, unsteered);
    Ok(Some(gate))
}
