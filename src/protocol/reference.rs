//! What the steered text is held against.

use serde::{Deserialize, Serialize};

use super::Asset;

/// The text beside the steered one: the model as it is, or under a control.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// No vector.
    #[default]
    Unsteered,
    /// −v.
    Reversed,
    /// A Gaussian direction at ‖v‖, the first that controls are measured with.
    Random,
    /// The same, orthogonal to v.
    Orthogonal,
    /// v with its coordinates in another order.
    Permuted,
    /// The mean of this data set's training pairs with half of the labels turned, at ‖v‖.
    Shuffled(Asset),
    /// The vector of another behaviour, at ‖v‖.
    Other(Asset),
    /// No vector, the positive sentence of this data set as system text instead.
    SystemText(String),
}

impl Reference {
    /// Name of the text.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Unsteered => "unsteered",
            Self::Reversed => "reversed",
            Self::Random => "random",
            Self::Orthogonal => "orthogonal",
            Self::Permuted => "permuted",
            Self::Shuffled(_) => "shuffled labels",
            Self::Other(_) => "other vector",
            Self::SystemText(_) => "system text",
        }
    }

    /// A direction that takes the vector's place, with its coefficient, block and mask.
    pub fn is_steered(&self) -> bool {
        !matches!(self, Self::Unsteered | Self::SystemText(_))
    }
}
