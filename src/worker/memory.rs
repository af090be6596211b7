//! How the memory for computed prompts is shared out.

use crate::measure::CacheOptions;

/// Bytes for all caches together; `None`: the library's own limits for each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory(Option<usize>);

impl Memory {
    pub(crate) fn new(bytes: Option<usize>) -> Self {
        Self(bytes)
    }

    /// The loaded data set's prompts, which every moved slider needs again: three quarters.
    pub(crate) fn live(self) -> CacheOptions {
        self.part(3)
    }

    /// A study's prompts, which go by one data set after the other: one quarter.
    pub(crate) fn study(self) -> CacheOptions {
        self.part(1)
    }

    fn part(self, quarters: usize) -> CacheOptions {
        self.0.map_or_else(CacheOptions::default, |bytes| {
            CacheOptions::within(bytes / 4 * quarters)
        })
    }
}
