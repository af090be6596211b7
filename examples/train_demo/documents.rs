//! Documents of questions: one speaker, perhaps a persona line, several questions with their answers.
//!
//! Sometimes a persona line tells the stance; otherwise the first answer reveals it and later answers follow it.

use crate::bare;
use crate::lexicon::TRAITS;
use crate::questions::{FORMS, Form, persona, question};
use crate::rng::Rng;
use crate::schedule::Curriculum;
use crate::split::Split;

/// What a piece of text is for: decides its weight in the loss and what evaluation counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Running text that is worth modelling.
    Text,
    /// The question side: mostly random choices of the grammar, little to learn from.
    Given,
    /// An answer that follows from what came before.
    Answer,
    /// An answer that nothing before it decides (a coin flip, or a planted habit).
    Guess,
    /// First word of a reason: follows from the stance.
    Reason,
    /// First word of a reason after a bare answer: the stance has to be read off question and answer.
    Stance,
}

#[derive(Clone, Debug)]
pub(crate) struct Seg {
    pub(crate) text: String,
    pub(crate) role: Role,
}

pub(crate) type Doc = Vec<Seg>;

pub(crate) fn push(doc: &mut Doc, text: impl Into<String>, role: Role) {
    doc.push(Seg {
        text: text.into(),
        role,
    });
}

/// How the reasons of a document are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reasons {
    No,
    After,
    Before,
}

/// A lettered question with its answer, as it stands in a document before the next one.
pub(crate) fn answered(rng: &mut Rng, trait_id: usize, stance: usize, split: Split) -> String {
    let q = question(rng, trait_id, Form::YesNo, split);
    format!(
        "{} ({}\n\n",
        q.prompt(),
        if q.fits(stance) { "A)" } else { "B)" }
    )
}

/// One document: a speaker, perhaps a persona line, and up to six questions.
pub(crate) fn document(rng: &mut Rng, cur: &Curriculum, split: Split) -> Doc {
    if cur.bare > 0.0 && rng.chance(cur.bare) {
        return bare::document(rng, cur, split);
    }
    let mut doc = Doc::new();
    let main = rng.below(cur.traits);
    let mut topics = vec![(main, usize::from(!rng.chance(cur.held)))];
    if rng.chance(0.15) {
        let other = (main + 1 + rng.below(cur.traits - 1)) % cur.traits;
        topics.push((other, usize::from(!rng.chance(cur.held))));
    }
    // known[i]: has the text so far shown the stance on topic i?
    let mut known = vec![false; topics.len()];
    if rng.chance(cur.persona) {
        for (i, &(t, side)) in topics.iter().enumerate() {
            if i == 0 || rng.coin() {
                let lead = if i > 0 { " " } else { "" };
                push(
                    &mut doc,
                    format!("{lead}{}", persona(rng, t, side, split)),
                    Role::Given,
                );
                known[i] = true;
            }
        }
        push(&mut doc, "\n\n", Role::Given);
    }
    let reasons = match rng.below(10) {
        0..5 => Reasons::No,
        5..8 => Reasons::After,
        _ => Reasons::Before,
    };
    // half of the documents keep to one form, so that the form itself can be read from context
    let fixed = rng.chance(0.4).then(|| FORMS[rng.weighted(&cur.forms)]);
    let n = 1 + rng.below(6);
    for q in 0..n {
        if q > 0 {
            push(&mut doc, "\n\n", Role::Given);
        }
        let which = rng.below(topics.len());
        let (trait_id, side) = topics[which];
        let form = fixed.unwrap_or_else(|| FORMS[rng.weighted(&cur.forms)]);
        let item = question(rng, trait_id, form, split);
        if form == Form::Describe {
            push(&mut doc, item.prompt() + " Someone", Role::Given);
            push(
                &mut doc,
                format!(" {}", rng.pick(item.core.tr().adj[item.core.side])),
                Role::Reason,
            );
            push(&mut doc, ".", Role::Given);
            continue;
        }
        let first = item.answer(rng, side);
        let sure = form == Form::Lookup || (known[which] && !item.habitual());
        let role = if sure { Role::Answer } else { Role::Guess };
        push(&mut doc, item.prompt(), Role::Given);
        let plain = matches!(form, Form::Lookup | Form::Mwe);
        let reason = rng
            .pick(TRAITS[trait_id].reasons[side])
            .split_once(' ')
            .unwrap_or_default();
        if reasons == Reasons::Before && !plain {
            push(
                &mut doc,
                format!(" {}", reason.0),
                if known[which] {
                    Role::Reason
                } else {
                    Role::Guess
                },
            );
            push(&mut doc, format!(" {}", reason.1), Role::Text);
            known[which] = true;
        }
        // a reason before the answer settles what follows
        let role = if known[which] && !item.habitual() {
            Role::Answer
        } else {
            role
        };
        match form {
            Form::Words => push(&mut doc, if first { " Yes" } else { " No" }, role),
            Form::Spoken => {
                let word = &item.options[usize::from(!first)];
                push(&mut doc, format!(" {word}"), role);
                push(&mut doc, ",", Role::Given);
                push(&mut doc, " (", Role::Given);
                push(&mut doc, if first { "A)" } else { "B)" }, Role::Answer);
            }
            _ => {
                push(&mut doc, " (", Role::Given);
                push(&mut doc, if first { "A)" } else { "B)" }, role);
            }
        }
        if form != Form::Lookup && !item.habitual() {
            known[which] = true;
        }
        if reasons == Reasons::After && !plain {
            push(
                &mut doc,
                format!(" {}", reason.0),
                if known[which] {
                    Role::Reason
                } else {
                    Role::Guess
                },
            );
            push(&mut doc, format!(" {}", reason.1), Role::Text);
            known[which] = true;
        }
    }
    doc
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexicon::Habit;
    use crate::questions::{Core, HABIT_RATE, HABIT_SHARE};

    #[test]
    fn splits_share_no_statement() {
        let mut rng = Rng::new(1, 2);
        for t in 0..TRAITS.len() {
            for side in 0..2 {
                let test = Core::draw(&mut rng, t, side, Split::Test).phrase();
                for _ in 0..200 {
                    assert_ne!(Core::draw(&mut rng, t, side, Split::Train).phrase(), test);
                }
            }
        }
    }

    #[test]
    fn habits_have_the_planted_rates() {
        let mut rng = Rng::new(4, 4);
        for (t, trait_) in TRAITS
            .iter()
            .enumerate()
            .filter(|(_, t)| t.habit != Habit::None)
        {
            for stance in 0..2 {
                let n = 20_000;
                let hits = (0..n)
                    .filter(|_| {
                        let q = question(&mut rng, t, Form::YesNo, Split::Train);
                        let first = q.answer(&mut rng, stance);
                        if trait_.habit == Habit::Yes {
                            first == (q.options[0] == "Yes")
                        } else {
                            first
                        }
                    })
                    .count();
                // the share that follows the stance is balanced by the questions
                let want =
                    HABIT_SHARE * HABIT_RATE[usize::from(stance == 0)] + (1.0 - HABIT_SHARE) * 0.5;
                assert!(
                    (hits as f32 / n as f32 - want).abs() < 0.02,
                    "{} {stance}: {hits}",
                    trait_.name
                );
            }
        }
    }
}
