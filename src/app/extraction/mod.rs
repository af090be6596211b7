//! The dialog for a new vector: what it is made from, how, and which tokens are read.

mod edit;
mod form;

pub use form::{ExtractForm, Field, METHODS, SOURCES};

use crate::app::library::LibraryFigure;
use crate::app::messages::Level;
use crate::app::overlay::Overlay;
use crate::app::screen::Screen;
use crate::app::tokens::{Purpose, TokenCursor};
use crate::app::{App, Engine};
use crate::protocol::{Asset, Command, ExtractStudy, Study, StudyRequest};
use crate::units::BlockIndex;

impl App {
    /// Opens the dialog.
    pub(super) fn open_extraction(&mut self) {
        if self.engine != Engine::Ready {
            self.say(Level::Info, "the model is not loaded yet");
            return;
        }
        let datasets: Vec<Asset> = self.datasets.iter().map(|e| e.asset.clone()).collect();
        let loaded = self.dataset.as_ref().map(|d| &d.asset);
        let form = ExtractForm::new(
            datasets,
            loaded,
            self.read_choice.clone(),
            self.settings.home.clone(),
        );
        self.overlays.push(Overlay::Extract(Box::new(form)));
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
            format!("extraction reads positions {words}: E opens its dialog"),
        );
        self.read_choice = Some(words);
        self.overlays.pop();
    }

    /// Shows the first text of the dialog's source token by token, for choosing what is read.
    pub(super) fn choose_read(&mut self) {
        let Some(Overlay::Extract(form)) = self.overlays.last_mut() else {
            return;
        };
        if let Some(why) = form.read_is_fixed() {
            form.error = Some(why.to_owned());
            return;
        }
        let source = match form.source() {
            Ok(source) => source,
            Err(why) => {
                form.error = Some(why);
                return;
            }
        };
        let run = self.next_run();
        self.prompt_tokens.ask(run);
        self.send(Command::ReadSource { run, source });
        self.overlays.push(Overlay::Tokens(TokenCursor {
            purpose: Purpose::Read,
            ..TokenCursor::default()
        }));
    }

    /// The text that was to be shown cannot be read.
    pub(super) fn source_refused(&mut self) {
        let waiting = matches!(
            self.overlays.last(),
            Some(Overlay::Tokens(TokenCursor {
                purpose: Purpose::Read,
                ..
            }))
        );
        if waiting && self.prompt_tokens.tokens().is_empty() {
            self.overlays.pop();
        }
    }

    /// Takes the tokens chosen there into the dialog.
    pub(super) fn take_read(&mut self) {
        let Some(words) = self.reading() else {
            return;
        };
        self.overlays.pop();
        if let Some(Overlay::Extract(form)) = self.overlays.last_mut() {
            form.set_read(words);
        }
    }

    /// Starts what the dialog says; a dialog that cannot be carried out stays open and says why.
    pub(super) fn start_extraction(&mut self) {
        let Some(Overlay::Extract(form)) = self.overlays.last_mut() else {
            return;
        };
        let source = match form.check() {
            Ok(source) => source,
            Err(why) => {
                form.error = Some(why);
                return;
            }
        };
        let study = Study::Extract(ExtractStudy {
            source,
            method: form.method().to_owned(),
            read: form.read(),
            limit: form.limit(),
            name: form.name(),
            block: BlockIndex(self.steering.now().block),
        });
        self.overlays.pop();
        let run = self.next_run();
        self.library.figure = LibraryFigure::Extraction;
        self.lab.requested(run, study.clone());
        self.send(Command::Study(StudyRequest { run, study }));
        if self.screen != Screen::Vectors {
            self.show(Screen::Vectors);
        }
    }
}
