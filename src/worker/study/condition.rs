//! The condition on prompts in studies: which inputs of a data set are steered, and whether one text is.

use super::{Room, Trouble};
use crate::engine::Cancel;
use crate::measure::{PreparedInput, PreparedSet, unsteered_at};
use crate::protocol::{Condition, Gated};
use crate::steering::Gate;
use crate::units::Edit;
use crate::worker::bench::Bench;
use crate::worker::catalog::Library;
use crate::worker::gates::{gate, judgement};
use crate::worker::job::Desk;

/// Prompts read between two looks at the gate of a moved slider.
const SLICE: usize = 16;

/// Words of a study that finds no input to steer.
pub(super) const CLOSED: &str = "the condition is closed for every prompt, so nothing is steered; choose another threshold with I";

impl Room<'_> {
    fn judge_of(&self, condition: &Condition) -> Result<Gate, Trouble> {
        gate(condition, self.library, self.model).map_err(Some)
    }

    /// Whether each input of a prepared set is steered; `None` without a condition. `id` is that of the
    /// data set as it is asked, under which the similarities are kept.
    pub(super) fn open(
        &self,
        condition: Option<&Condition>,
        id: &str,
        set: &PreparedSet,
    ) -> Result<Option<Vec<bool>>, Trouble> {
        let Some(condition) = condition else {
            return Ok(None);
        };
        let gate = self.judge_of(condition)?;
        let prompts: Vec<&[u32]> = set.inputs.iter().map(PreparedInput::prompt_ids).collect();
        let (vector, n) = (condition.vector.clone(), prompts.len());
        let key = (vector, condition.block, id.to_owned(), n);
        let read = || {
            let mut all = Vec::with_capacity(n);
            for prompts in prompts.chunks(SLICE) {
                self.gate.pass(self.cancel);
                let read = gate.read(self.model, prompts, self.cancel);
                all.extend(read.map_err(|e| self.trouble(e.id(), &e))?);
            }
            Ok(all)
        };
        let all = self.shelf.similarities.get(key, read)?;
        Ok(Some(all.iter().map(|s| gate.opens(*s)).collect()))
    }

    /// How the condition judges one text.
    pub(super) fn judge(
        &self,
        condition: Option<&Condition>,
        ids: &[u32],
    ) -> Result<Option<Gated>, Trouble> {
        let Some(condition) = condition else {
            return Ok(None);
        };
        let gate = self.judge_of(condition)?;
        let read = gate.read(self.model, &[ids], self.cancel);
        let read = read.map_err(|e| self.trouble(e.id(), &e))?;
        Ok(Some(judgement(&gate, read.first().copied().flatten())))
    }
}

/// The loaded inputs under a condition, judged in slices on the engine's thread.
pub(super) struct Judged {
    gate: Option<Gate>,
    open: Vec<bool>,
    /// Place of the multiplier at which nothing is done.
    unsteered: usize,
}

impl Judged {
    /// Nothing judged yet. `grid` and `edit` are those of the rows that are closed later.
    pub(super) fn new(
        condition: Option<&Condition>,
        (grid, edit): (&[f32], Edit),
        desk: &mut Desk,
        library: &Library,
    ) -> Result<Self, Trouble> {
        let (mut gate, mut unsteered) = (None, 0);
        if let (Some(condition), Some(model)) = (condition, &desk.model) {
            unsteered = unsteered_at(grid, edit).map_err(|e| Some((e.id(), e.to_string())))?;
            gate = Some((desk.gates.of(condition, library, model)).map_err(Some)?);
        }
        Ok(Self {
            gate,
            open: Vec::new(),
            unsteered,
        })
    }

    /// Whether all of `inputs` are judged.
    pub(super) fn is_complete(&self, inputs: usize) -> bool {
        self.gate.is_none() || self.open.len() >= inputs
    }

    /// Judges up to `most` further inputs; returns how many. A cut slice is made again.
    pub(super) fn advance(
        &mut self,
        desk: &mut Desk,
        most: usize,
        cancel: &Cancel,
    ) -> Result<usize, Trouble> {
        let (Some(gate), Some(bench), Some(model)) = (&self.gate, &desk.bench, &desk.model) else {
            return Ok(0);
        };
        let from = self.open.len();
        let range = from..bench.len().min(from.saturating_add(most.max(1)));
        match (desk.gates).judge_inputs(gate, range, bench, model, cancel) {
            Ok(judged) => self.open.extend(judged.iter().map(|g| g.open)),
            Err(error) if error.is_cancelled() => {}
            Err(error) => return Err(Some((error.id(), error.to_string()))),
        }
        Ok(self.open.len() - from)
    }

    /// Judges all inputs at once where their similarities are known.
    pub(super) fn recall(&mut self, desk: &mut Desk) -> Result<(), Trouble> {
        if desk.bench.as_ref().is_some_and(|b| desk.gates.are_known(b)) {
            self.advance(desk, usize::MAX, &Cancel::never())?;
        }
        Ok(())
    }

    /// Propensities of the inputs from `first` on, those that are not steered as they are unsteered.
    pub(super) fn close(&self, first: usize, mut rows: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
        let open = self.open.get(first..).unwrap_or_default();
        crate::measure::close_rows(&mut rows, open, self.unsteered);
        rows
    }
}

/// What the engine's thread has read of the loaded prompts, for a study's thread.
pub(super) fn lend(desk: &Desk, bench: &Bench) {
    if let Some((vector, block, all)) = desk.gates.similarities(bench) {
        let key = (vector, block, bench.id().to_owned(), bench.len());
        // Nothing is computed, so nothing fails.
        let _ = desk.shelf.similarities.get(key, || Ok(all));
    }
}
