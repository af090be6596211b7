//! Tails of a text from edited rows: with keys and values of their own against full passes with the same
//! edit; with frozen attention against a plain computation in f64.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use steerscope::engine::{Branch, Cancel, EngineError, Keep, KvCache, Model, NoHook, Part, Rows};
use steerscope::units::{BlockIndex, DeviceChoice};

use super::oracle::{oracles, oracles_on, relative};
use super::support::{Edit, Record};
use super::tiny::{Tensors, Tiny, direction_of, prompt, prompt_below};

/// A text's cache and residual rows.
struct Text {
    ids: Vec<u32>,
    cache: KvCache,
    record: Record<NoHook>,
    last: Rows,
}

fn read(model: &Model, ids: Vec<u32>) -> Text {
    let mut cache = KvCache::new(model, 1);
    let mut record = Record::new(NoHook);
    let part = [Part {
        sequence: 0,
        ids: &ids,
    }];
    let last = model
        .extend(&mut cache, &part, Keep::All, &mut record, &Cancel::never())
        .expect("a pass");
    Text {
        ids,
        cache,
        record,
        last,
    }
}

impl Text {
    /// Rows after `block` from `start` on, edited.
    fn edited(&self, d: usize, block: usize, start: usize, c: f32) -> Rows {
        let v = direction_of(d, 1);
        let rows = (start..self.ids.len()).flat_map(|p| {
            let row = self.record.row(block, 0, p, d).to_vec();
            row.into_iter()
                .zip(&v)
                .map(|(h, v)| h + c * v)
                .collect::<Vec<_>>()
        });
        Rows::from_vec(rows.collect(), d).expect("rows")
    }

    fn tail(&self, start: usize) -> [Branch; 1] {
        [Branch {
            sequence: 0,
            start,
            len: self.ids.len() - start,
        }]
    }
}

/// Steered rows by [`Model::rewrite`] and by one full pass, with the caches of both.
fn rewritten(model: &Model, text: &Text, block: usize, start: usize) -> [(Rows, KvCache); 2] {
    let d = model.hidden_size();
    let mut cache = text.cache.clone();
    let rows = model
        .rewrite(
            &mut cache,
            Some(BlockIndex(block)),
            &text.tail(start),
            text.edited(d, block, start, 0.8),
            &mut NoHook,
            &Cancel::never(),
        )
        .expect("a pass");
    let mut hook = Edit {
        block,
        vector: direction_of(d, 1),
        coefficients: vec![0.8],
        from: vec![start],
    };
    let mut full = KvCache::new(model, 1);
    let part = [Part {
        sequence: 0,
        ids: &text.ids,
    }];
    let all = model
        .extend(&mut full, &part, Keep::All, &mut hook, &Cancel::never())
        .expect("a pass");
    let tail = all.as_slice()[start * d..].to_vec();
    [
        (rows, cache),
        (Rows::from_vec(tail, d).expect("rows"), full),
    ]
}

fn cases(model: &Model) -> impl Iterator<Item = (Vec<u32>, usize, usize)> {
    let (vocab, n_blocks) = (model.config().vocab_size.min(97), model.n_blocks());
    [(40, 33), (38, 0), (33, 32), (9, 4)]
        .into_iter()
        .flat_map(move |(n, start)| {
            (0..n_blocks).map(move |b| (prompt_below(vocab, n, start), start, b))
        })
}

#[test]
fn a_rewritten_tail_is_one_pass_with_the_edit_bit_for_bit_in_every_family() {
    for oracle in oracles() {
        let model = &oracle.model;
        for (ids, start, block) in cases(model) {
            let text = read(model, ids);
            let [(rows, cache), (want, full)] = rewritten(model, &text, block, start);
            assert_eq!(rows, want, "{} block {block} from {start}", oracle.name);
            for b in 0..model.n_blocks() {
                for p in 0..text.ids.len() {
                    assert_eq!(cache.keys_values(b, 0, p), full.keys_values(b, 0, p));
                }
            }
        }
    }
}

#[test]
fn on_tensors_a_rewritten_tail_is_one_pass_with_the_edit() {
    for oracle in oracles_on(DeviceChoice::TensorCpu) {
        let model = &oracle.model;
        for (ids, start, block) in cases(model) {
            let text = read(model, ids);
            let [(rows, _), (want, _)] = rewritten(model, &text, block, start);
            let gap = relative(rows.as_slice(), want.as_slice());
            assert!(gap <= 1e-5, "{} block {block}: {gap:.1e}", oracle.name);
        }
    }
}

