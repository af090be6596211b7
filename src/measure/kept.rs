//! Results that were measured before: returned at once instead of computed again.

use std::collections::HashMap;

use crate::units::{BlockIndex, Edit, Mask};

/// What a set of results belongs to. Model identity is not part of it: the store is emptied when
/// the model changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SiteKey {
    /// Identity of the vector.
    pub vector: String,
    /// Canonical hash of the data set.
    pub dataset: String,
    /// Site.
    pub block: BlockIndex,
    /// Steered positions.
    pub mask: Mask,
    /// What is done there, and at which point of the block.
    pub edit: Edit,
}

/// Propensities of all inputs at one multiplier; `None` where not measured yet.
#[derive(Debug, Clone, Default)]
struct Column {
    values: Vec<Option<f32>>,
    used: u64,
}

/// Propensities per site and multiplier, kept within a memory limit; the longest unused go first.
///
/// Multipliers are kept one by one, so that a grid and a single slider position share what they
/// have in common, and a run that was stopped is continued instead of begun again.
#[derive(Debug, Clone)]
pub struct KeptResults {
    columns: HashMap<(SiteKey, u32), Column>,
    limit: usize,
    held: usize,
    clock: u64,
}

impl Default for KeptResults {
    /// Room for about four million figures.
    fn default() -> Self {
        Self::new(4_000_000)
    }
}

impl KeptResults {
    /// A store of at most about `limit` figures.
    pub fn new(limit: usize) -> Self {
        Self {
            columns: HashMap::new(),
            limit,
            held: 0,
            clock: 0,
        }
    }

    /// Keeps rows of propensities, one value per multiplier, of the inputs from `first` on.
    pub fn put(&mut self, site: &SiteKey, multipliers: &[f32], first: usize, rows: &[Vec<f32>]) {
        self.clock += 1;
        for (j, multiplier) in multipliers.iter().enumerate() {
            let column = self
                .columns
                .entry((site.clone(), bits(*multiplier)))
                .or_default();
            column.used = self.clock;
            if column.values.len() < first + rows.len() {
                self.held += first + rows.len() - column.values.len();
                column.values.resize(first + rows.len(), None);
            }
            for (value, row) in column.values[first..].iter_mut().zip(rows) {
                *value = row.get(j).copied();
            }
        }
        self.shrink();
    }

    /// Propensities of one input at all of `multipliers`; `None` unless every one is known.
    pub fn row(&self, site: &SiteKey, multipliers: &[f32], input: usize) -> Option<Vec<f32>> {
        multipliers
            .iter()
            .map(|m| self.value(site, *m, input))
            .collect()
    }

    /// Multipliers of the list that are not known for some input of `0..n`.
    pub fn missing(&self, site: &SiteKey, multipliers: &[f32], n: usize) -> Vec<f32> {
        let unknown = |m: &f32| (0..n).any(|input| self.value(site, *m, input).is_none());
        multipliers.iter().copied().filter(unknown).collect()
    }

    /// All rows of `0..n`, if every one is known.
    pub fn complete(
        &mut self,
        site: &SiteKey,
        multipliers: &[f32],
        n: usize,
    ) -> Option<Vec<Vec<f32>>> {
        let rows = (0..n)
            .map(|input| self.row(site, multipliers, input))
            .collect::<Option<Vec<_>>>()?;
        self.clock += 1;
        for multiplier in multipliers {
            if let Some(column) = self.columns.get_mut(&(site.clone(), bits(*multiplier))) {
                column.used = self.clock;
            }
        }
        Some(rows)
    }

    /// Forgets everything: another model was loaded.
    pub fn clear(&mut self) {
        self.columns.clear();
        self.held = 0;
    }

    fn value(&self, site: &SiteKey, multiplier: f32, input: usize) -> Option<f32> {
        *self
            .columns
            .get(&(site.clone(), bits(multiplier)))?
            .values
            .get(input)?
    }

    fn shrink(&mut self) {
        while self.held > self.limit && self.columns.len() > 1 {
            let oldest = self
                .columns
                .iter()
                .min_by_key(|(_, column)| column.used)
                .map(|(key, _)| key.clone());
            let Some(column) = oldest.and_then(|key| self.columns.remove(&key)) else {
                return;
            };
            self.held -= column.values.len();
        }
    }
}

/// Both zeros are the same multiplier.
fn bits(multiplier: f32) -> u32 {
    (multiplier + 0.0).to_bits()
}
