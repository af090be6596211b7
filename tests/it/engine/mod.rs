//! The engine against reference numbers and against itself.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helper functions of tests fail by panicking, as the tests themselves do"
)]

mod config;
mod consistency;
mod device;
mod families;
mod generation;
mod gguf;
mod gguf_file;
mod gguf_malformed;
mod malformed;
mod oracle;
mod parity;
mod points;
mod resume;
mod suffix;
mod support;
mod text;
pub(crate) mod tiny;

pub(crate) use gguf::write_gguf;
pub(crate) use oracle::family_directories;
