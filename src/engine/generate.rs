//! Streaming text in lanes: one prompt, several interventions, decoded as one batch.

use std::fmt;
use std::sync::Arc;

use super::sample::Sampler;
use super::{Cancel, EngineError, Hook, Keep, KvCache, Model, Part, SamplerSettings};

/// Why a lane ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// A stop token was drawn; it is not given out.
    Eos,
    /// The limit of new tokens or the model's context is used up.
    Length,
    /// The logits were not finite.
    NonFinite,
}

/// What one step did to one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneStep {
    /// Lane, which is the cache's sequence.
    pub lane: usize,
    /// The new token, if one was drawn that is not a stop token.
    pub token: Option<u32>,
    /// Set once, at the lane's end; it takes no part in later steps.
    pub finish: Option<Finish>,
}

struct LaneState {
    sampler: Sampler,
    /// Drawn but not yet in the cache.
    next: Option<u32>,
    produced: usize,
    open: bool,
    rests: bool,
}

impl LaneState {
    fn new(settings: &SamplerSettings) -> Self {
        Self {
            sampler: settings.sampler(),
            next: None,
            produced: 0,
            open: true,
            rests: false,
        }
    }
}

/// A running generation. Lane `i` is sequence `i` in the hook's [`Place`](super::Place)s; all lanes
/// use the same seed and so the same random number at the same step.
pub struct Generation {
    model: Arc<Model>,
    cache: KvCache,
    prompt: Vec<u32>,
    lanes: Vec<LaneState>,
    stop_ids: Vec<u32>,
    hook: Box<dyn Hook + Send>,
    settings: SamplerSettings,
    limit: usize,
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.lanes.iter().filter(|l| l.open).count();
        f.debug_struct("Generation")
            .field("prompt", &self.prompt.len())
            .field("open", &open)
            .finish_non_exhaustive()
    }
}

impl Generation {
    /// Prepares `lanes` lanes; the prompt is computed by the first [`step`](Self::step).
    ///
    /// # Errors
    /// [`EngineError::Context`] when the prompt leaves no room for a token,
    /// [`EngineError::Request`] for no lanes or an empty prompt.
    pub fn start(
        model: Arc<Model>,
        prompt_ids: Vec<u32>,
        lanes: usize,
        settings: &SamplerSettings,
        stop_ids: Vec<u32>,
        hook: Box<dyn Hook + Send>,
    ) -> Result<Self, EngineError> {
        if lanes == 0 || prompt_ids.is_empty() {
            return Err(EngineError::Request(format!(
                "{lanes} lanes and a prompt of {} tokens",
                prompt_ids.len()
            )));
        }
        let max = model.config().max_positions;
        if prompt_ids.len() >= max {
            return Err(EngineError::Context {
                needed: prompt_ids.len() + 1,
                max,
            });
        }
        let lanes = std::iter::repeat_with(|| LaneState::new(settings))
            .take(lanes)
            .collect::<Vec<_>>();
        let cache = KvCache::new(&model, lanes.len());
        Ok(Self {
            model,
            cache,
            prompt: prompt_ids,
            lanes,
            stop_ids,
            hook,
            settings: settings.clone(),
            limit: usize::MAX,
        })
    }

    /// Puts another intervention in place and begins `lanes` anew under it. Their prompt is not
    /// computed again before the first position that either intervention edits, and not at all
    /// before it where another lane's prompt is untouched. The other lanes go on where they are;
    /// the new intervention must treat them as the old one did.
    ///
    /// # Errors
    /// [`EngineError::Request`] when there is no such lane.
    pub fn restart(
        &mut self,
        lanes: &[usize],
        hook: Box<dyn Hook + Send>,
    ) -> Result<(), EngineError> {
        let n = self.lanes.len();
        for &lane in lanes {
            let Some(state) = self.lanes.get_mut(lane) else {
                return Err(EngineError::Request(format!("lane {lane} of {n}")));
            };
            *state = LaneState::new(&self.settings);
            // The last prompt token is always fed again: its row gives the first logits.
            let wanted = hook.first_edit(lane).min(self.prompt.len() - 1);
            let valid = |j: usize| self.cache.len(j).min(self.hook.first_edit(j)).min(wanted);
            let source = (0..n).filter(|j| *j != lane).max_by_key(|j| valid(*j));
            let source = source.filter(|j| valid(*j) > valid(lane)).unwrap_or(lane);
            let keep = valid(source);
            if source != lane {
                self.cache.clone_sequence(source, lane)?;
            }
            self.cache.truncate(lane, keep);
        }
        self.hook = hook;
        Ok(())
    }

