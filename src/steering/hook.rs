//! The hook that applies an operator at one site, for the positions of a mask.

use std::sync::Arc;

use super::apply::apply;
use crate::engine::{Hook, HookPoint, Place};
use crate::units::{BlockIndex, Edit, Mask, Operator};

/// How one sequence is steered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LaneSteering {
    /// c; for most operators 0 leaves the sequence bit-identical to the unsteered one.
    pub coefficient: f32,
    /// First steered absolute position.
    pub first_position: usize,
    /// The position after the last steered one; `usize::MAX` for no end.
    pub end_position: usize,
}

impl LaneSteering {
    /// A sequence that is not steered.
    pub const OFF: Self = Self {
        coefficient: 0.0,
        first_position: usize::MAX,
        end_position: usize::MAX,
    };

    /// Steering of a sequence whose prompt has `prompt_len` tokens, BOS included.
    pub fn new(mask: Mask, prompt_len: usize, coefficient: f32) -> Self {
        Self {
            coefficient,
            first_position: mask.first_position(prompt_len),
            end_position: mask.end_position(prompt_len),
        }
    }

    /// Whether a position is steered.
    pub fn covers(&self, position: usize) -> bool {
        (self.first_position..self.end_position).contains(&position)
    }

    fn is_off(&self, operator: Operator) -> bool {
        self.first_position >= self.end_position || operator.is_off(self.coefficient)
    }
}

/// Applies an operator with its directions at one point of one block: per sequence its own
/// coefficient and positions, and where there are several directions its own one.
///
/// Positions are absolute, so that a decode step under a KV cache steers exactly what one full
/// forward pass would.
#[derive(Debug, Clone)]
pub struct SteerHook {
    block: BlockIndex,
    edit: Edit,
    directions: Vec<Arc<[f32]>>,
    lanes: Vec<(usize, LaneSteering)>,
}

impl SteerHook {
    /// `direction` has width d (or holds the rows of a basis); `lanes` is indexed by sequence,
    /// sequences beyond it stay unsteered.
    pub fn new(
        block: BlockIndex,
        edit: Edit,
        direction: impl Into<Arc<[f32]>>,
        lanes: Vec<LaneSteering>,
    ) -> Self {
        let lanes = lanes.into_iter().map(|lane| (0, lane)).collect();
        Self::with_directions(block, edit, vec![direction.into()], lanes)
    }

    /// The same with several `directions`; each lane names its own by index. A lane whose direction
    /// does not exist stays unsteered.
    pub fn with_directions(
        block: BlockIndex,
        edit: Edit,
        directions: Vec<Arc<[f32]>>,
        lanes: Vec<(usize, LaneSteering)>,
    ) -> Self {
        Self {
            block,
            edit,
            directions,
            lanes,
        }
    }

    fn lane(&self, sequence: usize) -> (&[f32], LaneSteering) {
        let lane = self.lanes.get(sequence);
        lane.and_then(|(i, lane)| Some((&**self.directions.get(*i)?, *lane)))
            .unwrap_or((&[], LaneSteering::OFF))
    }
}

impl Hook for SteerHook {
    fn wants(&self, block: BlockIndex) -> bool {
        self.wants_at(block, HookPoint::ResidPost)
    }

    fn wants_at(&self, block: BlockIndex, point: HookPoint) -> bool {
        let operator = self.edit.operator;
        block == self.block
            && point == self.edit.point
            && self.lanes.iter().any(|(_, lane)| !lane.is_off(operator))
    }

    fn visit(&mut self, _: BlockIndex, places: &[Place], rows: &mut [f32], width: usize) {
        for (place, row) in places.iter().zip(rows.chunks_exact_mut(width)) {
            let (direction, lane) = self.lane(place.sequence);
            if lane.covers(place.position) && !direction.is_empty() {
                apply(self.edit.operator, row, direction, lane.coefficient);
            }
        }
    }

    fn first_edit(&self, sequence: usize) -> usize {
        let (_, lane) = self.lane(sequence);
        if lane.is_off(self.edit.operator) {
            usize::MAX
        } else {
            lane.first_position
        }
    }
}
