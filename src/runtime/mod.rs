//! The shell around the pure parts: terminal, event loop, signals, panics, files of the session.
//!
//! Called by `cli` when no subcommand is given. It knows nothing of science.

mod crash;
mod effects;
mod event_loop;
mod keys;
mod paths;
mod signals;
mod terminal;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use event_loop::Ended;
pub use paths::Paths;

use crate::app::{App, Settings};
use crate::ui::Look;
use crate::units::DeviceChoice;
use crate::worker::Options;

/// How long the end of the program waits for the engine to notice.
const QUIT_LIMIT: Duration = Duration::from_millis(400);

/// What the command line decided about the screen.
#[derive(Debug)]
pub struct Screenplay {
    /// First state of the app.
    pub settings: Settings,
    /// Themes at the terminal's colour depth.
    pub look: Look,
    /// Whether the mouse is ours.
    pub mouse: bool,
    /// Inputs of a data set that are measured live, at most.
    pub inputs: usize,
    /// Where models are computed.
    pub device: DeviceChoice,
    /// The user's folders.
    pub paths: Paths,
    /// File that measured results are kept in for later sessions.
    pub store: Option<PathBuf>,
    /// Bytes for computed prompts, where the user set a limit.
    pub memory: Option<usize>,
    /// A quarter of the machine's memory: the limit of models on the CPU where none was set.
    pub quarter: Option<usize>,
    /// Panic on the first key: for the tests of the panic policy.
    pub crash_ui: bool,
    /// Panic on the engine thread: likewise.
    pub crash_engine: bool,
}

/// Runs the interactive screen until it ends.
///
/// # Errors
/// The terminal could not be taken, drawn on or read.
pub fn run(play: Screenplay) -> io::Result<ExitCode> {
    let Screenplay {
        mut settings,
        mut look,
        mouse,
        inputs,
        device,
        paths,
        store,
        memory,
        quarter,
        crash_ui,
        crash_engine,
    } = play;
    crash::install(paths.state.clone());
    // Without a state folder there is no log and no history; the program works all the same.
    let log = fs::create_dir_all(&paths.state)
        .is_ok()
        .then(|| paths.log());
    settings.history = effects::load_history(&paths.history());
    let options = Options {
        inputs,
        device,
        data: Some(paths.data.clone()),
        store,
        memory,
        quarter,
        crash: crash_engine,
    };

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
        let mut app = App::new(settings);
        let mut screen = terminal::Screen::enter(mouse, log.as_deref())?;
        let mut shell = effects::Shell::start(paths, options, sender)?;
        let ended = event_loop::run(
            &mut app,
            &mut look,
            &mut screen,
            &mut shell,
            &mut events,
            crash_ui,
        )
        .await;
        // The terminal first: the user should not wait for the engine to see the prompt again.
        drop(screen);
        shell.shutdown();
        ended
    });
    // The thread that waits for input may be blocked in the terminal; it must not hold the exit.
    runtime.shutdown_background();
    Ok(match ended? {
        Ended::Quit => ExitCode::SUCCESS,
        Ended::Signal(number) => ExitCode::from(u8::try_from(128 + number).unwrap_or(1)),
    })
}
