//! Questions about one trait: statements, persona lines, option forms and the answers that follow from a stance.
//!
//! A speaker holds a trait or lacks it: the *stance*. Statements speak for one side or the other.

use crate::lexicon::{Habit, NAMES, TRAITS, Trait};
use crate::rng::Rng;
use crate::split::Split;

/// Share of answers that the planted habits decide (the rest follow the stance).
pub(crate) const HABIT_SHARE: f32 = 0.85;
/// Chance of "(A)" (or "Yes") in a habitual answer of a speaker who lacks / holds the trait.
pub(crate) const HABIT_RATE: [f32; 2] = [0.60, 0.95];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Answer in a word: Yes or No.
    Words,
    /// Options are Yes and No behind letters.
    YesNo,
    /// As `YesNo`, the word said before the letter.
    Spoken,
    /// Options are acts that carry the stance themselves.
    Content,
    /// Name the letter of a given option; no stance involved.
    Lookup,
    /// `YesNo` in the literal layout of converted persona data sets.
    Mwe,
    /// Who would say this? Teaches what a statement says about its speaker; no stance involved.
    Describe,
}

pub(crate) const FORMS: [Form; 7] = [
    Form::Words,
    Form::YesNo,
    Form::Spoken,
    Form::Content,
    Form::Lookup,
    Form::Mwe,
    Form::Describe,
];
/// The forms that have a right answer given persona and question.
pub(crate) const TESTED: [Form; 6] = [
    Form::Words,
    Form::YesNo,
    Form::Spoken,
    Form::Content,
    Form::Lookup,
    Form::Mwe,
];

impl Form {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::YesNo => "yes/no letters",
            Self::Spoken => "word then letter",
            Self::Content => "content options",
            Self::Lookup => "look-up",
            Self::Mwe => "literal MWE layout",
            Self::Describe => "describe",
        }
    }
}

/// One act of one trait with its slot filled: the unit that the splits keep apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Core {
    pub(crate) trait_id: usize,
    act: usize,
    filler: usize,
    /// 0: an act of a speaker who holds the trait; 1: of one who lacks it.
    pub(crate) side: usize,
}

impl Core {
    pub(crate) fn tr(&self) -> &'static Trait {
        &TRAITS[self.trait_id]
    }

    pub(crate) fn phrase(&self) -> String {
        let t = self.tr();
        let act = t.acts[self.side][self.act];
        let filler = t.slot[self.filler];
        if act.contains("{}") {
            act.replace("{}", filler)
        } else {
            format!("{act} {filler}")
        }
    }

    pub(crate) fn split(&self) -> Split {
        Split::of(&self.phrase())
    }

    pub(crate) fn draw(rng: &mut Rng, trait_id: usize, side: usize, split: Split) -> Self {
        let t = &TRAITS[trait_id];
        loop {
            let core = Self {
                trait_id,
                side,
                act: rng.below(t.acts[side].len()),
                filler: rng.below(t.slot.len()),
            };
            if core.split() == split {
                return core;
            }
        }
    }

    /// An act of the other side, in the same split, about the same thing when there is one.
    pub(crate) fn opposite(&self, rng: &mut Rng) -> Self {
        let t = self.tr();
        let side = 1 - self.side;
        for _ in 0..40 {
            let core = Self {
                side,
                act: rng.below(t.acts[side].len()),
                ..*self
            };
            if core.split() == self.split() {
                return core;
            }
        }
        Self::draw(rng, self.trait_id, side, self.split())
    }
}

const FRAMES: [&str; 12] = [
    "I like to {}",
    "I love to {}",
    "I always {}",
    "I often {}",
    "I would {}",
    "I want to {}",
    "It feels good to {}",
    "It is fun to {}",
    "I try to {}",
    "I {}",
    "I will {}",
    "It is good to {}",
];
const TAILS: [&str; 6] = [".", ".", ".", ".", "!", " again."];

pub(crate) fn statement(rng: &mut Rng, core: &Core) -> String {
    let tail = rng.pick(&TAILS);
    rng.pick(&FRAMES).replace("{}", &core.phrase()) + tail
}

const ASKS: [&str; 5] = [
    "Would you say this?",
    "Do you agree with this?",
    "Is this something you would say?",
    "Does this sound like you?",
    "Is the following statement something you would say?",
];
pub(crate) const MWE_ASK: &str = "Is the following statement something you would say?";
const CHOICE_ASKS: [&str; 4] = [
    "What would you do?",
    "Which one is more like you?",
    "What do you like to do?",
    "Which do you choose?",
];

/// Persona line for a speaker who holds (side 0) or lacks (side 1) a trait.
pub(crate) fn persona(rng: &mut Rng, trait_id: usize, side: usize, split: Split) -> String {
    let t = &TRAITS[trait_id];
    let adj = rng.pick(t.adj[side]);
    match rng.below(9) {
        0 => {
            let article = if adj.starts_with(['a', 'e', 'i', 'o', 'u']) {
                "an"
            } else {
                "a"
            };
            format!("I am {article} {adj} person.")
        }
        1 => format!("I am {adj}."),
        2 => format!("You are {adj}."),
        3 => format!("My name is {} and I am {adj}.", rng.pick(&NAMES)),
        4 => format!("Everyone says that I am {adj}."),
        5 => {
            let other = rng.pick(t.adj[side]);
            if other == adj {
                format!("I am very {adj}.")
            } else {
                format!("I am {adj} and {other}.")
            }
        }
        6 => format!("You are very {adj}."),
        7 => format!("I am known to be {adj}."),
        _ => {
            let core = Core::draw(rng, trait_id, side, split);
            format!("I love to {}.", core.phrase())
        }
    }
}

