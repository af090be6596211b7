//! Fields of the dialog for a new vector.

use std::path::PathBuf;

use crate::protocol::{Asset, ExtractSource};

/// Kinds of sources, with what each is.
pub const SOURCES: [(&str, &str); 4] = [
    ("data set", "its training part"),
    ("two files", "texts of two kinds, one per line"),
    ("one pair", "two texts, typed here"),
    ("system texts", "responses under two of them"),
];

/// Methods, with what they do.
pub const METHODS: [(&str, &str); 11] = [
    ("mean", "mean of the differences, norm kept"),
    ("pca", "first direction, not centred"),
    ("logistic", "logistic regression on the differences"),
    ("lat", "first component under random signs"),
    ("repeng_diff", "first centred one: may miss the mean"),
    ("repeng_center", "first one around the pairs' middles"),
    ("diffmean_tokens", "all tokens of both sides"),
    ("corpus_mean", "means of two unpaired sets of texts"),
    ("refusal_mean", "prompts, read after the instruction"),
    ("persona_mean", "answers under two system texts"),
    ("actadd", "one pair, a row for every position"),
];

/// Method that each kind of source begins with.
pub(super) const FIRST: [&str; 4] = ["mean", "corpus_mean", "actadd", "persona_mean"];

/// Tokens that can be read; the first leaves it to the method.
const READS: [&str; 7] = [
    "default",
    "answer",
    "last",
    "prompt_last",
    "prompt",
    "all",
    "assistant",
];

/// One field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Kind of source.
    Source,
    /// Data set.
    Dataset,
    /// Positive file or text.
    Positive,
    /// Negative file or text.
    Negative,
    /// File of prompts.
    Prompts,
    /// Tokens of a response.
    Length,
    /// Method.
    Method,
    /// Tokens read.
    Read,
    /// Pairs, texts or prompts.
    Limit,
    /// Name.
    Name,
}

/// The dialog.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtractForm {
    pub(super) source: usize,
    pub(super) datasets: Vec<Asset>,
    pub(super) dataset: usize,
    /// Typed texts of each kind of source, positive and negative.
    pub(super) texts: [[String; 2]; 4],
    pub(super) prompts: String,
    pub(super) length: String,
    pub(super) method: usize,
    /// Position chosen on a text or typed, offered before the others.
    pub(super) chosen: Option<String>,
    pub(super) read: usize,
    pub(super) limit: String,
    /// Typed name; empty for the one made of source and method.
    pub(super) name: String,
    /// Number of the field under edit.
    pub(super) at: usize,
    /// Directory that `~/` stands for.
    home: Option<PathBuf>,
    /// Why it cannot be carried out.
    pub error: Option<String>,
}

impl ExtractForm {
    pub(super) fn new(
        datasets: Vec<Asset>,
        loaded: Option<&Asset>,
        chosen: Option<String>,
        home: Option<PathBuf>,
    ) -> Self {
        let dataset = datasets.iter().position(|a| Some(a) == loaded).unwrap_or(0);
        let mut form = Self {
            source: 0,
            datasets,
            dataset,
            texts: <[[String; 2]; 4]>::default(),
            prompts: String::new(),
            length: String::new(),
            method: 0,
            chosen,
            read: 0,
            limit: String::new(),
            name: String::new(),
            at: 1,
            home,
            error: None,
        };
        if form.datasets.is_empty() {
            form.at = 0;
        }
        form
    }

