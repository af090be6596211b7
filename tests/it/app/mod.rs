//! The application's state: update tables and properties, no terminal and no engine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    clippy::float_cmp,
    unreachable_pub,
    reason = "a failed unwrap or slice is a failed test, and exact figures are meant exactly"
)]

mod actions;
mod asking;
mod bindings;
mod chat;
pub mod condition;
mod editing;
pub mod extraction;
pub mod importing;
mod lab;
mod library;
mod loads;
mod mouse;
mod notices;
pub mod proofs;
mod properties;
mod receipt;
mod reference;
mod requests;
mod several;
mod studies;
mod text;
pub mod tokens;
pub mod world;
