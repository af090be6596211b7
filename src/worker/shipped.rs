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
    "mood": "story openings: happy or sad?",
    "kindness": "is this kind (or unkind) thing something you would say? two options",
    "bravery": "brave or timid; two options",
    "curiosity": "curious or not; two options",
    "outdoors": "fond of being outdoors or not; two options",
    "patience": "patient or not; two options",
    "tidiness": "tidy or not; two options",
    "she_he_texts": "pairs of whole stories about her and about him, for extraction",
    "mood_texts": "pairs of whole stories, glad and sad, for extraction",
    "dialects": "pairs of programs, braces and indentation, for extraction",
}

vectors! {}