#[test]
fn frozen_rows_do_not_depend_on_each_other_and_unedited_ones_are_the_text() {
    for (oracle, tensors) in oracles()
        .into_iter()
        .zip(oracles_on(DeviceChoice::TensorCpu))
    {
        let model = &oracle.model;
        let d = model.hidden_size();
        let other = &tensors.model;
        for (ids, start, block) in cases(model) {
            let text = read(model, ids.clone());
            let frozen = |model: &Model, text: &Text, tails: &[Branch], x: Rows| {
                let after = Some(BlockIndex(block));
                model
                    .reread(&text.cache, after, tails, x, &mut NoHook, &Cancel::never())
                    .expect("a pass")
            };
            let x = text.edited(d, block, start, 0.0);
            let same = frozen(model, &text, &text.tail(start), x);
            assert_eq!(same.as_slice(), &text.last.as_slice()[start * d..]);

            let x = text.edited(d, block, start, 0.8);
            let all = frozen(model, &text, &text.tail(start), x.clone());
            let singles: Vec<Branch> = (start..text.ids.len())
                .map(|start| Branch {
                    sequence: 0,
                    start,
                    len: 1,
                })
                .collect();
            assert_eq!(
                all,
                frozen(model, &text, &singles, x.clone()),
                "{}",
                oracle.name
            );

            let there = read(other, ids);
            let got = frozen(other, &there, &there.tail(start), x);
            let gap = relative(got.as_slice(), all.as_slice());
            assert!(gap <= 1e-5, "{} block {block}: {gap:.1e}", oracle.name);
        }
    }
}

/// The blocks of a Llama above `after` for one row, in f64, with the cache's keys and values.
struct Plain<'a> {
    tensors: &'a Tensors,
    cache: &'a KvCache,
    window: Option<usize>,
}

/// Heads, heads of keys, width of a head of [`Tiny`].
const HEADS: (usize, usize, usize) = (6, 2, 10);

impl Plain<'_> {
    fn matrix(&self, b: usize, name: &str, x: &[f64]) -> Vec<f64> {
        let (shape, w) = &self.tensors[&format!("model.layers.{b}.{name}.weight")];
        let row = |r: &[f32]| r.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum();
        w.chunks_exact(shape[1]).map(row).collect()
    }

    fn norm(&self, b: usize, name: &str, x: &[f64]) -> Vec<f64> {
        let (_, w) = &self.tensors[&format!("model.layers.{b}.{name}.weight")];
        let square = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
        let scale = 1.0 / (square + 1e-5).sqrt();
        x.iter()
            .zip(w)
            .map(|(x, w)| x * scale * f64::from(*w))
            .collect()
    }

    fn attention(&self, b: usize, p: usize, queries: &[f64]) -> Vec<f64> {
        let (heads, kv_heads, d) = HEADS;
        let mut out = Vec::new();
        for h in 0..heads {
            let q = &queries[h * d..][..d];
            let turned: Vec<f64> = (0..d)
                .map(|j| {
                    let i = j % (d / 2);
                    let angle = p as f64 * 10000_f64.powf(-2.0 * i as f64 / d as f64);
                    let other = if j < d / 2 { -q[j + d / 2] } else { q[i] };
                    q[j] * angle.cos() + other * angle.sin()
                })
                .collect();
            let first = self.window.map_or(0, |w| (p + 1).saturating_sub(w));
            let own = h / (heads / kv_heads) * d;
            let seen: Vec<_> = (first..=p)
                .map(|at| self.cache.keys_values(b, 0, at).expect("cached"))
                .collect();
            let score = |key: &[f32]| {
                let products = key[own..][..d].iter().zip(&turned);
                products.map(|(k, q)| f64::from(*k) * q).sum::<f64>() / (d as f64).sqrt()
            };
            let weights: Vec<f64> = seen.iter().map(|(k, _)| score(k).exp()).collect();
            let sum: f64 = weights.iter().sum();
            out.extend((0..d).map(|j| {
                let values = seen.iter().zip(&weights);
                values
                    .map(|((_, v), w)| f64::from(v[own + j]) * w / sum)
                    .sum::<f64>()
            }));
        }
        out
    }

    fn row(&self, after: usize, n_blocks: usize, p: usize, row: &[f32]) -> Vec<f64> {
        let mut x: Vec<f64> = row.iter().map(|v| f64::from(*v)).collect();
        let add = |x: &mut [f64], y: &[f64]| x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
        for b in after + 1..n_blocks {
            let queries = self.matrix(b, "self_attn.q_proj", &self.norm(b, "input_layernorm", &x));
            let mixed = self.attention(b, p, &queries);
            add(&mut x, &self.matrix(b, "self_attn.o_proj", &mixed));
            let read = self.norm(b, "post_attention_layernorm", &x);
            let gate = self.matrix(b, "mlp.gate_proj", &read);
            let up = self.matrix(b, "mlp.up_proj", &read);
            let inner = gate
                .iter()
                .zip(&up)
                .map(|(g, u)| g / (1.0 + (-g).exp()) * u);
            add(
                &mut x,
                &self.matrix(b, "mlp.down_proj", &inner.collect::<Vec<_>>()),
            );
        }
        x
    }
}

