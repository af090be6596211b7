//! What a condition on prompts does to figures: an input whose prompt is not steered has its unsteered
//! propensity at every multiplier, so slope 0.
//!
//! Measurements are made and kept without a condition; it is applied to their rows afterwards. A moved
//! threshold therefore measures nothing again.

use super::Site;
use super::error::MeasureError;
use crate::units::Edit;

/// Place of the multiplier at which nothing is done.
///
/// # Errors
/// [`MeasureError::NoUnsteered`] where the grid holds none, or the operator acts at every multiplier.
pub fn unsteered_at(multipliers: &[f32], edit: Edit) -> Result<usize, MeasureError> {
    (multipliers.iter())
        .position(|m| edit.operator.is_off(*m))
        .ok_or(MeasureError::NoUnsteered)
}

/// Gives the inputs that are not steered their propensity at place `unsteered` everywhere. `rows` and
/// `open` belong to the same inputs, in the same order.
pub fn close_rows(rows: &mut [Vec<f32>], open: &[bool], unsteered: usize) {
    for (row, _) in rows.iter_mut().zip(open).filter(|(_, open)| !**open) {
        if let Some(propensity) = row.get(unsteered).copied() {
            row.fill(propensity);
        }
    }
}

/// What is done to one text: where its gate is not `open` nothing, whatever the operator.
pub fn under(site: Site<'_>, coefficient: f32, open: bool) -> (Site<'_>, f32) {
    if open {
        return (site, coefficient);
    }
    let plain = Site {
        edit: Edit::ADD,
        ..site
    };
    (plain, 0.0)
}
