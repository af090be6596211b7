//! Entering and leaving the terminal: alternate screen, raw mode, mouse, paste, title; and the
//! silence of everything else that might print while the screen is up.

use std::fs::{File, OpenOptions};
use std::io::{self, Stdout, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    SetTitle, disable_raw_mode, enable_raw_mode,
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
    silence: Option<Silence>,
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
        Ok(Self {
            terminal,
            mouse,
            silence: log.and_then(Silence::begin),
        })
    }

    /// Draws one frame inside a synchronized update, so that no half frame is ever seen.
    pub(crate) fn draw(&mut self, render: impl FnOnce(&mut ratatui::Frame<'_>)) -> io::Result<()> {
        queue!(io::stdout(), BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(render).map(|_| ());
        execute!(io::stdout(), EndSynchronizedUpdate)?;
        drawn
    }

    /// Forgets what is on the screen; the next frame redraws everything.
    pub(crate) fn forget(&mut self) -> io::Result<()> {
        // A fresh terminal rather than `clear`, which asks the terminal for its cursor position
        // and fails where nobody answers.
        self.terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        execute!(
            io::stdout(),
            crossterm::terminal::Clear(crossterm::terminal::ClearType::All)
        )
    }

    /// Gives the terminal back, stops the process until it is continued, takes it again.
    #[cfg(unix)]
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        self.silence = None;
        give_back();
        let stopped =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP);
        take(self.mouse)?;
        self.forget()?;
        stopped.map_err(io::Error::from)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.silence = None;
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
struct Silence {
    #[cfg(unix)]
    kept: std::os::fd::OwnedFd,
}

impl Silence {
    #[cfg(unix)]
    fn begin(log: &Path) -> Option<Self> {
        let file: File = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .ok()?;
        let kept = rustix::io::dup(io::stderr()).ok()?;
        rustix::stdio::dup2_stderr(&file).ok()?;
        Some(Self { kept })
    }

    #[cfg(not(unix))]
    fn begin(_log: &Path) -> Option<Self> {
        None
    }
}

#[cfg(unix)]
impl Drop for Silence {
    fn drop(&mut self) {
        // Nothing can be done, nor said, if standard error cannot be put back.
        let _ = rustix::stdio::dup2_stderr(&self.kept);
    }
}
