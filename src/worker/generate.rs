//! One comparison being generated: both lanes as one batch, token by token.
//!
//! The unsteered text of a prompt does not depend on the sliders, so a finished one is kept and
//! replayed; then only the steered lane is computed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::job::Emit;
use crate::engine::{
    Cancel, EngineError, Finish, Generation, Hook, Model, NoHook, SamplerSettings, StreamDecoder,
};
use crate::protocol::{Event, FinishReason, GenerateRequest, Sampling, TokenPiece};
use crate::steering::{AddHook, LaneSteering, SteeringVector};
use crate::units::{Lane, RunId};

/// Tokens are sent in batches at most this often, so that a fast model does not flood the screen.
const BATCH: Duration = Duration::from_millis(16);

/// A finished unsteered text.
#[derive(Debug, Clone)]
pub(crate) struct Baseline {
    prompt: String,
    sampling: Sampling,
    tokens: Vec<TokenPiece>,
    reason: FinishReason,
}

/// Finished unsteered texts of the running model, newest last.
#[derive(Debug, Default)]
pub(crate) struct Baselines(Vec<Baseline>);

impl Baselines {
    /// Enough for walking through a page of prompts and back.
    const KEPT: usize = 32;

    fn find(&self, request: &GenerateRequest) -> Option<&Baseline> {
        self.0
            .iter()
            .find(|b| b.prompt == request.prompt && b.sampling == request.sampling)
    }

    fn keep(&mut self, baseline: Baseline) {
        if self.0.len() >= Self::KEPT {
            self.0.remove(0);
        }
        self.0.push(baseline);
    }
}

struct LaneState {
    /// Which panes this engine lane fills; two when both lanes are the same computation.
    shows: &'static [Lane],
    decoder: StreamDecoder,
    waiting: Vec<TokenPiece>,
    /// All of the unsteered text, for keeping.
    all: Vec<TokenPiece>,
    ended: bool,
}

/// A running generation.
pub(crate) struct Job {
    request: GenerateRequest,
    generation: Generation,
    cancel: Cancel,
    lanes: Vec<LaneState>,
    decoded: usize,
    since: Instant,
    sent: Instant,
}

