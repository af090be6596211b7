//! Data sets, pairs, vectors and the operator.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::float_cmp,
    reason = "helpers of tests fail by panicking, and exact figures are meant exactly"
)]

mod bad_files;
mod conversion;
mod dataset;
mod extract;
mod foreign_datasets;
mod format;
mod gate;
mod locate;
mod operator;
mod operators;
mod vector;
