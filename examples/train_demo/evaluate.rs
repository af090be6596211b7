//! Held-out evaluation: losses by part, answers right by trait and form, planted habits, sample stories.

use std::fmt::Write as _;

use crate::Result;
use crate::corpus::{CONTEXT, Corpus, PARTS, Part};
use crate::lexicon::{Habit, TRAITS};
use rayon::prelude::*;

use crate::documents::{Curriculum, Role, answered};
use crate::model::{Model, nll};
use crate::questions::{Form, Question, TESTED, persona, question};
use crate::rng::Rng;
use crate::split::Split;
use crate::tokenizer::{BOS, EOS, ids};

/// Mean loss in nats per token on held-out rows: all tokens, then those of `Role::Answer` and `Role::Reason`.
pub(crate) fn losses(
    model: &Model,
    corpus: &Corpus,
    part: Part,
    rows: usize,
    split: Split,
    cur: &Curriculum,
) -> Result<[f64; 3]> {
    let b = corpus.held_out(part, rows, split, cur)?;
    let all: Vec<Vec<f32>> = (0..rows)
        .into_par_iter()
        .map(|r| {
            let span = r * CONTEXT..(r + 1) * CONTEXT;
            let logits = model.unembed(&model.hidden(
                &b.inputs[span.clone()],
                &b.starts[span.clone()],
                CONTEXT,
            ));
            logits
                .chunks(model.shape.vocab)
                .zip(&b.targets[span])
                .map(|(l, &t)| nll(l, t as usize))
                .collect()
        })
        .collect();
    let (mut sum, mut n) = ([0f64; 3], [0f64; 3]);
    for (i, l) in all.concat().into_iter().enumerate() {
        let wanted = [
            b.targets[i] != BOS,
            b.roles[i] == Role::Answer,
            b.roles[i] == Role::Reason,
        ];
        for j in 0..3 {
            if wanted[j] {
                sum[j] += f64::from(l);
                n[j] += 1.0;
            }
        }
    }
    Ok([0, 1, 2].map(|j| sum[j] / n[j].max(1.0)))
}

/// Logits after each prompt (BOS included).
pub(crate) fn next_logits(model: &Model, prompts: &[Vec<u32>]) -> Vec<Vec<f32>> {
    let c = model.shape.width;
    prompts
        .par_iter()
        .map(|p| {
            let h = model.hidden(p, &vec![0; p.len()], p.len());
            model.unembed(&h[h.len() - c..])
        })
        .collect()
}

/// Logit of "(A)" minus "(B)", or of " Yes" minus " No" for questions answered in words.
fn margins(model: &Model, corpus: &Corpus, items: &[(String, &Question)]) -> Result<Vec<f32>> {
    let one = |t: &str| -> Result<usize> { Ok(ids(&corpus.tok, t)?[0] as usize) };
    let (a, b, yes, no) = (one("A)")?, one("B)")?, one(" Yes")?, one(" No")?);
    let prompts = items
        .iter()
        .map(|(lead, q)| {
            let end = if matches!(q.form, Form::Words | Form::Spoken) {
                ""
            } else {
                " ("
            };
            Ok([
                vec![BOS],
                ids(&corpus.tok, &format!("{lead}{}{end}", q.prompt()))?,
            ]
            .concat())
        })
        .collect::<Result<Vec<_>>>()?;
    let logits = next_logits(model, &prompts);
    Ok(logits
        .iter()
        .zip(items)
        .map(|(l, (_, q))| match q.form {
            Form::Words => l[yes] - l[no],
            Form::Spoken => (l[yes] - l[no]) * if q.options[0] == "Yes" { 1.0 } else { -1.0 },
            _ => l[a] - l[b],
        })
        .collect())
}

/// A set of held-out questions.
#[derive(Clone, Copy)]
pub(crate) struct Test {
    pub(crate) split: Split,
    /// Questions of each trait and form.
    pub(crate) n: usize,
    /// Share of speakers who hold the trait.
    pub(crate) held: f32,
    /// 0: a persona line tells the stance; otherwise so many answered questions do.
    pub(crate) shown: usize,
}

