//! The seam between a model and the two ways it can be computed.

use std::ops::Range;

use super::batch::Batch;
use super::cache::Blocks;
use super::jobs::Store;
use super::tensor::Tensors;
use super::{Cancel, EngineError, Hook, Precision, Rows};

/// What is done with the products of some rows with a part of the head.
pub(super) type SeePart<'a> =
    dyn FnMut(Range<usize>, &mut [f32]) -> Result<(), EngineError> + Send + 'a;

/// Weights with what they compute: our kernel on the CPU, or candle's tensors on any device.
pub(super) trait Decoder: Send + Sync {
    /// Runs `ids` through all blocks; the rows that the batch keeps.
    fn tokens(
        &self,
        ids: &[u32],
        batch: &Batch,
        store: &mut Store<'_>,
        hook: &mut dyn Hook,
        cancel: &Cancel,
    ) -> Result<Rows, EngineError>;

    /// Runs residual rows through `blocks`; the rows that the batch keeps.
    fn resume(
        &self,
        x: Rows,
        blocks: Range<usize>,
        batch: &Batch,
        store: &mut Store<'_>,
        hook: &mut dyn Hook,
        cancel: &Cancel,
    ) -> Result<Rows, EngineError>;

    /// Products of the normed rows with the head, `(n, vocabulary)`, or `(n, ids)` of the rising `ids`
    /// alone. There is at least one row.
    fn logits(&self, rows: &Rows, ids: Option<&[u32]>) -> Result<Vec<f32>, EngineError>;

    /// The same of all ids, part after part: `see(ids, logits (n, ids))`, in order of ids. There is at least one row.
    fn logits_in_parts(&self, rows: &Rows, see: &mut SeePart<'_>) -> Result<(), EngineError> {
        let mut logits = self.logits(rows, None)?;
        see(0..logits.len() / rows.n(), &mut logits)
    }

    /// Ids of such a part, for `n` rows.
    fn vocabulary_part(&self, n: usize) -> usize;

    /// The rows `ids` of the head, one below the other.
    fn head_rows(&self, ids: &[u32]) -> Result<Vec<f32>, EngineError>;

    /// Keys and values of a new sequence.
    fn empty(&self) -> Blocks;

    /// How the weights are kept.
    fn precision(&self) -> Precision;

    /// Memory of the weights.
    fn weight_bytes(&self) -> usize;

    /// Where it computes, for people.
    fn device(&self) -> String;

    /// The tensors, where it computes with them.
    fn tensors(&self) -> Option<&Tensors> {
        None
    }
}
