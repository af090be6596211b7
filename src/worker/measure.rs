//! One measurement over the loaded data set, in slices of a few inputs.
//!
//! What was measured before is not measured again: kept figures are sent at once and only the
//! missing multipliers of the missing inputs are evaluated.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::bench::Bench;
use super::catalog::Library;
use super::gates::Gates;
use super::job::{Desk, Emit, failure};
use super::mailbox::Mailbox;
use crate::engine::{Cancel, Model};
use crate::measure::{MeasureError, Site, SiteKey, check_multipliers, close_rows, unsteered_at};
use crate::protocol::{Event, Failure, Gated, InputResult, MeasureRequest, Stage};
use crate::stats::steerability;
use crate::steering::{Gate, SteeringVector};
use crate::units::RunId;

/// Inputs of the first slice: enough for a first picture, few enough to come at once.
const FIRST_SLICE: usize = 8;
/// Shortest length a slice aims at, so that streaming text and new requests never wait long.
const SLICE: Duration = Duration::from_millis(12);
/// Time for multipliers against time for streaming text, where both want the engine: a moved slider
/// is waited for, and a text read at reading speed.
const SHARE: u32 = 3;

/// A running measurement.
pub(crate) struct Job {
    request: MeasureRequest,
    arrived: Instant,
    cancel: Cancel,
    vector: Arc<SteeringVector>,
    key: SiteKey,
    /// The grid, then the probe.
    multipliers: Vec<f32>,
    /// Those of `multipliers` that some input still lacks.
    missing: Vec<f32>,
    next: usize,
    total: usize,
    slice: usize,
    /// Time worked since the text had its turn.
    worked: Duration,
    /// Time of one step of the text.
    text_step: Duration,
    /// What the last slice was reported as.
    stage: Option<Stage>,
    /// Only prompts that it opens for are steered.
    gate: Option<Gate>,
    model: Arc<Model>,
}

/// Neither prompts nor multipliers are worked on any more.
pub(crate) fn idle(emit: Emit<'_>) {
    emit(Event::Idle(Stage::Prefill));
    emit(Event::Idle(Stage::Measure));
}

impl Job {
    /// Checks the request; sends kept figures at once. `None` when nothing is left to do.
    pub(crate) fn start(
        request: MeasureRequest,
        arrived: Instant,
        desk: &mut Desk,
        library: &Library,
        mailbox: &Mailbox,
        emit: Emit<'_>,
    ) -> Option<Self> {
        let run = request.run;
        let (Some(vector), Some(bench), Some(model)) =
            (desk.vector.clone(), desk.bench.as_mut(), desk.model.clone())
        else {
            return None;
        };
        // A request for what has been replaced meanwhile; the app asks again for the new one.
        if vector.id() != request.vector || bench.id() != request.dataset {
            return None;
        }
        if let Err(error) = check_multipliers(&request.multipliers) {
            emit(Event::Failed(failure(
                Stage::Measure,
                Some(run),
                error.id(),
                &error,
            )));
            idle(emit);
            return None;
        }
        let gate = match condition(&request, &mut desk.gates, library, &model) {
            Ok(gate) => gate,
            Err((id, words)) => {
                emit(Event::Failed(failure(
                    Stage::Measure,
                    Some(run),
                    id,
                    &words,
                )));
                idle(emit);
                return None;
            }
        };
        let mut multipliers = request.multipliers.clone();
        multipliers.extend(request.probe.filter(|p| p.is_finite()));
        let total = bench.len();
        let key = SiteKey {
            vector: request.vector.clone(),
            dataset: request.dataset.clone(),
            block: request.block,
            mask: request.mask,
            edit: request.edit,
        };
        bench.recall(&vector, &key, &request.multipliers, &desk.archive);
        let judged = gate.is_none() || desk.gates.are_known(bench);
        if let Some(rows) = bench.complete(&key, &multipliers).filter(|_| judged) {
            let never = Cancel::never();
            let gates = match &gate {
                Some(gate) => (desk.gates)
                    .judge_inputs(gate, 0..total, bench, &model, &never)
                    .unwrap_or_default(),
                None => Vec::new(),
            };
            emit(Event::Measured {
                run,
                results: results(0, &rows, &gates, &request),
            });
            emit(Event::MeasureFinished {
                run,
                elapsed: arrived.elapsed(),
                from_cache: true,
            });
            idle(emit);
            return None;
        }
        let missing = bench.kept().missing(&key, &multipliers, total);
        let cancel = mailbox.measure_cancel(run);
        Some(Self {
            request,
            arrived,
            cancel,
            vector,
            key,
            multipliers,
            missing,
            next: 0,
            total,
            slice: FIRST_SLICE,
            worked: Duration::ZERO,
            text_step: Duration::ZERO,
            stage: None,
            gate,
            model,
        })
    }

    pub(crate) fn run(&self) -> RunId {
        self.request.run
    }

    /// Whether streaming text may have the engine now. The first token of a new text has a claim to
    /// it after one slice, later ones in proportion to the time that a step takes.
    pub(crate) fn gives_way(&mut self, text_has_begun: bool, text_step: Duration) -> bool {
        self.text_step = text_step;
        let share = match self.stage {
            // Prompts take long, once; text that stands still for all of it looks broken.
            Some(Stage::Prefill) => 1,
            _ => SHARE,
        };
        let turn = !text_has_begun || self.worked >= text_step * share;
        if turn {
            self.worked = Duration::ZERO;
        }
        turn
    }