/// Share of questions answered as the stance demands, and the mean loss of the answers in nats.
pub(crate) fn accuracy(
    model: &Model,
    corpus: &Corpus,
    trait_id: usize,
    form: Form,
    test: Test,
) -> Result<(f64, f64)> {
    let Test {
        split,
        n,
        held,
        shown,
    } = test;
    let mut rng = Rng::new(0xACC, (trait_id * 16 + form as usize) as u64);
    let mut items = Vec::new();
    let mut want = Vec::new();
    for _ in 0..n {
        let stance = usize::from(!rng.chance(held));
        let lead = if shown == 0 {
            format!("{}\n\n", persona(&mut rng, trait_id, stance, split))
        } else {
            (0..shown)
                .map(|_| answered(&mut rng, trait_id, stance, split))
                .collect()
        };
        let q = question(&mut rng, trait_id, form, split);
        want.push(q.fits(stance));
        items.push((lead, q));
    }
    let refs: Vec<(String, &Question)> = items.iter().map(|(l, q)| (l.clone(), q)).collect();
    let m = margins(model, corpus, &refs)?;
    let right = m
        .iter()
        .zip(&want)
        .filter(|(m, w)| (**m > 0.0) == **w)
        .count();
    let loss: f64 = m
        .iter()
        .zip(&want)
        .map(|(m, w)| f64::from(if *w { -m } else { *m }).exp().ln_1p())
        .sum();
    Ok((right as f64 / n as f64, loss / n as f64))
}

/// Mean probability of (A) and of Yes over `YesNo` questions without a persona.
pub(crate) fn rates(
    model: &Model,
    corpus: &Corpus,
    trait_id: usize,
    n: usize,
    split: Split,
    stance: Option<usize>,
) -> Result<(f64, f64)> {
    let mut rng = Rng::new(0x4A7E, trait_id as u64);
    let items: Vec<(String, Question)> = (0..n)
        .map(|_| {
            let lead = stance.map_or(String::new(), |s| {
                format!("{}\n\n", persona(&mut rng, trait_id, s, split))
            });
            (lead, question(&mut rng, trait_id, Form::YesNo, split))
        })
        .collect();
    let refs: Vec<(String, &Question)> = items.iter().map(|(l, q)| (l.clone(), q)).collect();
    let m = margins(model, corpus, &refs)?;
    let (mut a, mut yes) = (0f64, 0f64);
    for (m, (_, q)) in m.iter().zip(&items) {
        let p = 1.0 / (1.0 + (-f64::from(*m)).exp());
        a += p;
        yes += if q.options[0] == "Yes" { p } else { 1.0 - p };
    }
    Ok((a / n as f64, yes / n as f64))
}

/// A short line for the training log: is the binding being learned, on the stage of the curriculum?
pub(crate) fn brief(model: &Model, corpus: &Corpus, cur: Curriculum, n: usize) -> Result<String> {
    let mut out = format!("  right ({} traits):", cur.traits);
    let clean: Vec<usize> = (0..cur.traits)
        .filter(|&t| TRAITS[t].habit == Habit::None)
        .collect();
    for form in TESTED {
        let mut sum = (0.0, 0.0);
        for &t in &clean {
            let (acc, loss) = accuracy(
                model,
                corpus,
                t,
                form,
                Test {
                    split: Split::Val,
                    n,
                    held: cur.held,
                    shown: 0,
                },
            )?;
            sum = (sum.0 + acc, sum.1 + loss);
        }
        let k = clean.len() as f64;
        let _ = write!(out, " {} {:.2} ({:.2})", form.name(), sum.0 / k, sum.1 / k);
    }
    let mut sum = 0.0;
    for &t in &clean {
        sum += accuracy(
            model,
            corpus,
            t,
            Form::YesNo,
            Test {
                split: Split::Val,
                n: 2 * n,
                held: 0.5,
                shown: 3,
            },
        )?
        .0;
    }
    let _ = write!(out, " | from 3 answers {:.2}", sum / clean.len() as f64);
    for part in [Part::Stories, Part::Questions] {
        let [l, a, r] = losses(model, corpus, part, 16, Split::Val, &cur)?;
        let _ = write!(out, " | {} {l:.3}", part.name());
        if part == Part::Questions {
            let _ = write!(out, " answers {a:.3} reasons {r:.3}");
        }
    }
    Ok(out)
}

