//! What the steered text is held against: the unsteered one, or the text of a control.

use crate::app::App;
use crate::protocol::Reference;

impl App {
    /// What the text beside the steered one is to be, for what is loaded now.
    pub fn reference(&self) -> Reference {
        let steered = self.steering_now().is_some();
        match &self.reference {
            Reference::Shuffled(_) if steered => (self.dataset.as_ref())
                .map_or(Reference::Unsteered, |d| {
                    Reference::Shuffled(d.asset.clone())
                }),
            Reference::SystemText(_) => (self.dataset.as_ref()).map_or(Reference::Unsteered, |d| {
                Reference::SystemText(d.name.clone())
            }),
            Reference::Other(asset) if self.vector.as_ref().is_some_and(|v| v.asset == *asset) => {
                Reference::Unsteered
            }
            wanted if wanted.is_steered() && !steered => Reference::Unsteered,
            wanted => wanted.clone(),
        }
    }

    /// Name of the text beside the steered one as it is on screen.
    pub fn reference_title(&self) -> &'static str {
        match self.compare.shown() {
            Some(shown) => shown.request.reference.title(),
            None => self.reference().title(),
        }
    }

    /// All that can stand there, in the order a key goes through them.
    fn references(&self) -> Vec<Reference> {
        let mut all = vec![Reference::Unsteered];
        let dataset = self.dataset.as_ref();
        if self.steering_now().is_some() {
            let drawn = [
                Reference::Reversed,
                Reference::Random,
                Reference::Orthogonal,
                Reference::Permuted,
            ];
            all.extend(drawn);
            all.extend(dataset.map(|d| Reference::Shuffled(d.asset.clone())));
            all.extend(self.other_vectors().into_iter().map(Reference::Other));
        }
        all.extend(dataset.map(|d| Reference::SystemText(d.name.clone())));
        all
    }

    /// The marked vectors that are not the loaded one; without a mark the first of the catalog.
    fn other_vectors(&self) -> Vec<crate::protocol::Asset> {
        let loaded = self.vector.as_ref().map(|v| &v.asset);
        let marked = self.library.marked_vectors();
        let others = |assets: Vec<crate::protocol::Asset>| {
            let mut assets = assets;
            assets.retain(|a| Some(a) != loaded);
            assets
        };
        let marked = others(marked);
        if !marked.is_empty() {
            return marked;
        }
        let mut all = others(self.vectors.iter().map(|v| v.asset.clone()).collect());
        all.truncate(1);
        all
    }

    /// The next of them.
    pub(super) fn next_reference(&mut self) {
        let (all, now) = (self.references(), self.reference());
        let at = all.iter().position(|r| *r == now);
        let next = at.map_or(0, |i| (i + 1) % all.len().max(1));
        self.reference = all.into_iter().nth(next).unwrap_or_default();
        self.reference_changed();
    }

    /// The unsteered text again.
    pub(super) fn unsteered_reference(&mut self) {
        self.reference = Reference::Unsteered;
        self.reference_changed();
    }

    fn reference_changed(&mut self) {
        self.text_scroll = None;
        self.wants_generate = true;
        let words = match &self.reference {
            Reference::Unsteered => "left text: unsteered".to_owned(),
            Reference::Other(asset) => format!(
                "left text: vector {} at the same length",
                crate::text::one_line(&asset.label())
            ),
            Reference::SystemText(_) => {
                "left text: no vector, the behaviour's sentence as system text".to_owned()
            }
            Reference::Reversed => "left text: the vector reversed".to_owned(),
            Reference::Permuted => "left text: the vector's coordinates permuted".to_owned(),
            Reference::Shuffled(_) => {
                "left text: a vector of shuffled labels at the same length".to_owned()
            }
            other => format!(
                "left text: a {} direction of the same length",
                other.title()
            ),
        };
        // The pane says it; where it is not on screen, the log does.
        self.messages.note(words, self.now);
    }

    /// Pairs were read: the text that waited for them is asked for again.
    pub(super) fn pairs_read(&mut self) {
        if matches!(self.reference, Reference::Shuffled(_)) {
            self.regenerate();
        }
    }
}