    /// Lets a lane stand still, or go on. One that rests takes no part in steps and is not at its end.
    pub fn rest(&mut self, lane: usize, rests: bool) {
        if let Some(state) = self.lanes.get_mut(lane) {
            state.rests = rests;
        }
    }

    /// Ends a lane; what it has cached can still serve others.
    pub fn close(&mut self, lane: usize) {
        if let Some(state) = self.lanes.get_mut(lane) {
            state.open = false;
        }
    }

    /// At most `tokens` new tokens per lane.
    #[must_use]
    pub fn limit(mut self, tokens: usize) -> Self {
        self.limit = tokens;
        self
    }

    /// Tokens of the prompt.
    pub fn prompt_len(&self) -> usize {
        self.prompt.len()
    }

    /// Whether every lane has ended.
    pub fn is_finished(&self) -> bool {
        self.lanes.iter().all(|l| !l.open)
    }

    /// One token for every open lane; empty when all have ended or rest. After
    /// [`EngineError::Cancelled`] the step can be repeated.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`], and what [`Model::extend`] refuses.
    pub fn step(&mut self, cancel: &Cancel) -> Result<Vec<LaneStep>, EngineError> {
        let open: Vec<usize> = (0..self.lanes.len())
            .filter(|i| self.lanes[*i].open && !self.lanes[*i].rests)
            .collect();
        if open.is_empty() {
            return Ok(Vec::new());
        }
        self.share_prompt(&open, cancel)?;
        let next: Vec<Option<[u32; 1]>> = open
            .iter()
            .map(|lane| self.lanes[*lane].next.map(|token| [token]))
            .collect();
        let parts: Vec<Part<'_>> = open
            .iter()
            .zip(&next)
            .map(|(&sequence, next)| Part {
                sequence,
                ids: match next {
                    Some(token) => token,
                    None => &self.prompt[self.cache.len(sequence)..],
                },
            })
            .collect();
        let rows =
            self.model
                .extend(&mut self.cache, &parts, Keep::Last, &mut *self.hook, cancel)?;
        let logits = self.model.logits(&rows)?;
        let vocab = self.model.config().vocab_size;
        let mut steps = Vec::new();
        for (lane, logits) in open.into_iter().zip(logits.chunks_exact(vocab)) {
            steps.push(self.advance(lane, logits)?);
        }
        Ok(steps)
    }

    fn advance(&mut self, lane: usize, logits: &[f32]) -> Result<LaneStep, EngineError> {
        let state = &mut self.lanes[lane];
        let drawn = state.sampler.next(logits)?;
        let (token, finish) = match drawn {
            None => (None, Some(Finish::NonFinite)),
            Some(id) if self.stop_ids.contains(&id) => (None, Some(Finish::Eos)),
            Some(id) => {
                state.produced += 1;
                // The token drawn now would be fed at this position to draw another one.
                let full = self.prompt.len() + state.produced >= self.model.config().max_positions;
                (
                    Some(id),
                    (full || state.produced >= self.limit).then_some(Finish::Length),
                )
            }
        };
        state.next = token;
        state.open = finish.is_none();
        Ok(LaneStep {
            lane,
            token,
            finish,
        })
    }

    /// Computes once what the prompts of several fresh lanes have in common: all before the first
    /// edited position.
    fn share_prompt(&mut self, open: &[usize], cancel: &Cancel) -> Result<(), EngineError> {
        let fresh = |lane: &usize| self.lanes[*lane].next.is_none() && self.cache.len(*lane) == 0;
        let fresh: Vec<usize> = open.iter().copied().filter(fresh).collect();
        let edited = fresh.iter().map(|lane| self.hook.first_edit(*lane)).min();
        let shared = edited.unwrap_or(0).min(self.prompt.len() - 1);
        // What a longer text would make anew is not worth computing.
        let serves = self.model.is_long(shared) == self.model.is_long(self.prompt.len());
        let (Some((&first, others)), true) = (fresh.split_first(), shared > 0 && serves) else {
            return Ok(());
        };
        if others.is_empty() {
            return Ok(());
        }
        let part = [Part {
            sequence: first,
            ids: &self.prompt[..shared],
        }];
        self.model.extend(
            &mut self.cache,
            &part,
            Keep::Nothing,
            &mut *self.hook,
            cancel,
        )?;
        for &lane in others {
            self.cache.clone_sequence(first, lane)?;
        }
        Ok(())
    }
}
