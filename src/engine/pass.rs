//! One pass of a packed batch through the blocks, whichever way these are computed.

use candle_core::Tensor;

use super::batch::Batch;
use super::cache::{KvCache, Span};
use super::jobs::Store;
use super::spec::Spec;
use super::{Cancel, EngineError, Hook, HookPoint};
use crate::units::BlockIndex;

type Computed = candle_core::Result<Tensor>;

/// What a block computes. Rows are `(n, d)` tensors in f32; `b` is the block.
pub(super) trait Layers {
    /// Queries, keys and values of a block.
    type Qkv;

    /// The decoder beyond its sizes.
    fn spec(&self) -> &Spec;

    /// Attention's norm and the projections behind it.
    fn project(&self, b: usize, x: &Tensor) -> candle_core::Result<Self::Qkv>;

    /// Writes keys and values to the cache.
    fn remember(
        &self,
        b: usize,
        qkv: &Self::Qkv,
        cache: &mut KvCache,
        spans: &[Span],
    ) -> candle_core::Result<()>;

    /// Attention of all rows; with `trim` of the rows that are returned alone.
    fn attend(
        &self,
        b: usize,
        qkv: Self::Qkv,
        batch: &Batch,
        store: &Store<'_>,
        trim: bool,
    ) -> Computed;

    /// What attention contributes, added to `residual` where that is given. Rows that are passed by value
    /// are nobody else's.
    fn attention_out(&self, b: usize, mixed: Tensor, residual: Option<Tensor>) -> Computed;

    /// The MLP up to its second matrix.
    fn mlp_inner(&self, b: usize, x: &Tensor) -> Computed;

    /// What the MLP contributes, added to `residual` where that is given.
    fn mlp_out(&self, b: usize, inner: Tensor, residual: Option<Tensor>) -> Computed;

    /// Some of the rows.
    fn select(&self, x: &Tensor, rows: &[usize]) -> Computed;

    /// Values of rows that are nobody else's.
    fn values(&self, x: Tensor) -> candle_core::Result<Vec<f32>>;

    /// Rows of values.
    fn rows(&self, values: Vec<f32>, shape: (usize, usize)) -> Computed;
}

/// Runs the blocks `range`; returns the rows that the batch keeps, after the last block, `None` when it
/// keeps none.
pub(super) fn run<L: Layers>(
    layers: &L,
    mut x: Tensor,
    range: std::ops::Range<usize>,
    batch: &Batch,
    store: &mut Store<'_>,
    hook: &mut dyn Hook,
    cancel: &Cancel,
) -> Result<Option<Tensor>, EngineError> {
    let end = range.end;
    for b in range {
        cancel.check()?;
        let points = HookPoint::ALL.map(|point| hook.wants_at(BlockIndex(b), point));
        let wanted = points.contains(&true);
        let mut visit = |point: HookPoint, x: Tensor| {
            if !points[point as usize] {
                return Ok::<_, EngineError>(x);
            }
            let shape = x.dims2()?;
            let mut rows = layers.values(x)?;
            hook.visit_at(BlockIndex(b), point, &batch.places, &mut rows, shape.1);
            Ok(layers.rows(rows, shape)?)
        };
        let trim = b + 1 == end && !wanted && batch.kept.len() < batch.places.len();
        x = visit(HookPoint::ResidPre, x)?;
        let qkv = layers.project(b, &x)?;
        if let Store::Append(cache, spans) = store {
            layers.remember(b, &qkv, cache, spans)?;
        }
        if trim {
            if batch.kept.is_empty() {
                return Ok(None);
            }
            x = layers.select(&x, &batch.kept)?;
        }
        let mixed = layers.attend(b, qkv, batch, store, trim)?;
        let [_, attention, _, mlp, _] = points;
        let beside = if layers.spec().parallel {
            Some(layers.mlp_inner(b, &x)?)
        } else {
            None
        };
        let after = if attention {
            let out = visit(HookPoint::AttnOut, layers.attention_out(b, mixed, None)?)?;
            (out + &x)?
        } else {
            layers.attention_out(b, mixed, Some(x))?
        };
        let after = visit(HookPoint::ResidMid, after)?;
        let inner = match beside {
            Some(inner) => inner,
            None => layers.mlp_inner(b, &after)?,
        };
        x = if mlp {
            let out = visit(HookPoint::MlpOut, layers.mlp_out(b, inner, None)?)?;
            (out + &after)?
        } else {
            layers.mlp_out(b, inner, Some(after))?
        };
        x = visit(HookPoint::ResidPost, x)?;
        if trim {
            return Ok(Some(x));
        }
    }
    if batch.kept.is_empty() {
        return Ok(None);
    }
    Ok(Some(layers.select(&x, &batch.kept)?))
}
