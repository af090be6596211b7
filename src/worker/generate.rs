//! One comparison being generated: both lanes as one batch, token by token.
//!
//! The unsteered text of a prompt does not depend on the sliders: it goes on while they move, and a
//! finished one is kept and replayed. The steered text starts from the prompt's kept keys and values.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::job::Emit;
use crate::engine::{
    Cancel, EngineError, Finish, Generation, Model, NoHook, SamplerSettings, StreamDecoder,
};
use crate::protocol::{ChatFormat, Event, FinishReason, GenerateRequest, Sampling, TokenPiece};
use crate::steering::{LaneSteering, SteerHook, SteeringVector};
use crate::units::{Lane, RunId};

/// Tokens are sent in batches at most this often, so that a fast model does not flood the screen.
const BATCH: Duration = Duration::from_millis(16);

/// A finished unsteered text.
#[derive(Debug, Clone)]
pub(crate) struct Baseline {
    prompt: String,
    chat: Option<ChatFormat>,
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
            .find(|b| (&b.prompt, &b.chat, &b.sampling) == text_of(request))
    }

    fn keep(&mut self, baseline: Baseline) {
        if self.0.len() >= Self::KEPT {
            self.0.remove(0);
        }
        self.0.push(baseline);
    }
}

/// What the unsteered text depends on.
fn text_of(request: &GenerateRequest) -> (&String, &Option<ChatFormat>, &Sampling) {
    (&request.prompt, &request.chat, &request.sampling)
}

/// One engine lane: 0 is unsteered, 1 steered.
struct LaneState {
    /// Which panes it fills; two when both texts are the same computation.
    shows: &'static [Lane],
    decoder: StreamDecoder,
    waiting: Vec<TokenPiece>,
    /// All of its text, for keeping and for replaying to a later request.
    all: Vec<TokenPiece>,
    ended: Option<FinishReason>,
}

const UNSTEERED: usize = 0;
const STEERED: usize = 1;

/// A running generation.
pub(crate) struct Job {
    request: GenerateRequest,
    generation: Generation,
    prompt_ids: Vec<u32>,
    cancel: Cancel,
    lanes: [LaneState; 2],
    decoded: usize,
    since: Instant,
    /// `None` before anything was sent: the first token is not held back.
    sent: Option<Instant>,
    step_took: Duration,
}

impl LaneState {
    fn new(shows: &'static [Lane], decoder: StreamDecoder) -> Self {
        Self {
            shows,
            decoder,
            waiting: Vec::new(),
            all: Vec::new(),
            ended: None,
        }
    }
}

impl Job {
    /// Begins the texts of a request. `before` is the last job of the same model: with the same
    /// prompt and sampling its unsteered text goes on where it is, and the steered one starts from
    /// its computed prompt. Nothing is computed here.
    pub(crate) fn start(
        model: &Arc<Model>,
        request: GenerateRequest,
        vector: Option<&SteeringVector>,
        before: Option<Self>,
        baselines: &Baselines,
        cancel: Cancel,
        emit: Emit<'_>,
    ) -> Result<Self, EngineError> {
        let before = before.filter(|j| text_of(&j.request) == text_of(&request));
        let mut job = match before {
            Some(job) => job,
            None => Self::fresh(model, &request, baselines)?,
        };
        // Coefficient 0 skips the hook, so both lanes are one computation and are decoded once.
        let steering = request
            .steering
            .as_ref()
            .filter(|s| !s.edit.operator.is_off(s.coefficient));
        let direction = steering.zip(vector).and_then(|(s, vector)| {
            let direction = vector.directions.get(&s.block.0)?;
            Some((s, direction.as_slice()))
        });
        let decoder = StreamDecoder::after(model.tokenizer(), &job.prompt_ids)?;
        job.lanes[STEERED] = LaneState::new(&[Lane::Steered], decoder);
        if let Some((s, direction)) = direction {
            let on = LaneSteering::new(s.mask, job.prompt_ids.len(), s.coefficient);
            let hook = SteerHook::new(s.block, s.edit, direction, vec![LaneSteering::OFF, on]);
            job.generation.restart(STEERED, Box::new(hook))?;
            job.lanes[UNSTEERED].shows = &[Lane::Baseline];
        } else {
            job.generation.close(STEERED);
            job.lanes[STEERED].ended = Some(FinishReason::Stopped);
            job.lanes[UNSTEERED].shows = &[Lane::Baseline, Lane::Steered];
        }
        let unsteered = &mut job.lanes[UNSTEERED];
        // A text that was stopped goes on.
        unsteered.ended = unsteered.ended.filter(|r| *r != FinishReason::Stopped);
        unsteered.waiting.clear();
        let now = Instant::now();
        let job = Self {
            request,
            cancel,
            decoded: 0,
            since: now,
            sent: None,
            ..job
        };
        job.replay(emit);
        Ok(job)
    }

