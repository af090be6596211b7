//! The real binary in a pseudo-terminal.

mod explore;
mod harness;
mod laboratory;
mod policy;
