//! What studies have computed and later ones need again, kept while the model is loaded.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::Trouble;
use crate::measure::TaxRow;
use crate::protocol::Asset;
use crate::steering::SteeringVector;
use crate::units::BlockIndex;

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
    /// The value of a key, if it was computed.
    fn find(&self, key: &K) -> Option<Arc<V>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().find(|(k, _)| k == key);
        known.map(|(_, value)| Arc::clone(value))
    }

    /// The value of a key, computed at the first question.
    pub(super) fn get(
        &self,
        key: K,
        compute: impl FnOnce() -> Result<V, Trouble>,
    ) -> Result<Arc<V>, Trouble> {
        if let Some(known) = self.find(&key) {
            return Ok(known);
        }
        // Not under the lock: it takes seconds.
        let value = Arc::new(compute()?);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == MOST {
            all.pop_front();
        }
        all.push_back((key, Arc::clone(&value)));
        Ok(value)
    }
}

/// Differences of pairs, or why there are none.
pub(in crate::worker) type Pairs = Result<Arc<Vec<Vec<f32>>>, String>;

/// All that studies keep.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shelf {
    /// Mean differences of training pairs, for all blocks, by data-set id.
    pub(super) vectors: Kept<String, SteeringVector>,
    /// Differences of training pairs, by data-set id and block.
    pub(super) differences: Kept<(String, usize), Vec<Vec<f32>>>,
    /// What a sentence as system text changes in each input, by data-set id.
    pub(super) prompted: Kept<String, Vec<f32>>,
    /// Similarities of a data set's prompts to a condition vector at a block, by data-set id
    /// and number.
    pub(super) similarities: Kept<(Asset, BlockIndex, String, usize), Vec<Option<f64>>>,
    /// What steering costs, by the digest of the question.
    pub(super) taxes: Kept<String, Vec<TaxRow>>,
    /// Differences of pairs, or why there are none, for texts under shuffled labels; by the same.
    pairs: Kept<(String, usize), Pairs>,
}

impl Shelf {
    /// Differences of a data set's training pairs at a block, once they were read.
    pub(in crate::worker) fn pairs(&self, key: &(String, usize)) -> Option<Arc<Pairs>> {
        self.pairs.find(key)
    }

    /// Reads them, unless a study has, and keeps what came of it.
    pub(in crate::worker) fn read_pairs(
        &self,
        key: (String, usize),
        read: impl FnOnce() -> Result<Vec<Vec<f32>>, Trouble>,
    ) {
        let told = |t: Trouble| t.map_or_else(String::new, |(_, words)| words);
        let pairs = self.differences.get(key.clone(), read).map_err(told);
        // The outcome of a computation never fails here.
        let _ = self.pairs.get(key, || Ok(pairs));
    }
}