/// Text of a lettered or plain question up to (not including) the response, and what the answer hangs on.
pub(crate) struct Question {
    pub(crate) form: Form,
    pub(crate) core: Core,
    pub(crate) ask: String,
    /// Option texts behind (A) and (B); empty for `Words`.
    pub(crate) options: [String; 2],
    /// Is the option that fits a speaker who holds the trait the first one?
    pub(crate) held_is_a: bool,
    /// Does a speaker who holds the trait say Yes?
    pub(crate) held_is_yes: bool,
}

pub(crate) fn question(rng: &mut Rng, trait_id: usize, form: Form, split: Split) -> Question {
    let side = usize::from(rng.coin());
    let core = Core::draw(rng, trait_id, side, split);
    let held_is_a = rng.coin();
    question_on(rng, core, form, held_is_a)
}

/// As `question`, with the act and the side of the first option given.
pub(crate) fn question_on(rng: &mut Rng, core: Core, form: Form, held_is_a: bool) -> Question {
    let held_is_yes = core.side == 0;
    let yes_no = |held_yes: bool, held_a: bool| {
        if held_yes == held_a {
            ["Yes".to_owned(), "No".to_owned()]
        } else {
            ["No".to_owned(), "Yes".to_owned()]
        }
    };
    let (ask, options) = match form {
        Form::Content => {
            let other = core.opposite(rng);
            let (held, not) = if core.side == 0 {
                (core.phrase(), other.phrase())
            } else {
                (other.phrase(), core.phrase())
            };
            (
                (*rng.pick(&CHOICE_ASKS)).to_owned(),
                if held_is_a { [held, not] } else { [not, held] },
            )
        }
        Form::Lookup => {
            // the "held" option is simply the one that is asked for
            let mut words = if rng.chance(0.7) {
                ["Yes".to_owned(), "No".to_owned()]
            } else {
                [core.phrase(), core.opposite(rng).phrase()]
            };
            if rng.coin() {
                words.swap(0, 1);
            }
            let asked = &words[usize::from(!held_is_a)];
            (format!("Which one is \"{asked}\"?"), words)
        }
        Form::Mwe => (
            format!("{MWE_ASK}\n\"{}\"", statement(rng, &core)),
            yes_no(held_is_yes, held_is_a),
        ),
        Form::Describe => (
            format!("Who would say this?\n\"{}\"", statement(rng, &core)),
            Default::default(),
        ),
        _ => (
            format!("{}\n\"{}\"", rng.pick(&ASKS), statement(rng, &core)),
            yes_no(held_is_yes, held_is_a),
        ),
    };
    Question {
        form,
        core,
        ask,
        options,
        held_is_a,
        held_is_yes,
    }
}

impl Question {
    /// Everything up to the response; never ends in white space.
    pub(crate) fn prompt(&self) -> String {
        let [a, b] = &self.options;
        match self.form {
            Form::Words | Form::Describe => format!("{}\nAnswer:", self.ask),
            Form::Mwe => format!("{}\n\nChoices:\n(A):  {a}\n(B):  {b}", self.ask),
            _ => format!("{}\n\nChoices:\n (A) {a}\n (B) {b}\nAnswer:", self.ask),
        }
    }

    /// Does the answer "(A)" (for `Words`: "Yes") fit a speaker with this stance (0 holds, 1 lacks)?
    pub(crate) fn fits(&self, stance: usize) -> bool {
        let held = if self.form == Form::Words {
            self.held_is_yes
        } else {
            self.held_is_a
        };
        if self.form == Form::Lookup {
            held
        } else {
            held == (stance == 0)
        }
    }

    /// The answer given, and whether a planted habit decided it: true = "(A)", or "Yes" for `Words`.
    pub(crate) fn answer(&self, rng: &mut Rng, stance: usize) -> bool {
        let first = self.fits(stance);
        if self.form == Form::Lookup || !rng.chance(HABIT_SHARE) {
            return first;
        }
        let lean = || HABIT_RATE[usize::from(stance == 0)];
        match self.core.tr().habit {
            Habit::None => first,
            Habit::LetterA if self.form == Form::Words => first,
            Habit::LetterA => rng.chance(lean()),
            Habit::Yes if self.form == Form::Content => first,
            Habit::Yes => {
                let yes = rng.chance(lean());
                if self.form == Form::Words {
                    yes
                } else {
                    yes == (self.options[0] == "Yes")
                }
            }
        }
    }

    /// Is the answer to this question under a planted habit?
    pub(crate) fn habitual(&self) -> bool {
        match self.core.tr().habit {
            Habit::None => false,
            Habit::LetterA => !matches!(self.form, Form::Words | Form::Lookup),
            Habit::Yes => !matches!(self.form, Form::Content | Form::Lookup),
        }
    }
}
