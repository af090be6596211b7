//! Causal grouped-query attention over ragged packed rows, without materialised masks and without
//! repeating keys and values per query head.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp1, Layout, Shape};
use rayon::prelude::*;

use super::cache::{Geometry, Page};
use super::kernel::{Isa, Left, PANEL, Panel, Shared, Store, Target, product, row, softcap};
use super::ops::contiguous;
use super::rope::Rope;
use super::scratch;
use super::threads::in_pool_thread;

/// Query rows (positions × heads of a group) of one tile.
const TILE: usize = 12;
/// Multiply-adds below which one thread is faster than waking the others.
const ALONE: usize = 1 << 18;

/// One query position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query {
    /// Row of the stacked queries, keys and values.
    pub(super) row: usize,
    /// First visible position: 0 without a window.
    pub(super) first: usize,
    /// Positions visible in the cache.
    pub(super) cached: usize,
    /// First row whose key and value are the branch's own.
    pub(super) own_row: usize,
    /// Own rows visible.
    pub(super) own: usize,
}

/// Queries that see the same pages.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) pages: &'a [Page],
    pub(super) queries: Range<usize>,
    /// Rows of the branches' own keys and values; empty when the cache holds everything.
    pub(super) own: Range<usize>,
}

/// `(rows, (h + 2 h_kv) d) → (queries, h d)`.
pub(super) struct Attention<'a> {
    pub(super) geometry: Geometry,
    pub(super) rope: &'a Rope,
    /// Absolute position of every row.
    pub(super) positions: &'a [usize],
    /// Rows that take the frequencies of long texts; empty where none does.
    pub(super) long: &'a [bool],
    pub(super) queries: &'a [Query],
    pub(super) jobs: &'a [Job<'a>],
    /// Factor of the scores.
    pub(super) scale: f32,
    /// Scores become `cap · tanh(score / cap)`.
    pub(super) cap: Option<f32>,
}

impl CustomOp1 for Attention<'_> {
    fn name(&self) -> &'static str {
        "gqa-attention"
    }

    fn cpu_fwd(
        &self,
        qkv: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let qkv = contiguous(qkv, layout)?;
        let g = self.geometry;
        let mut out = scratch::values(self.queries.len() * g.heads * g.head_dim);
        let target = Shared::new(&mut out);
        let visible: usize = self
            .queries
            .iter()
            .map(|q| q.cached + q.own - q.first)
            .sum();
        let task = |i: usize| self.head(&self.jobs[i / g.kv_heads], i % g.kv_heads, qkv, target);
        let tasks = self.jobs.len() * g.kv_heads;
        if visible * g.heads * g.head_dim * 2 < ALONE || !in_pool_thread() {
            (0..tasks).for_each(task);
        } else {
            (0..tasks).into_par_iter().for_each(task);
        }
        Ok((
            CpuStorage::F32(out),
            Shape::from((self.queries.len(), g.heads * g.head_dim)),
        ))
    }
}

