//! Vectors that a study extracted, kept while the model is loaded: one extraction serves all blocks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Trouble;
use crate::steering::SteeringVector;

/// Mean differences of training pairs, by data-set id.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnVectors(Arc<Mutex<HashMap<String, Arc<SteeringVector>>>>);

impl OwnVectors {
    /// The vector of a data set, extracted at the first question.
    pub(super) fn get(
        &self,
        dataset: &str,
        extract: impl FnOnce() -> Result<SteeringVector, Trouble>,
    ) -> Result<Arc<SteeringVector>, Trouble> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(dataset) {
            return Ok(Arc::clone(known));
        }
        // Not under the lock: it takes seconds.
        let vector = Arc::new(extract()?);
        lock().insert(dataset.to_owned(), Arc::clone(&vector));
        Ok(vector)
    }
}
