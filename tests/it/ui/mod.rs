//! Every screen as text, at several sizes, themes and character sets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    clippy::float_cmp,
    unreachable_pub,
    reason = "a failed unwrap or slice is a failed test, and exact figures are meant exactly"
)]

mod lab;
mod layout;
mod screens;
mod themes;
