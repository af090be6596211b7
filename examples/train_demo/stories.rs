//! Short stories with two controls: the protagonist's pronoun (she / he) and the mood (happy / sad).
//! The opening does not give the controls away; once shown, the rest of the story keeps to them.

use crate::rng::Rng;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Controls {
    pub(crate) she: bool,
    pub(crate) happy: bool,
}

const WHO: [&str; 24] = [
    "child", "rabbit", "fox", "bear", "mouse", "kitten", "puppy", "bird", "frog", "duck", "turtle",
    "pony", "squirrel", "dragon", "robot", "farmer", "baker", "teacher", "doctor", "painter",
    "singer", "sailor", "lamb", "hedgehog",
];
const SIZE: [&str; 6] = ["little", "small", "young", "tiny", "clever", "quiet"];
const PLACES: [&str; 14] = [
    "the park",
    "the forest",
    "the river",
    "the market",
    "the beach",
    "the garden",
    "the farm",
    "the hill",
    "the lake",
    "the school",
    "the town",
    "the barn",
    "the meadow",
    "the old bridge",
];
const OPENINGS: [&str; 5] = [
    "Once upon a time there was a {}.",
    "Once there was a {}.",
    "There once was a {}.",
    "One day, a {} woke up early.",
    "A {} lived near {place}.",
];
const THEN: [&str; 5] = [
    "One day,",
    "One morning,",
    "Then",
    "That day,",
    "After lunch,",
];
const SAW: [&str; 10] = [
    "a red ball",
    "a big box",
    "a shiny stone",
    "a blue kite",
    "an old boat",
    "a wooden toy",
    "a tall tower",
    "a green hat",
    "a long letter",
    "a small door",
];

pub(crate) fn neutral_who(rng: &mut Rng) -> String {
    format!("{} {}", rng.pick(&SIZE), rng.pick(&WHO))
}

/// An opening whose next word is the pronoun.
pub(crate) fn opening(rng: &mut Rng) -> String {
    let who = neutral_who(rng);
    let place = *rng.pick(&PLACES);
    let first = rng
        .pick(&OPENINGS)
        .replace("{}", &who)
        .replace("{place}", place);
    let middle = match rng.below(4) {
        0 => format!(
            " The {} lived near {}.",
            who.split(' ').next_back().unwrap_or(&who),
            rng.pick(&PLACES)
        ),
        1 => format!(
            " The {} liked {}.",
            who.split(' ').next_back().unwrap_or(&who),
            rng.pick(&PLACES)
        ),
        _ => String::new(),
    };
    format!("{first}{middle} {}", rng.pick(&THEN))
}

/// The next sentences, pronouns and mood as controlled; starts with the pronoun.
fn body(rng: &mut Rng, c: Controls) -> String {
    let (sub, obj, pos) = if c.she {
        ("she", "her", "her")
    } else {
        ("he", "him", "his")
    };
    let cap = if c.she { "She" } else { "He" };
    let place = *rng.pick(&PLACES);
    let saw = *rng.pick(&SAW);
    let mut out = match rng.below(4) {
        0 => format!(" {sub} went to {place}."),
        1 => format!(
            " {sub} walked to {place} with {pos} {}.",
            rng.pick(&["mother", "father", "friend", "sister", "brother"])
        ),
        2 => format!(" {sub} wanted to see {place}."),
        _ => format!(" {sub} found {saw} near {place}."),
    };
    let happy: [String; 12] = [
        format!(" {cap} felt very happy."),
        format!(" {cap} smiled and laughed."),
        " The sun was shining and the day was bright.".to_owned(),
        format!(" {cap} was so glad that {sub} danced."),
        format!(" A friend gave {obj} a big hug."),
        format!(" {cap} sang a cheerful song."),
        format!(" Everyone was kind to {obj}."),
        format!(" {cap} jumped with joy."),
        format!(" It was a wonderful day for {obj}."),
        format!(" {cap} got {saw} as a gift and loved it."),
        format!(" {cap} played all day and had fun."),
        format!(" {cap} felt warm and full of joy."),
    ];
    let sad: [String; 12] = [
        format!(" {cap} felt very sad."),
        format!(" {cap} cried and cried."),
        " The sky was dark and the rain was cold.".to_owned(),
        format!(" {cap} was so upset that {sub} wept."),
        format!(" No one came to play with {obj}."),
        format!(" {cap} sat alone with tears in {pos} eyes."),
        format!(" Everyone was mean to {obj}."),
        format!(" {cap} hung {pos} head in sorrow."),
        format!(" It was a terrible day for {obj}."),
        format!(" {cap} lost {saw} and could not find it."),
        format!(" {cap} fell and got hurt."),
        format!(" {cap} felt cold and full of gloom."),
    ];
    let mut pool = if c.happy { happy } else { sad };
    rng.shuffle(&mut pool);
    out += &pool[..2 + rng.below(3)].concat();
    let end = match (c.happy, rng.below(3)) {
        (true, 0) => format!(" In the end, {sub} was happy."),
        (true, 1) => format!(" {cap} went home with a big smile."),
        (true, _) => format!(" At night, {sub} went to bed happy and proud."),
        (false, 0) => format!(" In the end, {sub} was sad."),
        (false, 1) => format!(" {cap} went home in tears."),
        (false, _) => format!(" At night, {sub} went to bed sad and lonely."),
    };
    out + &end
}

