//! The one integration-test binary, so that the engine's libraries are linked once.

mod architecture;
mod engine;
mod measure;
mod stats;
mod steering;
