//! The one integration-test binary, so that the engine's libraries are linked once.

mod app;
mod architecture;
mod engine;
mod ui;
