//! Measurement against reference numbers and against itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::float_cmp,
    reason = "helpers of tests fail by panicking, and exact figures are meant exactly"
)]

mod budget;
mod cache;
mod calibrate;
mod controls;
mod families;
mod fan;
mod kept;
pub(crate) mod parity;
mod per_position;
mod predictors;
mod prepare;
mod prompting;
mod receipt;
mod reference;
mod result;
mod shift;
mod spurious;
mod summed;
pub(crate) mod support;
mod sweep;
mod tax;
mod tokens;