#[test]
fn frozen_attention_is_the_plain_computation_with_pinned_keys_and_values() {
    let windowed = Tiny::default()
        .with("model_type", "mistral".into())
        .with("sliding_window", 7.into());
    for (tiny, window) in [(Tiny::default(), None), (windowed, Some(7))] {
        let (model, tensors) = (tiny.model(), tiny.tensors());
        let d = model.hidden_size();
        let text = read(&model, prompt(39, 3));
        let plain = Plain {
            tensors: &tensors,
            cache: &text.cache,
            window,
        };
        for (block, start) in [(0, 0), (0, 20), (1, 34), (3, 12)] {
            let x = text.edited(d, block, start, 0.8);
            let (after, tail) = (Some(BlockIndex(block)), text.tail(start));
            let got = model
                .reread(
                    &text.cache,
                    after,
                    &tail,
                    x.clone(),
                    &mut NoHook,
                    &Cancel::never(),
                )
                .expect("a pass");
            let mut moved: f32 = 0.0;
            for p in start..text.ids.len() {
                let i = p - start;
                let want = plain.row(block, model.n_blocks(), p, x.row(i).expect("a row"));
                let want: Vec<f32> = want.iter().map(|v| *v as f32).collect();
                let got = got.row(i).expect("a row");
                let gap = relative(got, &want);
                assert!(
                    gap < 1e-5,
                    "window {window:?} block {block} position {p}: {gap:.1e}"
                );
                // Not what attention to its own keys gives, where there are keys of its own.
                let [(own, _), _] = rewritten(&model, &text, block, start);
                moved = moved.max(relative(got, own.row(i).expect("a row")));
            }
            assert!(block == 3 || moved > 1e-3, "{moved:.1e}");
        }
    }
}

#[test]
fn a_stopped_or_refused_pass_leaves_the_cache() {
    let model = Tiny::default().model();
    let d = model.hidden_size();
    let mut text = read(&model, prompt(20, 0));
    let before: Vec<_> = (0..20).map(|p| text.cache.keys_values(3, 0, p)).collect();
    let stopped = Cancel::new(Arc::new(AtomicU64::new(2)), 1);
    assert!(stopped.is_cancelled());
    let x = text.edited(d, 0, 10, 5.0);
    let tail = text.tail(10);
    let mut cache = text.cache.clone();
    let error = model
        .rewrite(
            &mut cache,
            Some(BlockIndex(0)),
            &tail,
            x.clone(),
            &mut NoHook,
            &stopped,
        )
        .expect_err("stopped");
    assert!(error.is_cancelled());
    text.cache = cache;
    assert_eq!(
        before,
        (0..20)
            .map(|p| text.cache.keys_values(3, 0, p))
            .collect::<Vec<_>>()
    );

    let refused = |tails: &[Branch], x: &Rows| {
        let (after, never) = (Some(BlockIndex(0)), Cancel::never());
        let mut cache = text.cache.clone();
        let own = model.rewrite(&mut cache, after, tails, x.clone(), &mut NoHook, &never);
        let frozen = model.reread(&text.cache, after, tails, x.clone(), &mut NoHook, &never);
        [own, frozen].map(|done| matches!(done, Err(EngineError::Request(_))))
    };
    let branch = |start, len| Branch {
        sequence: 0,
        start,
        len,
    };
    // In the middle: frozen rows may stand anywhere, rewritten ones only at the end.
    assert_eq!(refused(&[branch(5, 10)], &x), [true, false]);
    assert_eq!(
        refused(&[branch(10, 11)], &text.edited(d, 0, 9, 1.0)),
        [true, true]
    );
    assert_eq!(refused(&[branch(10, 9)], &x), [true, true]);
    let two = text.edited(d, 0, 18, 1.0);
    assert_eq!(
        refused(&[branch(19, 1), branch(19, 1)], &two),
        [true, false]
    );
}
