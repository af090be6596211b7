//! Code of the layers above that runs inside a pass: at block outputs, or at other points of a block.

use crate::units::BlockIndex;
pub use crate::units::HookPoint;

/// Where a row of the residual stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// Sequence of the cache; for [`Model::resume`](super::Model::resume) the index of the branch.
    pub sequence: usize,
    /// Absolute token position, counted from the start of the sequence whatever is cached.
    pub position: usize,
}

/// Reads or rewrites rows inside a pass, usually the residual stream at block outputs (`resid_post`).
pub trait Hook: Send {
    /// Whether [`visit`](Self::visit) wants the rows of this block. The engine materialises rows only then.
    fn wants(&self, block: BlockIndex) -> bool;

    /// Whether [`visit_at`](Self::visit_at) wants the rows at a point of this block.
    fn wants_at(&self, block: BlockIndex, point: HookPoint) -> bool {
        point == HookPoint::ResidPost && self.wants(block)
    }

    /// The rows at a point of `block`, of shape `(places.len(), width)`.
    fn visit_at(
        &mut self,
        block: BlockIndex,
        point: HookPoint,
        places: &[Place],
        rows: &mut [f32],
        width: usize,
    ) {
        let _ = point;
        self.visit(block, places, rows, width);
    }

    /// The residual stream after `block`: row-major `rows` of shape `(places.len(), width)`.
    fn visit(&mut self, block: BlockIndex, places: &[Place], rows: &mut [f32], width: usize);

    /// First absolute position of `sequence` whose rows this hook may change; `usize::MAX` when it
    /// changes none. What stands before it can be computed once for several lanes.
    fn first_edit(&self, sequence: usize) -> usize {
        let _ = sequence;
        0
    }
}

/// No hook: nothing is visited, nothing is copied.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHook;

impl Hook for NoHook {
    fn wants(&self, _: BlockIndex) -> bool {
        false
    }

    fn visit(&mut self, _: BlockIndex, _: &[Place], _: &mut [f32], _: usize) {}

    fn first_edit(&self, _: usize) -> usize {
        usize::MAX
    }
}

impl<H: Hook + ?Sized> Hook for Box<H> {
    fn wants(&self, block: BlockIndex) -> bool {
        (**self).wants(block)
    }

    fn wants_at(&self, block: BlockIndex, point: HookPoint) -> bool {
        (**self).wants_at(block, point)
    }

    fn visit_at(
        &mut self,
        block: BlockIndex,
        point: HookPoint,
        places: &[Place],
        rows: &mut [f32],
        width: usize,
    ) {
        (**self).visit_at(block, point, places, rows, width);
    }

    fn visit(&mut self, block: BlockIndex, places: &[Place], rows: &mut [f32], width: usize) {
        (**self).visit(block, places, rows, width);
    }

    fn first_edit(&self, sequence: usize) -> usize {
        (**self).first_edit(sequence)
    }
}
