//! The one integration-test binary, so that the engine's libraries are linked once.

#![expect(
    unreachable_pub,
    reason = "helpers are shared between the modules of one binary"
)]

mod app;
mod architecture;
mod cli;
mod engine;
mod measure;
mod pty;
mod stats;
mod steering;
mod ui;
