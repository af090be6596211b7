//! Entering and leaving the terminal: alternate screen, raw mode, mouse, paste, title; and the
//! silence of everything else that might print while the screen is up.

use std::io::{self, Stdout, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, SetTitle, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

/// Whether the screen is ours at this moment; read by the panic hook.
static ENTERED: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours. Dropping it gives the terminal back, whatever happened.
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    mouse: bool,
    /// What the terminal shows is not what we drew last: the next frame starts from nothing.
    stale: bool,
}

impl Screen {
    /// Takes the terminal. Standard error goes to `log` until the screen is left.
    pub(crate) fn enter(mouse: bool, log: Option<&Path>) -> io::Result<Self> {
        take(mouse)?;
        let terminal = match Terminal::new(CrosstermBackend::new(io::stdout())) {
            Ok(terminal) => terminal,
            Err(error) => {
                give_back();
                return Err(error);
            }
        };
        if let Some(log) = log {
            silence::begin(log);
        }
        Ok(Self {
            terminal,
            mouse,
            stale: false,
        })
    }

    /// Draws one frame inside a synchronized update, so that no half frame is ever seen.
    pub(crate) fn draw(&mut self, render: impl FnOnce(&mut ratatui::Frame<'_>)) -> io::Result<()> {
        queue!(io::stdout(), BeginSynchronizedUpdate)?;
        if std::mem::take(&mut self.stale) {
            // A fresh terminal rather than `clear`, which asks the terminal for its cursor
            // position and fails where nobody answers.
            self.terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
            queue!(io::stdout(), Clear(ClearType::All))?;
        }
        let drawn = self.terminal.draw(render).map(|_| ());
        execute!(io::stdout(), EndSynchronizedUpdate)?;
        drawn
    }

    /// Forgets what is on the screen; the next frame redraws everything.
    pub(crate) fn forget(&mut self) {
        self.stale = true;
    }

    /// Gives the terminal back, stops the process until it is continued, takes it again.
    #[cfg(unix)]
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        let quiet = silence::end();
        give_back();
        let stopped =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP);
        take(self.mouse)?;
        if quiet {
            silence::resume();
        }
        self.forget();
        stopped.map_err(io::Error::from)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    ENTERED.store(true, Ordering::SeqCst);
    let mut out = io::stdout();
    let entered = execute!(
        out,
        EnterAlternateScreen,
        EnableBracketedPaste,
        SetTitle("steerscope"),
        cursor::Hide
    )
    .and_then(|()| {
        if mouse {
            execute!(out, EnableMouseCapture)
        } else {
            Ok(())
        }
    });
    if entered.is_err() {
        give_back();
    }
    entered
}

/// Gives the terminal back. Safe to call twice and from the panic hook; a terminal that is gone
/// cannot be restored, so errors are of no use here.
pub(crate) fn give_back() {
    if !ENTERED.swap(false, Ordering::SeqCst) {
        return;
    }
    silence::end();
    let mut out = io::stdout();
    let _ = execute!(
        out,
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    );
    let _ = out.flush();
    let _ = disable_raw_mode();
}

/// Standard error sent to a file, so that no library can write over the screen.
mod silence {
    use std::path::Path;

    #[cfg(unix)]
    mod imp {
        use std::fs::OpenOptions;
        use std::io;
        use std::os::fd::OwnedFd;
        use std::path::{Path, PathBuf};
        use std::sync::Mutex;

        /// The real standard error while it is replaced, and the file in its place. Global,
        /// because the panic hook must be able to put it back.
        static KEPT: Mutex<Option<(OwnedFd, PathBuf)>> = Mutex::new(None);
        /// The file of a silence that was interrupted by a suspension.
        static PAUSED: Mutex<Option<PathBuf>> = Mutex::new(None);

        pub(in crate::runtime::terminal) fn begin(log: &Path) {
            let replaced = OpenOptions::new()
                .create(true)
                .append(true)
                .open(log)
                .ok()
                .and_then(|file| {
                    let kept = rustix::io::dup(io::stderr()).ok()?;
                    rustix::stdio::dup2_stderr(&file).ok()?;
                    Some((kept, log.to_path_buf()))
                });
            if let Ok(mut slot) = KEPT.lock() {
                *slot = replaced;
            }
        }

        pub(in crate::runtime::terminal) fn end() -> bool {
            // `try_lock`: a panic while the lock is held must not become a deadlock.
            let Some((kept, log)) = KEPT.try_lock().ok().and_then(|mut slot| slot.take()) else {
                return false;
            };
            if let Ok(mut paused) = PAUSED.try_lock() {
                *paused = Some(log);
            }
            // Nothing can be done, nor said, if standard error cannot be put back.
            rustix::stdio::dup2_stderr(&kept).is_ok()
        }

        pub(in crate::runtime::terminal) fn resume() {
            if let Some(log) = PAUSED.try_lock().ok().and_then(|mut paused| paused.take()) {
                begin(&log);
            }
        }
    }

    #[cfg(unix)]
    pub(super) use imp::resume;

    pub(super) fn begin(log: &Path) {
        #[cfg(unix)]
        imp::begin(log);
        #[cfg(not(unix))]
        let _ = log;
    }

    /// Puts standard error back; whether it had been replaced.
    pub(super) fn end() -> bool {
        #[cfg(unix)]
        return imp::end();
        #[cfg(not(unix))]
        false
    }
}
