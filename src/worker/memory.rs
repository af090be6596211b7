//! How the memory for computed prompts is shared out.

use crate::engine::Model;
use crate::measure::CacheOptions;

/// Bytes for all caches together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    asked: Option<usize>,
    /// For models on the CPU, where nothing was asked for.
    quarter: Option<usize>,
}

impl Memory {
    pub(crate) fn new(asked: Option<usize>, quarter: Option<usize>) -> Self {
        Self { asked, quarter }
    }

    /// The loaded data set's prompts, which every moved slider needs again: three quarters.
    pub(crate) fn live(self, model: &Model) -> CacheOptions {
        self.part(3, model)
    }

    /// A study's prompts, which go by one data set after the other: one quarter.
    pub(crate) fn study(self, model: &Model) -> CacheOptions {
        self.part(1, model)
    }

    fn part(self, quarters: usize, model: &Model) -> CacheOptions {
        // The machine's memory says nothing about a GPU's.
        let usual = self.quarter.filter(|_| model.device().contains("cpu"));
        self.asked
            .or(usual)
            .map_or_else(CacheOptions::default, |bytes| {
                CacheOptions::within(bytes / 4 * quarters)
            })
    }
}
