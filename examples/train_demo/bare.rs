//! Documents without any word on the speaker: bare answers, from which the stance has to be read.
//!
//! A vector extracted at the answer letter of a question needs a model in which that letter carries the stance. Reading
//! it there is an exclusive-or of statement, order of options and letter, which nothing in the other documents rewards:
//! a persona line or a reason tells the stance first. Here either the next word after the answer depends on it (a reason),
//! or the answers to later questions about the same trait do.

use crate::documents::{Doc, Role, push};
use crate::lexicon::TRAITS;
use crate::questions::{Core, Form, question_on};
use crate::rng::Rng;
use crate::schedule::Curriculum;
use crate::split::Split;

/// The forms in use, easy ones first.
pub(crate) const FORMS: [Form; 4] = [Form::Words, Form::Content, Form::YesNo, Form::Mwe];
/// The first so many traits have answers that tell the stance; the others answer by habit.
const CLEAN: usize = 4;

pub(crate) fn document(rng: &mut Rng, cur: &Curriculum, split: Split) -> Doc {
    let mut doc = Doc::new();
    let trait_id = rng.below(cur.traits.min(CLEAN));
    let side = usize::from(rng.coin());
    let reasons = rng.coin();
    let n = if reasons {
        1 + rng.below(2)
    } else {
        3 + rng.below(4)
    };
    let fixed = rng.chance(0.6).then(|| rng.weighted(&cur.bare_forms));
    for i in 0..n {
        if i > 0 {
            push(&mut doc, "\n\n", Role::Given);
        }
        let form = FORMS[fixed.unwrap_or_else(|| rng.weighted(&cur.bare_forms))];
        let speaks_for = usize::from(!rng.chance(cur.bias));
        let core = Core::draw(rng, trait_id, speaks_for, split);
        let yes_first = rng.chance(cur.bias);
        let held_is_a = if form == Form::Content {
            rng.coin()
        } else {
            yes_first == (speaks_for == 0)
        };
        let item = question_on(rng, core, form, held_is_a);
        let first = item.answer(rng, side);
        let role = if i > 0 { Role::Answer } else { Role::Guess };
        push(&mut doc, item.prompt(), Role::Given);
        if form == Form::Words {
            push(&mut doc, if first { " Yes" } else { " No" }, role);
        } else {
            push(&mut doc, " (", Role::Given);
            push(&mut doc, if first { "A)" } else { "B)" }, role);
        }
        if reasons {
            let reason = rng.pick(TRAITS[trait_id].reasons[side]);
            let (word, rest) = reason.split_once(' ').unwrap_or((reason, ""));
            push(&mut doc, format!(" {word}"), Role::Stance);
            push(&mut doc, format!(" {rest}"), Role::Given);
        }
    }
    doc
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexicon::Habit;

    #[test]
    fn only_traits_without_a_habit_are_told_by_their_answers() {
        assert!(TRAITS[..CLEAN].iter().all(|t| t.habit == Habit::None));
        assert!(TRAITS[CLEAN..].iter().all(|t| t.habit != Habit::None));
    }
}
