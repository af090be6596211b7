//! Flags that say which rows of a data set are read.

use clap::ValueEnum;

use crate::steering::dataset::Part;

/// Part of a data set; disjoint, as the file says in `meta.split`, else 40, 10 and 50 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SplitChoice {
    /// Vectors are made from it
    Train,
    /// Layers and coefficients are chosen on it
    Val,
    /// Everything reported is measured on it
    Test,
    /// Everything, in file order
    All,
}

impl From<SplitChoice> for Part {
    fn from(choice: SplitChoice) -> Self {
        match choice {
            SplitChoice::Train => Self::Train,
            SplitChoice::Val => Self::Validation,
            SplitChoice::Test => Self::Test,
            SplitChoice::All => Self::All,
        }
    }
}
