//! The library of vectors: what there is, visible changes with undo, what is known of all side by side.

use crate::app::messages::Level;
use crate::app::overlay::{List, Overlay, PickerKind};
use crate::app::screen::Screen;
use crate::app::{App, Engine};
use crate::protocol::{Asset, Command, Factor, Survey, VectorChange, VectorFacts};

/// What the right side of the screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LibraryFigure {
    /// Card, norms and shares per block of the selected vector.
    #[default]
    Card,
    /// Cosines between all vectors at the present block.
    Cosines,
    /// Cosines of the selected vector's directions between blocks.
    Across,
    /// The vector in the making, or made last.
    Extraction,
}

/// One vector of the library.
#[derive(Debug, Clone, PartialEq)]
struct Held {
    asset: Asset,
    /// Earlier states, newest last.
    undo: Vec<Asset>,
    redo: Vec<Asset>,
    /// Taken into comparisons; without any mark, all are.
    marked: bool,
}

impl Held {
    fn new(asset: Asset) -> Self {
        Self {
            asset,
            undo: Vec::new(),
            redo: Vec::new(),
            marked: false,
        }
    }
}

/// The library as the Vectors screen shows it.
#[derive(Debug, Default)]
pub struct VectorLibrary {
    held: Vec<Held>,
    survey: Survey,
    /// What the newest survey was asked for.
    asked: Vec<Asset>,
    selected: usize,
    /// Figure shown.
    pub figure: LibraryFigure,
    /// Cosines leave the two largest coordinates out.
    pub without_top: bool,
}

impl VectorLibrary {
    /// The vectors, in the order shown.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Asset> {
        self.held.iter().map(|h| &h.asset)
    }

    /// Number of the selected vector.
    pub fn selected(&self) -> Option<usize> {
        let last = self.held.len().checked_sub(1)?;
        Some(self.selected.min(last))
    }

    /// Whether a vector has changes that could be taken back.
    pub fn is_changed(&self, row: usize) -> bool {
        self.held.get(row).is_some_and(|h| !h.undo.is_empty())
    }

    /// Whether a vector is marked for comparison.
    pub fn is_marked(&self, row: usize) -> bool {
        self.held.get(row).is_some_and(|h| h.marked)
    }

    /// Vectors marked for comparison.
    pub fn marked(&self) -> usize {
        self.held.iter().filter(|h| h.marked).count()
    }

    /// Those.
    pub(super) fn marked_vectors(&self) -> Vec<Asset> {
        let marked = self.held.iter().filter(|h| h.marked);
        marked.map(|h| h.asset.clone()).collect()
    }

    /// The vectors to be compared: those marked, without any mark all that are not known to be unfit;
    /// `loaded` always, and no more than `most`. With how many there would be without the limit.
    pub(super) fn compared(&self, loaded: Option<&Asset>, most: usize) -> (Vec<Asset>, usize) {
        let any = self.marked() > 0;
        let fits = |asset: &Asset| match self.facts(asset) {
            Some(Ok(facts)) => facts.misfit.is_none(),
            Some(Err(_)) => false,
            None => true,
        };
        let wanted =
            |h: &&Held| Some(&h.asset) == loaded || if any { h.marked } else { fits(&h.asset) };
        let mut all: Vec<Asset> = (self.held.iter().filter(wanted))
            .map(|h| h.asset.clone())
            .collect();
        all.extend(loaded.filter(|l| !all.contains(l)).cloned());
        let n = all.len();
        while all.len() > most {
            let last = all.iter().rposition(|a| Some(a) != loaded);
            all.remove(last.unwrap_or(most));
        }
        (all, n)
    }

    /// Whether some vectors are still to be reported.
    pub fn is_reading(&self) -> bool {
        self.held.iter().any(|h| self.facts(&h.asset).is_none())
    }

    /// What is known of a vector, or why its file is refused.
    pub fn facts(&self, asset: &Asset) -> Option<&Result<VectorFacts, String>> {
        let known = self.survey.entries.iter().find(|(a, _)| a == asset);
        known.map(|(_, facts)| facts)
    }

    /// Cosine of two vectors at a block.
    pub fn cosine(&self, block: usize, a: &Asset, b: &Asset) -> Option<f32> {
        let at = |asset| self.survey.entries.iter().position(|(x, _)| x == asset);
        self.survey.cosine(block, at(a)?, at(b)?, self.without_top)
    }

    /// Mean ‖v‖ at a block over the vectors that fit the model.
    pub fn mean_norm(&self, block: usize) -> Option<f64> {
        let norms: Vec<f64> = (self.survey.entries.iter())
            .filter_map(|(_, facts)| facts.as_ref().ok())
            .filter(|facts| facts.misfit.is_none())
            .filter_map(|facts| facts.norms.get(block).copied().flatten())
            .map(f64::from)
            .collect();
        (!norms.is_empty()).then(|| norms.iter().sum::<f64>() / norms.len() as f64)
    }

    pub(super) fn clear_survey(&mut self) {
        self.survey = Survey::default();
        self.asked.clear();
    }

    pub(super) fn asset(&self) -> Option<&Asset> {
        Some(&self.held.get(self.selected()?)?.asset)
    }

    /// One vector in the place of another, which can be taken back.
    pub(super) fn replace(&mut self, old: &Asset, new: &Asset) {
        if let Some(held) = self.held.iter_mut().find(|h| h.asset == *old) {
            let before = std::mem::replace(&mut held.asset, new.clone());
            held.undo.push(before);
            held.redo.clear();
        }
    }

    /// Takes in what the catalog holds; what was opened or made here stays.
    fn adopt<'a>(&mut self, catalog: impl Iterator<Item = &'a Asset>) {
        for asset in catalog {
            if self.held.iter().all(|h| h.asset.unchanged() != asset) {
                self.held.push(Held::new(asset.clone()));
            }
        }
    }
}

