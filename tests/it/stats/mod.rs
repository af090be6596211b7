//! Statistics against golden numbers and as properties.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::float_cmp,
    reason = "helpers of tests fail by panicking, and exact figures are meant exactly"
)]

mod factors;
mod golden;
mod histogram;
mod intervals;
mod separation;
mod shuffle;
mod slopes;
