//! Grouped-query attention of tiles by operations that carry gradients.

use candle_core::{D, DType, Tensor};

use super::kept::Kept;
use super::plan::Tile;
use super::stack::Qkv;
use crate::engine::cache::Geometry;

/// `(n, heads · head_dim)` of all queries of the tiles, in their order, in f32.
pub(super) fn attend<'k>(
    tiles: &[Tile],
    qkv: &Qkv,
    kept: &dyn Fn(usize) -> Option<&'k Kept>,
    g: Geometry,
    cap: Option<f32>,
) -> candle_core::Result<Tensor> {
    let all = tiles
        .iter()
        .map(|tile| one(tile, qkv, kept, g, cap))
        .collect::<candle_core::Result<Vec<_>>>()?;
    match all.as_slice() {
        [single] => Ok(single.clone()),
        _ => Tensor::cat(&all, 0),
    }
}

fn one<'k>(
    tile: &Tile,
    qkv: &Qkv,
    kept: &dyn Fn(usize) -> Option<&'k Kept>,
    g: Geometry,
    cap: Option<f32>,
) -> candle_core::Result<Tensor> {
    let Tile {
        pieces,
        queries: t,
        keys: l,
        ..
    } = *tile;
    let (d, kv, group) = (g.head_dim, g.kv_heads, g.heads / g.kv_heads);
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    for (sequence, range) in &tile.cached {
        let found = kept(*sequence).map(|kept| kept.narrow(range.start, range.len()));
        if let Some((k, v)) = found.transpose()?.flatten() {
            keys.push(k);
            values.push(v);
        }
    }
    if !tile.own.is_empty() {
        let (from, len) = (tile.own.start, tile.own.len());
        keys.push(qkv.keys.narrow(0, from, len)?);
        values.push(qkv.values.narrow(0, from, len)?);
    }
    let arranged = |parts: Vec<Tensor>| {
        let all = match parts.as_slice() {
            [single] => single.clone(),
            parts => Tensor::cat(parts, 0)?,
        };
        let all = match &tile.arrangement {
            Some(rows) => all.index_select(rows, 0)?,
            None => all,
        };
        all.reshape((pieces, l, kv, d))?
            .transpose(1, 2)?
            .contiguous()
    };
    let (keys, values) = (arranged(keys)?, arranged(values)?);
    let queries = match &tile.rows {
        Some(rows) => qkv.queries.index_select(rows, 0)?,
        None => qkv.queries.clone(),
    };
    let queries = queries
        .reshape((pieces, t, kv, group, d))?
        .permute([0, 2, 3, 1, 4])?
        .contiguous()?
        .reshape((pieces, kv, group * t, d))?;
    let mut scores = queries.matmul(&keys.t()?)?.to_dtype(DType::F32)?;
    if let Some(cap) = cap.map(f64::from) {
        scores = ((scores / cap)?.tanh()? * cap)?;
    }
    if let Some(mask) = &tile.mask {
        scores = scores
            .reshape((pieces, kv, group, t, l))?
            .broadcast_add(mask)?
            .reshape((pieces, kv, group * t, l))?;
    }
    let mixed = softmax(&scores)?
        .to_dtype(values.dtype())?
        .matmul(&values)?
        .to_dtype(DType::F32)?
        .reshape((pieces, kv, group, t, d))?
        .permute([0, 3, 1, 2, 4])?
        .contiguous()?
        .reshape((pieces * t, kv * group * d))?;
    match &tile.filled {
        Some(rows) => mixed.index_select(rows, 0),
        None => Ok(mixed),
    }
}

/// Over the last dimension. The largest score only keeps the exponentials finite: as a constant it has no
/// part in the gradient.
fn softmax(scores: &Tensor) -> candle_core::Result<Tensor> {
    let largest = scores.max_keepdim(D::Minus1)?.detach();
    let weights = scores.broadcast_sub(&largest)?.exp()?;
    weights.broadcast_div(&weights.sum_keepdim(D::Minus1)?)
}