impl Job {
    /// Encodes the prompt, runs the prefill and replays a kept unsteered text.
    pub(crate) fn start(
        model: &Arc<Model>,
        request: GenerateRequest,
        vector: Option<&SteeringVector>,
        baselines: &Baselines,
        cancel: Cancel,
        emit: Emit<'_>,
    ) -> Result<Self, EngineError> {
        let ids = model.tokenizer().encode(&request.prompt)?;
        let run = request.run;
        // Coefficient 0 skips the hook, so both lanes are one computation and are decoded once.
        let steering = request.steering.clone().filter(|s| s.coefficient != 0.0);
        let direction = steering.as_ref().and_then(|s| {
            vector
                .and_then(|v| v.directions.get(&s.block.0))
                .map(|d| (s, d))
        });
        let kept = baselines.find(&request);
        let shows: Vec<&'static [Lane]> = match (&direction, kept) {
            (None, _) => vec![&[Lane::Baseline, Lane::Steered]],
            (Some(_), Some(_)) => vec![&[Lane::Steered]],
            (Some(_), None) => vec![&[Lane::Baseline], &[Lane::Steered]],
        };
        let sampler = SamplerSettings {
            temperature: request.sampling.temperature,
            top_k: request.sampling.top_k,
            top_p: request.sampling.top_p,
            seed: request.sampling.seed,
        };
        let hook: Box<dyn Hook + Send> = match direction {
            None => Box::new(NoHook),
            Some((s, direction)) => {
                let on = LaneSteering::new(s.mask, ids.len(), s.coefficient);
                let lanes = shows.iter().map(|l| {
                    if l.contains(&Lane::Steered) {
                        on
                    } else {
                        LaneSteering::OFF
                    }
                });
                Box::new(AddHook::new(s.block, direction.as_slice(), lanes.collect()))
            }
        };
        emit(Event::GenerationStarted {
            run,
            prompt_tokens: ids.len(),
        });
        if let (Some(baseline), Some(_)) = (kept, &steering) {
            let tokens = baseline.tokens.clone();
            emit(Event::Tokens {
                run,
                lane: Lane::Baseline,
                tokens,
            });
            emit(Event::LaneFinished {
                run,
                lane: Lane::Baseline,
                reason: baseline.reason,
                tokens_per_second: 0.0,
            });
        }
        let decoder = StreamDecoder::after(model.tokenizer(), &ids)?;
        let stop = model.stop_ids().to_vec();
        let generation =
            Generation::start(Arc::clone(model), ids, shows.len(), &sampler, stop, hook)?
                .limit(request.sampling.max_tokens);
        let lanes = shows
            .into_iter()
            .map(|shows| LaneState {
                shows,
                decoder: decoder.clone(),
                waiting: Vec::new(),
                all: Vec::new(),
                ended: false,
            })
            .collect();
        let now = Instant::now();
        Ok(Self {
            request,
            generation,
            cancel,
            lanes,
            decoded: 0,
            since: now,
            sent: now,
        })
    }

    /// The run this job belongs to.
    pub(crate) fn run(&self) -> RunId {
        self.request.run
    }

    /// One token of every live lane. `false` when both have ended.
    pub(crate) fn step(
        &mut self,
        baselines: &mut Baselines,
        emit: Emit<'_>,
    ) -> Result<bool, EngineError> {
        for step in self.generation.step(&self.cancel)? {
            let Some(lane) = self.lanes.get_mut(step.lane) else {
                continue;
            };
            if let Some(id) = step.token {
                self.decoded += 1;
                let mut piece = TokenPiece {
                    id,
                    text: lane.decoder.push(id)?,
                };
                if step.finish.is_some() {
                    // Bytes of a character that will never become complete.
                    piece.text.push_str(&lane.decoder.finish()?);
                }
                lane.all.push(piece.clone());
                lane.waiting.push(piece);
            }
            if let Some(finish) = step.finish {
                self.end(step.lane, finish_reason(finish), baselines, emit);
            }
        }
        if self.sent.elapsed() >= BATCH {
            self.flush(emit);
        }
        Ok(self.lanes.iter().any(|l| !l.ended))
    }

    /// Ends every live lane as stopped, keeping what was streamed.
    pub(crate) fn stop(&mut self, baselines: &mut Baselines, emit: Emit<'_>) {
        for i in 0..self.lanes.len() {
            if self.lanes.get(i).is_some_and(|l| !l.ended) {
                self.end(i, FinishReason::Stopped, baselines, emit);
            }
        }
    }

    fn end(
        &mut self,
        index: usize,
        reason: FinishReason,
        baselines: &mut Baselines,
        emit: Emit<'_>,
    ) {
        self.flush(emit);
        let tokens_per_second = self.decoded as f32 / self.since.elapsed().as_secs_f32().max(1e-6);
        let Some(lane) = self.lanes.get_mut(index) else {
            return;
        };
        lane.ended = true;
        for &shown in lane.shows {
            let run = self.request.run;
            emit(Event::LaneFinished {
                run,
                lane: shown,
                reason,
                tokens_per_second,
            });
        }
        if lane.shows.contains(&Lane::Baseline) && reason != FinishReason::Stopped {
            baselines.keep(Baseline {
                prompt: self.request.prompt.clone(),
                sampling: self.request.sampling.clone(),
                tokens: std::mem::take(&mut lane.all),
                reason,
            });
        }
    }

    fn flush(&mut self, emit: Emit<'_>) {
        self.sent = Instant::now();
        for lane in &mut self.lanes {
            if lane.waiting.is_empty() {
                continue;
            }
            let tokens = std::mem::take(&mut lane.waiting);
            for &shown in lane.shows {
                emit(Event::Tokens {
                    run: self.request.run,
                    lane: shown,
                    tokens: tokens.clone(),
                });
            }
        }
    }
}

/// Runs one generation from start to end; for the command line.
///
/// # Errors
/// The prompt does not fit the model, or the engine refused it.
pub fn generate_to_end(
    model: &Arc<Model>,
    request: GenerateRequest,
    vector: Option<&SteeringVector>,
    cancel: Cancel,
    emit: Emit<'_>,
) -> Result<(), EngineError> {
    let mut baselines = Baselines::default();
    let mut job = Job::start(model, request, vector, &baselines, cancel, emit)?;
    while job.step(&mut baselines, emit)? {}
    Ok(())
}

fn finish_reason(finish: Finish) -> FinishReason {
    match finish {
        Finish::Eos => FinishReason::Eos,
        Finish::Length => FinishReason::Length,
        Finish::NonFinite => FinishReason::NonFinite,
    }
}
