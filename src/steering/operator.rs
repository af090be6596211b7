//! The `add` operator: h' = h + c·v at the output of one block, for the positions of a mask.

use std::sync::Arc;

use crate::engine::{Hook, Place};
use crate::units::{BlockIndex, Mask};

/// `row += coefficient · direction`; a coefficient of zero touches nothing.
pub fn add_scaled(row: &mut [f32], direction: &[f32], coefficient: f32) {
    if coefficient == 0.0 {
        return;
    }
    for (h, v) in row.iter_mut().zip(direction) {
        *h += coefficient * v;
    }
}

/// How one sequence is steered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LaneSteering {
    /// c; 0 leaves the sequence bit-identical to the unsteered one.
    pub coefficient: f32,
    /// First steered absolute position; every later one is steered too.
    pub first_position: usize,
}

impl LaneSteering {
    /// A sequence that is not steered.
    pub const OFF: Self = Self {
        coefficient: 0.0,
        first_position: usize::MAX,
    };

    /// Steering of a sequence whose prompt has `prompt_len` tokens, BOS included.
    pub fn new(mask: Mask, prompt_len: usize, coefficient: f32) -> Self {
        Self {
            coefficient,
            first_position: mask.first_position(prompt_len),
        }
    }
}

/// Adds c·v at the output of one block: per sequence its own coefficient and first position, and
/// where there are several directions its own direction.
///
/// Positions are absolute, so that a decode step under a KV cache steers exactly what one full
/// forward pass would.
#[derive(Debug, Clone)]
pub struct AddHook {
    block: BlockIndex,
    directions: Vec<Arc<[f32]>>,
    lanes: Vec<(usize, LaneSteering)>,
}

impl AddHook {
    /// `direction` has width d; `lanes` is indexed by sequence, sequences beyond it stay unsteered.
    pub fn new(
        block: BlockIndex,
        direction: impl Into<Arc<[f32]>>,
        lanes: Vec<LaneSteering>,
    ) -> Self {
        let lanes = lanes.into_iter().map(|lane| (0, lane)).collect();
        Self::with_directions(block, vec![direction.into()], lanes)
    }

    /// The same with several `directions`, all of width d; each lane names its own by index. A lane
    /// whose direction does not exist stays unsteered.
    pub fn with_directions(
        block: BlockIndex,
        directions: Vec<Arc<[f32]>>,
        lanes: Vec<(usize, LaneSteering)>,
    ) -> Self {
        Self {
            block,
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

impl Hook for AddHook {
    fn wants(&self, block: BlockIndex) -> bool {
        block == self.block && self.lanes.iter().any(|(_, lane)| lane.coefficient != 0.0)
    }

    fn visit(&mut self, _: BlockIndex, places: &[Place], rows: &mut [f32], width: usize) {
        for (place, row) in places.iter().zip(rows.chunks_exact_mut(width)) {
            let (direction, lane) = self.lane(place.sequence);
            if place.position >= lane.first_position {
                add_scaled(row, direction, lane.coefficient);
            }
        }
    }

    fn first_edit(&self, sequence: usize) -> usize {
        let (_, lane) = self.lane(sequence);
        if lane.coefficient == 0.0 {
            usize::MAX
        } else {
            lane.first_position
        }
    }
}
