//! The dialog for a new vector: data set, method, tokens read, pairs, name.

use crate::app::library::LibraryFigure;
use crate::app::messages::Level;
use crate::app::overlay::Overlay;
use crate::app::screen::Screen;
use crate::app::{App, Engine};
use crate::protocol::{Asset, Command, ExtractStudy, Study, StudyRequest};
use crate::units::BlockIndex;

/// Methods that take pairs, with what they do.
pub const METHODS: [(&str, &str); 7] = [
    ("mean", "mean of the differences, its norm kept"),
    ("pca", "first direction of the differences, not centred"),
    ("logistic", "logistic regression on the differences"),
    ("lat", "first component under random signs"),
    ("repeng_diff", "first centred component: may miss the mean"),
    ("repeng_center", "first component around the pairs' middles"),
    ("diffmean_tokens", "all tokens of both sides"),
];

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

/// Names of the fields, in order.
pub const FIELDS: [&str; 5] = ["data set", "method", "read at", "pairs", "name"];

/// The dialog.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtractForm {
    /// Data sets to choose from.
    datasets: Vec<Asset>,
    dataset: usize,
    method: usize,
    /// Position chosen on the prompt, offered before the others.
    chosen: Option<String>,
    read: usize,
    /// Typed number of pairs; empty for all.
    pairs: String,
    /// Typed name; empty for the one made of data set and method.
    name: String,
    /// Field under edit.
    pub at: usize,
}

impl ExtractForm {
    fn reads(&self) -> Vec<&str> {
        (self.chosen.as_deref().into_iter()).chain(READS).collect()
    }

    /// What a field shows.
    pub fn value(&self, field: usize) -> String {
        match field {
            0 => self.dataset().map_or_else(String::new, Asset::label),
            1 => self.method().0.to_owned(),
            2 => self
                .reads()
                .get(self.read)
                .copied()
                .unwrap_or_default()
                .to_owned(),
            3 if self.pairs.is_empty() => "all".to_owned(),
            3 => self.pairs.clone(),
            _ if self.name.is_empty() => self.made_name(),
            _ => self.name.clone(),
        }
    }

    /// What a field means.
    pub fn hint(&self, field: usize) -> &'static str {
        match field {
            0 => "pairs of its training part",
            1 => self.method().1,
            2 => "tokens whose residual rows are compared",
            3 => "type a number, fewer is faster",
            _ => "type a name",
        }
    }

    fn dataset(&self) -> Option<&Asset> {
        self.datasets.get(self.dataset)
    }

    fn method(&self) -> (&'static str, &'static str) {
        METHODS.get(self.method).copied().unwrap_or(METHODS[0])
    }

    fn made_name(&self) -> String {
        let dataset = self.dataset().map_or_else(String::new, Asset::label);
        format!("{dataset} {}", self.method().0)
    }

    /// Another field.
    pub fn step(&mut self, by: isize) {
        let n = FIELDS.len() as isize;
        self.at = (self.at as isize + by).rem_euclid(n) as usize;
    }

    /// Another value of the field.
    pub fn nudge(&mut self, by: isize) {
        let turn = |at: usize, n: usize| (at as isize + by).rem_euclid(n.max(1) as isize) as usize;
        match self.at {
            0 => self.dataset = turn(self.dataset, self.datasets.len()),
            1 => self.method = turn(self.method, METHODS.len()),
            2 => self.read = turn(self.read, self.reads().len()),
            _ => {}
        }
    }

    /// Types into the field.
    pub fn type_char(&mut self, c: char) {
        match self.at {
            3 if c.is_ascii_digit() && self.pairs.len() < 6 => self.pairs.push(c),
            4 if !c.is_control() && self.name.len() < 60 => self.name.push(c),
            _ => {}
        }
    }

    /// Deletes the last character.
    pub fn backspace(&mut self) {
        match self.at {
            3 => {
                self.pairs.pop();
            }
            4 => {
                self.name.pop();
            }
            _ => {}
        }
    }
}

impl App {
    /// Opens the dialog.
    pub(super) fn open_extraction(&mut self) {
        if self.engine != Engine::Ready {
            self.say(Level::Info, "the model is not loaded yet");
            return;
        }
        let datasets: Vec<Asset> = self.datasets.iter().map(|e| e.asset.clone()).collect();
        if datasets.is_empty() {
            self.say(Level::Info, "no data set is there; open one with d");
            return;
        }
        let loaded = self.dataset.as_ref().map(|d| &d.asset);
        let dataset = datasets.iter().position(|a| Some(a) == loaded).unwrap_or(0);
        self.overlays.push(Overlay::Extract(ExtractForm {
            datasets,
            dataset,
            method: 0,
            chosen: self.read_choice.clone(),
            read: 0,
            pairs: String::new(),
            name: String::new(),
            at: 0,
        }));
    }

    /// Keeps the tokens under the selection as the position that extraction reads.
    pub(super) fn read_selection(&mut self) {
        let Some(Overlay::Tokens(cursor)) = self.overlays.last() else {
            return;
        };
        let (lo, last) = cursor.selected();
        let words = format!("{lo}..{}", last + 1);
        self.say(
            Level::Info,
            format!("extraction reads positions {words}: E on the vectors screen"),
        );
        self.read_choice = Some(words);
        self.overlays.pop();
    }

    /// Starts what the dialog says.
    pub(super) fn start_extraction(&mut self) {
        let Some(Overlay::Extract(form)) = self.overlays.pop() else {
            return;
        };
        let Some(dataset) = form.dataset().cloned() else {
            return;
        };
        let limit = form.pairs.parse::<usize>().ok().filter(|n| *n > 0);
        let study = Study::Extract(ExtractStudy {
            dataset,
            method: form.method().0.to_owned(),
            read: Some(form.value(2)).filter(|r| r != READS[0]),
            limit,
            name: form.value(4),
            block: BlockIndex(self.steering.now().block),
        });
        let run = self.next_run();
        self.library.figure = LibraryFigure::Extraction;
        self.lab.requested(run, study.clone());
        self.send(Command::Study(StudyRequest { run, study }));
        if self.screen != Screen::Vectors {
            self.show(Screen::Vectors);
        }
    }
}