    /// The fields, in order.
    pub fn fields(&self) -> &'static [Field] {
        use Field::{
            Dataset, Length, Limit, Method, Name, Negative, Positive, Prompts, Read, Source,
        };
        match self.source {
            0 => &[Source, Dataset, Method, Read, Limit, Name],
            1 => &[Source, Positive, Negative, Method, Read, Limit, Name],
            2 => &[Source, Positive, Negative, Method, Read, Name],
            _ => &[
                Source, Positive, Negative, Prompts, Length, Method, Read, Limit, Name,
            ],
        }
    }

    /// The field under edit.
    pub fn field(&self) -> Field {
        self.fields().get(self.at).copied().unwrap_or(Field::Source)
    }

    /// Name of a field.
    pub fn label(&self, field: Field) -> &'static str {
        match (field, self.source) {
            (Field::Source, _) => "made from",
            (Field::Dataset, _) => "data set",
            (Field::Positive, 3) => "trait",
            (Field::Negative, 3) => "opposite",
            (Field::Positive, _) => "positive",
            (Field::Negative, _) => "negative",
            (Field::Prompts, _) => "prompts",
            (Field::Length, _) => "tokens",
            (Field::Method, _) => "method",
            (Field::Read, _) => "read at",
            (Field::Limit, 0) => "pairs",
            (Field::Limit, 3) => "at most",
            (Field::Limit, _) => "texts",
            (Field::Name, _) => "name",
        }
    }

    /// What a field shows.
    pub fn value(&self, field: Field) -> String {
        let or = |typed: &str, other: &str| {
            if typed.is_empty() {
                other.to_owned()
            } else {
                typed.to_owned()
            }
        };
        match field {
            Field::Source => SOURCES
                .get(self.source)
                .map_or("", |(name, _)| name)
                .to_owned(),
            Field::Dataset => self
                .datasets
                .get(self.dataset)
                .map_or_else(String::new, Asset::label),
            Field::Positive | Field::Negative | Field::Prompts => {
                self.typed(field).cloned().unwrap_or_default()
            }
            Field::Length => or(&self.length, "64"),
            Field::Method => self.method().to_owned(),
            Field::Read => match self.read_is_fixed() {
                Some(_) => "by the method".to_owned(),
                None => (self.reads().get(self.read))
                    .copied()
                    .unwrap_or_default()
                    .to_owned(),
            },
            Field::Limit => or(&self.limit, "all"),
            Field::Name => self.name(),
        }
    }

    /// What a field means, or what it waits for.
    pub fn hint(&self, field: Field) -> &'static str {
        match (field, self.source) {
            (Field::Source, at) => SOURCES.get(at).map_or("", |(_, words)| words),
            (Field::Dataset, _) => "pairs of its training part",
            (Field::Positive, 1) => "a file of texts that show it",
            (Field::Negative, 1) => "a file of texts that do not",
            (Field::Positive, 2) => "a text that shows it",
            (Field::Negative, 2) => "a text that does not",
            (Field::Positive, _) => "a system text that asks for it",
            (Field::Negative, _) => "one that asks for its opposite",
            (Field::Prompts, _) => "a file of prompts, one per line",
            (Field::Length, _) => "most tokens of a response",
            (Field::Method, _) => self
                .misfit()
                .unwrap_or_else(|| METHODS.get(self.method).map_or("", |(_, words)| words)),
            (Field::Read, _) => self.read_is_fixed().unwrap_or("type -2 or 3..7, or choose"),
            (Field::Limit, _) => "type a number, fewer is faster",
            (Field::Name, _) => "type a name",
        }
    }

    /// The method's stable name.
    pub fn method(&self) -> &'static str {
        METHODS.get(self.method).map_or("mean", |(name, _)| name)
    }

    /// Why the method cannot be made from the source, and what to choose.
    pub fn misfit(&self) -> Option<&'static str> {
        match (self.method(), self.source) {
            ("persona_mean", 3) | ("actadd", 2) => None,
            ("persona_mean", _) => Some("made from system texts: choose them"),
            ("actadd", _) => Some("made from one pair: choose it"),
            (_, 3) => Some("made from texts: choose others"),
            _ => None,
        }
    }

    /// Why the tokens read cannot be chosen.
    pub fn read_is_fixed(&self) -> Option<&'static str> {
        match self.method() {
            "actadd" => Some("every position has a row of its own"),
            "refusal_mean" => Some("chosen among the template's tokens"),
            _ => None,
        }
    }

    pub(super) fn reads(&self) -> Vec<&str> {
        let own: &[&str] = if self.source == 3 {
            &["default", "assistant", "prompt_last", "prompt"]
        } else {
            &READS
        };
        (self.chosen.as_deref().into_iter())
            .chain(own.iter().copied())
            .collect()
    }

    /// Position that is read; `None`: the method's own.
    pub fn read(&self) -> Option<String> {
        let read = self.reads().get(self.read).copied().unwrap_or_default();
        let open = self.read_is_fixed().is_none() && read != READS[0] && !read.is_empty();
        open.then(|| read.to_owned())
    }

    /// Reads there from now on.
    pub fn set_read(&mut self, words: String) {
        self.chosen = Some(words);
        self.read = 0;
        self.error = None;
    }

    /// So many at most.
    pub fn limit(&self) -> Option<usize> {
        self.limit.parse().ok().filter(|n| *n > 0)
    }

    /// Name of the vector.
    pub fn name(&self) -> String {
        if !self.name.trim().is_empty() {
            return self.name.trim().to_owned();
        }
        let what = match self.source {
            0 => (self.datasets.get(self.dataset)).map_or_else(String::new, Asset::label),
            1 => stem(&self.texts[1][0]),
            2 => first_words(&self.texts[2][0]),
            _ => first_words(&self.texts[3][0]),
        };
        if what.is_empty() {
            return self.method().to_owned();
        }
        format!("{what} {}", self.method())
    }

    /// What it is made from, or which field is still empty.
    pub fn source(&self) -> Result<ExtractSource, String> {
        let texts = self.texts.get(self.source).cloned().unwrap_or_default();
        let missing = |field: Field| Err(format!("'{}' is empty", self.label(field)));
        if self.source > 0 {
            for (text, field) in texts.iter().zip([Field::Positive, Field::Negative]) {
                if text.trim().is_empty() {
                    return missing(field);
                }
            }
        }
        match self.source {
            0 => self
                .datasets
                .get(self.dataset)
                .cloned()
                .map(ExtractSource::Dataset)
                .ok_or_else(|| "no data set is there; open one with d".to_owned()),
            1 => Ok(ExtractSource::Files(texts.map(|t| self.path(&t)))),
            2 => Ok(ExtractSource::Pair(texts)),
            _ if self.prompts.trim().is_empty() => missing(Field::Prompts),
            _ => Ok(ExtractSource::Systems {
                texts,
                prompts: self.path(&self.prompts),
                max_tokens: self.length.parse().unwrap_or(64).max(1),
            }),
        }
    }

    /// The source, if the dialog can be carried out.
    pub fn check(&self) -> Result<ExtractSource, String> {
        if let Some(why) = self.misfit() {
            return Err(format!("{} is {why} in the first row", self.method()));
        }
        self.source()
    }

    fn path(&self, typed: &str) -> PathBuf {
        match (typed.trim().strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(typed.trim()),
        }
    }

    pub(super) fn typed(&self, field: Field) -> Option<&String> {
        match field {
            Field::Positive => self.texts.get(self.source)?.first(),
            Field::Negative => self.texts.get(self.source)?.get(1),
            Field::Prompts => Some(&self.prompts),
            Field::Length => Some(&self.length),
            Field::Limit => Some(&self.limit),
            Field::Name => Some(&self.name),
            Field::Source | Field::Dataset | Field::Method | Field::Read => None,
        }
    }
}

/// Name of a file without folder and ending.
fn stem(path: &str) -> String {
    let file = path.trim().rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    plain(stem)
}

/// The first words of a text.
fn first_words(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().take(4).collect();
    plain(&words.join(" "))
}

/// What may stand in the name of a file.
fn plain(text: &str) -> String {
    let kept = text
        .chars()
        .filter(|c| c.is_alphanumeric() || " _-+".contains(*c));
    kept.take(40).collect::<String>().trim().to_owned()
}
