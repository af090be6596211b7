//! The loaded data set with everything computed on it: prompts, results of this session, and the way
//! to those of earlier ones.

use std::sync::Arc;

use super::archive::Archive;
use crate::engine::Model;
use crate::measure::{
    Asked, CacheOptions, KeptResults, PreparedSet, PromptCache, Protocol, SiteKey, Split,
    store_cell, store_key,
};
use crate::steering::SteeringVector;
use crate::steering::dataset::Example;
use crate::store::{Key, Names};

/// A data set's inputs and what they were made of.
pub(crate) struct Rows {
    /// [`crate::protocol::DatasetInfo::id`].
    pub(crate) id: String,
    /// How its rows were asked.
    pub(crate) asked: Asked,
    /// Inputs.
    pub(crate) set: PreparedSet,
    /// The rows that the inputs were made of.
    pub(crate) examples: Vec<Example>,
    /// Which rows they are.
    pub(crate) split: Split,
    /// `H_b` per block over their prompts.
    pub(crate) norms: Vec<f32>,
}

/// The loaded inputs, and what they are.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// [`crate::protocol::DatasetInfo::id`].
    pub(crate) id: String,
    /// How its rows were asked.
    pub(crate) asked: Asked,
    /// Inputs.
    pub(crate) set: Arc<PreparedSet>,
    /// Which rows they are.
    pub(crate) split: Split,
}

/// Prompts and results of one data set.
pub(crate) struct Bench {
    id: String,
    asked: Asked,
    model: Arc<Model>,
    cache: PromptCache,
    kept: KeptResults,
    examples: Vec<Example>,
    split: Split,
    norms: Vec<f32>,
}

impl Bench {
    /// Nothing computed yet.
    pub(crate) fn new(model: &Arc<Model>, rows: Rows, options: CacheOptions) -> Self {
        let Rows {
            id,
            asked,
            set,
            examples,
            split,
            norms,
        } = rows;
        Self {
            id,
            asked,
            cache: PromptCache::new(Arc::clone(model), Arc::new(set), options),
            model: Arc::clone(model),
            kept: KeptResults::default(),
            examples,
            split,
            norms,
        }
    }

    /// The data set, asked in this way ([`crate::protocol::DatasetInfo::id`]).
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Its inputs.
    pub(crate) fn set(&self) -> &PreparedSet {
        self.cache.set()
    }

    /// The same for a thread that outlives them here.
    pub(crate) fn loaded(&self) -> Loaded {
        Loaded {
            id: self.id.clone(),
            asked: self.asked.clone(),
            set: Arc::clone(self.cache.set()),
            split: self.split.clone(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.cache.len()
    }

    pub(crate) fn norms(&self) -> &[f32] {
        &self.norms
    }

    /// Its prompts as tokens, without any of the answers.
    pub(crate) fn prompts(&self) -> Vec<Vec<u32>> {
        let inputs = self.set().inputs.iter();
        inputs.map(|i| i.prompt_ids().to_vec()).collect()
    }

    pub(crate) fn cache(&mut self) -> &mut PromptCache {
        &mut self.cache
    }

    pub(crate) fn kept(&mut self) -> &mut KeptResults {
        &mut self.kept
    }

    /// Propensities of all inputs at all of `multipliers`, once they are known.
    pub(crate) fn complete(
        &mut self,
        site: &SiteKey,
        multipliers: &[f32],
    ) -> Option<Vec<Vec<f32>>> {
        let n = self.len();
        self.kept.complete(site, multipliers, n)
    }

    /// Fetches a grid from the run store unless it is known; returns whether the store had it.
    pub(crate) fn recall(
        &mut self,
        vector: &SteeringVector,
        site: &SiteKey,
        grid: &[f32],
        archive: &Archive,
    ) -> bool {
        if self.complete(site, grid).is_some() {
            return false;
        }
        let (key, protocol) = self.key(vector, site, grid);
        let n = self.len();
        let Some(cell) = archive.find(&key) else {
            return false;
        };
        let rows: Vec<Vec<f32>> = cell.rows().map(<[f32]>::to_vec).collect();
        if rows.len() != n {
            return false;
        }
        self.kept.put(site, &protocol.multipliers, 0, &rows);
        true
    }

    /// Keeps a finished grid, in memory and in the run store.
    pub(crate) fn keep(
        &mut self,
        vector: &SteeringVector,
        site: &SiteKey,
        grid: &[f32],
        rows: &[Vec<f32>],
        archive: &Archive,
        model_name: &str,
    ) {
        self.kept.put(site, grid, 0, rows);
        self.store(vector, site, grid, archive, model_name);
    }

    /// Hands a grid that is complete in memory to the run store.
    pub(crate) fn store(
        &mut self,
        vector: &SteeringVector,
        site: &SiteKey,
        grid: &[f32],
        archive: &Archive,
        model_name: &str,
    ) {
        let (key, protocol) = self.key(vector, site, grid);
        let Some(rows) = self.complete(site, &protocol.multipliers) else {
            return;
        };
        let names = Names {
            model: model_name.to_owned(),
            vector: vector.name.clone(),
            dataset: self.set().dataset.clone(),
        };
        let examples: Vec<&Example> = self.examples.iter().collect();
        let cell = store_cell(names, &protocol, self.set(), &examples, &rows);
        archive.put(key, cell);
    }

    fn key(&self, vector: &SteeringVector, site: &SiteKey, grid: &[f32]) -> (Key, Protocol) {
        let protocol = Protocol::new(site.block, site.mask, grid, self.split.clone())
            .with_edit(site.edit)
            .on(&self.model);
        let protocol = self.asked.stamp(protocol);
        let key = store_key(&self.model, vector, self.set(), &protocol);
        (key, protocol)
    }
}