impl App {
    /// The library.
    pub fn library(&self) -> &VectorLibrary {
        &self.library
    }

    pub(super) fn surveyed(&mut self, survey: Survey) {
        self.library.survey = survey;
    }

    /// Keeps the library in step with the catalog and asks for what is not known of it. Nothing is
    /// read before the screen is opened.
    pub(super) fn request_survey(&mut self) {
        let shown = matches!(self.screen, Screen::Vectors | Screen::Datasets);
        if !shown || self.engine != Engine::Ready {
            return;
        }
        let loaded = self.vector.as_ref().map(|v| v.asset.unchanged());
        let catalog = self.vectors.iter().map(|e| &e.asset).chain(loaded);
        self.library.adopt(catalog);
        if self.screen != Screen::Vectors {
            return;
        }
        let all: Vec<Asset> = self.library.held.iter().map(|h| h.asset.clone()).collect();
        if all != self.library.asked && !all.is_empty() {
            self.library.asked.clone_from(&all);
            self.send(Command::Survey(all));
        }
    }

    /// Table of all vectors at the present block for the clipboard.
    pub(super) fn library_text(&self) -> Option<String> {
        use std::fmt::Write as _;
        let block = self.steering.now().block;
        let mut out =
            String::from("vector\tmethod\tblock\tnorm\ttop_two_share\trecommended_block\n");
        for asset in self.library.rows() {
            let Some(Ok(facts)) = self.library.facts(asset) else {
                continue;
            };
            let at = |values: &[Option<f32>]| {
                let value = values.get(block).copied().flatten();
                value.map_or_else(String::new, |v| v.to_string())
            };
            let _ = writeln!(
                out,
                "{}\t{}\t{block}\t{}\t{}\t{}",
                facts.name,
                facts.method.as_deref().unwrap_or_default(),
                at(&facts.norms),
                at(&facts.top_two),
                facts
                    .recommended
                    .map_or_else(String::new, |b| b.to_string())
            );
        }
        (out.lines().count() > 1).then_some(out)
    }

