//! A store that may fail without stopping the work it serves.

use std::path::Path;

use super::answer::Question;
use super::cell::Cell;
use super::error::StoreError;
use super::key::Key;
use super::open::{Put, Store};

/// Keeps results where it can. A store that cannot be opened, read or written is a fault to show
/// once, never a reason to stop measuring.
#[derive(Debug, Default)]
pub struct Keeping {
    store: Option<Store>,
    fault: Option<StoreError>,
}

impl Keeping {
    /// Nothing is found, nothing is kept.
    pub fn none() -> Self {
        Self::default()
    }

    /// Opens a store, or goes on without one and says why.
    pub fn open(path: &Path) -> Self {
        match Store::open(path) {
            Ok(store) => Self {
                store: Some(store),
                fault: None,
            },
            // Old results can still be shown.
            Err(error @ StoreError::ReadOnly { .. }) => Self {
                store: Store::open_existing(path).ok(),
                fault: Some(error),
            },
            Err(error) => Self {
                store: None,
                fault: Some(error),
            },
        }
    }

    /// The cell of a key, if it is kept and can be read.
    pub fn find(&mut self, key: &Key) -> Option<Cell> {
        match self.store.as_ref()?.find(key) {
            Ok(found) => found,
            Err(error) => {
                self.fault = Some(error);
                None
            }
        }
    }

    /// Keeps a cell; `None`, and a fault, where that did not work. Room may be made at any time,
    /// so that the next cell is tried again.
    pub fn put(&mut self, key: &Key, cell: &Cell) -> Option<Put> {
        match self.store.as_mut()?.put(key, cell) {
            Ok(put) => Some(put),
            Err(error) => {
                self.fault = Some(error);
                None
            }
        }
    }

    /// The answer to a question, if it is kept and can be read.
    pub fn answer(&mut self, question: &Question) -> Option<String> {
        match self.store.as_ref()?.answer(question) {
            Ok(found) => found,
            Err(error) => {
                self.fault = Some(error);
                None
            }
        }
    }

    /// Keeps an answer where it can.
    pub fn keep_answer(&mut self, question: &Question, answer: &str) {
        if let Some(store) = &mut self.store
            && let Err(error) = store.keep_answer(question, answer)
        {
            self.fault = Some(error);
        }
    }

    /// The newest thing that went wrong, once.
    pub fn take_fault(&mut self) -> Option<StoreError> {
        self.fault.take()
    }

    /// The store, where there is one.
    pub fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }
}
