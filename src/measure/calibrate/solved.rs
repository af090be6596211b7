//! A calibration with the usable band around it and what it costs.

use serde::{Deserialize, Serialize};

use super::band::Band;
use super::{Calibration, Calibrator, Sign, Step};
use crate::engine::Cancel;
use crate::measure::error::MeasureError;
use crate::measure::tax::{TaxRow, tax};

/// A coefficient with all that is said of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Solved {
    /// The coefficient.
    pub calibration: Calibration,
    /// Where an effect begins, and where texts fall apart.
    pub band: Band,
    /// The neutral text unsteered, and at half, once and twice the coefficient.
    pub tax: Vec<TaxRow>,
}

impl Calibrator {
    /// Solves for `target` nats and looks around the solution; `neutral` holds the tokens of a text.
    ///
    /// # Errors
    /// Those of [`Calibrator::solve`], [`Calibrator::band`] and [`tax`].
    pub fn all(
        &self,
        target: f64,
        sign: Sign,
        neutral: &[u32],
        progress: &mut dyn FnMut(&Step),
        cancel: &Cancel,
    ) -> Result<Solved, MeasureError> {
        let calibration = self.solve(target, sign, progress, cancel)?;
        let band = self.band(&calibration, neutral, progress, cancel)?;
        let kappa = calibration.best.coefficient.kappa.abs();
        let raw = [0.0, 0.5, 1.0, 2.0].map(|m| self.coefficient(m * kappa, sign).raw as f32);
        let site = self.statistic.site();
        let tax = tax(&self.model, &site, neutral, &raw, cancel)?;
        Ok(Solved {
            calibration,
            band,
            tax,
        })
    }
}
