//! Held-out evaluation: losses by part, answers right by trait and form, stances read off answers, planted habits.

use crate::Result;
use crate::corpus::{CONTEXT, Corpus, Part};
use crate::lexicon::TRAITS;
use rayon::prelude::*;

use crate::documents::{Role, answered};
use crate::model::{Model, nll};
use crate::questions::{Form, Question, persona, question};
use crate::rng::Rng;
use crate::schedule::Curriculum;
use crate::split::Split;
use crate::tokenizer::{BOS, ids};

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
    let all = (0..rows)
        .into_par_iter()
        .map(|r| {
            let span = r * CONTEXT..(r + 1) * CONTEXT;
            let (inputs, starts) = (&b.inputs[span.clone()], &b.starts[span.clone()]);
            let logits = model.unembed(&model.hidden(inputs, starts, CONTEXT)?)?;
            let targets = &b.targets[span];
            Ok((logits.iter().zip(targets))
                .map(|(l, &t)| nll(l, t as usize))
                .collect())
        })
        .collect::<Result<Vec<Vec<f32>>>>()?;
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
pub(crate) fn next_logits(model: &Model, prompts: &[Vec<u32>]) -> Result<Vec<Vec<f32>>> {
    prompts
        .par_iter()
        .map(|p| {
            let hidden = model.hidden(p, &vec![0; p.len()], p.len())?;
            Ok(model.unembed(&hidden.narrow(0, p.len() - 1, 1)?)?.concat())
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
    let logits = next_logits(model, &prompts)?;
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

/// Answers whose stance is told by nothing but themselves: share after which a reason of the right side is likelier.
pub(crate) fn read_back(
    model: &Model,
    corpus: &Corpus,
    trait_id: usize,
    form: Form,
    split: Split,
    n: usize,
) -> Result<f64> {
    let mut rng = Rng::new(0x8EAD, (trait_id * 16 + form as usize) as u64);
    let words = TRAITS[trait_id].reasons.map(|reasons| {
        let first = |r: &&str| Ok(ids(&corpus.tok, &format!(" {r}"))?[0] as usize);
        reasons.iter().map(first).collect::<Result<Vec<usize>>>()
    });
    let [held, lacked] = words;
    let words = [held?, lacked?];
    let (mut prompts, mut stances) = (vec![], vec![]);
    for _ in 0..n {
        let stance = usize::from(rng.coin());
        let q = question(&mut rng, trait_id, form, split);
        let first = q.fits(stance);
        let answer = match form {
            Form::Words => (if first { " Yes" } else { " No" }).to_owned(),
            _ => format!(" ({}", if first { "A)" } else { "B)" }),
        };
        prompts.push([vec![BOS], ids(&corpus.tok, &(q.prompt() + &answer))?].concat());
        stances.push(stance);
    }
    let logits = next_logits(model, &prompts)?;
    let right = logits.iter().zip(&stances).filter(|(l, stance)| {
        let mass = |words: &[usize]| words.iter().map(|w| f64::from(l[*w]).exp()).sum::<f64>();
        (mass(&words[0]) > mass(&words[1])) == (**stance == 0)
    });
    Ok(right.count() as f64 / n as f64)
}
