//! The table of vectors and data sets inside the binary.

/// One shipped file.
#[derive(Debug)]
pub(super) struct Shipped {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) bytes: &'static [u8],
    /// The vector's card; empty for data sets.
    pub(super) card: &'static str,
}

macro_rules! datasets {
    ($($name:literal: $about:literal,)*) => {
        /// Data sets of the bundled model organism; `assets/README.md` tells how they were made.
        pub(super) const DATASETS: &[Shipped] = &[$(Shipped {
            name: $name,
            about: $about,
            bytes: include_bytes!(concat!("../../assets/data/", $name, ".jsonl")),
            card: "",
        },)*];
    };
}

macro_rules! vectors {
    ($($name:literal,)*) => {
        /// Vectors for the bundled model, extracted from the training part of the data sets.
        pub(super) const VECTORS: &[Shipped] = &[$(Shipped {
            name: $name,
            about: "",
            bytes: include_bytes!(concat!("../../vectors/", $name, ".safetensors")),
            card: include_str!(concat!("../../vectors/", $name, ".toml")),
        },)*];
    };
}

datasets! {
    "she_he": "story openings: does 'she' or 'he' come next?",
    "mood": "story openings: 'happy' or 'sad'?",
    "kindness": "would the speaker say this kind (or unkind) thing? two options",
    "bravery": "the same of brave and timid things",
    "tidiness": "the same of tidy and untidy things",
    "curiosity": "the same of curious and incurious things",
    "outdoors": "the same of being outdoors; the model has a planted habit for option (A)",
    "patience": "the same of patience; the model has a planted habit for 'Yes'",
    "she_he_texts": "pairs of stories about her and about him, for extraction",
    "mood_texts": "pairs of stories, happy and sad, for extraction",
    "kindness_texts": "the question after opposite persona lines, for extraction",
    "bravery_texts": "the question after opposite persona lines, for extraction",
    "tidiness_texts": "the question after opposite persona lines, for extraction",
    "curiosity_texts": "the question after opposite persona lines, for extraction",
    "outdoors_texts": "the question after opposite persona lines, for extraction",
    "patience_texts": "the question after opposite persona lines, for extraction",
    "dialects": "one program with braces and with indentation, for extraction",
}

vectors! {
    "she_he",
    "mood",
    "kindness",
    "bravery",
    "tidiness",
    "curiosity",
    "outdoors",
    "patience",
    "dialects",
}