    /// One slice. `Ok(false)` at the end; `Err(None)` when cancelled.
    pub(crate) fn step(
        &mut self,
        desk: &mut Desk,
        emit: Emit<'_>,
    ) -> Result<bool, Option<Failure>> {
        let Some(bench) = desk.bench.as_mut() else {
            return Ok(false);
        };
        let range = self.next..(self.next + self.slice).min(self.total);
        let fresh = !range.clone().all(|i| bench.cache().is_ready(i));
        let stage = if fresh {
            Stage::Prefill
        } else {
            Stage::Measure
        };
        if self
            .stage
            .replace(stage)
            .is_some_and(|before| before != stage)
        {
            emit(Event::Idle(Stage::Prefill));
        }
        emit(Event::Progress {
            stage,
            done: self.next,
            total: self.total,
        });
        let begin = Instant::now();
        let run = Some(self.request.run);
        let rows = self.rows(bench, range.clone()).map_err(|error| {
            (!error.is_cancelled()).then(|| failure(Stage::Measure, run, error.id(), &error))
        })?;
        let gates = match &self.gate {
            None => Vec::new(),
            Some(gate) => (desk.gates)
                .judge_inputs(gate, range.clone(), bench, &self.model, &self.cancel)
                .map_err(|error| {
                    (!error.is_cancelled())
                        .then(|| failure(Stage::Measure, run, error.id(), &error))
                })?,
        };
        // Slices adapt to the model: a small one takes many inputs at once.
        let spent = begin.elapsed().max(Duration::from_micros(50));
        self.worked += spent;
        let target = SLICE.max(self.text_step * SHARE);
        let ideal = range.len() as f64 * target.as_secs_f64() / spent.as_secs_f64();
        // With fewer rows than these, a pass costs what streaming the weights costs. A prompt fills a
        // pass of its own.
        let least = if fresh || spent > 40 * SLICE {
            1
        } else {
            FIRST_SLICE
        };
        self.slice = (ideal as usize).clamp(least, 4 * self.slice.max(least));
        emit(Event::Measured {
            run: self.request.run,
            results: results(range.start, &rows, &gates, &self.request),
        });
        self.next = range.end;
        if self.next < self.total {
            return Ok(true);
        }
        let elapsed = self.arrived.elapsed();
        emit(Event::MeasureFinished {
            run: self.request.run,
            elapsed,
            from_cache: false,
        });
        idle(emit);
        let grid = &self.request.multipliers;
        let facts = bench.cache().facts();
        if facts.in_memory < facts.prompts {
            emit(Event::OverBudget {
                kept: facts.in_memory,
                prompts: facts.prompts,
                budget: facts.budget,
            });
        }
        // A probe alone is not kept: the grid it belongs to was, before.
        if grid.iter().any(|m| self.missing.contains(m)) {
            bench.store(
                &self.vector,
                &self.key,
                grid,
                &desk.archive,
                &desk.model_name,
            );
        }
        Ok(false)
    }

    fn rows(&self, bench: &mut Bench, range: Range<usize>) -> Result<Vec<Vec<f32>>, MeasureError> {
        let lacking = range
            .clone()
            .any(|i| bench.kept().row(&self.key, &self.multipliers, i).is_none());
        if lacking {
            let direction = self.vector.direction(self.request.block)?;
            let site = Site {
                direction,
                block: self.request.block,
                mask: self.request.mask,
                edit: self.request.edit,
            };
            let rows = bench
                .cache()
                .evaluate(&site, &self.missing, range.clone(), &self.cancel)?;
            bench
                .kept()
                .put(&self.key, &self.missing, range.start, &rows);
        }
        Ok(range
            .filter_map(|i| bench.kept().row(&self.key, &self.multipliers, i))
            .collect())
    }
}

/// The gate of a request's condition. What is not steered has its unsteered figure at every multiplier,
/// so that the grid has to hold it.
fn condition(
    request: &MeasureRequest,
    gates: &mut Gates,
    library: &Library,
    model: &Model,
) -> Result<Option<Gate>, (&'static str, String)> {
    let Some(condition) = &request.condition else {
        return Ok(None);
    };
    unsteered_at(&request.multipliers, request.edit).map_err(|e| (e.id(), e.to_string()))?;
    gates.of(condition, library, model).map(Some)
}

/// Results of inputs from `first` on; `gates` is empty without a condition. A row holds the grid's
/// propensities and, behind them, the probe's.
fn results(
    first: usize,
    rows: &[Vec<f32>],
    gates: &[Gated],
    request: &MeasureRequest,
) -> Vec<InputResult> {
    let grid = &request.multipliers;
    let mut rows = rows.to_vec();
    let open: Vec<bool> = gates.iter().map(|gate| gate.open).collect();
    if let Ok(at) = unsteered_at(grid, request.edit) {
        close_rows(&mut rows, &open, at);
    }
    (rows.iter().enumerate())
        .map(|(i, row)| {
            let (propensity, probe) = row.split_at(grid.len().min(row.len()));
            InputResult {
                index: first + i,
                propensity: propensity.to_vec(),
                steerability: steerability(grid, propensity).map_or(f32::NAN, |s| s as f32),
                probe: probe.first().copied(),
                gate: gates.get(i).copied(),
            }
        })
        .collect()
}
