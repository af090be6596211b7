//! Carries out what the app asks for: messages to the worker, the clipboard, files, the end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crossterm::clipboard::CopyToClipboard;
use crossterm::execute;
use tokio::sync::mpsc::UnboundedSender;

use super::event_loop::Ended;
use super::paths::Paths;
use super::terminal::Screen;
use crate::app::Effect;
use crate::plot;
use crate::protocol::{Event, Failure, ResponseFigure, Stage};
use crate::worker::{Options, Worker};

/// The side of the program that acts.
pub(crate) struct Shell {
    paths: Paths,
    options: Options,
    events: UnboundedSender<Event>,
    worker: Option<Worker>,
}

impl Shell {
    /// Starts the first worker.
    pub(crate) fn start(
        paths: Paths,
        options: Options,
        events: UnboundedSender<Event>,
    ) -> io::Result<Self> {
        let mut shell = Self {
            paths,
            options,
            events,
            worker: None,
        };
        shell.restart()?;
        Ok(shell)
    }

    fn restart(&mut self) -> io::Result<()> {
        if let Some(old) = self.worker.take() {
            old.shutdown(super::QUIT_LIMIT);
        }
        let events = self.events.clone();
        let options = self.options.clone();
        // After the first death the crash test has done its work.
        self.options.crash = false;
        self.worker = Some(Worker::start(options, move |event| {
            // The receiver lives as long as the loop; afterwards nobody listens.
            let _ = events.send(event);
        })?);
        Ok(())
    }

    /// Performs effects in order; `Some` when one of them ends the program.
    pub(crate) fn perform(
        &mut self,
        effects: Vec<Effect>,
        screen: &mut Screen,
    ) -> io::Result<Option<Ended>> {
        for effect in effects {
            match effect {
                Effect::Send(command) => {
                    if let Some(worker) = &self.worker {
                        worker.send(command);
                    }
                }
                Effect::RestartEngine => self.restart()?,
                Effect::CopyText(text) => copy(&text)?,
                Effect::ExportFigure(figure, stem) => self.export(&figure, &stem),
                Effect::SaveHistory(prompts) => save_history(&self.paths.history(), &prompts),
                Effect::Redraw => screen.forget(),
                Effect::Suspend => {
                    #[cfg(unix)]
                    screen.suspend()?;
                }
                Effect::Quit => return Ok(Some(Ended::Quit)),
            }
        }
        Ok(None)
    }

    /// Writes a figure beside what is there already, as SVG and as PNG; the app hears of it as of the
    /// worker's files.
    fn export(&self, figure: &ResponseFigure, stem: &str) {
        let taken = |stem: &str| Path::new(&format!("{stem}.svg")).exists();
        let numbered = (2..).map(|n| format!("{stem}-{n}"));
        let mut names = std::iter::once(stem.to_owned()).chain(numbered);
        let Some(stem) = names.find(|name| !taken(name)) else {
            return;
        };
        for ending in ["svg", "png"] {
            let path = PathBuf::from(format!("{stem}.{ending}"));
            let event = match plot::write(figure, &path) {
                Ok(()) => Event::Saved(path),
                Err(error) => Event::Failed(Failure {
                    stage: Stage::Store,
                    run: None,
                    model: None,
                    id: error.id().to_owned(),
                    message: error.to_string(),
                }),
            };
            // The receiver lives as long as the loop.
            let _ = self.events.send(event);
        }
    }

    /// Ends the worker, waiting a bounded time.
    pub(crate) fn shutdown(mut self) {
        if let Some(worker) = self.worker.take() {
            worker.shutdown(super::QUIT_LIMIT);
        }
    }
}

/// Puts text on the clipboard of the user's own terminal (OSC 52), which works over SSH.
fn copy(text: &str) -> io::Result<()> {
    execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text))
}

/// Reads the prompts of earlier sessions; a missing or damaged file is an empty history.
pub(crate) fn load_history(path: &Path) -> Vec<String> {
    fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Written beside and renamed, so that a full disk cannot destroy the old history.
fn save_history(path: &Path, prompts: &[String]) {
    let text: String = prompts
        .iter()
        .filter_map(|p| serde_json::to_string(p).ok())
        .map(|line| line + "\n")
        .collect();
    let beside = path.with_extension("new");
    let saved = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&beside, text))
        .and_then(|()| fs::rename(&beside, path));
    // The history is a convenience; a read-only home is no reason to disturb the user.
    let _ = saved;
}
