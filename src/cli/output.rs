//! Standard output and progress of the commands: a closed pipe ends quietly, progress goes to
//! standard error and only when a person can see it.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How a command ended, other than well.
#[derive(Debug)]
pub(super) enum Ending {
    /// Print the sentence, exit 1.
    Failed(String),
    /// Print the sentence, exit 2.
    Usage(String),
    /// The reader of our output went away; exit 0.
    BrokenPipe,
}

impl From<io::Error> for Ending {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::BrokenPipe
        } else {
            Self::Failed(format!("could not write the output: {error}"))
        }
    }
}

/// One line on standard error that is rewritten in place; silent when it is not a terminal.
pub(super) struct Progress {
    label: &'static str,
    shown: bool,
    started: Instant,
    last: Option<Instant>,
}

impl Progress {
    /// Work that has just begun.
    pub(super) fn start(label: &'static str) -> Self {
        Self {
            label,
            shown: io::stderr().is_terminal(),
            started: Instant::now(),
            last: None,
        }
    }

    /// Reports `done` of `total` units; drawn at most ten times a second, and not before 300 ms.
    pub(super) fn update(&mut self, done: usize, total: usize) {
        let now = Instant::now();
        let elapsed = now - self.started;
        let recently = self
            .last
            .is_some_and(|t| now - t < Duration::from_millis(100));
        if !self.shown || recently || elapsed < Duration::from_millis(300) {
            return;
        }
        self.last = Some(now);
        let rate = done as f64 / elapsed.as_secs_f64();
        let left = if rate > 0.0 {
            total.saturating_sub(done) as f64 / rate
        } else {
            0.0
        };
        // A progress line that cannot be written is not worth failing for.
        let _ = write!(
            io::stderr(),
            "\r\x1b[2K{}: {done}/{total} · {rate:.0}/s · {left:.0} s left",
            self.label
        );
    }

    /// Clears the line.
    pub(super) fn finish(&mut self) {
        if self.last.take().is_some() {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
