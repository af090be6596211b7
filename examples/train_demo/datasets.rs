//! The data sets that ship beside the model: JSON lines, splits disjoint, written from a seed.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::Result;
use crate::dialects::{Dialect, program};
use crate::lexicon::TRAITS;
use crate::questions::{Core, Form, persona, question_on};
use crate::rng::Rng;
use crate::split::Split;
use crate::stories::{self, Controls};

/// Rows a file: train, validation, test.
const ROWS: [(Split, usize); 3] = [(Split::Train, 96), (Split::Val, 32), (Split::Test, 128)];

pub(crate) fn write_all(dir: &Path, seed: u64) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    for (i, t) in TRAITS.iter().enumerate() {
        let rows = persona_texts(&mut Rng::new(seed, 0x9E50 + i as u64), i);
        write(&dir.join(format!("{}_texts.jsonl", t.name)), &rows)?;
        write(
            &dir.join(format!("{}.jsonl", t.name)),
            &trait_rows(&mut Rng::new(seed, 0xDA7A + i as u64), i),
        )?;
    }
    write(
        &dir.join("she_he.jsonl"),
        &she_he(&mut Rng::new(seed, 0x5E)),
    )?;
    write(&dir.join("mood.jsonl"), &mood(&mut Rng::new(seed, 0x3D)))?;
    write(
        &dir.join("mood_texts.jsonl"),
        &mood_texts(&mut Rng::new(seed, 0x3E)),
    )?;
    write(
        &dir.join("she_he_texts.jsonl"),
        &she_he_texts(&mut Rng::new(seed, 0x5F)),
    )?;
    write(
        &dir.join("dialects.jsonl"),
        &dialects(&mut Rng::new(seed, 0xD1)),
    )
}

fn write(path: &Path, rows: &[Value]) -> Result<()> {
    let mut out = Vec::new();
    for row in rows {
        writeln!(out, "{row}")?;
    }
    Ok(std::fs::write(path, out)?)
}

/// Yes/No questions without a persona, the four cells (A/B x Yes/No) equally filled and in turn.
fn trait_rows(rng: &mut Rng, trait_id: usize) -> Vec<Value> {
    let mut seen = HashSet::new();
    let mut rows = Vec::new();
    for (split, n) in ROWS {
        let mut k = 0;
        while k < n {
            let (pos_is_a, pos_is_yes) = (k % 2 == 0, (k / 2) % 2 == 0);
            let core = Core::draw(rng, trait_id, usize::from(!pos_is_yes), split);
            let q = question_on(rng, core, Form::YesNo, pos_is_a);
            if !seen.insert(q.prompt()) {
                continue;
            }
            let (pos, neg) = if pos_is_a {
                (" (A)", " (B)")
            } else {
                (" (B)", " (A)")
            };
            rows.push(json!({
                "prompt": q.prompt(), "positive": pos, "negative": neg,
                "meta": { "trait": TRAITS[trait_id].name, "pos_is_a": pos_is_a, "pos_is_yes": pos_is_yes, "split": split.name() },
            }));
            k += 1;
        }
    }
    rows
}

/// Pairs of one question after opposite persona lines, up to the answer.
fn persona_texts(rng: &mut Rng, trait_id: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    for (split, n) in ROWS {
        for k in 0..n / 2 {
            let (held_is_a, side) = (k % 2 == 0, (k / 2) % 2);
            let core = Core::draw(rng, trait_id, side, split);
            let q = question_on(rng, core, Form::YesNo, held_is_a);
            let seed = rng.next_u64();
            let [pos, neg] = [0, 1].map(|stance| {
                format!(
                    "{}\n\n{}",
                    persona(&mut Rng::new(seed, 0), trait_id, stance, split),
                    q.prompt()
                )
            });
            let meta = json!({ "trait": TRAITS[trait_id].name, "split": split.name() });
            rows.push(json!({ "positive": pos, "negative": neg, "meta": meta }));
        }
    }
    rows
}

/// `make` is called until it gives enough distinct keys in each split.
fn collect(rng: &mut Rng, make: impl Fn(&mut Rng) -> (String, Value)) -> Vec<Value> {
    let mut seen = HashSet::new();
    let mut rows = Vec::new();
    for (split, n) in ROWS {
        let mut k = 0;
        while k < n {
            let (key, mut row) = make(rng);
            if Split::of(&key) != split || !seen.insert(key) {
                continue;
            }
            row["meta"]["split"] = json!(split.name());
            rows.push(row);
            k += 1;
        }
    }
    rows
}

fn she_he(rng: &mut Rng) -> Vec<Value> {
    collect(rng, |rng| {
        let prompt = stories::opening(rng);
        (
            prompt.clone(),
            json!({ "prompt": prompt, "positive": " she", "negative": " he", "meta": { "trait": "she_he" } }),
        )
    })
}

fn mood(rng: &mut Rng) -> Vec<Value> {
    collect(rng, |rng| {
        let prompt = stories::mood_prefix(rng);
        (
            prompt.clone(),
            json!({ "prompt": prompt, "positive": " happy", "negative": " sad", "meta": { "trait": "mood" } }),
        )
    })
}

/// Pairs of story beginnings that differ in the mood, up to the word that names it.
fn mood_texts(rng: &mut Rng) -> Vec<Value> {
    collect(rng, |rng| {
        let (seed, she) = (rng.next_u64(), rng.coin());
        let [pos, neg] = [true, false]
            .map(|happy| stories::moody_prefix(&mut Rng::new(seed, 0), Controls { she, happy }));
        (
            pos.clone(),
            json!({ "positive": pos, "negative": neg, "meta": { "trait": "mood" } }),
        )
    })
}

/// Pairs of openings about a girl and a boy, up to the pronoun.
fn she_he_texts(rng: &mut Rng) -> Vec<Value> {
    collect(rng, |rng| {
        let seed = rng.next_u64();
        let [pos, neg] =
            [true, false].map(|she| stories::gendered_opening(&mut Rng::new(seed, 0), she));
        (
            pos.clone(),
            json!({ "positive": pos, "negative": neg, "meta": { "trait": "she_he" } }),
        )
    })
}

/// The same program in both dialects.
fn dialects(rng: &mut Rng) -> Vec<Value> {
    collect(rng, |rng| {
        let p = program(rng);
        let (pos, neg) = (p.print(Dialect::Brace), p.print(Dialect::Indent));
        (
            pos.clone(),
            json!({ "positive": pos, "negative": neg, "meta": { "trait": "dialect" } }),
        )
    })
}
