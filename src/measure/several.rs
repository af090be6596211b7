//! Several vectors on one data set: each at a block of its own or all at one, as they are or at equal κ.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::sweep::{SweepSite, SweepUnit};
use crate::steering::{SteeringVector, VectorError};
use crate::units::{BlockIndex, Edit};

/// Why a vector stands at its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placed {
    /// Its file or card recommends the block.
    Recommended,
    /// The block was asked for.
    Asked,
    /// It has no direction at the block that was asked for; this is the nearest with one.
    Nearest,
}

/// A vector at the block where it is compared with others.
#[derive(Debug, Clone)]
pub struct PlacedVector {
    /// The vector.
    pub vector: Arc<SteeringVector>,
    /// Its block.
    pub block: BlockIndex,
    /// Why that one.
    pub placed: Placed,
    /// What multiplier 1 is, in units of the vector.
    pub scale: f32,
    /// `‖v‖ / H_b`, the κ of coefficient 1 (science, section 5); `None` where the residual norm is not
    /// known.
    pub kappa: Option<f32>,
}

impl PlacedVector {
    /// Puts a vector at the block that it recommends, where `own` says so and it recommends one; else
    /// at `block`, or where that is no rule for all, at the nearest one with a direction.
    ///
    /// `norms` holds `H_b` per block.
    ///
    /// # Errors
    /// [`VectorError::LayerMissing`] for a vector without a direction at `block` where all are to stand
    /// there; [`VectorError::Rank`] for an operator that cannot use its directions.
    pub fn new(
        vector: Arc<SteeringVector>,
        block: BlockIndex,
        own: bool,
        edit: Edit,
        norms: &[f32],
    ) -> Result<Self, VectorError> {
        vector.check_edit(edit)?;
        let nearest = || {
            let blocks = vector.directions.keys().copied();
            blocks.min_by_key(|b| b.abs_diff(block.0)).map(BlockIndex)
        };
        let recommended = vector.recommended_block().filter(|_| own);
        let has = vector.directions.contains_key(&block.0);
        let (at, placed) = match recommended {
            Some(at) => (at, Placed::Recommended),
            None if has || !own => (block, Placed::Asked),
            None => (nearest().unwrap_or(block), Placed::Nearest),
        };
        vector.direction(at)?;
        let residual = norms.get(at.0).copied().filter(|h| *h > 0.0);
        let kappa = vector.norm(at).zip(residual).map(|(n, h)| n / h);
        Ok(Self {
            block: at,
            placed,
            scale: 1.0,
            kappa: kappa.filter(|k| k.is_finite() && *k > 0.0),
            vector,
        })
    }

    /// Makes multiplier 1 as long relative to the residual stream as `kappa`. `None` where its own κ is
    /// not known.
    #[must_use]
    pub fn at_kappa(self, kappa: f32) -> Option<Self> {
        let scale = self.kappa.map(|own| kappa / own)?;
        let usable = scale.is_finite() && scale > 0.0;
        usable.then_some(Self { scale, ..self })
    }

    /// The multipliers in units of the vector.
    pub fn grid(&self, multipliers: &[f32]) -> Vec<f32> {
        multipliers.iter().map(|m| m * self.scale).collect()
    }

    /// The site to be measured.
    ///
    /// # Errors
    /// None for one that [`PlacedVector::new`] made.
    pub fn site(&self, unit: SweepUnit) -> Result<SweepSite, VectorError> {
        Ok(SweepSite {
            block: self.block,
            direction: self.vector.direction(self.block)?.to_vec(),
            scale: self.scale,
            unit,
            raw: None,
        })
    }
}
