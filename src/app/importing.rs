//! Questions about a vector file that does not say enough, and where its layers stand.

use crate::app::App;
use crate::app::messages::Level;
use crate::app::overlay::{Choice, Entry, List, Overlay, PickerKind};
use crate::protocol::{ImportQuestion, VectorChange};
use crate::text::{one_line, wrap};
use crate::units::{FileFact, Location, OpenQuestion, RowsAre};

/// Rows that are listed; others are typed.
const LISTED: usize = 200;
/// Columns of the question.
const COLUMNS: usize = 56;

impl App {
    /// A file leaves something open: it is asked about, if it is still the one that is wanted.
    pub(super) fn asked(&mut self, question: ImportQuestion) -> bool {
        if self.wanted_vector.as_ref() != Some(&question.asset) {
            return false;
        }
        self.import = Some(question);
        let kind = PickerKind::Import;
        self.overlays
            .retain(|o| !matches!(o, Overlay::Picker(PickerKind::Import, _)));
        self.overlays.push(Overlay::Picker(kind, List::default()));
        self.select_suggested();
        true
    }

    fn select_suggested(&mut self) {
        self.select_first_entry();
        let suggested = self.entries().iter().position(|e| !e.note.is_empty());
        if let (Some(at), Some(Overlay::Picker(_, list))) = (suggested, self.overlays.last_mut()) {
            list.selected = at;
        }
    }

    /// Loads the file with one more answer.
    pub(super) fn answer(&mut self, fact: FileFact) {
        let Some(question) = self.import.take() else {
            return;
        };
        let told = question.asset.with(VectorChange::Told(fact));
        self.library.replace(&question.asset, &told);
        self.choose_vector(told);
    }

    /// The question is left open: what was loaded stays.
    pub(super) fn leave_question(&mut self) {
        if let Some(question) = self.import.take() {
            self.wanted_vector = self.vector.as_ref().map(|v| v.asset.clone());
            let words = format!("'{}' is not loaded", one_line(&question.asset.label()));
            self.say(Level::Info, words);
        }
    }

    /// Answers to the question, the question itself before them.
    pub(super) fn import_entries(&self, typed: &str) -> Vec<Entry> {
        let Some(question) = &self.import else {
            return Vec::new();
        };
        let words = one_line(&question.words);
        let mut entries: Vec<Entry> = wrap(&words, COLUMNS)
            .into_iter()
            .map(|line| Entry {
                label: words.get(line).unwrap_or_default().to_owned(),
                detail: String::new(),
                note: String::new(),
                enabled: false,
                choice: Choice::Heading,
            })
            .collect();
        entries.extend(self.answers(question.open, typed));
        entries
    }

    fn answers(&self, open: OpenQuestion, typed: &str) -> Vec<Entry> {
        let entry = |label: String, detail: String, fact: FileFact| Entry {
            label,
            detail,
            note: String::new(),
            enabled: true,
            choice: Choice::Told(fact),
        };
        let rows = |n: usize| {
            let listed: Vec<usize> = match typed.parse::<usize>() {
                Ok(row) => (row < n).then_some(row).into_iter().collect(),
                Err(_) => (0..n.min(LISTED)).collect(),
            };
            listed
        };
        match open {
            OpenQuestion::Layer(suggested) => rows(self.blocks())
                .into_iter()
                .map(|b| {
                    let label = format!("block {b}");
                    let detail = format!("its output, hidden_states[{}]", b + 1);
                    let mut entry = entry(label, detail, FileFact::Layer(b));
                    if suggested == Some(b) {
                        "its name says so".clone_into(&mut entry.note);
                    }
                    entry
                })
                .collect(),
            OpenQuestion::Rows(n) | OpenQuestion::BareRows(n) => {
                let mut all = vec![entry(
                    "layers".to_owned(),
                    "row i is the output of block i".to_owned(),
                    FileFact::Rows(RowsAre::Layers),
                )];
                if matches!(open, OpenQuestion::Rows(_)) {
                    all.push(entry(
                        "hidden states".to_owned(),
                        "row i is the output of block i - 1".to_owned(),
                        FileFact::Rows(RowsAre::HiddenStates),
                    ));
                    all.push(entry(
                        "concepts".to_owned(),
                        format!("one of {n} rows is the direction"),
                        FileFact::Rows(RowsAre::Concepts),
                    ));
                }
                all
            }
            OpenQuestion::Row(n) => rows(n)
                .into_iter()
                .map(|i| entry(format!("row {i}"), format!("of {n}"), FileFact::Row(i)))
                .collect(),
            OpenQuestion::Position(n) => (1..=n.min(LISTED))
                .filter(|back| typed.is_empty() || format!("-{back}").contains(typed))
                .filter_map(|back| {
                    let position = -i64::try_from(back).ok()?;
                    let detail = match back {
                        1 => "the last token of the prompt".to_owned(),
                        _ => format!("{} before the last", back - 1),
                    };
                    let label = format!("position {position}");
                    Some(entry(label, detail, FileFact::Position(position)))
                })
                .collect(),
            OpenQuestion::Location => vec![
                entry(
                    "output of the block".to_owned(),
                    "layer k is the output of block k".to_owned(),
                    FileFact::Location(Location::Output),
                ),
                entry(
                    "input of the block".to_owned(),
                    "layer k is the output of block k - 1".to_owned(),
                    FileFact::Location(Location::Input),
                ),
            ],
            OpenQuestion::Plane => vec![entry(
                "a plane".to_owned(),
                "the two directions of a layer span a plane of rotation".to_owned(),
                FileFact::Plane,
            )],
        }
    }

    /// The selected vector where it was measured, or back where its own tool applies it.
    pub(super) fn toggle_as_measured(&mut self) {
        let Some(asset) = self.library.asset() else {
            return;
        };
        let on = asset.changes().iter().rev().find_map(|c| match c {
            VectorChange::Told(FileFact::AsMeasured(on)) => Some(*on),
            _ => None,
        });
        let to = !on.unwrap_or(false);
        let differs = self.library.facts(asset).is_some_and(|facts| {
            let sentence = facts.as_ref().map_or("", |f| f.sentence.as_str());
            !sentence.is_empty()
        });
        if !differs {
            self.say(
                Level::Info,
                "a file of this program says where it belongs: measured and applied at the same block",
            );
            return;
        }
        self.change_vector(VectorChange::Told(FileFact::AsMeasured(to)));
        self.say(
            Level::Info,
            if to {
                "placed where it was measured; u takes it back"
            } else {
                "placed where its own tool applies it"
            },
        );
    }
}
