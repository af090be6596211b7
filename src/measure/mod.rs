//! Measuring how each input responds: propensity over a grid of multipliers and its slope.
//!
//! The prompt is computed once ([`PromptCache`]); an intervention at the output of block b leaves
//! everything before its first masked position and everything up to block b untouched, so that
//! only the blocks above the site run again, for the masked positions, all multipliers in one batch.

mod answers;
mod asked;
mod cache;
pub mod calibrate;
pub mod controls;
mod divergence;
mod error;
mod gated;
mod kept;
mod naive;
mod neutral;
mod per_position;
mod predictors;
mod prepare;
mod prompted;
mod prompting;
mod protocol;
pub mod receipt;
pub mod reference;
mod result;
mod several;
pub mod shift;
mod spurious;
mod stored;
mod summed;
mod sweep;
mod tax;
pub mod tokens;

pub use answers::{Applied, CalibrationAsked, ControlsAsked, controls_question};
pub use asked::Asked;
pub use cache::{CacheFacts, CacheOptions, PromptCache, Site, SweepCell};
pub use divergence::kl;
pub use error::MeasureError;
pub use gated::{close_rows, under, unsteered_at};
pub use kept::{KeptResults, SiteKey};
pub use naive::naive_propensity;
pub use neutral::{NEUTRAL_PROMPTS, NEUTRAL_TEXT, text_ids};
pub use per_position::propensities_per_position;
pub use predictors::{Agreement, Cloud, Predictors, Separation, Stability};
pub use prepare::{PreparedInput, PreparedSet};
pub use prompted::system_text_changes;
pub use prompting::{DEFAULT_SYSTEM, Prompting};
pub use protocol::{Propensity, Protocol, STATISTICS, Split, SplitKind, Template, Unit};
pub use result::{
    DatasetIdentity, InputMeasurement, Measurement, ModelIdentity, SCHEMA_VERSION, VectorIdentity,
};
pub use several::{Placed, PlacedVector};
pub use stored::{store_cell, store_key};
pub use summed::summed_propensity;
pub use sweep::{
    Sweep, SweepGiven, SweepResult, SweepRow, SweepSite, SweepUnit, suggested_block, sweep_sites,
};
pub use tax::{TaxRow, tax};

/// Checks a grid of multipliers: at least three distinct finite values.
pub fn check_multipliers(multipliers: &[f32]) -> Result<(), MeasureError> {
    if let Some(bad) = multipliers.iter().find(|m| !m.is_finite()) {
        return Err(MeasureError::Multiplier { value: *bad });
    }
    let mut sorted: Vec<f32> = multipliers.iter().map(|m| m + 0.0).collect();
    sorted.sort_by(f32::total_cmp);
    sorted.dedup();
    if sorted.len() < 3 {
        Err(MeasureError::Grid {
            distinct: sorted.len(),
        })
    } else {
        Ok(())
    }
}
