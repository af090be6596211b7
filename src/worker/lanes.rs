//! Lanes of a comparison, and finished unsteered texts.

use std::sync::Arc;

use crate::engine::{SamplerSettings, StreamDecoder};
use crate::protocol::{ChatFormat, FinishReason, GenerateRequest, Sampling, Steering, TokenPiece};
use crate::steering::{LaneSteering, SteerHook};
use crate::units::Lane;

/// A finished unsteered text.
#[derive(Debug, Clone)]
pub(crate) struct Baseline {
    prompt: String,
    chat: Option<ChatFormat>,
    sampling: Sampling,
    pub(super) tokens: Vec<TokenPiece>,
    pub(super) reason: FinishReason,
}

impl Baseline {
    pub(super) fn new(
        request: &GenerateRequest,
        tokens: Vec<TokenPiece>,
        reason: FinishReason,
    ) -> Self {
        Self {
            prompt: request.prompt.clone(),
            chat: request.chat.clone(),
            sampling: request.sampling.clone(),
            tokens,
            reason,
        }
    }
}

/// Finished unsteered texts of the running model, newest last.
#[derive(Debug, Default)]
pub(crate) struct Baselines(Vec<Baseline>);

impl Baselines {
    /// Enough for walking through a page of prompts and back.
    const KEPT: usize = 32;

    pub(super) fn find(&self, request: &GenerateRequest) -> Option<&Baseline> {
        self.0
            .iter()
            .find(|b| (&b.prompt, &b.chat, &b.sampling) == text_of(request))
    }

    pub(super) fn keep(&mut self, baseline: Baseline) {
        if self.0.len() >= Self::KEPT {
            self.0.remove(0);
        }
        self.0.push(baseline);
    }
}

/// What the unsteered text depends on.
pub(super) fn text_of(request: &GenerateRequest) -> (&String, &Option<ChatFormat>, &Sampling) {
    (&request.prompt, &request.chat, &request.sampling)
}

/// One text: 0 is unsteered, 1 steered, 2 the control.
pub(super) struct LaneState {
    /// Which panes it fills; two when both texts are the same computation, none while it rests.
    pub(super) shows: &'static [Lane],
    pub(super) decoder: StreamDecoder,
    pub(super) waiting: Vec<TokenPiece>,
    /// All of its text, for keeping and for replaying to a later request.
    pub(super) all: Vec<TokenPiece>,
    pub(super) ended: Option<FinishReason>,
}

impl LaneState {
    pub(super) fn new(shows: &'static [Lane], decoder: StreamDecoder) -> Self {
        Self {
            shows,
            decoder,
            waiting: Vec::new(),
            all: Vec::new(),
            ended: None,
        }
    }

    /// A text that nobody makes.
    pub(super) fn over(shows: &'static [Lane], decoder: StreamDecoder) -> Self {
        Self {
            ended: Some(FinishReason::Stopped),
            ..Self::new(shows, decoder)
        }
    }

    /// A text that was stopped goes on; all of it is told anew.
    pub(super) fn goes_on(&mut self) {
        self.ended = self.ended.filter(|r| *r != FinishReason::Stopped);
        self.waiting.clear();
    }
}

/// A direction as it is applied.
#[derive(Debug, Clone)]
pub(super) struct Applied {
    pub(super) steering: Steering,
    pub(super) direction: Arc<[f32]>,
    /// The direction beside it, if a control is.
    pub(super) control: Option<Arc<[f32]>>,
}

impl Applied {
    /// Lanes in the order of a job.
    pub(super) fn hook(&self, prompt: usize) -> SteerHook {
        let s = &self.steering;
        let on = LaneSteering::new(s.mask, prompt, s.coefficient);
        let mut directions = vec![Arc::clone(&self.direction)];
        let mut lanes = vec![(0, LaneSteering::OFF), (0, on)];
        if let Some(control) = &self.control {
            directions.push(Arc::clone(control));
            lanes.push((1, on));
        }
        SteerHook::with_directions(s.block, s.edit, directions, lanes)
    }
}

pub(super) fn sampler(sampling: &Sampling) -> SamplerSettings {
    SamplerSettings {
        temperature: sampling.temperature,
        top_k: sampling.top_k,
        top_p: sampling.top_p,
        seed: sampling.seed,
    }
}
