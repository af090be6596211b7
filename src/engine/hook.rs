//! Code of the layers above that runs at block outputs.

use crate::units::BlockIndex;

/// Where a row of the residual stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// Sequence of the cache; for [`Model::resume`](super::Model::resume) the index of the branch.
    pub sequence: usize,
    /// Absolute token position, counted from the start of the sequence whatever is cached.
    pub position: usize,
}

/// Reads or rewrites the residual stream at block outputs (`resid_post`).
pub trait Hook: Send {
    /// Whether [`visit`](Self::visit) wants the rows of this block. The engine materialises rows only then.
    fn wants(&self, block: BlockIndex) -> bool;

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

    fn visit(&mut self, block: BlockIndex, places: &[Place], rows: &mut [f32], width: usize) {
        (**self).visit(block, places, rows, width);
    }

    fn first_edit(&self, sequence: usize) -> usize {
        (**self).first_edit(sequence)
    }
}
