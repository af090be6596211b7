//! Streaming text in lanes: one prompt, several interventions, decoded as one batch.

use std::fmt;
use std::sync::Arc;

use candle_transformers::generation::LogitsProcessor;

use super::sample::draw;
use super::{Cancel, EngineError, Hook, Keep, KvCache, Model, Part, Rows, SamplerSettings};

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
    processor: LogitsProcessor,
    /// Drawn but not yet in the cache.
    next: Option<u32>,
    produced: usize,
    open: bool,
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
        let lane = || LaneState {
            processor: settings.processor(),
            next: None,
            produced: 0,
            open: true,
        };
        let lanes = std::iter::repeat_with(lane).take(lanes).collect::<Vec<_>>();
        let cache = KvCache::new(&model, lanes.len());
        Ok(Self {
            model,
            cache,
            prompt: prompt_ids,
            lanes,
            stop_ids,
            hook,
            limit: usize::MAX,
        })
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

    /// One token for every open lane; empty when all have ended. After
    /// [`EngineError::Cancelled`] the step can be repeated.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`], and what [`Model::extend`] refuses.
    pub fn step(&mut self, cancel: &Cancel) -> Result<Vec<LaneStep>, EngineError> {
        let open: Vec<usize> = (0..self.lanes.len())
            .filter(|i| self.lanes[*i].open)
            .collect();
        if open.is_empty() {
            return Ok(Vec::new());
        }
        let rows = if self.lanes[open[0]].next.is_none() {
            self.prefill(cancel)?
        } else {
            self.decode(&open, cancel)?
        };
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
        let drawn = draw(&mut state.processor, logits)?;
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

    /// The prompt for every lane. What stands before the first edited position is the same in all of
    /// them and computed once.
    fn prefill(&mut self, cancel: &Cancel) -> Result<Rows, EngineError> {
        let n = self.lanes.len();
        let edited = (0..n)
            .map(|lane| self.hook.first_edit(lane))
            .min()
            .unwrap_or(0);
        let shared = edited.min(self.prompt.len());
        let (common, rest) = self.prompt.split_at(if n == 1 { 0 } else { shared });
        for lane in 0..n {
            self.cache.truncate(lane, 0);
        }
        let mut last = Rows::empty(self.model.hidden_size());
        if !common.is_empty() {
            let keep = if rest.is_empty() {
                Keep::Last
            } else {
                Keep::Nothing
            };
            let part = [Part {
                sequence: 0,
                ids: common,
            }];
            last = self
                .model
                .extend(&mut self.cache, &part, keep, &mut *self.hook, cancel)?;
            for lane in 1..n {
                self.cache.clone_sequence(0, lane)?;
            }
        }
        if rest.is_empty() {
            let width = last.width();
            return Rows::from_vec(last.into_vec().repeat(n), width);
        }
        let parts: Vec<Part<'_>> = (0..n)
            .map(|sequence| Part {
                sequence,
                ids: rest,
            })
            .collect();
        self.model
            .extend(&mut self.cache, &parts, Keep::Last, &mut *self.hook, cancel)
    }

    fn decode(&mut self, open: &[usize], cancel: &Cancel) -> Result<Rows, EngineError> {
        let next: Vec<(usize, [u32; 1])> = open
            .iter()
            .filter_map(|i| self.lanes[*i].next.map(|t| (*i, [t])))
            .collect();
        let parts: Vec<Part<'_>> = next
            .iter()
            .map(|(sequence, ids)| Part {
                sequence: *sequence,
                ids,
            })
            .collect();
        self.model
            .extend(&mut self.cache, &parts, Keep::Last, &mut *self.hook, cancel)
    }
}
