//! Parts of a data set: train makes vectors, validation chooses settings, test is reported.

use super::{Dataset, Example};
use crate::stats::{MersenneTwister, Splits};

/// Part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Vectors are made from it.
    Train,
    /// Layers and coefficients are chosen on it.
    Validation,
    /// Everything reported is measured on it.
    Test,
    /// Every row, in file order.
    All,
}

impl Part {
    /// Stable name, as in `meta.split` and in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "val",
            Self::Test => "test",
            Self::All => "all",
        }
    }
}

impl Dataset {
    /// The rows of one part in seeded order.
    ///
    /// A file whose every row names its part in `meta.split` (`train`, `val` or `test`) is taken at
    /// its word; any other is shuffled and cut into 40, 10 and 50 %. The parts are disjoint.
    pub fn part(&self, part: Part, seed: u64) -> Vec<&Example> {
        let n = self.examples.len();
        let declared: Option<Vec<&str>> = self.examples.iter().map(declared).collect();
        let rows = match (part, declared) {
            (Part::All, _) => (0..n).collect(),
            (_, Some(names)) => {
                let mut order = MersenneTwister::new(seed).permutation(n);
                order.retain(|i| names.get(*i) == Some(&part.name()));
                order
            }
            (part, None) => {
                let splits = Splits::new(n, seed);
                match part {
                    Part::Train => splits.train,
                    Part::Validation => splits.validation,
                    Part::Test | Part::All => splits.test,
                }
            }
        };
        rows.into_iter()
            .filter_map(|i| self.examples.get(i))
            .collect()
    }

    /// The rows of one part of the overlapping split behind the figures of Tan et al. (2407.12404): all
    /// rows shuffled, whatever their `meta.split` says; train is the first half, test everything from
    /// shuffled row 50 on, validation empty. Beside them, how many rows are in train and in test.
    pub fn published_part(&self, part: Part, seed: u64) -> (Vec<&Example>, usize) {
        let splits = Splits::published(self.examples.len(), seed);
        let rows = match part {
            Part::Train => splits.train,
            Part::Validation => splits.validation,
            Part::Test => splits.test,
            Part::All => (0..self.examples.len()).collect(),
        };
        let rows = rows.into_iter().filter_map(|i| self.examples.get(i));
        (rows.collect(), splits.overlap)
    }
}

/// The part a row says it belongs to.
fn declared(example: &Example) -> Option<&str> {
    let name = example.meta.as_ref()?.get("split")?.as_str()?;
    matches!(name, "train" | "val" | "test").then_some(name)
}