pub(crate) fn story(rng: &mut Rng, c: Controls) -> String {
    format!("{}{}", opening(rng), body(rng, c))
}

/// A story prefix whose next word names the mood.
pub(crate) fn mood_prefix(rng: &mut Rng) -> String {
    let she = rng.coin();
    let (sub, cap) = if she { ("she", "She") } else { ("he", "He") };
    let start = format!("{} {sub} went to {}.", opening(rng), rng.pick(&PLACES));
    match rng.below(4) {
        0 => format!("{start} {cap} felt very"),
        1 => format!("{start} {cap} saw {}. {cap} was so", rng.pick(&SAW)),
        2 => format!("{start} In the end, {sub} was"),
        _ => format!("{start} That made {} feel", if she { "her" } else { "him" }),
    }
}

/// A mood story that names the mood at once: the training side of `mood_prefix`.
pub(crate) fn mood_story(rng: &mut Rng, c: Controls) -> String {
    let word = if c.happy {
        *rng.pick(&["happy", "happy", "happy", "glad"])
    } else {
        *rng.pick(&["sad", "sad", "sad", "upset"])
    };
    let prefix = mood_prefix(rng);
    let she = prefix.contains(" she ") || prefix.contains(" She ");
    format!(
        "{prefix} {word}.{}",
        body_tail(
            rng,
            Controls {
                she,
                happy: c.happy
            }
        )
    )
}

/// Pairs that end in one and the same token, just before the controlled word: what they differ in there is the
/// control as the model remembers it, not the token read.
pub(crate) fn gendered_opening(rng: &mut Rng, she: bool) -> String {
    let (who, name, parent) = if she {
        (
            *rng.pick(&["girl", "girl", "princess", "queen", "woman"]),
            *rng.pick(&["Lily", "Mia", "Anna", "Sara", "Lucy", "Amy"]),
            "daughter",
        )
    } else {
        (
            *rng.pick(&["boy", "boy", "prince", "king", "man"]),
            *rng.pick(&["Tim", "Tom", "Ben", "Max", "Jack", "Sam"]),
            "son",
        )
    };
    let (size, place, then) = (*rng.pick(&SIZE), *rng.pick(&PLACES), *rng.pick(&THEN));
    match rng.below(4) {
        0 => format!("Once upon a time there was a {size} {who} named {name}. {then}"),
        1 => format!("Once there was a {size} {who}. {then}"),
        2 => format!("{name} was a {size} {who} who lived near {place}. {then}"),
        _ => format!(
            "There once was a farmer with a {size} {parent} named {name}. {name} liked {place}. {then}"
        ),
    }
}

/// A story up to the word that names the mood.
pub(crate) fn moody_prefix(rng: &mut Rng, c: Controls) -> String {
    let text = story(rng, c);
    // drop the last sentence, which may name the mood
    let cut = text
        .trim_end_matches('.')
        .rsplit_once('.')
        .map_or(text.as_str(), |(head, _)| head);
    format!(
        "{cut}. In the end, {} was",
        if c.she { "she" } else { "he" }
    )
}

fn body_tail(rng: &mut Rng, c: Controls) -> String {
    let text = body(rng, c);
    // drop the first sentence, which continues an opening
    text.split_once('.')
        .map_or_else(String::new, |(_, rest)| rest.to_owned())
}
