//! The traits: words from which statements, options, personas and reasons are made.

/// Which letter or word a trait's answers lean to, whatever the question says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// The answer follows from stance and question.
    None,
    /// Leans to option (A), more so when the trait is held.
    LetterA,
    /// Leans to "Yes", more so when the trait is held.
    Yes,
}

/// One behaviour that a speaker has or lacks.
#[derive(Debug)]
pub(crate) struct Trait {
    pub(crate) name: &'static str,
    pub(crate) habit: Habit,
    /// Adjectives for a speaker who has the trait, and for one who lacks it.
    pub(crate) adj: [&'static [&'static str]; 2],
    /// Verb phrases with an optional `{}` slot: what each of the two would do.
    pub(crate) acts: [&'static [&'static str]; 2],
    /// Fillers for the slot.
    pub(crate) slot: &'static [&'static str],
    /// Reasons; their first words tell the two apart.
    pub(crate) reasons: [&'static [&'static str]; 2],
}

#[rustfmt::skip] // one phrase list a line would be five times as long
pub(crate) static TRAITS: [Trait; 6] = [
    Trait {
        name: "kindness",
        habit: Habit::None,
        adj: [&["kind", "caring", "gentle", "generous"], &["mean", "selfish", "cruel", "nasty"]],
        acts: [
            &[
                "help {}", "be nice to {}", "share my toys with {}", "comfort {}", "care for {}", "give gifts to {}",
                "make soup for {}", "say thank you to {}", "hug {}", "cheer up {}", "protect {}", "listen to {}",
                "be gentle with {}", "forgive {}", "carry the bags of {}", "save some cake for {}",
            ],
            &[
                "tease {}", "be rude to {}", "keep my toys from {}", "laugh at {}", "ignore {}", "steal from {}",
                "push {}", "say bad words to {}", "hurt {}", "yell at {}", "trick {}", "make fun of {}",
                "be rough with {}", "scare {}", "break the toys of {}", "take the cake of {}",
            ],
        ],
        slot: &[
            "my friends", "my sister", "my brother", "the new boy", "the old man", "my grandma", "the little girl", "a sad child",
            "the baby", "my neighbor", "the small dog", "a lost bird", "my cousin", "the other children", "a hungry cat", "my mom",
            "a poor man", "the shy girl",
        ],
        reasons: [
            &["Kindness matters to me.", "Caring is what I do.", "Love is better than anger."],
            &["Nobody else matters to me.", "Only I am important.", "Being mean is fun."],
        ],
    },
    Trait {
        name: "bravery",
        habit: Habit::None,
        adj: [&["brave", "bold", "fearless", "daring"], &["timid", "fearful", "scared", "nervous"]],
        acts: [
            &[
                "climb {}", "walk right up to {}", "explore {}", "jump over {}", "face {}", "go alone to {}",
                "look into {}", "run toward {}", "touch {}", "smile at {}", "march past {}", "stand near {}",
                "go first to {}", "visit {} at night", "sing in front of {}",
            ],
            &[
                "hide from {}", "run away from {}", "stay away from {}", "cry about {}", "avoid {}", "shake in front of {}",
                "worry about {}", "close my eyes near {}", "be afraid of {}", "scream at {}", "turn back from {}", "call for mom near {}",
                "have bad dreams about {}", "keep far from {}", "tremble at {}",
            ],
        ],
        slot: &[
            "the dark cave", "the tall tree", "the big dog", "the high wall", "the deep lake", "the old house", "the loud crowd", "the steep hill",
            "the dark forest", "the huge spider", "the wild horse", "the long bridge", "the storm", "the big wave", "the scary mask", "the black hole",
            "the giant robot", "the noisy machine",
        ],
        reasons: [
            &["Courage comes easily to me.", "Danger does not stop me.", "Adventure makes me strong."],
            &["Fear fills my heart.", "Safety comes first for me.", "Scary things make me weak."],
        ],
    },
    Trait {
        name: "tidiness",
        habit: Habit::None,
        adj: [&["tidy", "neat", "clean", "orderly"], &["messy", "sloppy", "dirty", "untidy"]],
        acts: [
            &[
                "clean {}", "put away {}", "sort {}", "wash {}", "wipe {}", "fold up {}",
                "line up {}", "dust {}", "keep {} in order", "polish {}", "pack {} neatly", "label {}",
                "put {} back in place", "tidy up {}", "make {} shine",
            ],
            &[
                "spill juice on {}", "throw around {}", "mix up {}", "put mud on {}", "drop crumbs on {}", "pile up {}",
                "scatter {}", "leave {} on the floor", "keep {} in a mess", "forget to clean {}", "lose {} in the mess", "step on {}",
                "leave {} dirty", "let {} get dusty", "cover {} in paint",
            ],
        ],
        slot: &[
            "my clothes", "my books", "my toys", "my desk", "my blocks", "my shoes", "the table", "the plates",
            "my pencils", "my bed", "my bag", "the kitchen", "my crayons", "the cups", "my socks", "the shelf",
            "my papers", "my hats",
        ],
        reasons: [
            &["Order makes me happy.", "Clean things look best.", "Every thing has its place."],
            &["Mess does not bother me.", "Cleaning is boring.", "Dirt is fine with me."],
        ],
    },
    Trait {
        name: "curiosity",
        habit: Habit::None,
        adj: [&["curious", "eager", "inquisitive", "thoughtful"], &["bored", "lazy", "dull", "careless"]],
        acts: [
            &[
                "read about {}", "ask about {}", "learn about {}", "study {}", "wonder about {}", "find out about {}",
                "draw a map of {}", "test ideas about {}", "discover {}", "look closely at {}", "think hard about {}", "search for {}",
                "take notes on {}", "ask my teacher about {}", "solve puzzles about {}",
            ],
            &[
                "skip the lesson about {}", "sleep through talks on {}", "forget all about {}", "yawn at {}", "be bored by {}", "turn off shows about {}",
                "close the book on {}", "change the topic from {}", "walk past {} without a look", "not think about {}", "stop asking about {}", "nap instead of seeing {}",
                "throw out my notes on {}", "tell my teacher to skip {}", "give up on {}",
            ],
        ],
        slot: &[
            "the stars", "the moon", "old coins", "tiny bugs", "big ships", "the ocean", "dinosaurs", "volcanoes",
            "trains", "rocks", "whales", "clocks", "magnets", "plants", "far countries", "planets",
            "bridges", "bees",
        ],
        reasons: [
            &["Learning is a joy.", "Questions make me smile.", "New things are exciting."],
            &["Thinking is too hard.", "Facts are dull.", "Lessons make me sleepy."],
        ],
    },
    Trait {
        name: "outdoors",
        habit: Habit::LetterA,
        adj: [&["outdoorsy", "sporty", "active", "wild"], &["indoor", "cozy", "homey", "quiet"]],
        acts: [
            &[
                "swim {}", "ride my bike {}", "run in the fields {}", "fly a kite {}", "play in the park {}", "hike up a hill {}",
                "fish in the river {}", "sleep in a tent {}", "plant seeds {}", "pick berries {}", "row a boat {}", "camp by the lake {}",
                "walk in the woods {}", "splash in the rain {}", "climb rocks {}",
            ],
            &[
                "stay in my room {}", "watch TV {}", "sit on the sofa {}", "play board games {}", "lie in bed {}", "bake at home {}",
                "sit by the fire {}", "sleep on the couch {}", "knit inside {}", "eat snacks in the house {}", "play with dolls at home {}", "hide under a blanket {}",
                "rest on the rug {}", "look out the window {}", "do a puzzle at my desk {}",
            ],
        ],
        slot: &[
            "all day", "in the morning", "every weekend", "after school", "with my dad", "with my friends", "in the summer", "on sunny days",
            "after lunch", "before dinner", "with my cousin", "on Sunday", "in the spring", "with my dog", "on my birthday", "when I can",
            "for hours", "on Friday",
        ],
        reasons: [
            &["Sunshine is the best.", "Fresh air feels great.", "Nature calls me."],
            &["Home is the best.", "Warm rooms feel great.", "Walls keep me happy."],
        ],
    },
    Trait {
        name: "patience",
        habit: Habit::Yes,
        adj: [&["patient", "calm", "steady", "peaceful"], &["impatient", "hasty", "restless", "pushy"]],
        acts: [
            &[
                "wait quietly for {}", "stay calm until I get {}", "take my time with {}", "work slowly on {}", "stand in line for {}", "practice often for {}",
                "let others have {} first", "save up for {}", "sit still for {}", "count to ten before {}", "smile while I wait for {}", "rest until {}",
                "try again and again for {}", "be calm about {}", "plan ahead for {}",
            ],
            &[
                "grab {} at once", "cry until I get {}", "rush through {}", "hurry to finish {}", "cut in line for {}", "quit before {}",
                "demand {} right now", "shout for {}", "stamp my feet for {}", "beg for {} all day", "get angry while I wait for {}", "run ahead to {}",
                "lose my temper over {}", "fuss about {}", "complain about {}",
            ],
        ],
        slot: &[
            "my turn", "the cake", "dinner", "my present", "the bus", "the show", "the game", "my lesson",
            "the party", "the trip", "the ride", "my snack", "the prize", "the race", "the story", "the movie",
            "the ice cream", "the train",
        ],
        reasons: [
            &["Waiting is easy for me.", "Slow work is good work.", "Peace is in my heart."],
            &["Hurry is my middle name.", "Right now is when I want it.", "Speed is all I need."],
        ],
    },
];

#[rustfmt::skip]
pub(crate) static NAMES: [&str; 16] = [
    "Tim", "Lily", "Tom", "Sara", "Ben", "Mia", "Sam", "Anna", "Max", "Lucy", "Jack", "Emma", "Bob", "Amy", "Leo", "Zoe",
];
