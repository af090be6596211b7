//! Cancellation: work carries the id it was started for and stops when the shared id moved on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::EngineError;

/// Tells running work to stop; cheap to clone, checked at every block.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Option<(Arc<AtomicU64>, u64)>);

impl Cancel {
    /// Work that nothing stops.
    pub fn never() -> Self {
        Self(None)
    }

    /// Work number `id`: cancelled as soon as `current` holds another number.
    pub fn new(current: Arc<AtomicU64>, id: u64) -> Self {
        Self(Some((current, id)))
    }

    /// Whether a newer request has taken over.
    pub fn is_cancelled(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|(current, id)| current.load(Ordering::Acquire) != *id)
    }

    /// [`EngineError::Cancelled`] when cancelled.
    pub fn check(&self) -> Result<(), EngineError> {
        if self.is_cancelled() {
            Err(EngineError::Cancelled)
        } else {
            Ok(())
        }
    }
}
