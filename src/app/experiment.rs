//! Measurements: the run under way, the last finished one behind it, and those kept for later.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::app::curve::Curve;
use crate::protocol::{Condition, InputResult, MeasureRequest, SweepStudy};
use crate::stats::{Histogram, Interval, mean, median, steerability, wilson};
use crate::units::{Edit, Mask, RunId};

/// Finished measurements kept: all blocks of a deep model, swept with two vectors.
const KEPT: usize = 256;

/// What a measurement depends on; the probe is not part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureKey {
    /// Vector id.
    pub vector: String,
    /// Data-set id.
    pub dataset: String,
    /// Block.
    pub block: usize,
    /// Steered positions.
    pub mask: Mask,
    /// What is done there.
    pub edit: Edit,
    /// Multiplier grid.
    pub multipliers: Vec<f32>,
    /// Only prompts that meet it are steered.
    pub condition: Option<Condition>,
}

impl MeasureKey {
    /// The key of a request.
    pub fn of(request: &MeasureRequest) -> Self {
        Self {
            vector: request.vector.clone(),
            dataset: request.dataset.clone(),
            block: request.block.0,
            mask: request.mask,
            edit: request.edit,
            multipliers: request.multipliers.clone(),
            condition: request.condition.clone(),
        }
    }
}

/// Figures of one key.
#[derive(Debug, Clone)]
pub struct Measurement {
    /// What they belong to.
    pub key: MeasureKey,
    /// One place per input of the data set.
    pub results: Vec<Option<InputResult>>,
    /// Inputs measured.
    pub done: usize,
    /// All inputs are in.
    pub finished: bool,
    /// Per-input steerability.
    pub histogram: Histogram,
    /// Mean and quartiles of the propensity over the grid.
    pub curve: Curve,
    /// Coefficient of the probes in `results`.
    pub probe_at: Option<f32>,
    /// Mean propensity at `probe_at` over the inputs measured.
    pub probe_mean: Option<f32>,
    outdated: bool,
}

/// Headline figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Inputs with a finite slope.
    pub n: usize,
    /// Mean steerability.
    pub mean: f64,
    /// Median steerability.
    pub median: f64,
    /// Inputs whose slope is not positive.
    pub anti_steerable: usize,
    /// Wilson interval of their share.
    pub interval: Interval,
}

impl Measurement {
    fn new(key: MeasureKey, inputs: usize) -> Self {
        let curve = Curve::empty(&key.multipliers);
        Self {
            key,
            results: vec![None; inputs],
            done: 0,
            finished: false,
            histogram: Histogram::new(),
            curve,
            probe_at: None,
            probe_mean: None,
            outdated: false,
        }
    }

    /// Steerability of an input, once measured.
    pub fn steerability(&self, index: usize) -> Option<f32> {
        self.results.get(index)?.as_ref().map(|r| r.steerability)
    }

    /// An input's propensity at a coefficient: measured at grid points and at the probe,
    /// interpolated (`true` in the second place) between.
    pub fn input_at(&self, index: usize, coefficient: f32) -> Option<(f32, bool)> {
        let result = self.results.get(index)?.as_ref()?;
        if self.probe_at == Some(coefficient)
            && let Some(p) = result.probe
        {
            return Some((p, false));
        }
        crate::app::curve::interpolate(&self.key.multipliers, &result.propensity, coefficient)
    }

    /// Mean propensity at a coefficient, as [`Measurement::input_at`].
    pub fn mean_at(&self, coefficient: f32) -> Option<(f32, bool)> {
        if self.probe_at == Some(coefficient)
            && let Some(p) = self.probe_mean
        {
            return Some((p, false));
        }
        self.curve.mean_at(coefficient)
    }

    /// Headline figures; `None` before the first result.
    pub fn summary(&self) -> Option<Summary> {
        let slopes = self.slopes();
        let anti = slopes.iter().filter(|s| **s <= 0.0).count();
        Some(Summary {
            n: slopes.len(),
            mean: mean(&slopes)?,
            median: median(&slopes)?,
            anti_steerable: anti,
            interval: wilson(anti, slopes.len())?,
        })
    }

    fn slopes(&self) -> Vec<f64> {
        let finite = |r: &InputResult| {
            r.steerability
                .is_finite()
                .then_some(f64::from(r.steerability))
        };
        self.results.iter().flatten().filter_map(finite).collect()
    }

    fn take_in(&mut self, result: InputResult, probe: Option<f32>) {
        let Some(place) = self.results.get_mut(result.index) else {
            return;
        };
        if result.propensity.len() != self.key.multipliers.len() {
            return;
        }
        if result.probe.is_some() {
            self.probe_at = probe;
        }
        if place.is_none() {
            self.done += 1;
            self.histogram.push(f64::from(result.steerability));
        }
        *place = Some(result);
        self.outdated = true;
    }

    fn forget_probes(&mut self) {
        self.probe_at = None;
        self.probe_mean = None;
        for result in self.results.iter_mut().flatten() {
            result.probe = None;
        }
    }

    fn refresh(&mut self) {
        if !std::mem::take(&mut self.outdated) {
            return;
        }
        let measured: Vec<&InputResult> = self.results.iter().flatten().collect();
        self.curve = Curve::over(&self.key.multipliers, &measured);
        let probes: Vec<f64> = self
            .results
            .iter()
            .flatten()
            .filter_map(|r| r.probe.filter(|p| p.is_finite()).map(f64::from))
            .collect();
        // A mean over half of the inputs would jump about: the measured value counts once all
        // inputs that have results have a probe.
        let complete = self.finished && probes.len() == self.done;
        self.probe_mean = complete.then(|| mean(&probes)).flatten().map(|m| m as f32);
    }
}

