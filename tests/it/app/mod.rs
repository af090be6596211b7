//! The application's state: update tables and properties, no terminal and no engine.

mod actions;
mod bindings;
mod editing;
mod properties;
mod requests;
mod text;
pub mod world;
