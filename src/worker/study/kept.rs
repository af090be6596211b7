//! What studies have computed and later ones need again, kept while the model is loaded.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::Trouble;
use crate::steering::SteeringVector;

type Entries<K, V> = VecDeque<(K, Arc<V>)>;

/// Values by key; of too many, the oldest go.
#[derive(Debug)]
pub(crate) struct Kept<K, V>(Arc<Mutex<Entries<K, V>>>);

impl<K, V> Clone for Kept<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Values of one kind kept at most.
const MOST: usize = 32;

impl<K: PartialEq, V> Kept<K, V> {
    /// The value of a key, computed at the first question.
    pub(super) fn get(
        &self,
        key: K,
        compute: impl FnOnce() -> Result<V, Trouble>,
    ) -> Result<Arc<V>, Trouble> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = lock().iter().find(|(k, _)| *k == key) {
            return Ok(Arc::clone(known));
        }
        // Not under the lock: it takes seconds.
        let value = Arc::new(compute()?);
        let mut all = lock();
        if all.len() == MOST {
            all.pop_front();
        }
        all.push_back((key, Arc::clone(&value)));
        Ok(value)
    }
}

/// All that studies keep.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shelf {
    /// Mean differences of training pairs, for all blocks, by data-set id.
    pub(super) vectors: Kept<String, SteeringVector>,
    /// Differences of training pairs, by data-set id and block.
    pub(super) differences: Kept<(String, usize), Vec<Vec<f32>>>,
    /// What a sentence as system text changes in each input, by data-set id.
    pub(super) prompted: Kept<String, Vec<f32>>,
}
