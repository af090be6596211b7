//! Spurious factors of a data set's inputs; the arithmetic is `stats::SpuriousFactors`.

use crate::stats::FactorRow;
use crate::steering::dataset::{Dataset, Example};

impl FactorRow {
    /// An input of a data set with its slope.
    pub fn new(example: &Example, steerability: f64) -> Self {
        Self {
            steerability,
            positive_is_a: example.positive_is_a,
            positive_is_yes: example.positive_is_yes,
        }
    }

    /// Joins slopes with the rows of a data set by row number; rows that the data set lacks are
    /// left out.
    pub fn of_dataset(
        dataset: &Dataset,
        slopes: impl IntoIterator<Item = (usize, f64)>,
    ) -> Vec<Self> {
        let examples: Vec<&Example> = dataset.examples.iter().collect();
        Self::of_examples(&examples, slopes)
    }

    /// The same for some rows, such as those of a part.
    pub fn of_examples(
        examples: &[&Example],
        slopes: impl IntoIterator<Item = (usize, f64)>,
    ) -> Vec<Self> {
        let by_row: std::collections::HashMap<usize, &Example> =
            examples.iter().map(|e| (e.row, *e)).collect();
        slopes
            .into_iter()
            .filter_map(|(row, slope)| Some(Self::new(by_row.get(&row)?, slope)))
            .collect()
    }
}