    pub(super) fn move_in_library(&mut self, rows: isize) {
        let last = self.library.held.len().saturating_sub(1);
        let at = self.library.selected.min(last);
        self.library.selected = at.saturating_add_signed(rows).min(last);
    }

    /// Marks the selected vector for comparison, or takes the mark away, and goes on to the next.
    pub(super) fn mark_vector(&mut self) {
        let row = self.library.selected();
        if let Some(held) = row.and_then(|i| self.library.held.get_mut(i)) {
            held.marked = !held.marked;
        }
        self.move_in_library(1);
    }

    /// Loads the selected vector.
    pub(super) fn load_selected(&mut self) {
        if let Some(asset) = self.library.asset().cloned() {
            self.choose_vector(asset);
        }
    }

    /// One more change of the selected vector; where it is the loaded one, the change is loaded.
    pub(super) fn change_vector(&mut self, change: VectorChange) {
        let Some(asset) = self.library.asset().cloned() else {
            return;
        };
        let changed = asset.with(change);
        self.replace_selected(changed, |held, before| {
            held.undo.push(before);
            held.redo.clear();
        });
    }

    /// A copy of the selected vector to be changed by itself.
    pub(super) fn duplicate_vector(&mut self) {
        let Some(i) = self.library.selected() else {
            return;
        };
        let Some(asset) = self.library.asset().cloned() else {
            return;
        };
        let label = asset.label();
        let taken = |name: &str| self.library.held.iter().any(|h| h.asset.label() == name);
        let names = (2..).map(|n| format!("{label} {n}"));
        let Some(name) = names.into_iter().find(|n| !taken(n)) else {
            return;
        };
        let copy = Held::new(asset.with(VectorChange::Rename(name)));
        self.library.held.insert(i + 1, copy);
        self.move_in_library(1);
    }

    /// Takes the last change of the selected vector back, or makes it again.
    pub(super) fn undo_vector(&mut self, again: bool) {
        let Some(held) = self
            .library
            .selected()
            .and_then(|i| self.library.held.get_mut(i))
        else {
            return;
        };
        let from = if again {
            &mut held.redo
        } else {
            &mut held.undo
        };
        match from.pop() {
            Some(asset) => self.replace_selected(asset, move |held, before| {
                if again {
                    held.undo.push(before);
                } else {
                    held.redo.push(before);
                }
            }),
            None => self.say(
                Level::Info,
                "no change of this vector to take back or make again",
            ),
        }
    }

    fn replace_selected(&mut self, asset: Asset, keep: impl FnOnce(&mut Held, Asset)) {
        let Some(held) = self
            .library
            .selected()
            .and_then(|i| self.library.held.get_mut(i))
        else {
            return;
        };
        let before = std::mem::replace(&mut held.asset, asset.clone());
        let loaded = self.wanted_vector.as_ref() == Some(&before);
        keep(held, before);
        if loaded {
            self.choose_vector(asset);
        }
    }

    /// The next figure of the screen.
    pub(super) fn next_library_figure(&mut self) {
        self.library.figure = match self.library.figure {
            LibraryFigure::Card => LibraryFigure::Cosines,
            LibraryFigure::Cosines => LibraryFigure::Across,
            LibraryFigure::Across => LibraryFigure::Extraction,
            LibraryFigure::Extraction => LibraryFigure::Card,
        };
    }

    /// Asks for a name or a number about the selected vector.
    pub(super) fn ask_about_vector(&mut self, kind: PickerKind) {
        if self.library.selected().is_some() {
            self.overlays.push(Overlay::Picker(kind, List::default()));
        }
    }

    /// Takes a typed name or factor.
    pub(super) fn rename_vector(&mut self, name: String) {
        self.change_vector(VectorChange::Rename(name));
    }

    pub(super) fn scale_vector(&mut self, factor: f32) {
        self.change_vector(VectorChange::Scale(Factor(factor)));
    }

    pub(super) fn save_vector(&mut self, name: String) {
        if let Some(asset) = self.library.asset().cloned() {
            self.send(Command::SaveVector(asset, name));
        }
    }
}
