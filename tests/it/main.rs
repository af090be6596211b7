//! The one integration-test binary, so that the engine's libraries are linked once.

mod app;
mod architecture;
mod cli;
mod engine;
mod measure;
mod pty;
mod stats;
mod steering;
mod ui;
