//! The engine against reference numbers and against itself.

mod parity;
mod support;
