//! Where a study waits while a moved slider is measured.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::engine::Cancel;

/// How often a waiting study looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// Closed by the engine's thread as long as it measures.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    closed: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    pub(crate) fn set(&self, closed: bool) {
        let mut now = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if *now != closed {
            *now = closed;
            self.opened.notify_all();
        }
    }

    /// Returns once it is open or the work is cancelled.
    pub(crate) fn pass(&self, cancel: &Cancel) {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        while *closed && !cancel.is_cancelled() {
            closed = self
                .opened
                .wait_timeout(closed, LOOK)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}
