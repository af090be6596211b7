//! Whether a vector belongs to a model.

use super::error::VectorError;
use super::vector::{SteeringVector, meta};
use crate::units::BlockIndex;

/// Something to know about a vector that fits a model in shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FitWarning {
    /// Same width, other weights.
    OtherModel {
        /// Model it was made on.
        made_on: String,
        /// Model that runs.
        running: String,
    },
    /// Blocks of the model without a direction.
    MissingBlocks {
        /// How many.
        count: usize,
        /// Blocks of the model.
        of: usize,
    },
}

impl FitWarning {
    /// Whether the numbers were made on other weights.
    pub fn is_of_another_model(&self) -> bool {
        matches!(self, Self::OtherModel { .. })
    }
}

impl std::fmt::Display for FitWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OtherModel { made_on, running } => {
                write!(
                    f,
                    "made on '{made_on}', running '{running}': same shape, other space"
                )
            }
            Self::MissingBlocks { count, of } => {
                write!(f, "no direction at {count} of {of} blocks")
            }
        }
    }
}

impl SteeringVector {
    /// Checks the shape against a model and compares identities.
    ///
    /// `model` is its display name, `hash` that of its weights.
    pub fn fit(
        &self,
        model: &str,
        hash: &str,
        n_blocks: usize,
        hidden_size: usize,
    ) -> Result<Vec<FitWarning>, VectorError> {
        if self.width() != hidden_size {
            let (name, model) = (self.name.clone(), model.to_owned());
            return Err(VectorError::HiddenSize {
                name,
                got: self.width(),
                model,
                expected: hidden_size,
            });
        }
        if let Some(&block) = self.directions.keys().find(|b| **b >= n_blocks) {
            let (name, model) = (self.name.clone(), model.to_owned());
            let (block, last) = (BlockIndex(block), n_blocks.saturating_sub(1));
            return Err(VectorError::LayerRange {
                name,
                block,
                model,
                last,
            });
        }
        let mut warnings = Vec::new();
        if self
            .metadata
            .get(meta::MODEL_REVISION)
            .is_some_and(|made| made != hash)
        {
            let made_on = self
                .metadata
                .get(meta::MODEL_ID)
                .cloned()
                .unwrap_or_else(|| "another model".to_owned());
            warnings.push(FitWarning::OtherModel {
                made_on,
                running: model.to_owned(),
            });
        }
        let count = n_blocks - self.directions.len();
        if count > 0 {
            warnings.push(FitWarning::MissingBlocks {
                count,
                of: n_blocks,
            });
        }
        Ok(warnings)
    }
}
