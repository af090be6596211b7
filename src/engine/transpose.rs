//! From the rows of a matrix to a panel, where they stand side by side.

use super::kernel::{Element, PANEL};
use super::precision::Precision;
use super::weights::RowSource;

/// Steps of a tile: a cache line of each row at least.
const TILE: usize = 32;

/// Copies rows that their sources have in `precision` already; missing ones become 0. Says no, and
/// leaves anything in the panel, where a source does not, or where a value is not finite.
pub(super) fn copied<T: Element>(
    picked: &[Option<(&dyn RowSource, usize)>],
    k: usize,
    precision: Precision,
    panel: &mut [T],
) -> bool {
    let size = precision.bytes(1);
    let mut rows = Vec::with_capacity(PANEL);
    for picked in picked {
        let Some((source, r)) = picked else {
            rows.push(None);
            continue;
        };
        match source.bytes(*r) {
            Some(bytes) if source.precision() == precision && bytes.len() == k * size => {
                rows.push(Some(bytes));
            }
            _ => return false,
        }
    }
    let mut sum = [0.0; PANEL];
    for (t, panel) in panel.chunks_mut(TILE * PANEL).enumerate() {
        let mut tile = [[T::default(); TILE]; PANEL];
        let steps = panel.len() / PANEL;
        for (c, row) in rows.iter().enumerate() {
            let Some(row) = row else {
                continue;
            };
            let bytes = &row[t * TILE * size..][..steps * size];
            for (v, b) in tile[c].iter_mut().zip(bytes.chunks_exact(size)) {
                *v = T::read(b);
                // 0 · v is 0 for finite values and NaN otherwise.
                sum[c] += v.widen() * 0.0;
            }
        }
        put(&tile, panel);
    }
    sum.iter().sum::<f32>() == 0.0
}

/// Narrows 32 rows of `k` values.
pub(super) fn narrowed<T: Element>(rows: &[f32], k: usize, panel: &mut [T]) {
    for (t, panel) in panel.chunks_mut(TILE * PANEL).enumerate() {
        let mut tile = [[T::default(); TILE]; PANEL];
        let steps = panel.len() / PANEL;
        for (tile, row) in tile.iter_mut().zip(rows.chunks_exact(k)) {
            for (v, x) in tile.iter_mut().zip(&row[t * TILE..][..steps]) {
                *v = T::narrow(*x);
            }
        }
        put(&tile, panel);
    }
}

fn put<T: Element>(tile: &[[T; TILE]; PANEL], panel: &mut [T]) {
    for (j, to) in panel.chunks_exact_mut(PANEL).enumerate() {
        for (to, row) in to.iter_mut().zip(tile) {
            *to = row[j];
        }
    }
}
