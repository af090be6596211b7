//! A fan: one prompt continued under several coefficients (and directions) at once, as one batch of
//! lanes with the same random numbers.

use std::sync::Arc;

use super::apply::fits;
use super::hook::{LaneSteering, SteerHook};
use crate::engine::{
    Cancel, EngineError, Finish, Generation, Model, SamplerSettings, StreamDecoder,
};
use crate::units::{BlockIndex, Edit, Mask};

/// How one lane of a fan is steered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FanLane {
    /// Index into the plan's directions.
    pub direction: usize,
    /// Raw coefficient c; 0 is the unsteered text.
    pub coefficient: f32,
}

/// Where and with what a fan steers.
#[derive(Debug, Clone)]
pub struct FanPlan {
    /// Block whose output is steered.
    pub block: BlockIndex,
    /// What is done there.
    pub edit: Edit,
    /// Steered positions.
    pub mask: Mask,
    /// Directions of width d (or bases, where the operator takes several); one for lanes that differ by their coefficient alone.
    pub directions: Vec<Arc<[f32]>>,
    /// The lanes, in the order in which they are shown.
    pub lanes: Vec<FanLane>,
}

impl FanPlan {
    /// The same lanes with nothing done in any of them, whatever the operator: a condition on the prompt does not hold.
    #[must_use]
    pub fn closed(mut self) -> Self {
        self.edit = Edit::ADD;
        for lane in &mut self.lanes {
            lane.coefficient = 0.0;
        }
        self
    }
}

/// What one step added to one lane.
#[derive(Debug, Clone, PartialEq)]
pub struct FanPiece {
    /// Index of the lane.
    pub lane: usize,
    /// The new token; `None` where the lane ended without one.
    pub token: Option<u32>,
    /// Text that became complete with it, often one word, sometimes nothing.
    pub text: String,
    /// Set once, at the lane's end.
    pub finish: Option<Finish>,
}

/// What a lane has so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FanText {
    /// New tokens, the prompt's not among them.
    pub ids: Vec<u32>,
    /// Their text.
    pub text: String,
    /// Why it ended, once it did.
    pub finish: Option<Finish>,
}

/// A running fan. The prompt is computed once for all lanes up to the first position that any of them
/// steers; the mask `all` steers the prompt too, so that nothing is shared under it.
#[derive(Debug)]
pub struct Fan {
    generation: Generation,
    decoders: Vec<StreamDecoder>,
    texts: Vec<FanText>,
    /// The lane with coefficient 0.
    unsteered: Option<usize>,
}

impl Fan {
    /// Prepares a fan; nothing is computed before the first [`step`](Self::step).
    ///
    /// `prompt` holds token ids, special ones included; every lane makes `limit` tokens at most and
    /// ends at any of `stop_ids`.
    ///
    /// # Errors
    /// [`EngineError::Request`] for a lane without a direction, a direction of another width than the
    /// model's, a block that the model lacks, no lanes, an empty prompt; [`EngineError::Context`] for
    /// a prompt that leaves no room; [`EngineError::Text`].
    pub fn start(
        model: &Arc<Model>,
        prompt: Vec<u32>,
        plan: FanPlan,
        sampling: &SamplerSettings,
        stop_ids: Vec<u32>,
        limit: usize,
    ) -> Result<Self, EngineError> {
        let FanPlan {
            block,
            edit,
            mask,
            directions,
            lanes,
        } = plan;
        let width = model.hidden_size();
        let lacking = lanes.iter().find(|lane| lane.direction >= directions.len());
        let odd = directions
            .iter()
            .find(|direction| !fits(edit, direction.len(), width));
        let refusal = match (lacking, odd) {
            (Some(lane), _) => Some(format!(
                "direction {} of {} for a lane",
                lane.direction,
                directions.len()
            )),
            (_, Some(direction)) => Some(format!(
                "a direction of {} values for a model of width {width}",
                direction.len()
            )),
            _ if block.0 >= model.n_blocks() => {
                Some(format!("block {block} of {}", model.n_blocks()))
            }
            _ => None,
        };
        if let Some(words) = refusal {
            return Err(EngineError::Request(words));
        }
        let decoder = StreamDecoder::after(model.tokenizer(), &prompt)?;
        let steering = |lane: &FanLane| LaneSteering::new(mask, prompt.len(), lane.coefficient);
        let steered = lanes.iter().map(|l| (l.direction, steering(l))).collect();
        let hook = Box::new(SteerHook::with_directions(block, edit, directions, steered));
        let n = lanes.len();
        let generation = Generation::start(Arc::clone(model), prompt, n, sampling, stop_ids, hook)?;
        Ok(Self {
            generation: generation.limit(limit),
            decoders: vec![decoder; n],
            texts: vec![FanText::default(); n],
            unsteered: lanes
                .iter()
                .position(|lane| edit.operator.is_off(lane.coefficient)),
        })
    }

    /// One token of every lane that goes on; empty when all have ended. After
    /// [`EngineError::Cancelled`] the step can be repeated.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`], and what [`Model::extend`] refuses.
    pub fn step(&mut self, cancel: &Cancel) -> Result<Vec<FanPiece>, EngineError> {
        let mut pieces = Vec::new();
        for step in self.generation.step(cancel)? {
            let decoder = &mut self.decoders[step.lane];
            let mut text = match step.token {
                Some(id) => decoder.push(id)?,
                None => String::new(),
            };
            if step.finish.is_some() {
                // Bytes of a character that will never become complete.
                text.push_str(&decoder.finish()?);
            }
            let so_far = &mut self.texts[step.lane];
            so_far.ids.extend(step.token);
            so_far.text.push_str(&text);
            so_far.finish = step.finish;
            pieces.push(FanPiece {
                lane: step.lane,
                token: step.token,
                text,
                finish: step.finish,
            });
        }
        Ok(pieces)
    }

    /// Whether every lane has ended.
    pub fn is_finished(&self) -> bool {
        self.generation.is_finished()
    }

    /// What the lanes have so far, in the plan's order.
    pub fn texts(&self) -> &[FanText] {
        &self.texts
    }

    /// The first lane with coefficient 0.
    pub fn unsteered(&self) -> Option<usize> {
        self.unsteered
    }

    /// Index of the first token at which a lane differs from the unsteered one, a missing token where
    /// one of them has ended included. `None` while they are the same, and without an unsteered lane.
    pub fn parts_at(&self, lane: usize) -> Option<usize> {
        let (own, reference) = (self.texts.get(lane)?, self.texts.get(self.unsteered?)?);
        let same = |(a, b): &(&u32, &u32)| a == b;
        let shared = own.ids.iter().zip(&reference.ids).take_while(same).count();
        let [short, long] = if own.ids.len() < reference.ids.len() {
            [own, reference]
        } else {
            [reference, own]
        };
        // A lane that is only behind has not parted.
        (shared < short.ids.len() || (short.finish.is_some() && shared < long.ids.len()))
            .then_some(shared)
    }
}
