//! Keys and values of one block and sequence.

use candle_core::{DType, Tensor};

/// Rotated keys and values, `(positions, kv_heads · head_dim)` each. Never changed in place: copies share
/// them. May hold more positions than the sequence has tokens; those are not read.
#[derive(Debug, Clone, Default)]
pub(in crate::engine) struct Kept(Option<(Tensor, Tensor)>);

impl Kept {
    pub(super) fn new(keys: Tensor, values: Tensor) -> Self {
        Self(Some((keys, values)))
    }

    /// Keys and values of `len` positions from `start` on.
    pub(super) fn narrow(
        &self,
        start: usize,
        len: usize,
    ) -> candle_core::Result<Option<(Tensor, Tensor)>> {
        match &self.0 {
            Some((keys, values)) if len > 0 => Ok(Some((
                keys.narrow(0, start, len)?,
                values.narrow(0, start, len)?,
            ))),
            _ => Ok(None),
        }
    }

    /// The first `start` positions followed by new ones.
    pub(super) fn append(
        &mut self,
        start: usize,
        keys: Tensor,
        values: Tensor,
    ) -> candle_core::Result<()> {
        self.0 = Some(match self.narrow(0, start)? {
            Some((old_keys, old_values)) => (
                Tensor::cat(&[old_keys, keys], 0)?,
                Tensor::cat(&[old_values, values], 0)?,
            ),
            None => (keys, values),
        });
        Ok(())
    }

    /// Memory held.
    pub(in crate::engine) fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |(keys, _)| {
            2 * keys.elem_count() * keys.dtype().size_in_bytes()
        })
    }

    /// Key and value of one position.
    pub(in crate::engine) fn row(&self, position: usize) -> Option<(Vec<f32>, Vec<f32>)> {
        let (keys, values) = self.narrow(position, 1).ok()??;
        let row = |t: Tensor| {
            t.to_dtype(DType::F32)
                .ok()?
                .flatten_all()
                .ok()?
                .to_vec1()
                .ok()
        };
        Some((row(keys)?, row(values)?))
    }
}
