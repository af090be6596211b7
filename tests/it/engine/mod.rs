//! The engine against reference numbers and against itself.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helper functions of tests fail by panicking, as the tests themselves do"
)]

mod bodies;
mod config;
mod consistency;
mod device;
mod device_choice;
mod edits;
mod families;
mod generation;
mod gguf;
mod gguf_file;
mod gguf_malformed;
mod gguf_split;
mod gguf_tokens;
mod longrope;
mod malformed;
mod oracle;
mod parity;
mod points;
mod replay;
mod restart;
mod resume;
mod seeds;
mod suffix;
mod support;
mod text;
pub(crate) mod tiny;
mod untrusted;

pub(crate) use gguf::write_gguf;
pub(crate) use oracle::family_directories;