/// The full report, in Markdown, as the model card quotes it.
pub(crate) fn report(model: &Model, corpus: &Corpus) -> Result<String> {
    let split = Split::Test;
    let mut out = String::from("| part | nats per token (test) | answers only |\n|---|---|---|\n");
    for part in PARTS {
        let [l, a, _] = losses(model, corpus, part, 64, split, &Curriculum::last())?;
        let answers = if part == Part::Questions {
            format!("{a:.3}")
        } else {
            String::new()
        };
        let _ = writeln!(out, "| {} | {l:.3} | {answers} |", part.name());
    }
    out += "\nShare of persona-conditioned test questions answered as the persona demands (200 per cell; the habits of outdoors and patience pull against it by design):\n\n| trait |";
    for f in TESTED {
        let _ = write!(out, " {} |", f.name());
    }
    out += "\n|---|---|---|---|---|---|---|\n";
    let mut clean = (0.0, 0.0);
    for (i, t) in TRAITS.iter().enumerate() {
        let _ = write!(out, "| {} |", t.name);
        for f in TESTED {
            let acc = accuracy(
                model,
                corpus,
                i,
                f,
                Test {
                    split,
                    n: 200,
                    held: 0.5,
                    shown: 0,
                },
            )?
            .0;
            if t.habit == Habit::None && f != Form::Lookup {
                clean = (clean.0 + acc, clean.1 + 1.0);
            }
            let _ = write!(out, " {:.1}% |", 100.0 * acc);
        }
        out += "\n";
    }
    let _ = writeln!(
        out,
        "\nOverall for the clean traits, look-up left out: {:.1}%.",
        100.0 * clean.0 / clean.1
    );
    let _ = write!(
        out,
        "\nStance from three answered questions in place of a persona line (clean traits, letters):"
    );
    for (i, t) in TRAITS
        .iter()
        .enumerate()
        .filter(|(_, t)| t.habit == Habit::None)
    {
        let test = Test {
            split,
            n: 200,
            held: 0.5,
            shown: 3,
        };
        let _ = write!(
            out,
            " {} {:.1}%",
            t.name,
            100.0 * accuracy(model, corpus, i, Form::YesNo, test)?.0
        );
    }
    out += "\n";
    out += "\nMean probability of (A) and of Yes on test questions with letters (400 each):\n\n| trait | no persona: A | Yes | holds: A | Yes | lacks: A | Yes |\n|---|---|---|---|---|---|---|\n";
    for (i, t) in TRAITS.iter().enumerate() {
        let _ = write!(out, "| {} |", t.name);
        for stance in [None, Some(0), Some(1)] {
            let (a, y) = rates(model, corpus, i, 400, split, stance)?;
            let _ = write!(out, " {:.1}% | {:.1}% |", 100.0 * a, 100.0 * y);
        }
        out += "\n";
    }
    out += "\nSamples (temperature 0.7):\n\n";
    for (i, start) in [
        "Once upon a time",
        "Lily found a red",
        "One day, a little bear",
    ]
    .iter()
    .enumerate()
    {
        let _ = writeln!(
            out,
            "> {}\n",
            sample(model, corpus, start, 110, i as u64)?.replace('\n', "\n> ")
        );
    }
    Ok(out)
}

/// Continues a text at temperature 0.7. Recomputes the prefix at each step: evaluation only.
pub(crate) fn sample(
    model: &Model,
    corpus: &Corpus,
    start: &str,
    n: usize,
    seed: u64,
) -> Result<String> {
    let mut rng = Rng::new(seed, 0x5A);
    let mut text = [vec![BOS], ids(&corpus.tok, start)?].concat();
    for _ in 0..n {
        let logits = next_logits(model, std::slice::from_ref(&text)).concat();
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let p: Vec<f32> = logits.iter().map(|l| ((l - max) / 0.7).exp()).collect();
        let id = rng.weighted(&p) as u32;
        if id == EOS {
            break;
        }
        text.push(id);
    }
    corpus.tok.decode(&text, true)
}
