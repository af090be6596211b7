//! The one integration-test binary, so that the engine's libraries are linked once.

#![expect(
    unreachable_pub,
    reason = "helpers are shared between the modules of one binary"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    reason = "a test that meets the unexpected should stop, and says what it skipped"
)]

mod app;
mod architecture;
mod chat;
mod cli;
mod engine;
mod hub;
mod measure;
mod plot;
mod pty;
mod reference;
mod stats;
mod steering;
mod store;
mod ui;
mod worker;
