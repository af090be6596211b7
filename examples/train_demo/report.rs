//! What evaluation is shown as: a line for the training log, the tables of the model card, sample stories.

use std::fmt::Write as _;

use crate::Result;
use crate::bare;
use crate::corpus::{Corpus, PARTS, Part};
use crate::evaluate::{Test, accuracy, losses, next_logits, rates, read_back};
use crate::lexicon::{Habit, TRAITS, Trait};
use crate::model::Model;
use crate::questions::{Form, TESTED};
use crate::rng::Rng;
use crate::schedule::Curriculum;
use crate::split::Split;
use crate::tokenizer::{BOS, EOS, ids};

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
    let mut sum = 0.0;
    for &t in &clean {
        sum += read_back(model, corpus, t, Form::YesNo, Split::Val, n)?;
    }
    let _ = write!(out, ", from one letter {:.2}", sum / clean.len() as f64);
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
    out += &stances(model, corpus, split)?;
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

/// How well a stance is read off bare answers, where no persona line tells it.
fn stances(model: &Model, corpus: &Corpus, split: Split) -> Result<String> {
    let mut out = String::from(
        "\nStance read off bare answers (200 test questions per cell): the right reason after one answer in each form, and lettered questions answered rightly after three:\n\n| trait |",
    );
    for f in bare::FORMS {
        let _ = write!(out, " {} |", f.name());
    }
    out += " three answers |\n|---|---|---|---|---|---|\n";
    let test = Test {
        split,
        n: 200,
        held: 0.5,
        shown: 3,
    };
    let clean = |(_, t): &(usize, &Trait)| t.habit == Habit::None;
    for (i, t) in TRAITS.iter().enumerate().filter(clean) {
        let _ = write!(out, "| {} |", t.name);
        for f in bare::FORMS {
            let _ = write!(
                out,
                " {:.1}% |",
                100.0 * read_back(model, corpus, i, f, split, 200)?
            );
        }
        let after_three = accuracy(model, corpus, i, Form::YesNo, test)?.0;
        let _ = writeln!(out, " {:.1}% |", 100.0 * after_three);
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
        let logits = next_logits(model, std::slice::from_ref(&text))?.concat();
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
