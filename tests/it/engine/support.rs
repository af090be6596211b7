//! Models and reference data of the engine tests.

use serde_json::Value;
use steerscope::engine::{Cancel, Hook, Keep, KvCache, Model, Part, Place, Rows};
use steerscope::units::BlockIndex;

pub(crate) use crate::reference::{json, shared, stories};

pub(crate) fn ids(value: &Value) -> Vec<u32> {
    floats(value).iter().map(|v| *v as u32).collect()
}

pub(crate) fn floats(value: &Value) -> Vec<f32> {
    value
        .as_array()
        .expect("a list")
        .iter()
        .map(|v| v.as_f64().expect("a number") as f32)
        .collect()
}

/// Adds `coefficient[sequence] · vector` at one block from `from[sequence]` on, and keeps what it sees.
#[derive(Default, Clone)]
pub(crate) struct Edit {
    pub(crate) block: usize,
    pub(crate) vector: Vec<f32>,
    pub(crate) coefficients: Vec<f32>,
    pub(crate) from: Vec<usize>,
}

impl Hook for Edit {
    fn wants(&self, block: BlockIndex) -> bool {
        block.0 == self.block && self.coefficients.iter().any(|c| *c != 0.0)
    }

    fn visit(&mut self, _: BlockIndex, places: &[Place], rows: &mut [f32], width: usize) {
        for (place, row) in places.iter().zip(rows.chunks_exact_mut(width)) {
            let c = self.coefficients[place.sequence];
            if c != 0.0 && place.position >= self.from[place.sequence] {
                for (h, v) in row.iter_mut().zip(&self.vector) {
                    *h += c * v;
                }
            }
        }
    }

    fn first_edit(&self, sequence: usize) -> usize {
        if self.coefficients[sequence] == 0.0 {
            usize::MAX
        } else {
            self.from[sequence]
        }
    }
}

/// Runs an inner hook and records the rows after it at every block.
pub(crate) struct Record<H> {
    pub(crate) inner: H,
    pub(crate) seen: Vec<(usize, Vec<Place>, Vec<f32>)>,
}

impl<H: Hook> Record<H> {
    pub(crate) fn new(inner: H) -> Self {
        Self {
            inner,
            seen: Vec::new(),
        }
    }

    /// Row of a place after a block.
    pub(crate) fn row(
        &self,
        block: usize,
        sequence: usize,
        position: usize,
        width: usize,
    ) -> &[f32] {
        for (b, places, rows) in &self.seen {
            if *b == block
                && let Some(i) = places
                    .iter()
                    .position(|p| *p == Place { sequence, position })
            {
                return &rows[i * width..(i + 1) * width];
            }
        }
        panic!("no row of block {block}, sequence {sequence}, position {position}");
    }
}

impl<H: Hook> Hook for Record<H> {
    fn wants(&self, _: BlockIndex) -> bool {
        true
    }

    fn visit(&mut self, block: BlockIndex, places: &[Place], rows: &mut [f32], width: usize) {
        if self.inner.wants(block) {
            self.inner.visit(block, places, rows, width);
        }
        self.seen.push((block.0, places.to_vec(), rows.to_vec()));
    }
}

/// One sequence from nothing: all final rows.
pub(crate) fn forward(model: &Model, ids: &[u32], hook: &mut dyn Hook) -> Rows {
    let mut cache = KvCache::new(model, 1);
    let part = [Part { sequence: 0, ids }];
    model
        .extend(&mut cache, &part, Keep::All, hook, &Cancel::never())
        .expect("a forward pass")
}

pub(crate) fn assert_close(got: &[f32], want: &[f32], tolerance: f32, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}: lengths");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!(
            (g - w).abs() <= tolerance,
            "{what}: value {i} is {g}, expected {w}"
        );
    }
}
