//! Owns the engine on a named thread of its own and answers the interface's [`Command`]s with
//! [`Event`]s.
//!
//! One thread does everything, in slices: a few inputs of the measurement, then one token of both
//! lanes, then a look into the mailbox. So text streams while the histogram fills, and neither
//! needs a lock on the model. It must not know how anything is drawn.

mod archive;
mod asked;
mod bench;
mod catalog;
mod fetch;
mod gates;
mod generate;
mod job;
mod lanes;
mod load;
mod mailbox;
mod making;
mod measure;
mod memory;
mod probe;
mod prompt;
mod reference;
mod shipped;
mod source;
mod study;
mod studying;
mod survey;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use catalog::{Library, LibraryError};
pub use fetch::FETCH_THREAD;
pub use generate::generate_to_end;
use mailbox::Mailbox;
pub use source::{LocalModel, Whereabouts, model_name, neither, open_model};
pub use study::STUDY_THREAD;

use crate::protocol::{Command, Event};
use crate::units::DeviceChoice;

/// Name of the engine's thread; the panic hook asks for it.
pub const ENGINE_THREAD: &str = "engine";

/// Inputs measured live unless asked otherwise: a prefix of the test part, enough for a histogram.
pub const LIVE_INPUTS: usize = 128;

/// How the worker is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Inputs of a data set that are measured live, at most.
    pub inputs: usize,
    /// Where models are computed.
    pub device: DeviceChoice,
    /// The user's folder with `vectors/` and `datasets/`.
    pub data: Option<PathBuf>,
    /// File of the run store; `None`: nothing is kept from one session to the next.
    pub store: Option<PathBuf>,
    /// Bytes for computed prompts; `None`: `quarter`.
    pub memory: Option<usize>,
    /// The limit on the CPU unless another is set; `None`, and on a GPU: the library's.
    pub quarter: Option<usize>,
    /// Panic on the second generation, once: for the tests of the panic policy.
    pub crash: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            inputs: LIVE_INPUTS,
            device: DeviceChoice::Auto,
            data: None,
            store: None,
            memory: None,
            quarter: None,
            crash: false,
        }
    }
}

/// The interface's handle to the engine thread.
#[derive(Debug)]
pub struct Worker {
    mailbox: Arc<Mailbox>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread. `events` is called on it, in order, and must not block for long.
    ///
    /// # Errors
    /// The operating system refused to start a thread.
    pub fn start(
        options: Options,
        events: impl Fn(Event) + Send + 'static,
    ) -> std::io::Result<Self> {
        let mailbox = Arc::new(Mailbox::new());
        let for_thread = Arc::clone(&mailbox);
        let thread = std::thread::Builder::new()
            .name(ENGINE_THREAD.to_string())
            .stack_size(16 << 20)
            .spawn(move || {
                let work = AssertUnwindSafe(|| job::work(&for_thread, &options, &events));
                if let Err(panic) = catch_unwind(work) {
                    let reason = panic
                        .downcast_ref::<&str>()
                        .map(ToString::to_string)
                        .or_else(|| panic.downcast_ref::<String>().cloned())
                        .unwrap_or_else(|| "no reason given".to_string());
                    events(Event::EngineDied(reason));
                }
            })?;
        Ok(Self {
            mailbox,
            thread: Some(thread),
        })
    }

    /// Leaves a command for the engine; never blocks.
    pub fn send(&self, command: Command) {
        self.mailbox.put(command);
    }

    /// Ends the thread, waiting at most `limit`. Work stops within one block's computation; a
    /// thread that takes longer is left to the end of the process.
    pub fn shutdown(mut self, limit: Duration) {
        self.mailbox.put(Command::Shutdown);
        let Some(thread) = self.thread.take() else {
            return;
        };
        let end = Instant::now() + limit;
        while !thread.is_finished() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        if thread.is_finished() {
            // A panic was reported as an event already.
            let _ = thread.join();
        }
    }
}
