//! One comparison being generated: both lanes as one batch, token by token.
//!
//! The unsteered text of a prompt does not depend on the sliders: it goes on while they move, and a
//! finished one is kept and replayed. The steered text starts from the prompt's kept keys and values.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::job::Emit;
use super::lanes::{Applied, Baseline, Baselines, LaneState, sampler, text_of};
use super::reference::Left;
use crate::engine::{
    Cancel, EngineError, Finish, Generation, Hook, LaneStep, Model, NoHook, StreamDecoder,
};
use crate::protocol::{ChatFormat, Event, FinishReason, GenerateRequest, TokenPiece};
use crate::steering::SteeringVector;
use crate::units::{Lane, RunId};

/// Tokens are sent in batches at most this often, so that a fast model does not flood the screen.
const BATCH: Duration = Duration::from_millis(16);

const UNSTEERED: usize = 0;
const STEERED: usize = 1;
const CONTROL: usize = 2;

/// A running generation.
pub(crate) struct Job {
    request: GenerateRequest,
    generation: Generation,
    /// The control that is another prompt: a text of its own.
    prompted: Option<Generation>,
    prompt_ids: Vec<u32>,
    cancel: Cancel,
    lanes: [LaneState; 3],
    /// What the lane beside the steered one stands for, where it is no unsteered text.
    words: Option<Result<String, String>>,
    decoded: usize,
    since: Instant,
    /// `None` before anything was sent: the first token is not held back.
    sent: Option<Instant>,
    step_took: Duration,
}