    fn fresh(
        model: &Arc<Model>,
        request: &GenerateRequest,
        baselines: &Baselines,
    ) -> Result<Self, EngineError> {
        let (ids, stop) = prompt_ids(model, &request.prompt, request.chat.as_ref())?;
        let sampler = SamplerSettings {
            temperature: request.sampling.temperature,
            top_k: request.sampling.top_k,
            top_p: request.sampling.top_p,
            seed: request.sampling.seed,
        };
        let hook = Box::new(NoHook);
        let mut generation =
            Generation::start(Arc::clone(model), ids.clone(), 2, &sampler, stop, hook)?
                .limit(request.sampling.max_tokens);
        let decoder = StreamDecoder::after(model.tokenizer(), &ids)?;
        let mut unsteered = LaneState::new(&[Lane::Baseline], decoder.clone());
        if let Some(kept) = baselines.find(request) {
            generation.close(UNSTEERED);
            unsteered.all.clone_from(&kept.tokens);
            unsteered.ended = Some(kept.reason);
        }
        let now = Instant::now();
        Ok(Self {
            request: request.clone(),
            generation,
            prompt_ids: ids,
            cancel: Cancel::never(),
            lanes: [unsteered, LaneState::new(&[Lane::Steered], decoder)],
            decoded: 0,
            since: now,
            sent: None,
            step_took: Duration::ZERO,
        })
    }

    /// Tells a new request what there is of its texts already.
    fn replay(&self, emit: Emit<'_>) {
        let run = self.request.run;
        emit(Event::GenerationStarted {
            run,
            prompt_tokens: self.prompt_ids.len(),
        });
        let kept = &self.lanes[UNSTEERED];
        for &lane in kept.shows {
            if !kept.all.is_empty() {
                let tokens = kept.all.clone();
                emit(Event::Tokens { run, lane, tokens });
            }
            if let Some(reason) = kept.ended {
                emit(Event::LaneFinished {
                    run,
                    lane,
                    reason,
                    tokens_per_second: 0.0,
                });
            }
        }
    }

    /// The run this job belongs to.
    pub(crate) fn run(&self) -> RunId {
        self.request.run
    }

    /// Whether a token was computed for this request yet.
    pub(crate) fn has_begun(&self) -> bool {
        self.decoded > 0
    }

    /// Time that the last step took.
    pub(crate) fn step_took(&self) -> Duration {
        self.step_took
    }

    /// One token of every live lane. `false` when both have ended.
    pub(crate) fn step(
        &mut self,
        baselines: &mut Baselines,
        emit: Emit<'_>,
    ) -> Result<bool, EngineError> {
        let begin = Instant::now();
        let steps = self.generation.step(&self.cancel)?;
        self.step_took = begin.elapsed();
        for step in steps {
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
        if self.sent.is_none_or(|sent| sent.elapsed() >= BATCH) {
            self.flush(emit);
        }
        Ok(self.lanes.iter().any(|l| l.ended.is_none()))
    }

    /// Ends every live lane as stopped, keeping what was streamed.
    pub(crate) fn stop(&mut self, baselines: &mut Baselines, emit: Emit<'_>) {
        for i in 0..self.lanes.len() {
            if self.lanes.get(i).is_some_and(|l| l.ended.is_none()) {
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
        lane.ended = Some(reason);
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
                chat: self.request.chat.clone(),
                sampling: self.request.sampling.clone(),
                tokens: lane.all.clone(),
                reason,
            });
        }
    }

    fn flush(&mut self, emit: Emit<'_>) {
        self.sent = Some(Instant::now());
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
    let mut job = Job::start(model, request, vector, None, &baselines, cancel, emit)?;
    while job.step(&mut baselines, emit)? {}
    Ok(())
}

/// A prompt as tokens, and the tokens that end its continuation.
pub(super) fn prompt_ids(
    model: &Model,
    prompt: &str,
    chat: Option<&ChatFormat>,
) -> Result<(Vec<u32>, Vec<u32>), EngineError> {
    match chat {
        None => Ok((model.tokenizer().encode(prompt)?, model.stop_ids().to_vec())),
        Some(chat) => Ok((
            model.chat_prompt(chat.system.as_deref(), prompt)?.ids,
            model.chat_stop_ids(),
        )),
    }
}

pub(super) fn finish_reason(finish: Finish) -> FinishReason {
    match finish {
        Finish::Eos => FinishReason::Eos,
        Finish::Length => FinishReason::Length,
        Finish::NonFinite => FinishReason::NonFinite,
    }
}