/// The measurement on screen and those behind it.
#[derive(Debug, Default)]
pub struct Experiment {
    current: Option<Measurement>,
    ghost: Option<Arc<Measurement>>,
    kept: VecDeque<Arc<Measurement>>,
    newest: RunId,
    running: bool,
    probe: Option<f32>,
    last: Option<(usize, Duration, bool)>,
}

impl Experiment {
    /// The measurement of the newest setting, perhaps still filling.
    pub fn current(&self) -> Option<&Measurement> {
        self.current.as_ref()
    }

    /// The last finished measurement of another setting, shown dimmed while the current one is
    /// not finished.
    pub fn ghost(&self) -> Option<&Measurement> {
        let unfinished = self.current.as_ref().is_none_or(|c| !c.finished);
        self.ghost.as_deref().filter(|_| unfinished)
    }

    /// Whether results are still to come.
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// Run of the newest request.
    pub fn newest(&self) -> RunId {
        self.newest
    }

    /// Inputs, time and whether kept figures served, of the last measurement that finished.
    pub fn last(&self) -> Option<(usize, Duration, bool)> {
        self.last
    }

    /// Finished measurements, newest last.
    pub fn kept(&self) -> impl Iterator<Item = &Measurement> {
        self.kept.iter().map(AsRef::as_ref)
    }

    /// Turns to a setting. Kept figures show at once; returns whether the worker is needed, for
    /// the inputs or for the probe.
    pub fn turn_to(&mut self, key: &MeasureKey, inputs: usize, probe: Option<f32>) -> bool {
        if self.current.as_ref().is_none_or(|c| c.key != *key) {
            if let Some(old) = self.current.take().filter(|c| c.finished) {
                self.keep(old);
            }
            let place = self.kept.iter().position(|m| m.key == *key);
            self.current = Some(match place.and_then(|i| self.kept.remove(i)) {
                Some(kept) => {
                    let measurement = Arc::unwrap_or_clone(Arc::clone(&kept));
                    self.kept.push_back(kept);
                    measurement
                }
                None => Measurement::new(key.clone(), inputs),
            });
        }
        let Some(current) = &mut self.current else {
            return false;
        };
        if current.probe_at != probe {
            current.forget_probes();
        }
        let probed = probe.is_none() || current.probe_mean.is_some();
        !(current.finished && probed)
    }

    /// Keeps one block of a sweep, raw, as a finished measurement; `rows` holds a propensity per
    /// multiplier for every input.
    pub fn adopt(&mut self, sweep: &SweepStudy, block: usize, rows: &[Vec<f32>]) {
        let key = MeasureKey {
            vector: sweep.vector.clone(),
            dataset: sweep.dataset.clone(),
            block,
            mask: sweep.mask,
            edit: sweep.edit,
            multipliers: sweep.multipliers.clone(),
            condition: None,
        };
        let known = self.kept.iter().any(|m| m.key == key);
        if known || self.current.as_ref().is_some_and(|c| c.key == key) {
            return;
        }
        let mut measurement = Measurement::new(key, rows.len());
        for (index, row) in rows.iter().enumerate() {
            let slope = steerability(&sweep.multipliers, row).map_or(f32::NAN, |s| s as f32);
            let result = InputResult {
                index,
                propensity: row.clone(),
                steerability: slope,
                probe: None,
                gate: None,
            };
            measurement.take_in(result, None);
        }
        measurement.finished = true;
        measurement.refresh();
        self.kept.push_back(Arc::new(measurement));
        while self.kept.len() > KEPT {
            self.kept.pop_front();
        }
    }

    /// A request goes out.
    pub fn requested(&mut self, run: RunId, probe: Option<f32>) {
        self.newest = run;
        self.running = true;
        self.probe = probe;
    }

    /// Results came in. Returns whether they belong to the newest request.
    pub fn measured(&mut self, run: RunId, results: Vec<InputResult>) -> bool {
        if run != self.newest || !self.running {
            return false;
        }
        let Some(current) = &mut self.current else {
            return false;
        };
        for result in results {
            current.take_in(result, self.probe);
        }
        true
    }

    /// The newest request is complete.
    pub fn finished(&mut self, run: RunId, elapsed: Duration, from_cache: bool) -> bool {
        if run != self.newest || !self.running {
            return false;
        }
        self.running = false;
        if let Some(current) = &mut self.current {
            current.finished = current.done > 0;
            current.outdated = true;
            current.refresh();
            self.last = Some((current.done, elapsed, from_cache));
            if current.finished {
                let copy = current.clone();
                self.keep(copy);
            }
        }
        true
    }

    /// Stopped, failed or the engine died: what was measured stays.
    pub fn stopped(&mut self) {
        self.running = false;
    }

    /// Another model or data set: nothing of the old figures holds.
    pub fn clear(&mut self) {
        *self = Self {
            newest: self.newest,
            last: self.last,
            ..Self::default()
        };
    }

    /// Brings curve and probe up to date; once per batch.
    pub fn refresh(&mut self) {
        if let Some(current) = &mut self.current {
            current.refresh();
        }
    }

    fn keep(&mut self, measurement: Measurement) {
        self.kept.retain(|m| m.key != measurement.key);
        let kept = Arc::new(measurement);
        self.ghost = Some(Arc::clone(&kept));
        self.kept.push_back(kept);
        while self.kept.len() > KEPT {
            self.kept.pop_front();
        }
    }
}