impl Job {
    /// Begins the texts of a request. `before` is the last job of the same model: with the same
    /// prompt and sampling its unsteered text goes on where it is, and the steered one starts from
    /// its computed prompt; where nothing but `left` differs, the steered text goes on too. Nothing is
    /// computed here.
    #[expect(
        clippy::too_many_arguments,
        reason = "what a text depends on, one by one"
    )]
    pub(crate) fn start(
        model: &Arc<Model>,
        request: GenerateRequest,
        vector: Option<&SteeringVector>,
        left: &Left,
        before: Option<Self>,
        baselines: &Baselines,
        cancel: Cancel,
        emit: Emit<'_>,
    ) -> Result<Self, EngineError> {
        let before = before.filter(|j| text_of(&j.request) == text_of(&request));
        let known = before.is_some();
        let mut job = match before {
            Some(job) => job,
            None => Self::fresh(model, &request, baselines)?,
        };
        // Coefficient 0 skips the hook, so both lanes are one computation and are decoded once.
        let steering = request
            .steering
            .as_ref()
            .filter(|s| !s.edit.operator.is_off(s.coefficient));
        let applied = steering.zip(vector).and_then(|(s, vector)| {
            let direction = vector.directions.get(&s.block.0)?.as_slice();
            Some(Applied {
                steering: s.clone(),
                direction: direction.into(),
                control: match left {
                    Left::Direction(control, _) => Some(Arc::clone(control)),
                    _ => None,
                },
            })
        });
        let other_left =
            job.request.reference != request.reference || matches!(job.words, Some(Err(_)));
        let goes_on = known && other_left && job.request.steering == request.steering;
        job.words = match left {
            Left::Unsteered => None,
            Left::Direction(_, words) | Left::Prompt(_, _, words) => Some(Ok(words.clone())),
            Left::Refused(words) => Some(Err(words.clone())),
        };
        let mut anew = Vec::new();
        let decoder = StreamDecoder::after(model.tokenizer(), &job.prompt_ids)?;
        // A control of coefficient 0 is the unsteered text, and so is the steered one.
        let plain = match left {
            Left::Unsteered => true,
            Left::Direction(..) => applied.is_none(),
            _ => false,
        };
        let shows: &'static [Lane] = match (plain, applied.is_some()) {
            (true, true) => &[Lane::Baseline],
            (true, false) => &[Lane::Baseline, Lane::Steered],
            (false, true) => &[],
            (false, false) => &[Lane::Steered],
        };
        job.prompt_lane(model, left, !other_left, decoder.clone())?;
        if let Some(applied) = &applied {
            if goes_on {
                job.lanes[STEERED].goes_on();
            } else {
                job.lanes[STEERED] = LaneState::new(&[Lane::Steered], decoder.clone());
                anew.push(STEERED);
            }
            if applied.control.is_some() {
                job.lanes[CONTROL] = LaneState::new(&[Lane::Baseline], decoder);
                anew.push(CONTROL);
            }
        } else {
            job.generation.close(STEERED);
            job.lanes[STEERED] = LaneState::over(&[], decoder);
        }
        let unsteered = &mut job.lanes[UNSTEERED];
        unsteered.shows = shows;
        unsteered.goes_on();
        let rests = unsteered.shows.is_empty();
        if !rests && unsteered.all.is_empty() && unsteered.ended.is_none() {
            anew.push(UNSTEERED);
        }
        let hook: Box<dyn Hook + Send> = match &applied {
            Some(applied) => Box::new(applied.hook(job.prompt_ids.len())),
            None => Box::new(NoHook),
        };
        job.generation.restart(&anew, hook)?;
        job.generation.rest(UNSTEERED, rests);
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

    /// The lane of the control that is another prompt; of no control, a lane that is over.
    fn prompt_lane(
        &mut self,
        model: &Arc<Model>,
        left: &Left,
        same: bool,
        decoder: StreamDecoder,
    ) -> Result<(), EngineError> {
        self.generation.close(CONTROL);
        let Left::Prompt(ids, stop, _) = left else {
            self.prompted = None;
            let shows: &[Lane] = match left {
                Left::Refused(_) => &[Lane::Baseline],
                _ => &[],
            };
            self.lanes[CONTROL] = LaneState::over(shows, decoder);
            return Ok(());
        };
        let lane = &mut self.lanes[CONTROL];
        if same && self.prompted.is_some() {
            lane.goes_on();
            return Ok(());
        }
        let sampler = sampler(&self.request.sampling);
        let (text, hook) = (ids.clone(), Box::new(NoHook));
        let generation =
            Generation::start(Arc::clone(model), text, 1, &sampler, stop.clone(), hook)?;
        self.prompted = Some(generation.limit(self.request.sampling.max_tokens));
        let decoder = StreamDecoder::after(model.tokenizer(), ids)?;
        self.lanes[CONTROL] = LaneState::new(&[Lane::Baseline], decoder);
        Ok(())
    }

    fn fresh(
        model: &Arc<Model>,
        request: &GenerateRequest,
        baselines: &Baselines,
    ) -> Result<Self, EngineError> {
        let (ids, stop) = prompt_ids(model, &request.prompt, request.chat.as_ref())?;
        let sampler = sampler(&request.sampling);
        let hook = Box::new(NoHook);
        let mut generation =
            Generation::start(Arc::clone(model), ids.clone(), 3, &sampler, stop, hook)?
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
            prompted: None,
            prompt_ids: ids,
            cancel: Cancel::never(),
            lanes: [
                unsteered,
                LaneState::new(&[Lane::Steered], decoder.clone()),
                LaneState::over(&[], decoder),
            ],
            words: None,
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
        if let Some(words) = self.words.clone() {
            emit(Event::Reference { run, words });
        }
        for kept in &self.lanes {
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

    /// One token of every live lane. `false` when all that is shown has ended.
    pub(crate) fn step(
        &mut self,
        baselines: &mut Baselines,
        emit: Emit<'_>,
    ) -> Result<bool, EngineError> {
        let begin = Instant::now();
        let steps = self.generation.step(&self.cancel)?;
        self.take(steps, baselines, emit)?;
        if let Some(prompted) = &mut self.prompted {
            let mut steps = prompted.step(&self.cancel)?;
            for step in &mut steps {
                step.lane = CONTROL;
            }
            self.take(steps, baselines, emit)?;
        }
        self.step_took = begin.elapsed();
        if self.sent.is_none_or(|sent| sent.elapsed() >= BATCH) {
            self.flush(emit);
        }
        let live = |l: &LaneState| l.ended.is_none() && !l.shows.is_empty();
        Ok(self.lanes.iter().any(live))
    }

    fn take(
        &mut self,
        steps: Vec<LaneStep>,
        baselines: &mut Baselines,
        emit: Emit<'_>,
    ) -> Result<(), EngineError> {
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
        Ok(())
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
        if index == UNSTEERED && reason != FinishReason::Stopped {
            baselines.keep(Baseline::new(&self.request, lane.all.clone(), reason));
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
    let left = &Left::Unsteered;
    let mut job = Job::start(model, request, vector, left, None, &baselines, cancel, emit)?;
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
