//! A plain check that the model can be steered at all: mean-difference vectors from the training rows of a data
//! set, per-input slopes on its test rows, at every block. The product measures the same with its own engine.

use std::fmt::Write as _;
use std::path::Path;

use rayon::prelude::*;
use serde_json::Value;
use tokenizers::Tokenizer;

use crate::Result;
use crate::model::Model;
use crate::rng::Rng;
use crate::tokenizer::{BOS, ids};

const GRID: [f32; 7] = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5];

/// One input: the tokens up to the answer token, and the two answer tokens.
struct Item {
    prefix: Vec<u32>,
    answers: [u32; 2],
    /// Last position of the bare prompt: steering starts here.
    from: usize,
}

fn items(tok: &Tokenizer, path: &Path, split: &str) -> Result<Vec<Item>> {
    let text = std::fs::read_to_string(path)?;
    let mut out = Vec::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line)?;
        if row["meta"]["split"] != split {
            continue;
        }
        let get = |k: &str| {
            row[k]
                .as_str()
                .ok_or_else(|| format!("{}: no {k}", path.display()))
        };
        let prompt = [vec![BOS], ids(tok, get("prompt")?)?].concat();
        let both = ["positive", "negative"].map(|k| -> Result<Vec<u32>> {
            Ok([
                vec![BOS],
                ids(tok, &format!("{}{}", get("prompt")?, get(k)?))?,
            ]
            .concat())
        });
        let [pos, neg] = both;
        let (pos, neg) = (pos?, neg?);
        let k = pos
            .iter()
            .zip(&neg)
            .position(|(a, b)| a != b)
            .ok_or("equal answers")?;
        out.push(Item {
            prefix: pos[..k].to_vec(),
            answers: [pos[k], neg[k]],
            from: prompt.len() - 1,
        });
    }
    Ok(out)
}

impl Item {
    fn with_answer(&self, i: usize) -> Vec<u32> {
        [self.prefix.clone(), vec![self.answers[i]]].concat()
    }

    /// Logit of the positive answer minus that of the negative one, with `w` added after block `b`.
    fn margin(&self, model: &Model, b: usize, w: &[f32]) -> f32 {
        let c = model.shape.width;
        let h = model.hidden_with(&self.prefix, |i, x| {
            if i == b {
                for (p, row) in x.chunks_mut(c).enumerate() {
                    if p >= self.from {
                        row.iter_mut().zip(w).for_each(|(x, w)| *x += w);
                    }
                }
            }
        });
        let l = model.unembed(&h[h.len() - c..]);
        l[self.answers[0] as usize] - l[self.answers[1] as usize]
    }
}

/// Texts whose last tokens are compared: rows with whole texts as they are, others up to the answer token.
fn pairs(tok: &Tokenizer, path: &Path) -> Result<Vec<[Vec<u32>; 2]>> {
    let text = std::fs::read_to_string(path)?;
    let mut out = Vec::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line)?;
        if row["meta"]["split"] == "train" && row["prompt"].is_null() {
            let ids = |k: &str| -> Result<Vec<u32>> {
                Ok([vec![BOS], ids(tok, row[k].as_str().unwrap_or_default())?].concat())
            };
            out.push([ids("positive")?, ids("negative")?]);
        }
    }
    if out.is_empty() {
        out = items(tok, path, "train")?
            .iter()
            .map(|it| [it.with_answer(0), it.with_answer(1)])
            .collect();
    }
    Ok(out)
}

/// Mean difference at the last token after every block.
fn vectors(model: &Model, pairs: &[[Vec<u32>; 2]]) -> Vec<Vec<f32>> {
    let c = model.shape.width;
    let last = |text: &[u32]| {
        let mut out = Vec::new();
        model.hidden_with(text, |_, x| out.push(x[x.len() - c..].to_vec()));
        out
    };
    let diffs: Vec<Vec<Vec<f32>>> = pairs
        .par_iter()
        .map(|[p, n]| {
            let (p, n) = (last(p), last(n));
            p.iter()
                .zip(&n)
                .map(|(p, n)| p.iter().zip(n).map(|(p, n)| p - n).collect())
                .collect()
        })
        .collect();
    (0..model.shape.blocks)
        .map(|b| {
            (0..c)
                .map(|j| diffs.iter().map(|d| d[b][j]).sum::<f32>() / diffs.len() as f32)
                .collect()
        })
        .collect()
}

/// Least-squares slopes of the margin over the grid, one an input.
fn slopes(model: &Model, items: &[Item], b: usize, v: &[f32]) -> Vec<f32> {
    items
        .par_iter()
        .map(|it| {
            let sum: f32 = GRID
                .iter()
                .map(|&lam| {
                    lam * it.margin(model, b, &v.iter().map(|v| lam * v).collect::<Vec<_>>())
                })
                .sum();
            sum / 7.0
        })
        .collect()
}

fn norm(v: &[f32]) -> f32 {
    v.iter().map(|x| x * x).sum::<f32>().sqrt()
}

/// Median norm of the residual stream after every block, first positions left out.
fn residual_norms(model: &Model, items: &[Item]) -> Vec<f32> {
    let c = model.shape.width;
    let mut all = vec![Vec::new(); model.shape.blocks];
    for it in items.iter().take(8) {
        model.hidden_with(&it.prefix, |b, x| {
            all[b].extend(x.chunks(c).skip(1).map(norm));
        });
    }
    for v in &mut all {
        v.sort_by(f32::total_cmp);
    }
    all.iter().map(|v| v[v.len() / 2]).collect()
}

/// One line per block: mean slope, anti-steerable share, and the same for a random vector of equal norm.
pub(crate) fn report(
    model: &Model,
    tok: &Tokenizer,
    from: &Path,
    path: &Path,
    n: usize,
) -> Result<String> {
    let train = pairs(tok, from)?;
    let mut test = items(tok, path, "test")?;
    test.truncate(n);
    let mut out = format!("{} -> {}\n", from.display(), path.display());
    let sizes = residual_norms(model, &test);
    for (b, v) in vectors(model, &train).iter().enumerate() {
        let size = sizes[b];
        let mut rng = Rng::new(7, b as u64);
        let r: Vec<f32> = (0..v.len()).map(|_| rng.normal()).collect();
        let scale = norm(v) / norm(&r);
        let r: Vec<f32> = r.iter().map(|x| x * scale).collect();
        let stat = |s: &[f32]| {
            let mean = s.iter().sum::<f32>() / s.len() as f32;
            (
                mean,
                100.0 * s.iter().filter(|s| **s <= 0.0).count() as f32 / s.len() as f32,
            )
        };
        let (s, q) = (
            stat(&slopes(model, &test, b, v)),
            stat(&slopes(model, &test, b, &r)),
        );
        let _ = writeln!(
            out,
            "  block {b}: norm {:.2} of {size:.1}, slope {:+.3}, anti-steerable {:.0}%; random {:+.3}, {:.0}%",
            norm(v),
            s.0,
            s.1,
            q.0,
            q.1
        );
    }
    Ok(out)
}
