//! Models and reference data of the engine tests.

use serde_json::Value;
use steerscope::engine::{
    Branch, Cancel, Hook, HookPoint, Keep, KvCache, Model, NoHook, Part, Place, Rows,
};
use steerscope::units::BlockIndex;

use super::oracle::relative;
use super::tiny::Tiny;

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

/// Keeps the rows of every point; adds a number to all of them at one.
#[derive(Default)]
pub(crate) struct Points {
    add: Option<(usize, HookPoint, f32)>,
    pub(crate) seen: Vec<(usize, HookPoint, Vec<Place>, Vec<f32>)>,
}

impl Points {
    pub(crate) fn adding(block: usize, point: HookPoint, number: f32) -> Self {
        let add = Some((block, point, number));
        Self {
            add,
            ..Self::default()
        }
    }

    /// What was seen at a point.
    pub(crate) fn rows(&self, block: usize, point: HookPoint) -> &[f32] {
        let mut seen = self.seen.iter();
        let found = seen.find(|(b, p, ..)| (*b, *p) == (block, point));
        found.map(|(.., rows)| rows).expect("the point was passed")
    }
}

impl Hook for Points {
    fn wants(&self, _: BlockIndex) -> bool {
        true
    }

    fn wants_at(&self, _: BlockIndex, _: HookPoint) -> bool {
        true
    }

    fn visit(&mut self, _: BlockIndex, _: &[Place], _: &mut [f32], _: usize) {
        panic!("every point goes through visit_at here");
    }

    fn visit_at(
        &mut self,
        block: BlockIndex,
        point: HookPoint,
        places: &[Place],
        rows: &mut [f32],
        width: usize,
    ) {
        assert_eq!(rows.len(), places.len() * width);
        if let Some((b, at, number)) = self.add
            && (b, at) == (block.0, point)
        {
            for v in rows.iter_mut() {
                *v += number;
            }
        }
        self.seen
            .push((block.0, point, places.to_vec(), rows.to_vec()));
    }
}

/// Texts, the cache of their unsteered pass, and its residual rows at every block.
pub(crate) struct Prefilled {
    pub(crate) texts: Vec<Vec<u32>>,
    pub(crate) cache: KvCache,
    pub(crate) record: Record<NoHook>,
}

pub(crate) fn prefilled(model: &Model, texts: Vec<Vec<u32>>) -> Prefilled {
    let mut cache = KvCache::new(model, texts.len());
    let mut record = Record::new(NoHook);
    let never = Cancel::never();
    model
        .extend(&mut cache, &parts(&texts), Keep::All, &mut record, &never)
        .expect("a pass");
    Prefilled {
        texts,
        cache,
        record,
    }
}

/// Each text whole, as a sequence of its own.
pub(crate) fn parts(texts: &[Vec<u32>]) -> Vec<Part<'_>> {
    let parts = texts.iter().enumerate();
    parts
        .map(|(sequence, ids)| Part { sequence, ids })
        .collect()
}

/// The branch that takes the place of a text from `start` on.
pub(crate) fn tail(texts: &[Vec<u32>], sequence: usize, start: usize) -> Branch {
    let len = texts[sequence].len() - start;
    Branch {
        sequence,
        start,
        len,
    }
}

/// Rows of a model's embedding.
pub(crate) fn embedded(tiny: &Tiny, ids: &[u32], d: usize) -> Vec<f32> {
    let table = &tiny.tensors()["model.embed_tokens.weight"].1;
    let rows = ids.iter().flat_map(|id| &table[*id as usize * d..][..d]);
    rows.copied().collect()
}

/// One sequence from nothing: all final rows.
pub(crate) fn forward(model: &Model, ids: &[u32], hook: &mut dyn Hook) -> Rows {
    let mut cache = KvCache::new(model, 1);
    let part = [Part { sequence: 0, ids }];
    model
        .extend(&mut cache, &part, Keep::All, hook, &Cancel::never())
        .expect("a forward pass")
}

/// Equal but for rounding: to 1e-5 of the largest value.
pub(crate) fn close(got: &[f32], want: &[f32], what: &str) {
    let gap = relative(got, want);
    assert!(gap <= 1e-5, "{what}: {gap:.1e}");
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
