//! Prompt shifts: vectors made in one prompt setting, measured in another.
//!
//! Five settings and the mean of their five vectors give a matrix of six by five (Tan et al.
//! 2407.12404). Every vector is rescaled to the norm of BASE's unless told otherwise, so that the
//! matrix compares directions.

mod column;
mod error;
mod matrix;
mod run;
mod sentences;
mod setting;

use serde::{Deserialize, Serialize};

pub use error::ShiftError;
pub use matrix::{
    Correlation, MEAN_VECTOR, RELATIVE_ABOVE, RelativePoint, ShiftCell, ShiftFigures, ShiftMatrix,
    SimilarityPoint, scaled_to, six_vectors,
};
pub use run::{ShiftPlan, ShiftResources, ShiftRun, measure_shift, measure_shift_with};
pub use sentences::{SentenceFile, Sentences};
pub use setting::Setting;

pub use super::prompting::DEFAULT_SYSTEM;

/// Shifts that Tan et al. (2407.12404) report beside BASE → BASE: training setting, test setting.
pub const REPORTED_SHIFTS: [(Setting, Setting); 4] = [
    (Setting::Base, Setting::UserNeg),
    (Setting::Base, Setting::UserPos),
    (Setting::SysPos, Setting::UserNeg),
    (Setting::SysNeg, Setting::UserPos),
];

/// Steerability without and with a shift, over data sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShiftedPoints {
    /// Setting of the vectors.
    pub train: Setting,
    /// Setting of the tests.
    pub test: Setting,
    /// Per data set: mean steerability BASE → BASE, and under the shift.
    pub points: Vec<(Option<f64>, Option<f64>)>,
    /// Over data sets; `None` for fewer than four.
    pub correlation: Correlation,
}

/// The points of the reported shifts over several data sets, in their order.
pub fn shifted_points(matrices: &[&ShiftMatrix]) -> Vec<ShiftedPoints> {
    REPORTED_SHIFTS
        .into_iter()
        .map(|(train, test)| {
            let points: Vec<_> = matrices
                .iter()
                .map(|m| {
                    let id = m.steerability(Setting::Base, Setting::Base);
                    (id, m.steerability(train, test))
                })
                .collect();
            ShiftedPoints {
                train,
                test,
                correlation: Correlation::of(points.iter().copied()),
                points,
            }
        })
        .collect()
}
