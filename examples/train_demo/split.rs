//! Splits: an item's text alone decides on which side it lies, so that no run can mix them.

use crate::rng::hash;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    Train,
    Val,
    Test,
}

impl Split {
    /// 10% validation, 10% test, decided by the text alone.
    pub(crate) fn of(text: &str) -> Self {
        match hash(text) % 10 {
            0 => Self::Val,
            1 => Self::Test,
            _ => Self::Train,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}
