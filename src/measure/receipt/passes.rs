//! Passes with the steering hook inside a watcher that records what it did, and where.

use std::collections::BTreeMap;

use crate::engine::{
    Cancel, EngineError, Hook, HookPoint, Keep, KvCache, Model, Part, Place, Rows,
};
use crate::steering::SteerHook;
use crate::units::BlockIndex;

/// What one text left behind.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// After each block, per position: `(positions, d)`.
    pub(super) after: Vec<Vec<f32>>,
    /// At the site, before the operator.
    pub(super) before_edit: BTreeMap<usize, Vec<f32>>,
    /// At the site, after it.
    pub(super) after_edit: BTreeMap<usize, Vec<f32>>,
    /// How often the site's rows of each position were visited.
    pub(super) visits: BTreeMap<usize, usize>,
    /// After the last block, `(positions, d)`.
    pub(super) last: Vec<f32>,
}

impl Seen {
    /// Positions whose rows the operator changed.
    pub(super) fn edited(&self) -> Vec<usize> {
        let differs = |p: &&usize| self.before_edit.get(p) != self.after_edit.get(p);
        self.before_edit.keys().filter(differs).copied().collect()
    }
}

struct Watch {
    inner: SteerHook,
    site: (BlockIndex, HookPoint),
    seen: Seen,
}

impl Hook for Watch {
    fn wants(&self, _: BlockIndex) -> bool {
        true
    }

    fn wants_at(&self, block: BlockIndex, point: HookPoint) -> bool {
        point == HookPoint::ResidPost || (block, point) == self.site
    }

    fn visit_at(
        &mut self,
        block: BlockIndex,
        point: HookPoint,
        places: &[Place],
        rows: &mut [f32],
        width: usize,
    ) {
        if (block, point) == self.site {
            for (place, row) in places.iter().zip(rows.chunks_exact(width)) {
                (self.seen.before_edit).insert(place.position, row.to_vec());
            }
            if self.inner.wants_at(block, point) {
                self.inner.visit_at(block, point, places, rows, width);
            }
            for (place, row) in places.iter().zip(rows.chunks_exact(width)) {
                (self.seen.after_edit).insert(place.position, row.to_vec());
                *self.seen.visits.entry(place.position).or_default() += 1;
            }
        }
        if point == HookPoint::ResidPost {
            if self.seen.after.len() <= block.0 {
                self.seen.after.resize(block.0 + 1, Vec::new());
            }
            self.seen.after[block.0].extend_from_slice(rows);
        }
    }

    fn visit(&mut self, block: BlockIndex, places: &[Place], rows: &mut [f32], width: usize) {
        self.visit_at(block, HookPoint::ResidPost, places, rows, width);
    }
}

/// Reads one text in pieces of the given lengths under a hook, on a cache that may have served before.
pub(super) fn watched(
    model: &Model,
    cache: &mut KvCache,
    ids: &[u32],
    pieces: &[usize],
    hook: SteerHook,
    site: (BlockIndex, HookPoint),
    cancel: &Cancel,
) -> Result<Seen, EngineError> {
    cache.truncate(0, 0);
    let mut watch = Watch {
        inner: hook,
        site,
        seen: Seen::default(),
    };
    let mut rest = ids;
    for n in pieces {
        let (piece, later) = rest.split_at(*n.min(&rest.len()));
        rest = later;
        let part = [Part {
            sequence: 0,
            ids: piece,
        }];
        let rows = model.extend(cache, &part, Keep::All, &mut watch, cancel)?;
        watch.seen.last.extend_from_slice(rows.as_slice());
    }
    Ok(watch.seen)
}

/// Logits of rows after the last block, one list per row.
pub(super) fn logits(model: &Model, rows: &[f32]) -> Result<Vec<Vec<f32>>, EngineError> {
    let vocab = model.config().vocab_size;
    let all = model.logits(&Rows::from_vec(rows.to_vec(), model.hidden_size())?)?;
    Ok(all.chunks_exact(vocab).map(<[f32]>::to_vec).collect())
}
