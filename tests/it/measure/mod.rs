//! Measurement against reference numbers and against itself.

mod cache;
mod kept;
mod parity;
mod prepare;
mod result;
pub(crate) mod support;
