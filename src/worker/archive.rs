//! The run store as the engine's thread uses it: looking up at once, writing behind its back.
//!
//! A write waits for the disk; streaming text must not. One thread writes all cells in order and ends
//! with the program, after the last of them.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::store::{Cell, Keeping, Key, Question};

/// Something to be kept.
enum Letter {
    Cell(Key, Cell),
    Answer(Question, String),
}

/// Shared by the engine's thread and a study's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Archive(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// Opened with the first question, once there is a file: a start waits for nothing.
    reading: Mutex<Option<Keeping>>,
    fault: Arc<Mutex<Option<String>>>,
    writing: Mutex<Option<Sender<Letter>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Archive {
    /// Opens the store; without one nothing is found and nothing is kept.
    pub(crate) fn open(path: Option<&Path>) -> Self {
        let Some(path) = path else {
            return Self::default();
        };
        let fault = Arc::new(Mutex::new(None));
        let (sender, receiver) = channel();
        let (file, told) = (path.to_owned(), Arc::clone(&fault));
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || write(&file, &receiver, &told));
        Self(Some(Arc::new(Inner {
            path: path.to_owned(),
            reading: Mutex::default(),
            fault,
            writing: Mutex::new(thread.is_ok().then_some(sender)),
            thread: Mutex::new(thread.ok()),
        })))
    }

    /// The store for a thread that may wait for the disk.
    pub(crate) fn own(&self) -> Keeping {
        let path = self.0.as_ref().map(|inner| &inner.path);
        path.map_or_else(Keeping::none, |path| Keeping::open(path))
    }

    /// The cell of a key, if it is kept.
    pub(crate) fn find(&self, key: &Key) -> Option<Cell> {
        self.read(|keeping| keeping.find(key))
    }

    /// The answer to a question, if it is kept and still means the same.
    pub(crate) fn answer<T: serde::de::DeserializeOwned>(&self, question: &Question) -> Option<T> {
        let text = self.read(|keeping| keeping.answer(question))?;
        serde_json::from_str(&text).ok()
    }

    fn read<T>(&self, look: impl FnOnce(&mut Keeping) -> Option<T>) -> Option<T> {
        let inner = self.0.as_ref()?;
        let mut reading = inner.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if reading.is_none() && inner.path.exists() {
            *reading = Some(Keeping::open(&inner.path));
        }
        look(reading.as_mut()?)
    }

    /// Hands a cell to the writing thread.
    pub(crate) fn put(&self, key: Key, cell: Cell) {
        self.send(Letter::Cell(key, cell));
    }

    /// Hands an answer to the writing thread.
    pub(crate) fn put_answer<T: serde::Serialize>(&self, question: Question, answer: &T) {
        // What cannot be written as JSON can be computed again.
        if let Ok(text) = serde_json::to_string(answer) {
            self.send(Letter::Answer(question, text));
        }
    }

    fn send(&self, letter: Letter) {
        let Some(inner) = &self.0 else { return };
        let writing = inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = writing.as_ref() {
            // The thread ends only after this sender is gone.
            let _ = sender.send(letter);
        }
    }

    /// What went wrong since the last time this was asked.
    pub(crate) fn take_fault(&self) -> Option<String> {
        let inner = self.0.as_ref()?;
        let read = (inner.reading.lock())
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()
            .and_then(Keeping::take_fault);
        let written = (inner.fault.lock())
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        read.map(|e| e.to_string()).or(written)
    }

    /// Waits until everything handed over is written.
    pub(crate) fn close(&self) {
        let Some(inner) = &self.0 else { return };
        drop(
            (inner.writing.lock())
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let thread = (inner.thread.lock())
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A panic there has lost cells that can be measured again.
            let _ = thread.join();
        }
    }
}

fn write(path: &Path, letters: &Receiver<Letter>, fault: &Mutex<Option<String>>) {
    // Opened with the first cell: a program that measures nothing leaves no file behind.
    let mut keeping: Option<Keeping> = None;
    while let Ok(letter) = letters.recv() {
        let keeping = keeping.get_or_insert_with(|| Keeping::open(path));
        match letter {
            Letter::Cell(key, cell) => {
                keeping.put(&key, &cell);
            }
            Letter::Answer(question, text) => keeping.keep_answer(&question, &text),
        }
        if let Some(error) = keeping.take_fault() {
            *fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        }
    }
}