impl Attention<'_> {
    /// All query heads of one key/value head for one job.
    fn head(&self, job: &Job<'_>, h: usize, qkv: &[f32], out: Shared) {
        let g = self.geometry;
        let group = g.heads / g.kv_heads;
        let own_keys = self.own_keys(job, h, qkv);
        let rows = job.queries.len() * group;
        let mut scratch = Scratch::default();
        let mut first = 0;
        while first < rows {
            let last = rows.min(first + TILE);
            self.tile(job, h, first..last, qkv, &own_keys, &mut scratch);
            for (i, r) in (first..last).enumerate() {
                let (query, head) = (job.queries.start + r / group, h * group + r % group);
                let from = &scratch.out[i * g.value_width()..][..g.head_dim];
                #[expect(
                    unsafe_code,
                    reason = "tasks write disjoint rows and heads of the result"
                )]
                // SAFETY: this query and head belong to this job and key/value head alone.
                let to = unsafe { out.slice((query * g.heads + head) * g.head_dim, g.head_dim) };
                to.copy_from_slice(from);
            }
            first = last;
        }
    }

    /// The rotation of a row.
    fn rope_of(&self, row: usize) -> &Rope {
        self.rope.side(self.long.get(row) == Some(&true))
    }

    /// Rotated own keys of the job as panels of 32 rows.
    fn own_keys(&self, job: &Job<'_>, h: usize, qkv: &[f32]) -> Vec<f32> {
        let g = self.geometry;
        let d = g.head_dim;
        let mut panels = vec![0.0; job.own.len().div_ceil(PANEL) * d * PANEL];
        let mut key = vec![0.0; d];
        for (i, r) in job.own.clone().enumerate() {
            self.rope_of(r).rotate(
                self.positions[r],
                &qkv[r * g.qkv() + (g.heads + h) * d..][..d],
                &mut key,
            );
            let panel = &mut panels[i / PANEL * d * PANEL..];
            for (v, to) in key
                .iter()
                .zip(panel.iter_mut().skip(i % PANEL).step_by(PANEL))
            {
                *to = *v;
            }
        }
        panels
    }

    /// Up to [`TILE`] query rows `rows` (position-major, head-minor) of a job; result in `scratch.out`.
    fn tile(
        &self,
        job: &Job<'_>,
        h: usize,
        rows: Range<usize>,
        qkv: &[f32],
        own_keys: &[f32],
        scratch: &mut Scratch,
    ) {
        let g = self.geometry;
        let (d, group, isa) = (g.head_dim, g.heads / g.kv_heads, Isa::best());
        let query = |r: usize| &self.queries[job.queries.start + r / group];
        let m = rows.len();
        scratch.queries.resize(TILE * d, 0.0);
        for (i, r) in rows.clone().enumerate() {
            let q = query(r);
            let src = &qkv[q.row * g.qkv() + (h * group + r % group) * d..][..d];
            self.rope_of(q.row).rotate(
                self.positions[q.row],
                src,
                &mut scratch.queries[i * d..][..d],
            );
        }
        let left = Left {
            data: &scratch.queries,
            stride: d,
            m,
            k: d,
        };

        let cached = rows.clone().map(|r| query(r).cached).max().unwrap_or(0);
        let own = rows.clone().map(|r| query(r).own).max().unwrap_or(0);
        let first = rows.clone().map(|r| query(r).first).min().unwrap_or(0);
        // Scores stand by position, from the first page on that anyone sees.
        let base = first.min(cached) / PANEL * PANEL;
        let cached = cached - base;
        let stride = cached.next_multiple_of(PANEL) + own + PANEL;
        scratch.scores.resize(TILE * stride, 0.0);
        let pages = &job.pages[base / PANEL..][..cached.div_ceil(PANEL)];
        for (p, page) in pages.iter().enumerate() {
            let keys = Panel::rows(&page[g.keys(h)..][..d * PANEL], PANEL);
            product(
                isa,
                left,
                keys,
                Target {
                    data: &mut scratch.scores[p * PANEL..],
                    stride,
                },
                Store::Set,
            );
        }
        if own > 0 {
            let scores = &mut scratch.scores[..];
            self.own_scores(job, &rows, left, own_keys, scores, (stride, base));
        }

        for (i, r) in rows.clone().enumerate() {
            let q = query(r);
            let scores = &mut scratch.scores[i * stride..][..stride];
            let (hidden, visible) = scores.split_at_mut(q.first.max(base) - base);
            hidden.fill(0.0);
            let (visible, rest) = visible.split_at_mut(q.cached + q.own - q.first.max(base));
            match self.cap {
                None => row::softmax(isa, visible, self.scale),
                Some(cap) => {
                    softcap(isa, visible, self.scale, cap);
                    row::softmax(isa, visible, 1.0);
                }
            }
            if q.own == 0 {
                rest[..base + cached - q.cached].fill(0.0);
            }
        }

        let width = g.value_width();
        scratch.out.clear();
        scratch.out.resize(TILE * width, 0.0);
        for (p, page) in pages.iter().enumerate() {
            let k = PANEL.min(cached - p * PANEL);
            let weights = Left {
                data: &scratch.scores[p * PANEL..],
                stride,
                m,
                k,
            };
            for column in (0..width).step_by(PANEL) {
                let values = Panel::rows(&page[g.values(h) + column..], width);
                let target = Target {
                    data: &mut scratch.out[column..],
                    stride: width,
                };
                product(isa, weights, values, target, Store::Continue);
            }
        }
        for (i, r) in rows.enumerate() {
            let q = query(r);
            for j in 0..q.own {
                let value = &qkv[(q.own_row + j) * g.qkv() + (g.heads + g.kv_heads + h) * d..][..d];
                let weight = scratch.scores[i * stride + q.cached - base + j];
                row::axpy(isa, weight, value, &mut scratch.out[i * width..][..d]);
            }
        }
    }

    /// Scores against the branches' own keys, put behind each row's cached ones.
    fn own_scores(
        &self,
        job: &Job<'_>,
        rows: &Range<usize>,
        left: Left<'_>,
        own_keys: &[f32],
        scores: &mut [f32],
        (stride, base): (usize, usize),
    ) {
        let g = self.geometry;
        let (d, group) = (g.head_dim, g.heads / g.kv_heads);
        let query = |r: usize| &self.queries[job.queries.start + r / group];
        let lanes = |q: &Query| q.own_row - job.own.start..q.own_row - job.own.start + q.own;
        let low = rows
            .clone()
            .map(|r| lanes(query(r)).start)
            .min()
            .unwrap_or(0);
        let high = rows.clone().map(|r| lanes(query(r)).end).max().unwrap_or(0);
        let mut tile = [0.0; TILE * PANEL];
        for p in low / PANEL..high.div_ceil(PANEL) {
            let keys = Panel::rows(&own_keys[p * d * PANEL..][..d * PANEL], PANEL);
            product(
                Isa::best(),
                left,
                keys,
                Target {
                    data: &mut tile,
                    stride: PANEL,
                },
                Store::Set,
            );
            for (i, r) in rows.clone().enumerate() {
                let q = query(r);
                let wanted = lanes(q);
                for lane in wanted.start.max(p * PANEL)..wanted.end.min((p + 1) * PANEL) {
                    scores[i * stride + q.cached - base + lane - wanted.start] =
                        tile[i * PANEL + lane % PANEL];
                }
            }
        }
    }
}

/// Buffers that the tiles of a task reuse.
#[derive(Default)]
struct Scratch {
    queries: Vec<f32>,
    scores: Vec<f32>,
    out: Vec<f32>,
}
